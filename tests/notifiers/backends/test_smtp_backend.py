"""SMTP against a real server on loopback, with STARTTLS, TLS and login."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import trustme

from notifapp.channels import Channel
from notifapp.notifiers.backends.smtp import Smtp
from notifapp.notifiers.gateway.base import Message, SendFailed
from tests.notifiers.mail import PASSWORD, Mailbox, server

# The server warns about the two tests that offer a login without STARTTLS on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
    pytest.mark.usefixtures("loopback_allowed"),
]

MESSAGE = Message(
    project_id=1,
    channel=Channel.EMAIL,
    recipient="customer@example.com",
    subject="کد شما",
    body="Your code: 01234\n",
)


@pytest.fixture
def backend(ca: trustme.CA) -> Smtp:
    def context() -> ssl.SSLContext:
        context = ssl.create_default_context()
        ca.configure_trust(context)
        return context

    return Smtp(context)


def config(backend: Smtp, port: int, **changes: object) -> Any:
    values = {
        "host": "127.0.0.1", "port": port, "username": "shop", "password": PASSWORD,
        "from_email": "shop@example.com", "use_tls": True, "use_ssl": False, "fail_silently": False,
    }  # fmt: skip
    return backend.load({**values, **changes})


def failure(backend: Smtp, configuration: Any) -> tuple[str, str, bool]:
    with pytest.raises(SendFailed) as failed:
        backend.send(configuration, MESSAGE)
    error = failed.value
    for private in (PASSWORD, MESSAGE.recipient, "01234"):
        assert private not in f"{error} {error!r}"
    return error.code, error.reason, error.retryable


def test_starttls_and_login(backend: Smtp, ca: trustme.CA) -> None:
    mailbox = Mailbox()
    with server(mailbox, ca) as port:
        accepted = backend.send(config(backend, port), MESSAGE)
    assert mailbox.secured == [True]
    assert mailbox.envelopes[0].rcpt_tos == ["customer@example.com"]
    email = mailbox.email()
    assert (email["From"], email["To"]) == ("shop@example.com", "customer@example.com")
    assert email["Subject"] == "کد شما"
    assert email["Message-ID"] == accepted.provider_id
    assert email.get_content().strip() == "Your code: 01234"


@pytest.mark.parametrize("starttls", [True, False])
def test_a_relay_without_login(backend: Smtp, ca: trustme.CA, starttls: bool) -> None:
    mailbox = Mailbox()
    with server(mailbox, ca, starttls=starttls, login=False) as port:
        backend.send(config(backend, port, username="", password="", use_tls=starttls), MESSAGE)
    assert mailbox.secured == [starttls]


def test_the_message_id_is_the_same_on_every_attempt(backend: Smtp, ca: trustme.CA) -> None:
    mailbox = Mailbox()
    with server(mailbox, ca) as port:
        ids = {backend.send(config(backend, port), MESSAGE).provider_id for _ in range(2)}
    assert ids == {f"<{MESSAGE.id}@example.com>"}


def test_tls_from_the_start(backend: Smtp, ca: trustme.CA) -> None:
    mailbox = Mailbox()
    with server(mailbox, ca, tls=True) as port:
        backend.send(config(backend, port, use_tls=False, use_ssl=True), MESSAGE)
    assert mailbox.secured == [True]


def test_without_encryption_where_the_operator_says_so(backend: Smtp, ca: trustme.CA) -> None:
    mailbox = Mailbox()
    with server(mailbox, ca, starttls=False) as port:
        backend.send(config(backend, port, use_tls=False), MESSAGE)
    assert mailbox.secured == [False]


def test_a_certificate_that_nobody_vouches_for_is_refused(ca: trustme.CA) -> None:
    backend, mailbox = Smtp(), Mailbox()
    reason = "The server's certificate could not be verified."
    with server(mailbox, ca) as port:
        assert failure(backend, config(backend, port)) == ("tls", reason, False)
    assert mailbox.envelopes == []


def test_a_server_without_starttls_gets_no_password(backend: Smtp, ca: trustme.CA) -> None:
    with server(Mailbox(), ca, starttls=False) as port:
        code, reason, retryable = failure(backend, config(backend, port))
    assert (code, reason) == ("", "The server doesn't offer what is needed (STARTTLS, login).")
    assert not retryable


def test_a_wrong_password_keeps_the_reply_code(backend: Smtp, ca: trustme.CA) -> None:
    with server(Mailbox(), ca) as port:
        failed = failure(backend, config(backend, port, password="wrong"))
    assert failed == ("535", "The user name or the password was not accepted.", False)


@pytest.mark.parametrize(
    ("step", "reply", "expected"),
    [
        ("MAIL", "550 5.7.1 no", ("550", "The sender's address was not accepted.", False)),
        ("MAIL", "451 4.3.0 later", ("451", "The sender's address was not accepted.", True)),
        (
            "RCPT",
            "550 5.1.1 customer@example.com unknown",
            ("550", "The recipient's address was not accepted.", False),
        ),
        ("RCPT", "450 4.2.1 later", ("450", "The recipient's address was not accepted.", True)),
        ("DATA", "554 5.6.0 no", ("554", "The server refused the message.", False)),
        ("DATA", "452 4.3.1 full", ("452", "The server refused the message.", True)),
    ],
)
def test_refusals_keep_the_reply_code(backend: Smtp, ca: trustme.CA, step: str, reply: str, expected: object) -> None:
    mailbox = Mailbox()
    mailbox.reply = {step: reply}
    with server(mailbox, ca) as port:
        assert failure(backend, config(backend, port)) == expected


def test_failing_silently_means_no_second_try(backend: Smtp, ca: trustme.CA) -> None:
    mailbox = Mailbox()
    mailbox.reply = {"DATA": "452 4.3.1 full"}
    with server(mailbox, ca) as port:
        failed = failure(backend, config(backend, port, fail_silently=True))
    assert failed == ("452", "The server refused the message.", False)


def test_a_server_that_is_down_may_be_tried_again(backend: Smtp, ca: trustme.CA) -> None:
    with server(Mailbox(), ca) as port:
        pass
    assert failure(backend, config(backend, port)) == ("connection", "The server could not be reached.", True)


def test_a_recipient_with_a_line_break_is_refused(backend: Smtp) -> None:
    message = Message(project_id=1, channel=Channel.EMAIL, recipient="a@example.com\r\nBcc: b@example.com", body="x")
    with pytest.raises(SendFailed) as failed:
        backend.send(config(backend, 1), message)
    assert not failed.value.retryable
