"""`/metrics` is for those whom the operator names, and tells no name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse

from notifapp import clock
from notifapp.config import ConfigError
from notifapp.delivery.heartbeat import Heartbeat
from tests.clock import Clock
from tests.health.arriving.rows import ask
from tests.otp.caller import Caller, make_caller
from tests.test_config import read
from tests.world import World

TOKEN = "a token for monitoring, 0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

LABELS = ("channel", "backend", "state", "result", "quantile")

Configure = Callable[..., None]


@pytest.fixture
def configure(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Set what the operator would set by variables."""

    def set_variables(**variables: str) -> None:
        found = read(tmp_path, **variables)
        chosen = replace(
            app.config["NOTIFAPP"], metrics_token=found.metrics_token, metrics_addresses=found.metrics_addresses
        )
        monkeypatch.setitem(app.config, "NOTIFAPP", chosen)

    return set_variables


def get(app: Flask, headers: dict[str, str] | None = None, address: str = "192.0.2.7") -> TestResponse:
    return app.test_client().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})


def figures(app: Flask) -> dict[tuple[str, ...], float]:
    """Each value under its name and its labels."""
    answer = get(app, BEARER)
    assert answer.status_code == 200
    return {
        (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_without_a_configuration_there_is_no_such_page(app: Flask) -> None:
    assert get(app, BEARER).status_code == 404
    assert get(app, address="127.0.0.1").status_code == 404


def test_the_token_opens_it_and_nothing_else_does(app: Flask, configure: Configure) -> None:
    configure(NOTIFAPP_METRICS_TOKEN=TOKEN)
    assert get(app, BEARER).status_code == 200
    assert get(app, {"Authorization": f"bearer {TOKEN}"}).status_code == 200
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": TOKEN},
        {"Authorization": f"Token {TOKEN}"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": "Bearer tokén"},
    ]
    for headers in wrong:
        answer = get(app, headers, address="127.0.0.1")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "notifapp_" not in answer.text


def test_an_api_token_does_not_open_it(app: Flask, configure: Configure, world: World) -> None:
    configure(NOTIFAPP_METRICS_TOKEN=TOKEN)
    token = world.staff_token(world.project(), 1036)
    assert get(app, {"Authorization": f"Token {token}"}).status_code == 401


def test_listed_addresses_open_it(app: Flask, configure: Configure) -> None:
    configure(NOTIFAPP_METRICS_ADDRESSES="10.1.2.3, 192.168.7.0/24 fd00::/8")
    for address in ("10.1.2.3", "192.168.7.200", "fd00::1", "::ffff:10.1.2.3"):
        assert get(app, address=address).status_code == 200
    for address in ("10.1.2.4", "192.168.8.1", "::1", ""):
        assert get(app, BEARER, address=address).status_code == 403


def test_either_of_both_is_enough(app: Flask, configure: Configure) -> None:
    configure(NOTIFAPP_METRICS_TOKEN=TOKEN, NOTIFAPP_METRICS_ADDRESSES="10.1.2.3")
    assert get(app, BEARER).status_code == 200
    assert get(app, address="10.1.2.3").status_code == 200
    assert get(app).status_code == 401


def test_it_tells_how_the_notifiers_in_force_do(
    app: Flask, world: World, caller: Caller, configure: Configure, time: Clock
) -> None:
    configure(NOTIFAPP_METRICS_TOKEN=TOKEN)
    ask(app, caller.project, 1, clock.now() - timedelta(minutes=12), 12, after=8)
    archived = world.project("former")
    world.notifier(archived, "sms", "line")
    world.archive(archived)
    found = figures(app)
    states = {key[1:]: value for key, value in found.items() if key[0] == "notifapp_notifiers" and value}
    assert states == {("sms", "works"): 1, ("email", "untested"): 1}
    assert found["notifapp_notifiers", "sms", "failing"] == 0
    assert found["notifapp_breakers", "sms", "closed"] == found["notifapp_breakers", "email", "closed"] == 1
    assert found["notifapp_codes_last_hour", "sms", "console", "verified"] == 12
    assert found["notifapp_codes_last_hour", "email", "console", "asked"] == 0
    for quantile in ("0.5", "0.95"):
        seconds = found["notifapp_seconds_to_verified_last_hour", "sms", "console", quantile]
        assert seconds == pytest.approx(8, rel=0.011)


def test_it_tells_what_waits_and_who_works(app: Flask, caller: Caller, configure: Configure, time: Clock) -> None:
    configure(NOTIFAPP_METRICS_TOKEN=TOKEN)
    found = figures(app)
    assert (found["notifapp_messages_waiting",], found["notifapp_oldest_message_waiting_seconds",]) == (0, 0)
    assert found["notifapp_workers",] == 0
    caller.open()
    time.advance(30)
    with app.app_context():
        Heartbeat().beat()
    found = figures(app)
    assert (found["notifapp_messages_waiting",], found["notifapp_oldest_message_waiting_seconds",]) == (1, 30)
    assert found["notifapp_workers",] == 1


def test_more_projects_make_no_more_series(app: Flask, caller: Caller, configure: Configure, world: World) -> None:
    configure(NOTIFAPP_METRICS_TOKEN=TOKEN)
    few = figures(app).keys()
    for number in range(5):
        make_caller(app, world, f"shop-{number}")
    assert figures(app).keys() == few
    assert not any("shop" in text or "gateway" in text for key in few for text in key)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NOTIFAPP_METRICS_TOKEN", "short"),
        ("NOTIFAPP_METRICS_TOKEN", "a" * 40),
        ("NOTIFAPP_METRICS_ADDRESSES", "monitor.internal"),
        ("NOTIFAPP_METRICS_ADDRESSES", "10.1.2.3/8"),
    ],
)
def test_a_configuration_that_protects_nothing_stops_the_start(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=name):
        read(tmp_path, **{name: text})


def test_the_token_is_in_no_repr(tmp_path: Path) -> None:
    assert TOKEN not in repr(read(tmp_path, NOTIFAPP_METRICS_TOKEN=TOKEN))
