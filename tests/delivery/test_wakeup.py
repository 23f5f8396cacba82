"""Waking the workers: a byte in a named pipe, or a message on a Redis channel. Either may be lost."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from threading import Thread

import pytest
from flask import Flask

from notifapp.delivery.wakeup import wake_workers, wakeups
from tests.delivery.outbox import free_port


@pytest.fixture(params=["pipe", "redis"])
def waking_app(app: Flask, request: pytest.FixtureRequest) -> Flask:
    if request.param == "redis":
        app.config["NOTIFAPP"] = replace(app.config["NOTIFAPP"], redis_url=request.getfixturevalue("redis"))
    return app


def wake(app: Flask) -> None:
    with app.app_context():
        wake_workers()


def test_a_worker_that_waits_is_woken_at_once(waking_app: Flask) -> None:
    woken: list[float] = []
    with wakeups(waking_app) as source:
        source.wait(0.01)  # by now it listens

        def wait() -> None:
            source.wait(10)
            woken.append(time.monotonic())

        waiting = Thread(target=wait)
        waiting.start()
        began = time.monotonic()
        wake(waking_app)
        waiting.join(5)
    assert woken
    assert woken[0] - began < 1


def test_a_wake_up_while_nobody_waits_is_kept(waking_app: Flask) -> None:
    with wakeups(waking_app) as source:
        source.wait(0.01)
        for _ in range(3):
            wake(waking_app)
        began = time.monotonic()
        source.wait(10)
        assert time.monotonic() - began < 1
        source.wait(0.05)  # three wake-ups are one
        assert time.monotonic() - began < 1.5


def test_without_a_worker_nothing_happens(waking_app: Flask) -> None:
    wake(waking_app)


def test_the_pipe_of_a_killed_worker_is_swept_away(app: Flask) -> None:
    with wakeups(app):
        pass
    folder = app.config["NOTIFAPP"].instance_dir / "workers"
    assert list(folder.iterdir()) == []
    os.mkfifo(folder / "4711")
    wake(app)
    assert list(folder.iterdir()) == []


def test_a_pipe_that_is_full_keeps_nobody_waiting(app: Flask) -> None:
    with wakeups(app) as source:
        [pipe] = (app.config["NOTIFAPP"].instance_dir / "workers").iterdir()
        writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while True:
                os.write(writer, bytes(4096))
        os.close(writer)
        wake(app)
        source.wait(0)


def test_redis_out_of_reach_fails_no_request_and_no_worker(app: Flask) -> None:
    app.config["NOTIFAPP"] = replace(app.config["NOTIFAPP"], redis_url=f"redis://127.0.0.1:{free_port()}/0")
    wake(app)
    with wakeups(app) as source:
        source.wait(0.05)
