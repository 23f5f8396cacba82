"""The server that waits for requests by itself, as `make run` starts it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest
import requests

from bench.servers import free_port, is_taken, make_app, run, wait_for
from notifapp.config import MAX_BODY_BYTES
from notifapp.front import BODY_DEADLINE
from tests.conftest import Databases

pytestmark = pytest.mark.slow

API = "/api/settings/notifications"
HEADER_BYTES = 4096
FORM = "application/x-www-form-urlencoded"
REQUEST_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def port(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("front")
    url = databases.make("sqlite")
    make_app(url, folder)
    number = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "rsgi", "--no-ws", "--port", str(number), "app:front"]
    with run(command, folder / "log", NOTIFAPP_DATABASE_URL=url, NOTIFAPP_INSTANCE_DIR=str(folder)) as process:
        wait_for(process, lambda: is_taken(number))
        yield number


def head_of_answer(port: int, *pieces: bytes, ends: bool = False) -> bytes:
    """What the server answers first; `ends` closes our side after the last piece."""
    with socket.create_connection(("127.0.0.1", port), timeout=6 * BODY_DEADLINE) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        return connection.recv(HEADER_BYTES)


def test_a_body_that_does_not_end_is_given_up(port: int) -> None:
    answer = head_of_answer(port, b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nem")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()


def test_a_form_that_was_cut_off_is_not_taken_for_a_whole_one(port: int) -> None:
    fields = b"email=staff%40example.org"
    head = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    answer = head_of_answer(port, head + b"Content-Length: 1000\r\n\r\n" + fields, ends=True)
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(("chunked", "status"), [(False, 413), (True, 400)])
def test_a_body_over_the_limit_is_refused(port: int, chunked: bool, status: int) -> None:
    pieces = [b"x" * MAX_BODY_BYTES, b"x"]
    body = iter(pieces) if chunked else b"".join(pieces)
    answer = requests.post(f"http://127.0.0.1:{port}/sign-in", body, headers={"Content-Type": FORM}, timeout=60)
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/%D8%B3%D9%84%D8%A7%D9%85", "/%ff", "/a%2Fb", "/%00"])
def test_any_path_is_answered(port: int, path: str) -> None:
    assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=60).status_code == 404


def test_the_application_gets_the_request_as_it_was_sent(port: int) -> None:
    headers = {"X-Request-ID": REQUEST_ID, "Authorization": "Token unknown"}
    answer = requests.patch(f"http://127.0.0.1:{port}{API}", json={}, headers=headers, timeout=60)
    assert answer.status_code == 401
    assert answer.headers["X-Request-ID"] == REQUEST_ID
    assert answer.headers["Content-Security-Policy"]
    assert answer.json()["detail"]
