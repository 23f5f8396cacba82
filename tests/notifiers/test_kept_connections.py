"""Connections to gateways are kept between messages, and share nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trustme

from notifapp.channels import Channel
from notifapp.notifiers.backends import smtp
from notifapp.notifiers.backends.smtp import Smtp
from notifapp.notifiers.gateway import http_client
from notifapp.notifiers.gateway.base import Message, SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.notifiers.gateway import Gateway, Trust
from tests.notifiers.mail import PASSWORD, Mailbox, server

pytestmark = [
    pytest.mark.usefixtures("loopback_allowed"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]
MESSAGE = Message(project_id=1, channel=Channel.EMAIL, recipient="a@example.com", subject="Code", body="01234")


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def mail(mailbox: Mailbox, ca: trustme.CA) -> Iterator[int]:
    with server(mailbox, ca, starttls=False) as port:
        yield port


def send_mail(backend: Smtp, port: int, password: str = PASSWORD) -> None:
    values = {"host": "127.0.0.1", "port": port, "username": "shop", "from_email": "shop@example.com", "use_tls": False}
    backend.send(backend.load({**values, "password": password}), MESSAGE)


def test_http_requests_share_a_connection(gateway: Gateway, http: HttpClient) -> None:
    for number in range(5):
        assert http.post(gateway.url, json={"number": number}).status == 200
    assert len(gateway.requests) == 5
    assert gateway.connections == 1


def test_an_idle_http_connection_is_replaced_in_time(
    gateway: Gateway, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    http.post(gateway.url)
    monkeypatch.setattr(http_client, "KEEP_SECONDS", 0)
    assert http.post(gateway.url).status == 200
    assert gateway.connections == 2


def test_a_gateway_that_hung_up_meanwhile_costs_no_message(gateway: Gateway, http: HttpClient) -> None:
    http.post(gateway.url)
    gateway.hang_up()
    assert http.post(gateway.url).status == 200
    assert len(gateway.requests) == 2


def test_no_cookie_goes_from_one_message_to_the_next(gateway: Gateway, http: HttpClient) -> None:
    gateway.headers = {"Set-Cookie": "session=1; Path=/"}
    http.post(gateway.url)
    http.post(gateway.url)
    assert "Cookie" not in gateway.requests[1].headers


def test_a_kept_connection_is_cut_off_as_a_new_one_is(gateway: Gateway, authorities: Trust) -> None:
    http = HttpClient(read_timeout=5, total=0.5, tls_context=authorities)
    http.post(gateway.url)
    gateway.delay = 2
    with pytest.raises(SendFailed) as failed:
        http.post(gateway.url)
    assert failed.value.code == "timeout"


def test_mails_share_a_session(mail: int, mailbox: Mailbox) -> None:
    backend = Smtp()
    for _ in range(5):
        send_mail(backend, mail)
    assert len(mailbox.envelopes) == 5
    assert len(mailbox.sessions) == 1


def test_a_session_is_kept_for_the_whole_configuration_only(mail: int, mailbox: Mailbox) -> None:
    backend = Smtp()
    send_mail(backend, mail)
    with pytest.raises(SendFailed) as failed:
        send_mail(backend, mail, password="wrong")
    assert failed.value.code == "535"
    assert len(mailbox.envelopes) == 1


def test_an_idle_session_is_replaced_in_time(mail: int, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Smtp()
    send_mail(backend, mail)
    monkeypatch.setattr(smtp, "KEEP_SECONDS", 0)
    send_mail(backend, mail)
    assert len(mailbox.sessions) == 2


def test_a_server_that_was_restarted_meanwhile_costs_no_mail(mailbox: Mailbox, ca: trustme.CA) -> None:
    backend = Smtp()
    with server(mailbox, ca, starttls=False) as port:
        send_mail(backend, port)
    with server(mailbox, ca, starttls=False, port=port):
        send_mail(backend, port)
    assert len(mailbox.envelopes) == 2


def test_a_refused_recipient_leaves_the_next_mail_a_session(mail: int, mailbox: Mailbox) -> None:
    backend = Smtp()
    mailbox.reply["RCPT"] = "550 No such user"
    with pytest.raises(SendFailed):
        send_mail(backend, mail)
    mailbox.reply.clear()
    send_mail(backend, mail)
    assert len(mailbox.envelopes) == 1
