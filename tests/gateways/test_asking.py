"""Ask the gateway: what each can say, and what the notifiers' pages make of it."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
import trustme
from flask import Flask

from notifapp.access import ProjectRef
from notifapp.notifiers.asking import service
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from notifapp.notifiers.gateway.network import time_limit
from notifapp.notifiers.gateway.questions import Balance, Line, Template
from tests.client import Browser, page_text
from tests.conftest import LOOPBACK
from tests.gateways.kinds import KINDS, sender
from tests.gateways.stand_ins.server import StandIn
from tests.world import World

INDEX = "/projects/shop/notifiers/sms"
CODES = (2811, 2812, 2813)


# What each gateway can say


def ask(key: str, question: str, http: HttpClient, server: StandIn, **settings: str) -> Any:
    asked = sender(key, server, http)
    return getattr(asked.backend, question)(asked.backend.load({**asked.settings, **settings}))


@pytest.mark.parametrize(
    ("key", "balance"),
    [
        ("ippanel", Balance(1_250_000, "IRR")),
        ("melipayamak", Balance(84_000, "IRR")),
        ("kavenegar", Balance(450_000, "IRR")),
        ("twilio", Balance(17.25, "USD")),
    ],
)
@pytest.mark.usefixtures("loopback_allowed")
def test_the_balance(http: HttpClient, ca: trustme.CA, key: str, balance: Balance) -> None:
    with KINDS[key].stand_in(ca) as server:
        assert ask(key, "balance", http, server) == balance
        for fault in ("garbage", "empty object", "proxy 403", "broken"):
            server.fault = fault
            with pytest.raises(SendFailed):
                ask(key, "balance", http, server)


@pytest.mark.usefixtures("loopback_allowed")
def test_a_balance_that_is_no_number_is_none(http: HttpClient, ca: trustme.CA) -> None:
    for key, name in (("ippanel", "credit"), ("melipayamak", "credit"), ("kavenegar", "credit"), ("twilio", "left")):
        with KINDS[key].stand_in(ca) as server:
            for value in (None, "many", True, [1], 1e300):
                setattr(server, name, value)
                with pytest.raises(SendFailed):
                    ask(key, "balance", http, server)


@pytest.mark.usefixtures("loopback_allowed")
def test_lines_and_templates(http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["ippanel"].stand_in(ca) as server:
        assert ask("ippanel", "check_key", http, server).facts == (("User name", "shop"),)
        assert ask("ippanel", "lines", http, server) == [Line("+983000505", "Main"), Line("+98PRO", "")]
        text = "Your code is %verification-code% for %shop%"
        assert ask("ippanel", "templates", http, server) == [
            Template("abc123", "Login", text, ("verification-code", "shop"))
        ]
    with KINDS["twilio"].stand_in(ca) as server:
        assert ask("twilio", "lines", http, server) == [
            Line("MG" + "1" * 32, "Codes"), Line("+15005550006", "Shop"),
        ]  # fmt: skip
        text = "Your code is {{1}} for {{2}}"
        assert ask("twilio", "templates", http, server) == [Template("HX" + "2" * 32, "login", text, ("1", "2"))]
    with KINDS["kavenegar"].stand_in(ca) as server:
        for server.names in (("name", "smsMessage", "approvalStatus"), ("Name", "SmsMessage", "ApprovalStatus")):
            text = "Your code is %token for %token20"
            assert ask("kavenegar", "templates", http, server) == [Template("login", "", text, ("token", "token20"))]
        assert ask("kavenegar", "check_key", http, server).warnings == ()
        server.is_debugging = True
        [warning] = ask("kavenegar", "check_key", http, server).warnings
        assert "sends none of them" in warning


@pytest.mark.usefixtures("loopback_allowed")
def test_all_questions_together_have_one_time_limit(http: HttpClient, ca: trustme.CA) -> None:
    patient = replace(http, read_timeout=30, total=30)
    with KINDS["kavenegar"].stand_in(ca) as server:
        server.fault = "silent"  # for a second
        began = time.monotonic()
        with time_limit(0.4), pytest.raises(SendFailed) as failed:
            ask("kavenegar", "balance", patient, server)
        assert failed.value.code == "timeout"
        assert time.monotonic() - began < 0.9


def test_backends_without_a_gateway_of_their_own_cant_be_asked() -> None:
    assert {key for key, backend in BACKENDS.items() if service.can_ask(backend)} == {
        "ippanel", "kavenegar", "melipayamak", "twilio",
    }  # fmt: skip


# The pages


@pytest.fixture
def project(world: World) -> ProjectRef:
    return world.project("shop", "My Shop")


@pytest.fixture
def staff(browser: Browser, world: World, project: ProjectRef) -> Browser:
    return browser.sign_in(world.member(project, *CODES))


@pytest.fixture(params=["ippanel"])
def gateway(
    request: pytest.FixtureRequest, app: Flask, http: HttpClient, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """IPPanel, or the gateway that the test names, on loopback."""
    monkeypatch.setitem(app.config, "NOTIFAPP", replace(app.config["NOTIFAPP"], private_destinations=LOOPBACK))
    with KINDS[request.param].stand_in(ca) as server:
        monkeypatch.setitem(BACKENDS, request.param, KINDS[request.param].backend(http, server))
        yield server


NEW = {"name": "line", "token": "0123-key", "from_number": "", "pattern_code": "", "pattern_variables": "code"}


def options(page: str, name: str) -> list[tuple[str, bool]]:
    """The values of a field's selects, and whether each is chosen."""
    found = re.findall(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', page, re.DOTALL)
    return [
        (unescape(value), bool(chosen))
        for each in found
        for value, chosen in re.findall(r'<option value="([^"]*)"( selected)?>', each)
    ]


def test_a_new_notifier_needs_only_its_key_to_ask(staff: Browser, gateway: Any) -> None:
    answer = staff.post(f"{INDEX}/new/ippanel/ask", NEW)
    assert answer.status_code == 200
    page = page_text(answer)
    for said in ("User name shop", "1,250,000 IRR", "Senders to choose from 2", "Your code is %verification-code%"):
        assert said in page
    assert "Kept for 10 minutes: API key" in page
    assert gateway.key not in answer.text
    assert [value for value, _ in options(answer.text, "from_number")] == ["", "+983000505", "+98PRO"]
    assert options(answer.text, "pattern_code") == [("", True), ("abc123", False)]


def test_a_pattern_is_used_its_variables_mapped_and_saved(staff: Browser, gateway: Any) -> None:
    asked = staff.post(f"{INDEX}/new/ippanel/ask", {**NEW, "from_number": "+98PRO", "use": "abc123"})
    assert ("abc123", True) in options(asked.text, "pattern_code")
    chosen = [value for value, is_chosen in options(asked.text, "pattern_variables") if is_chosen]
    assert chosen == ["code=verification-code", "project=shop"]
    [kept] = re.findall(r'name="kept" value="([^"]+)"', asked.text)
    form = {**NEW, "token": "", "from_number": "+98PRO", "pattern_code": "abc123", "kept": kept}
    saved = staff.post(f"{INDEX}/new/ippanel", {**form, "pattern_variables": chosen})
    assert saved.status_code == 303, page_text(saved)
    assert 'value="code=verification-code, project=shop"' in staff.get(f"{INDEX}/1").text


def test_a_stored_notifier_is_asked_with_its_stored_key(
    staff: Browser, gateway: Any, world: World, project: ProjectRef, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = {"from_number": "+983000506", "pattern_code": "abc123", "pattern_variables": "code=shop"}
    number = world.notifier(
        project, "sms", "line", backend="ippanel", settings=settings, secrets={"token": gateway.key}
    )
    assert f'formaction="{INDEX}/{number}/ask"' in staff.get(f"{INDEX}/{number}").text
    answer = staff.post(f"{INDEX}/{number}/ask", {**NEW, **settings, "token": ""})
    assert answer.status_code == 200
    assert ("+983000506", True) in options(answer.text, "from_number")
    chosen = [value for value, is_chosen in options(answer.text, "pattern_variables") if is_chosen]
    assert "code=shop" in chosen
    assert gateway.key not in caplog.text


@pytest.mark.parametrize("gateway", ["kavenegar"], indirect=True)
def test_kavenegars_debug_mode_is_warned_about(staff: Browser, gateway: Any) -> None:
    gateway.is_debugging = True
    form = {"name": "line", "api_key": gateway.key, "sender": "", "pattern_code": "", "pattern_variables": "code"}
    answer = staff.post(f"{INDEX}/new/kavenegar/ask", {**form, "use": "login"})
    assert "The account is in debug mode" in page_text(answer)
    chosen = [value for value, is_chosen in options(answer.text, "pattern_variables") if is_chosen]
    assert chosen == ["code=token", "project=token20"]


def test_a_bad_key_and_a_gateway_that_is_down_are_told(staff: Browser, gateway: Any) -> None:
    answer = staff.post(f"{INDEX}/new/ippanel/ask", {**NEW, "token": "another"})
    assert "Account, Balance, Lines, Patterns: The API key was not accepted. (400-1)" in page_text(answer)
    gateway.fault = "silent"
    answer = staff.post(f"{INDEX}/new/ippanel/ask", NEW)
    assert "Account: The gateway did not answer in time. (timeout)" in page_text(answer)
    assert answer.status_code == 200


def test_a_missing_key_is_told_beside_its_field(staff: Browser, gateway: Any) -> None:
    answer = staff.post(f"{INDEX}/new/ippanel/ask", {**NEW, "token": ""})
    assert answer.status_code == 400
    assert "Fill in this field." in page_text(answer)
    assert gateway.requests == []


def test_who_may_only_read_cant_ask(browser: Browser, gateway: Any, world: World, project: ProjectRef) -> None:
    number = world.notifier(project, "sms", "line", backend="ippanel", secrets={"token": gateway.key})
    browser.sign_in(world.member(project, 2812))
    assert "Ask the gateway" not in browser.get(f"{INDEX}/{number}").text
    assert browser.post(f"{INDEX}/{number}/ask", NEW).status_code == 403
    assert gateway.requests == []


def test_what_has_no_gateway_is_not_found(staff: Browser, world: World, project: ProjectRef) -> None:
    number = world.notifier(project, "sms", "line", backend="console")
    assert "Ask the gateway" not in staff.get(f"{INDEX}/{number}").text
    assert staff.post(f"{INDEX}/{number}/ask", {"name": "line"}).status_code == 404


def test_asking_is_limited(staff: Browser, gateway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PER_USER", replace(service.PER_USER, count=1))
    assert staff.post(f"{INDEX}/new/ippanel/ask", NEW).status_code == 200
    answer = staff.post(f"{INDEX}/new/ippanel/ask", NEW)
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)
    for _ in range(service.AT_ONCE):
        service._slots.acquire()
    try:
        assert staff.post(f"{INDEX}/new/ippanel/ask", NEW).status_code == 503
    finally:
        for _ in range(service.AT_ONCE):
            service._slots.release()


def test_odd_texts_of_a_gateway_do_no_harm(staff: Browser, gateway: Any) -> None:
    gateway.lines = [{"number": "+983000505", "alias": "\ud800<b>\x00" + "x" * 9999}, {"number": None}, "x", {}]
    gateway.patterns[0] |= {"title": "\u202e<script>", "variable": [{"name": "a,b"}, {"name": None}, 3]}
    answer = staff.post(f"{INDEX}/new/ippanel/ask", {**NEW, "use": "abc123"})
    assert answer.status_code == 200
    assert "<script>" not in answer.text
    assert "x" * 300 not in answer.text


def test_a_project_name_that_kavenegars_pattern_cant_take_is_told_before_saving(browser: Browser, world: World) -> None:
    project = world.project("many", "a name of far more words than a token takes")
    staff = browser.sign_in(world.member(project, *CODES))
    path = "/projects/many/notifiers/sms/new/kavenegar"
    form = {"name": "line", "api_key": "k", "sender": "", "pattern_code": "login"}
    answer = staff.post(path, {**form, "pattern_variables": "code, project"})
    assert answer.status_code == 400
    assert "token20 of the pattern takes at most 8 blanks and 100 characters. The project's name" in page_text(answer)
    assert staff.post(path, {**form, "pattern_variables": "code, minutes"}).status_code == 303
