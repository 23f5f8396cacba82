"""Passkeys, through Chromium's virtual authenticator: the good ways in, and the attacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright._impl._api_structures import SetCookieParam
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from webauthn import base64url_to_bytes

from notifapp.audit.models import AuditEvent
from notifapp.database import reading
from notifapp.second_factor.models import Passkey
from tests.browser.conftest import open_tab
from tests.browser.live import LiveServer
from tests.browser.pages import press
from tests.browser.test_pages import LOOKS, violations
from tests.conftest import Databases
from tests.world import PASSWORD

EMAIL = "staff@example.org"
NAME = "Blue key"
REFUSED = "This passkey was not accepted."
# Asks the server for options and the browser for a passkey's answer, as the page's script does, and returns it as JSON.
ANSWER = """async ([options, verification]) => {
    const binary = (text) => atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = (text) => Uint8Array.from(binary(text), (character) => character.charCodeAt(0));
    const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
        .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const publicKey = {
        challenge: bytes(options.challenge), rpId: options.rpId, userVerification: verification, allowCredentials: [],
    };
    const { id, rawId, type, response } = await navigator.credentials.get({ publicKey });
    const names = ["clientDataJSON", "authenticatorData", "signature", "userHandle"];
    const sent = Object.fromEntries(names.map((name) => [name, text(response[name])]));
    return JSON.stringify({ id, rawId: text(rawId), type, response: sent });
}"""
OPTIONS = """async () => {
    const form = document.querySelector("[data-passkey]");
    const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
    return (await fetch(form.dataset.options, { method: "POST", body })).json();
}"""
SEND = """(credential) => {
    const form = document.querySelector("[data-passkey]");
    form.elements.credential.value = credential;
    form.submit();
}"""


class Device:
    """A browser with a passkey authenticator built in, whose owner always says yes."""

    def __init__(self, page: Page, problems: list[str]) -> None:
        self.page = page
        self.problems = problems
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        self._id = self._call("addVirtualAuthenticator", options=options)["authenticatorId"]

    def _call(self, method: str, **parameters: Any) -> Any:
        return self._devtools.send(f"WebAuthn.{method}", parameters)

    def owner_is_known(self, known: bool) -> None:
        """Whether the authenticator recognises its owner's finger."""
        self._call("setUserVerified", authenticatorId=self._id, isUserVerified=known)

    def turn_counter_back(self) -> None:
        """Be a copy of the key that was made before its last use."""
        [credential] = self._call("getCredentials", authenticatorId=self._id)["credentials"]
        self._call("removeCredential", authenticatorId=self._id, credentialId=credential["credentialId"])
        self._call("addCredential", authenticatorId=self._id, credential={**credential, "signCount": 1})

    def answer(self, *, verification: str = "required", options: Any = None) -> str:
        """The passkey's answer to the page's challenge, unsent."""
        options = options or self.page.evaluate(OPTIONS)
        return str(self.page.evaluate(ANSWER, [options, verification]))

    def send(self, answer: str) -> None:
        """Send an answer with the page's form."""
        with self.page.expect_navigation():
            self.page.evaluate(SEND, answer)


@pytest.fixture
def desk(live: LiveServer) -> LiveServer:
    """The server under a name: an IP address has no passkeys."""
    live.url = live.url.replace("127.0.0.1", "localhost")
    live.world.user(EMAIL)
    return live


@pytest.fixture
def device(chromium: Browser, desk: LiveServer) -> Iterator[Device]:
    """A device on the sign-in page; the test fails if a script of the page does."""
    problems: list[str] = []
    page = open_tab(chromium, desk, None, problems)
    page.goto("/sign-in")
    yield Device(page, problems)
    page.context.close()
    assert not problems


@pytest.fixture
def enrolled(device: Device) -> Device:
    """The device after its owner has added a passkey to the account, and has signed out."""
    give_password(device.page)
    device.page.goto("/account/two-step/passkeys/new")
    device.page.get_by_label("Name").fill(NAME)
    press(device.page, "Add passkey")
    expect(device.page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    sign_out(device.page)
    return device


def give_password(page: Page) -> None:
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Sign in")


def sign_out(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/sign-in")


def cookies_of(page: Page) -> list[SetCookieParam]:
    """All that the browser holds, to be given back to it."""
    return [{"name": cookie["name"], "value": cookie["value"], "url": page.url} for cookie in page.context.cookies()]


def is_signed_in(page: Page) -> bool:
    page.goto("/account")
    return urlsplit(page.url).path == "/account"


def events(desk: LiveServer, action: str) -> list[Any]:
    with desk.app.app_context(), reading() as connection:
        return list(connection.scalars(select(AuditEvent.detail).where(AuditEvent.action == action)))


def test_a_passkey_is_registered_and_signs_in_alone(desk: LiveServer, enrolled: Device) -> None:
    press(enrolled.page, "Sign in with a passkey")
    enrolled.page.wait_for_url("**/projects")
    enrolled.page.goto("/account/two-step")
    expect(enrolled.page.get_by_role("row").filter(has_text=NAME)).to_contain_text("just now")
    assert events(desk, "signed_in") == [{"with": "password"}, {"with": "passkey"}]


def test_a_passkey_is_the_second_step_too(enrolled: Device) -> None:
    enrolled.page.goto("/sign-in?next=/account")
    give_password(enrolled.page)
    expect(enrolled.page.get_by_role("heading", level=1)).to_have_text("Second step")
    press(enrolled.page, "Use a passkey")
    enrolled.page.wait_for_url("**/account")


def test_a_passkey_confirms_that_it_is_its_owner(enrolled: Device) -> None:
    press(enrolled.page, "Sign in with a passkey")
    enrolled.page.wait_for_url("**/projects")
    enrolled.page.goto("/account/confirm?next=/account/two-step")
    press(enrolled.page, "Use a passkey")
    enrolled.page.wait_for_url(lambda url: urlsplit(url).path == "/account/two-step")


def test_another_persons_passkey_confirms_nothing(desk: LiveServer, enrolled: Device) -> None:
    give_password(enrolled.page)
    press(enrolled.page, "Use a passkey")
    enrolled.page.wait_for_url("**/projects")
    enrolled.page.context.add_cookies([desk.cookie_of(desk.world.user("other@example.org"))])
    enrolled.page.goto("/account")
    enrolled.page.evaluate(
        """document.querySelector("main").insertAdjacentHTML("beforeend",
           '<form method="post" action="/account/confirm/passkey" data-passkey data-options="/sign-in/passkey/options">'
           + '<input type="hidden" name="credential"><input type="hidden" name="csrf_token" value="'
           + document.querySelector("[name=csrf_token]").value + '"></form>')"""
    )
    enrolled.send(enrolled.answer())
    expect(enrolled.page.locator(".notice")).to_contain_text("This is not a passkey of this account")


def test_the_same_device_is_not_registered_twice(enrolled: Device) -> None:
    press(enrolled.page, "Sign in with a passkey")
    enrolled.page.wait_for_url("**/projects")
    enrolled.page.goto("/account/two-step/passkeys/new")
    press(enrolled.page, "Add passkey")
    expect(enrolled.page.get_by_role("alert")).to_have_text("You have a passkey for this site there already.")


def test_an_answer_given_on_another_origin_is_refused(
    desk: LiveServer, enrolled: Device, databases: Databases, tmp_path: Path
) -> None:
    options = enrolled.page.evaluate(OPTIONS)
    cookies = cookies_of(enrolled.page)
    with LiveServer(databases.make("sqlite"), tmp_path).serving() as elsewhere:  # the same host, another port
        other = elsewhere.url.replace("127.0.0.1", "localhost")
        enrolled.page.goto(f"{other}/sign-in")
        answer = enrolled.answer(options=options)
    enrolled.problems.clear()  # it was meant to leave our site
    assert json.loads(client_data(answer))["origin"] == other
    enrolled.page.goto(f"{desk.url}/sign-in")
    enrolled.page.context.add_cookies(cookies)
    enrolled.page.goto(f"{desk.url}/sign-in")
    enrolled.send(answer)
    assert REFUSED in enrolled.page.inner_text("main")
    assert not is_signed_in(enrolled.page)
    assert events(desk, "second_step_failed") == [{"at": "passkey"}]


def client_data(answer: str) -> bytes:
    """What the browser says of the page that asked."""
    return base64url_to_bytes(json.loads(answer)["response"]["clientDataJSON"])


def test_an_answer_that_was_recorded_does_not_work_again(desk: LiveServer, enrolled: Device) -> None:
    answer, cookies = enrolled.answer(), cookies_of(enrolled.page)
    enrolled.send(answer)
    assert is_signed_in(enrolled.page)
    sign_out(enrolled.page)
    enrolled.page.context.add_cookies(cookies)  # even with everything that the browser had then
    enrolled.page.goto("/sign-in")
    enrolled.send(answer)
    assert REFUSED in enrolled.page.inner_text("main")
    assert not is_signed_in(enrolled.page)
    assert events(desk, "passkey_refused") == [{"name": NAME, "reason": "answer used before"}]


def test_an_answer_to_another_browsers_challenge_is_refused(enrolled: Device) -> None:
    answer = enrolled.answer()
    sign_out(enrolled.page)
    enrolled.send(answer)
    assert REFUSED in enrolled.page.inner_text("main")


def test_a_copied_key_is_refused_when_its_counter_goes_back(desk: LiveServer, enrolled: Device) -> None:
    for _ in range(2):
        press(enrolled.page, "Sign in with a passkey")
        enrolled.page.wait_for_url("**/projects")
        sign_out(enrolled.page)
    with desk.app.app_context(), reading() as connection:
        assert connection.execute(select(Passkey.sign_count)).scalar_one() == 3
    enrolled.turn_counter_back()
    with enrolled.page.expect_navigation():
        press(enrolled.page, "Sign in with a passkey")
    assert "a copy of it seems to be in use" in enrolled.page.inner_text("main")
    assert not is_signed_in(enrolled.page)
    assert events(desk, "passkey_refused") == [{"name": NAME, "reason": "counter went back"}]


def test_a_thief_of_the_device_who_is_not_its_owner_is_refused(desk: LiveServer, enrolled: Device) -> None:
    enrolled.owner_is_known(False)
    press(enrolled.page, "Sign in with a passkey")
    expect(enrolled.page.get_by_role("alert")).to_contain_text("No passkey was used")
    enrolled.send(enrolled.answer(verification="discouraged"))
    assert REFUSED in enrolled.page.inner_text("main")
    assert not is_signed_in(enrolled.page)
    assert events(desk, "second_step_failed") == [{"at": "passkey"}]


def test_a_passkey_that_does_not_know_its_owner_is_not_registered(desk: LiveServer, device: Device) -> None:
    give_password(device.page)
    device.page.goto("/account/two-step/passkeys/new")
    device.owner_is_known(False)
    press(device.page, "Add passkey")
    expect(device.page.get_by_role("alert")).to_contain_text("No passkey was used")
    with desk.app.app_context(), reading() as connection:
        assert connection.execute(select(Passkey.id)).all() == []


def test_a_removed_passkey_opens_nothing(enrolled: Device) -> None:
    press(enrolled.page, "Sign in with a passkey")
    enrolled.page.wait_for_url("**/projects")
    enrolled.page.goto("/account/two-step")
    enrolled.page.get_by_role("link", name=f"Remove {NAME}").click()
    press(enrolled.page, "Remove passkey")
    sign_out(enrolled.page)
    with enrolled.page.expect_navigation():
        press(enrolled.page, "Sign in with a passkey")
    assert REFUSED in enrolled.page.inner_text("main")


def test_rubbish_is_no_answer(device: Device) -> None:
    shaped = '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}'
    for answer in ("", "{}", "null", "[]", '{"id": 1}', "\ud800", "[" * 5000, shaped):
        device.send(answer)
        assert REFUSED in device.page.inner_text("main"), answer


def test_an_ip_address_has_no_passkeys_and_the_page_says_so(chromium: Browser, desk: LiveServer) -> None:
    desk.url = desk.url.replace("localhost", "127.0.0.1")
    problems: list[str] = []
    page = open_tab(chromium, desk, 1, problems)
    page.goto("/account/two-step")
    expect(page.get_by_role("main")).to_contain_text("Passkeys don't work at an IP address such as 127.0.0.1.")
    expect(page.get_by_role("link", name="Add a passkey")).to_have_count(0)
    page.context.close()
    assert not problems


def test_the_pages_with_passkeys_are_accessible_and_fit(enrolled: Device) -> None:
    """The same look as at all pages, under a name at which passkeys are offered."""
    page = enrolled.page

    def look() -> None:
        page.evaluate(AXE_SCRIPT)
        for size, scheme in LOOKS:
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], page.url
            assert violations(page) == [], page.url

    look()
    give_password(page)
    look()
    press(page, "Use a passkey")
    page.wait_for_url("**/projects")
    for path in ("/account/two-step", "/account/two-step/passkeys/new", "/account/confirm"):
        page.goto(path)
        look()
