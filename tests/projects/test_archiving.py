"""Archiving: nothing lands in a project after it, and nothing that waited in it is sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from notifapp.access import Permission, Principal, ProjectArchived
from notifapp.channels import Channel
from notifapp.database import close_connection, reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.delivery.service import exchange, send
from notifapp.delivery.stopping import archive_project, disable_notifier
from notifapp.message_templates.service import set_template
from notifapp.message_templates.values import Template
from notifapp.notifiers.service import enable_notifier
from notifapp.otp.limits.settings import set_limits
from notifapp.otp.models import OtpChallenge
from notifapp.projects import service as projects
from notifapp.tokens.service import create_token
from notifapp.users.service import set_membership
from tests.audit.trail import events
from tests.client import Browser
from tests.otp.caller import CHALLENGES, PHONE, WRONG, Caller, make_caller
from tests.world import World

OPERATOR = Principal.operator()
NOTIFIERS = "/api/notifications/notifiers/sms"
LIMITS = {
    "max_attempts": "3", "resend_seconds": "60", "sends_per_hour": "5", "sends_per_day": "10", "max_failures": "100",
    "stop_hours": "24",
}  # fmt: skip
SECONDS_TO_ARRIVE = 0.5  # for the other call to get to the database: the longer, the harder the test


@pytest.fixture
def caller(app: Flask, world: World) -> Caller:
    """A project with an open challenge, and a token that may do everything in it."""
    caller = make_caller(app, world)
    caller.token = world.staff_token(caller.project, *Permission, email="all@shop.example")
    return caller


@contextmanager
def archiving(caller: Caller) -> Iterator[None]:
    """Archive the project at the end of the block, in a transaction that is open all the while."""
    with caller.app.app_context(), writing() as connection:
        projects.archive(connection, caller.project.id, principal=OPERATOR)
        yield


def at_once(caller: Caller, call: Callable[[], Any]) -> Any:
    """The result of a call that begins before its project is archived, and comes second."""
    started = threading.Event()

    def run() -> Any:
        started.set()
        try:
            return call()
        finally:
            with caller.app.app_context():
                close_connection()

    with ThreadPoolExecutor(1) as pool:
        with archiving(caller):
            result: Future[Any] = pool.submit(run)
            started.wait()
            threading.Event().wait(SECONDS_TO_ARRIVE)
        return result.result(timeout=60)


def api_calls(caller: Caller) -> dict[str, tuple[str, str, dict[str, Any]]]:
    challenge, code = caller.open()
    verify = f"{CHALLENGES}/{challenge}/verify"
    return {
        "settings": ("PATCH", caller.api.PATH, {"notifications_otp_ttl": 300}),
        "new notifier": ("POST", NOTIFIERS, {"name": "new", "backend": "console"}),
        "changed notifier": ("PATCH", f"{NOTIFIERS}/1", {"name": "renamed"}),
        "issue": ("POST", CHALLENGES, {"channel": "sms", "recipient": "+989121234568"}),
        "right code": ("POST", verify, {"code": code}),
        "wrong code": ("POST", verify, {"code": WRONG}),
        "release": ("POST", "/api/otp/recipients/release", {"recipient": PHONE}),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["settings", "new notifier", "changed notifier", "issue", "right code", "wrong code", "release"]
)
def test_a_program_cannot_write_into_a_project_in_the_moment_of_its_archiving(caller: Caller, name: str) -> None:
    method, path, body = api_calls(caller)[name]
    answer = at_once(caller, lambda: caller.api.call(method, path, caller.token, json=body))
    assert answer.status_code == (400 if name == "wrong code" else 409), answer.json
    assert nothing_landed(caller)


SERVICES: dict[str, Callable[[Caller, World], object]] = {
    "message": lambda caller, _: set_template(
        caller.project, Channel.SMS, Template("{code}"), principal=OPERATOR, expected_version=0
    ),
    "limits": lambda caller, _: set_limits(caller.project, LIMITS, principal=OPERATOR),
    "enabled notifier": lambda caller, _: enable_notifier(caller.project, Channel.SMS, 1, principal=OPERATOR),
    "disabled notifier": lambda caller, _: disable_notifier(caller.project, Channel.SMS, 1, principal=OPERATOR),
    "membership": lambda caller, world: set_membership(1, caller.project.id, [1036], principal=OPERATOR),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_nobody_changes_a_project_in_the_moment_of_its_archiving(caller: Caller, world: World, name: str) -> None:
    def call() -> object:
        with caller.app.app_context():
            return SERVICES[name](caller, world)

    with pytest.raises(ProjectArchived):
        at_once(caller, call)
    assert nothing_landed(caller)


@pytest.mark.slow
def test_no_token_is_made_in_the_moment_of_archiving(caller: Caller) -> None:
    def call() -> object:
        with caller.app.app_context():
            return create_token(1, caller.project.id, "late", principal=OPERATOR)

    with pytest.raises(Exception, match="can't be saved"):
        at_once(caller, call)
    assert nothing_landed(caller)


@pytest.mark.slow
def test_a_project_can_be_archived_while_programs_write_into_it_without_a_break(caller: Caller) -> None:
    deadline = time.monotonic() + 60
    is_done = threading.Event()

    def write() -> bool:
        while not is_done.is_set() and time.monotonic() < deadline:
            caller.api.call("POST", "/api/otp/recipients/release", caller.token, json={"recipient": PHONE})
        return is_done.is_set()

    with ThreadPoolExecutor(16) as pool:
        writers = [pool.submit(write) for _ in range(16)]
        threading.Event().wait(SECONDS_TO_ARRIVE)
        with caller.app.app_context():
            archive_project(caller.project.id, principal=OPERATOR)
        is_done.set()
        assert all(writer.result() for writer in writers)
    assert events(caller.app)[-1].action == "project_archived"


def nothing_landed(caller: Caller) -> bool:
    """Whether archiving is the last that happened, and the challenge, if there is one, is as it was."""
    challenge = table_of(OtpChallenge).c
    with caller.app.app_context(), reading() as connection:
        challenges = connection.execute(select(challenge.status, challenge.attempts_left)).all()
    last = events(caller.app)[-1].action
    return last == "project_archived" and [tuple(row) for row in challenges] in ([], [("pending", 5)])


def test_archiving_gives_up_what_waits_and_lets_what_is_being_sent_finish(
    caller: Caller, world: World, browser: Browser
) -> None:
    others = make_caller(caller.app, world, "other")
    caller.open()
    with caller.app.app_context():
        [sending] = exchange([], room=1)
    caller.open("+989121234568")
    others.open()
    assert browser.sign_in(world.admin()).post("/projects/shop/archive").status_code == 303
    assert states(caller) == [
        ("shop", "sending", None, True),
        ("shop", "failed", "The project has been archived.", False),
        ("other", "queued", None, True),
    ]
    with caller.app.app_context():
        outcome = send(sending)
        exchange([outcome], room=0)
    assert states(caller)[0] == ("shop", "failed", "The project has been archived.", False)
    browser.post("/projects/shop/restore")
    with caller.app.app_context():
        assert [claim.project_id for claim in exchange([], room=10)] == [others.project.id]


@pytest.mark.parametrize("how", ["disable", "delete"])
def test_disabling_or_deleting_a_notifier_gives_up_what_waits_for_it(
    caller: Caller, world: World, browser: Browser, how: str
) -> None:
    caller.open()
    caller.open("customer@example.com", "email")
    if how == "delete":
        caller.change_settings(sms_notifier=None)
    answer = browser.sign_in(world.admin()).post(f"/projects/shop/notifiers/sms/1/{how}", {"confirmed": "yes"})
    assert answer.status_code == 303
    assert states(caller) == [
        ("shop", "failed", f"The notifier has been {how}d.", False),
        ("shop", "queued", None, True),
    ]


def test_a_notifier_that_cannot_be_deleted_goes_on_sending(caller: Caller, world: World, browser: Browser) -> None:
    caller.open()
    assert browser.sign_in(world.admin()).post("/projects/shop/notifiers/sms/1/delete").status_code == 409
    assert states(caller) == [("shop", "queued", None, True)]


def test_what_was_claimed_before_its_notifier_was_disabled_is_not_sent_after(
    caller: Caller, world: World, browser: Browser
) -> None:
    caller.open()
    with caller.app.app_context():
        [claim] = exchange([], room=1)
    browser.sign_in(world.admin()).post("/projects/shop/notifiers/sms/1/disable", {"confirmed": "yes"})
    with caller.app.app_context():
        exchange([send(claim)], room=0)
    assert states(caller) == [("shop", "failed", "The notifier has been disabled.", False)]


def states(caller: Caller) -> list[tuple[str, str, str | None, bool]]:
    """Each delivery's project, status and reason, and whether its text is still there."""
    delivery = table_of(Delivery).c
    columns = (delivery.project_id, delivery.status, delivery.error_reason, delivery.payload.is_not(None))
    with caller.app.app_context(), reading() as connection:
        found = connection.execute(select(*columns).order_by(delivery.id)).all()
    return [("shop" if row[0] == caller.project.id else "other", row[1], row[2], bool(row[3])) for row in found]
