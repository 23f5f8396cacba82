"""How much is asked of the database for one request, in a small world and in a busy one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import Engine

from bench.load import token_of
from bench.seed import seed
from notifapp.access import ProjectRef
from tests.client import ApiClient, Browser
from tests.otp.caller import EMAIL, make_caller
from tests.statements import sent
from tests.world import World

SHOP = ProjectRef(1, "shop-1", "Shop 1")
STAFF = 1
MANY = 50
INTERNATIONAL = "+14155552671"


@contextmanager
def commits() -> Iterator[list[object]]:
    """Within the block, every commit of any engine is added to the list."""
    seen: list[object] = []

    def note(connection: object) -> None:
        seen.append(connection)

    event.listen(Engine, "commit", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "commit", note)


@contextmanager
def counted() -> Iterator[Callable[[], tuple[int, int]]]:
    """Within the block and until the test ends, count statements and commits."""
    with sent() as statements, commits() as committed:
        yield lambda: (len(statements), len(committed))


def wrong(code: str) -> str:
    """Another code of the same length."""
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def api_cost(app: Flask, method: str, **fields: int) -> tuple[int, int]:
    """Statements and commits until the answer is out; what is noted after that keeps no caller waiting."""
    headers = {"Authorization": f"Token {token_of(SHOP.id)}"}
    with sent() as statements, commits() as committed:
        response = app.test_client().open(ApiClient.PATH, method=method, headers=headers, json=fields or None)
        cost = len(statements), len(committed)
    response.close()
    assert response.status_code == 200
    return cost


def page_cost(app: Flask, path: str) -> int:
    """Statements for a page, as staff."""
    browser = Browser(app).sign_in(STAFF)
    with sent() as statements:
        assert browser.get(path).status_code == 200
    return len(statements)


def grow(app: Flask) -> None:
    """Give the project and its member many tokens, notifiers, colleagues and revisions."""
    world = World(app)
    for n in range(MANY):
        world.token(STAFF, SHOP)
        world.notifier(SHOP, "sms", f"another_{n}")
        world.member(SHOP, 1036, 1037, email=f"colleague{n}@example.org")
        api_cost(app, "PATCH", notifications_otp_ttl=200 + n)


def test_a_get_takes_two_statements_and_no_commit(app: Flask) -> None:
    seed(app, 1)
    assert api_cost(app, "GET") == (2, 0)


def test_a_patch_of_two_fields_takes_five_statements_and_one_commit(app: Flask) -> None:
    seed(app, 1)
    assert api_cost(app, "PATCH", notifications_otp_code_len=6, notifications_otp_ttl=180) == (5, 1)


def test_a_patch_of_all_four_fields_takes_no_more(app: Flask) -> None:
    seed(app, 1)
    fields = {"notifications_sms_notifier": 1, "notifications_email_notifier": 2}
    assert api_cost(app, "PATCH", **fields, notifications_otp_code_len=6, notifications_otp_ttl=180) == (5, 1)


@pytest.mark.parametrize(("channel", "recipient"), [("email", EMAIL), ("sms", INTERNATIONAL)])
def test_issuing_a_code_takes_seven_statements_and_one_commit(
    app: Flask, world: World, channel: str, recipient: str
) -> None:
    caller = make_caller(app, world)
    with counted() as cost:
        response = caller.send(recipient, channel)
    assert response.status_code == 201
    assert cost() == (7, 1)


@pytest.mark.parametrize("status", [200, 400])
def test_verifying_a_right_code_takes_five_statements_and_one_commit_and_a_wrong_one_a_note_more(
    app: Flask, world: World, status: int
) -> None:
    caller = make_caller(app, world)
    challenge, code = caller.open()
    with counted() as cost:
        response = caller.verify(challenge, code if status == 200 else wrong(code))
    assert response.status_code == status
    assert cost() == (5 if status == 200 else 6, 1)  # a wrong one is noted


def test_refusing_a_code_of_the_wrong_length_writes_a_note_alone(app: Flask, world: World) -> None:
    caller = make_caller(app, world)
    challenge, code = caller.open()
    with counted() as cost:
        assert caller.verify(challenge, code[:-1]).status_code == 400
    assert cost() == (3, 1)


def test_the_settings_page_takes_twelve_statements(app: Flask) -> None:
    seed(app, 1)
    assert page_cost(app, f"/projects/{SHOP.slug}/settings") == 12


@pytest.mark.parametrize(
    "cost",
    [
        pytest.param(lambda app: api_cost(app, "GET"), id="GET"),
        pytest.param(lambda app: api_cost(app, "PATCH", notifications_otp_ttl=3000), id="PATCH"),
        pytest.param(lambda app: page_cost(app, f"/projects/{SHOP.slug}/settings"), id="settings page"),
        pytest.param(lambda app: page_cost(app, f"/projects/{SHOP.slug}/settings/history"), id="history page"),
    ],
)
def test_a_busy_world_takes_no_more_statements_than_a_small_one(app: Flask, cost: Callable[[Flask], object]) -> None:
    seed(app, MANY)
    small = cost(app)
    grow(app)
    assert cost(app) == small
