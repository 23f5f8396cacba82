"""Where notifapp may connect to, checked on the address that is connected to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme

from notifapp.channels import Channel
from notifapp.notifiers.backends.smtp import Smtp
from notifapp.notifiers.backends.webhook import Webhook
from notifapp.notifiers.gateway.base import Message, SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from notifapp.notifiers.gateway.names import MOST, look_up
from notifapp.notifiers.gateway.network import Call, DestinationNotAllowed
from tests.notifiers.gateway import Gateway, Trust
from tests.notifiers.mail import PASSWORD

MESSAGE = Message(project_id=1, channel=Channel.EMAIL, recipient="a@example.com", body="Your code: 01234")
REFUSED = ("destination", False)
PUBLIC = "203.0.114.9"


class Names:
    """A resolver whose answers change from one question to the next."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port)) for address in answer]


def send_webhook(url: str, **client: Any) -> None:
    backend = Webhook(HttpClient(connect_timeout=2, **client))
    backend.send(backend.load({"url": url, "secret": "s" * 16}), MESSAGE)


def send_mail(host: str, port: int = 587, **options: Any) -> None:
    backend = Smtp(**options)
    values = {"host": host, "port": port, "username": "shop", "password": PASSWORD, "from_email": "shop@example.com"}
    backend.send(backend.load(values), MESSAGE)


def failure(send: Any, *args: Any, **options: Any) -> tuple[str, bool]:
    with pytest.raises(SendFailed) as failed:
        send(*args, **options)
    return failed.value.code, failed.value.retryable


# Refusing


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "10.0.0.1", "169.254.169.254",
     "::1", "::ffff:127.0.0.1", "fe80::1"],
)  # fmt: skip
def test_no_notation_of_a_private_address_is_connected_to(host: str) -> None:
    with Call(5) as call, pytest.raises(DestinationNotAllowed):
        call.connect(host, 443, 1)
    assert failure(send_mail, host) == REFUSED
    assert failure(send_webhook, f"https://{f'[{host}]' if ':' in host else host}/") == REFUSED


def test_nothing_reaches_a_server_that_may_not_be_connected_to(gateway: Gateway, authorities: Trust) -> None:
    assert failure(send_webhook, gateway.url, tls_context=authorities) == REFUSED
    assert gateway.requests == []


@pytest.mark.parametrize("answer", [["127.0.0.1", PUBLIC], [PUBLIC, "127.0.0.1"], ["10.0.0.1"]])
def test_one_private_address_among_the_answers_is_enough(answer: list[str]) -> None:
    names = Names(answer)
    assert failure(send_webhook, "https://hook.example.com/", resolve=names) == REFUSED
    assert failure(send_mail, "smtp.example.com", resolve=names) == REFUSED
    assert names.asked == 2


def test_a_name_that_answers_differently_the_second_time_gains_nothing() -> None:
    names = Names(["127.0.0.1"], [PUBLIC])
    assert failure(send_webhook, "https://hook.example.com/", resolve=names) == REFUSED
    assert names.asked == 1


@pytest.mark.usefixtures("loopback_allowed")
def test_what_was_checked_is_what_is_connected_to(ca: trustme.CA, authorities: Trust) -> None:
    with Gateway(ca, host="hook.example.com") as gateway:
        names = Names(["127.0.0.1"], ["127.0.0.99"])
        send_webhook(f"https://hook.example.com:{gateway.port}/", resolve=names, tls_context=authorities)
    assert names.asked == 1
    assert gateway.requests[0].headers["Host"] == f"hook.example.com:{gateway.port}"


@pytest.mark.usefixtures("loopback_allowed")
def test_the_certificate_must_be_of_the_name_and_not_of_the_address(gateway: Gateway, authorities: Trust) -> None:
    names = Names(["127.0.0.1"])
    url = f"https://hook.example.com:{gateway.port}/"
    assert failure(send_webhook, url, resolve=names, tls_context=authorities) == ("tls", False)
    assert gateway.requests == []


@pytest.mark.usefixtures("loopback_allowed")
def test_the_next_address_is_tried_where_one_doesnt_answer(gateway: Gateway, authorities: Trust) -> None:
    names = Names(["127.0.0.99", "127.0.0.1"])
    send_webhook(gateway.url, resolve=names, tls_context=authorities)
    assert len(gateway.requests) == 1


def test_a_host_that_is_no_name_is_no_failure_of_ours() -> None:
    assert failure(send_webhook, f"https://{'a' * 64}.com/")[0] in ("address", "connection")
    assert failure(send_mail, f"{'a' * 64}.com") == ("connection", True)


# Never without end


class Hung:
    """A resolver that says nothing until the end of the block."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._over = threading.Event()

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        self._over.wait(60)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (PUBLIC, port))]

    def __enter__(self) -> Hung:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        deadline = time.monotonic() + 30
        while look_ups() and time.monotonic() < deadline:
            time.sleep(0.01)


def look_ups() -> int:
    return sum(thread.name == "name look-up" for thread in threading.enumerate())


def test_a_name_server_that_hangs_holds_no_message_for_longer_than_connecting_may_take() -> None:
    with Hung() as resolver:
        backend = Webhook(HttpClient(connect_timeout=0.2, resolve=resolver))
        with pytest.raises(SendFailed) as failed:
            backend.send(backend.load({"url": "https://hook.example.com/", "secret": "s" * 16}), MESSAGE)
    assert (failed.value.code, failed.value.retryable) == ("timeout", True)
    assert resolver.asked == ["hook.example.com"]


def test_a_name_server_that_hangs_uses_up_no_threads() -> None:
    with Hung() as resolver:
        for number in range(3 * MOST):
            with pytest.raises(TimeoutError):
                look_up(resolver, f"{number}.example.com", 443, 0.01)
        assert look_ups() == len(resolver.asked) == MOST
    assert look_up(Names([PUBLIC]), "hook.example.com", 443, 30)[0][4] == (PUBLIC, 443)


def test_a_project_whose_name_server_hangs_keeps_no_other_from_sending() -> None:
    with Hung() as resolver:
        for _ in range(3 * MOST):
            with pytest.raises(TimeoutError):
                look_up(resolver, "tarpit.example.com", 443, 0.01)
        assert resolver.asked == ["tarpit.example.com"]
        assert look_up(Names([PUBLIC]), "hook.example.com", 443, 30)[0][4] == (PUBLIC, 443)


@contextmanager
def dripping(text: bytes) -> Iterator[int]:
    """A server that sends one byte now and then; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    for _ in range(200):
                        connection.sendall(text)
                        time.sleep(0.05)
                except OSError:
                    pass

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.usefixtures("loopback_allowed")
def test_a_mail_server_that_never_ends_its_greeting_is_cut_off() -> None:
    started = time.monotonic()
    with dripping(b"220-wait\r\n") as port:
        assert failure(send_mail, "127.0.0.1", port, total=0.5) == ("timeout", True)
    assert time.monotonic() - started < 5


@pytest.mark.usefixtures("loopback_allowed")
def test_a_receiver_that_never_ends_its_answer_is_cut_off(gateway: Gateway, authorities: Trust) -> None:
    gateway.drip = True
    started = time.monotonic()
    assert failure(send_webhook, gateway.url, total=0.5, tls_context=authorities) == ("timeout", True)
    assert time.monotonic() - started < 5
