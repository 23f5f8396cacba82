"""What staff may save, and where a message may go, as the operator's list of private destinations has it."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest
import trustme
from flask import Flask

from notifapp import destinations
from notifapp.channels import Channel
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.backends.smtp import Smtp
from notifapp.notifiers.gateway.base import Message
from notifapp.notifiers.gateway.network import CLEAR_TEXT, PRIVATE_ADDRESS, Call, DestinationNotAllowed
from tests.client import ApiClient, Browser
from tests.notifiers.mail import PASSWORD, Mailbox, server
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

SMS = "/api/notifications/notifiers/sms"
EMAIL = "/api/notifications/notifiers/email"
SMTP = {
    "name": "m",
    "host": "smtp.example.com",
    "username": "shop",
    "password": PASSWORD,
    "from_email": "a@example.com",
}
PLAIN = {"use_tls": False, "use_ssl": False}
TURN_ON = f"Turn on STARTTLS (use_tls) or TLS (use_ssl). {CLEAR_TEXT}"
MESSAGE = Message(project_id=1, channel=Channel.EMAIL, recipient="b@example.com", body="Your code: 01234")


@pytest.fixture
def token(world: World) -> str:
    return world.staff_token(world.project("shop"), 2811, 2831)


@pytest.fixture
def allow(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the operator's list."""

    def allow(listed: str) -> None:
        config = replace(app.config["NOTIFAPP"], private_destinations=destinations.parse(listed))
        monkeypatch.setitem(app.config, "NOTIFAPP", config)

    return allow


def save(api: ApiClient, token: str, **fields: object) -> Any:
    """Nothing if the notifier was made, or the errors of its fields."""
    given = fields if "backend" in fields else {**SMTP, **fields}
    answer = api.call("POST", SMS if "backend" in fields else EMAIL, token, json={**given, "name": f"{fields}"[:99]})
    assert answer.status_code in (201, 400)
    return {} if answer.status_code == 201 else answer.get_json()


def webhook(url: str) -> dict[str, object]:
    return {"backend": "webhook", "settings": {"url": url, "secret": "s" * 16}}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "127.1", "2130706433", "0x7f000001", "::1", "::ffff:10.0.0.1"]
)
def test_a_private_address_cant_be_saved_as_a_destination(api: ApiClient, token: str, host: str) -> None:
    assert save(api, token, host=host) == {"host": [PRIVATE_ADDRESS]}
    url = f"https://{f'[{host}]' if ':' in host else host}/hook"
    assert save(api, token, **webhook(url)) == {"settings": {"url": [PRIVATE_ADDRESS]}}


def test_a_listed_one_can_with_its_port_alone(api: ApiClient, token: str, allow: Any) -> None:
    allow("10.1.2.3/32:25,10.1.2.3/32:443")
    assert save(api, token, host="10.1.2.3", port=25) == {}
    assert save(api, token, host="10.1.2.3", port=587) == {"host": [PRIVATE_ADDRESS]}
    assert save(api, token, **webhook("https://10.1.2.3/hook")) == {}
    assert save(api, token, **webhook("https://10.1.2.3:8443/hook")) == {"settings": {"url": [PRIVATE_ADDRESS]}}


def test_the_page_names_the_field(browser: Browser, world: World) -> None:
    browser.sign_in(world.member(world.project("shop"), 2831))
    form = {**SMTP, "host": "127.0.0.1", "port": "25", "use_tls": "y"}
    page = browser.post("/projects/shop/notifiers/email/new/smtp", form).text
    assert f'<li><a href="#host">Host</a>: {PRIVATE_ADDRESS}</li>' in page


def test_the_metadata_service_isnt_opened_by_its_network(app: Flask, allow: Any) -> None:
    allow("169.254.0.0/16")
    with app.app_context(), Call(5) as call, pytest.raises(DestinationNotAllowed):
        call.connect("169.254.169.254", 80, 1)


def test_another_port_of_a_listed_address_isnt_connected_to(app: Flask, allow: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        allow(f"127.0.0.1:{port + 1 if port < 65535 else port - 1}")
        with app.app_context(), Call(5) as call, pytest.raises(DestinationNotAllowed):
            call.connect("127.0.0.1", port, 1)
        allow(f"127.0.0.1:{port}")
        with app.app_context(), Call(5) as call:
            call.connect("127.0.0.1", port, 1).close()


# Clear text


def test_smtp_without_tls_cant_be_saved(api: ApiClient, token: str, allow: Any) -> None:
    for host in ("smtp.example.com", "203.0.114.9"):
        assert save(api, token, **PLAIN, host=host) == {"use_tls": [TURN_ON]}
    allow("10.0.0.0/8")
    assert save(api, token, **PLAIN, host="203.0.114.9") == {"use_tls": [TURN_ON]}
    assert save(api, token, **PLAIN, host="10.0.0.1") == {}


def test_a_name_may_get_clear_text_if_all_its_addresses_are_private_and_listed(
    api: ApiClient, token: str, allow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"inside.example": ["10.0.0.1"], "half.example": ["10.0.0.1", "203.0.114.9"], "other.example": ["10.0.0.2"]}

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        if host not in known:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port)) for address in known[host]]

    monkeypatch.setitem(BACKENDS, "smtp", Smtp(resolve=resolve))
    assert save(api, token, **PLAIN, host="inside.example") == {"use_tls": [TURN_ON]}
    allow("10.0.0.1/32:587")
    assert save(api, token, **PLAIN, host="inside.example") == {}
    for host in ("half.example", "other.example", "unknown.example"):
        assert save(api, token, **PLAIN, host=host) == {"use_tls": [TURN_ON]}


def test_smtp_without_tls_that_was_saved_before_sends_nothing(ca: trustme.CA, app: Flask, allow: Any) -> None:
    mailbox, backend = Mailbox(), Smtp()
    with server(mailbox, ca, starttls=False) as port, app.app_context():
        stored = backend.load(
            {**{n: v for n, v in SMTP.items() if n != "name"}, **PLAIN, "host": "127.0.0.1", "port": port}
        )
        with pytest.raises(DestinationNotAllowed):
            backend.send(stored, MESSAGE)
        allow("127.0.0.1")
        backend.send(stored, MESSAGE)
        assert len(mailbox.envelopes) == 1


def test_a_public_server_never_gets_clear_text(app: Flask, allow: Any) -> None:
    allow("127.0.0.0/8")
    with app.app_context(), Call(5) as call, pytest.raises(DestinationNotAllowed, match="Without TLS"):
        call.connect("203.0.114.9", 25, 1, clear_text=True)
