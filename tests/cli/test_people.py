"""`user`, `member` and `token`: what an operator does to people works at once, and is written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select

from notifapp import clock
from notifapp.access.models import User
from notifapp.account import service as account
from notifapp.account.devices import Device
from notifapp.audit.models import AuditEvent
from notifapp.database import reading, table_of
from notifapp.errors import NotFound, ValidationFailed
from tests.cli.conftest import Operator
from tests.client import ApiClient
from tests.world import World

Run = Callable[..., str]
PASSWORD = "four plain words here"


def sign_in(app: Flask, email: str, password: str = PASSWORD) -> str:
    with app.app_context():
        return account.sign_in(email, password, device=Device(), lifetime=60).key


def events(app: Flask) -> list[tuple[str, str, str, str]]:
    columns = table_of(AuditEvent).c
    statement = select(columns.action, columns.source, columns.actor, columns.subject).order_by(columns.id)
    with app.app_context(), reading() as connection:
        return [tuple(row) for row in connection.execute(statement)]


def test_a_new_user_signs_in_with_the_password_from_standard_input(app: Flask, done: Run) -> None:
    user_id = done("user", "create", "Ada@Example.org", "--name", "Ada", "--password-stdin", input=PASSWORD + "\n")
    assert user_id.isdigit()
    assert sign_in(app, "ada@example.org")
    assert events(app)[0] == ("user_created", "cli", "command line", "ada@example.org")


def test_a_new_user_without_a_password_gets_a_one_time_link_on_standard_error(app: Flask, operator: Operator) -> None:
    result = operator("user", "create", "ada@example.org", "--name", "Ada", "--admin")
    assert result.exit_code == 0
    assert result.stdout.strip().isdigit()
    assert result.stderr.count("\n") == 1
    key = result.stderr.strip().rpartition("/password/")[2]
    with app.app_context():
        account.set_password_by_link(account.open_password_link(key), PASSWORD, address=None)
        with pytest.raises(NotFound):
            account.open_password_link(key)
        with reading() as connection:
            assert connection.execute(select(User.is_admin)).scalar_one()
    assert sign_in(app, "ada@example.org")


@pytest.mark.parametrize(
    ("args", "input", "field"),
    [
        (("ada@example.org", "--name", "Ada", "--password-stdin"), "short", "password"),
        (("ada@example.org", "--name", "Ada", "--password-stdin"), "", "password"),
        (("nobody", "--name", "Ada"), None, "email"),
        (("ada@example.org", "--name", " "), None, "name"),
        (("staff@example.org", "--name", "Ada"), None, "email"),
    ],
)
def test_a_user_who_is_refused_is_not_made(
    app: Flask, world: World, refused: Run, args: tuple[str, ...], input: str | None, field: str
) -> None:
    world.user("staff@example.org")
    assert refused("user", "create", *args, input=input).startswith(f"{field}: ")
    assert events(app) == []


def test_every_failing_field_is_in_the_one_line(refused: Run) -> None:
    line = refused("user", "create", "nobody", "--name", "", "--password-stdin", input="x")
    assert [part.split(": ")[0] for part in line.split("; ")] == ["email", "name", "password"]


def test_a_password_that_is_no_text_is_refused(app: Flask) -> None:
    args = ["user", "create", "ada@example.org", "--name", "Ada", "--password-stdin"]
    result = app.test_cli_runner().invoke(args=args, input=b"\xff\xfe not text at all")
    assert (result.exit_code, result.stderr) == (1, "Error: Standard input holds no UTF-8 text.\n")


def test_deactivating_shuts_out_at_once(app: Flask, world: World, api: ApiClient, done: Run) -> None:
    world.admin()
    project = world.project()
    token = world.staff_token(project, 1036)
    done("user", "deactivate", "staff@example.org")
    assert api.get_settings(token).json == {"detail": "User inactive or deleted."}
    assert events(app) == [
        ("user_deactivated", "cli", "command line", "staff@example.org"),
        ("token_revoked", "cli", "command line", token[:12]),
    ]
    with pytest.raises(ValidationFailed):
        sign_in(app, "staff@example.org", "correct horse battery staple")


def test_the_last_admin_stays(world: World, refused: Run) -> None:
    world.admin()
    assert "last active admin" in refused("user", "deactivate", "admin@example.org")


def test_a_member_holds_exactly_the_codes_given_last(app: Flask, world: World, api: ApiClient, done: Run) -> None:
    project = world.project()
    user_id = world.user()
    token = world.token(user_id, project)
    member = ("member", "set", "staff@example.org", "shop")
    assert done(*member, "--permission", "1036", "--permission", "1037") == str(user_id)
    assert api.get_settings(token).status_code == 200
    assert api.patch_settings(token, {"notifications_otp_ttl": 60}).status_code == 200
    done(*member, "--permission", "1037")
    assert api.get_settings(token).status_code == 403
    assert api.patch_settings(token, {"notifications_otp_ttl": 61}).status_code == 200
    done("member", "remove", "staff@example.org", "shop")
    assert api.patch_settings(token, {"notifications_otp_ttl": 62}).status_code == 401
    actions = [action for action, source, *_ in events(app) if source == "cli"]
    assert actions == ["membership_set", "membership_set", "membership_removed", "token_revoked"]


@pytest.mark.parametrize(
    "command",
    [
        ("member", "set", "nobody@example.org", "shop"),
        ("member", "set", "staff@example.org", "nowhere"),
        ("member", "set", "staff@example.org", "shop", "--permission", "1"),
        ("member", "set", "staff@example.org", "shop", "--permission", "9" * 30),
        ("member", "remove", "staff@example.org", "shop"),
        ("user", "deactivate", "nobody@example.org"),
        ("token", "create", "nobody@example.org", "shop", "--name", "x"),
        ("token", "create", "staff@example.org", "nowhere", "--name", "x"),
        ("token", "create", "staff@example.org", "shop", "--name", "x"),
        ("token", "revoke", "ntf_00000000"),
        ("token", "revoke", ""),
    ],
)
def test_what_does_not_fit_is_said_in_one_line_and_changes_nothing(
    app: Flask, world: World, refused: Run, command: tuple[str, ...]
) -> None:
    world.project()
    world.user()
    assert refused(*command)
    assert events(app) == []


def test_a_token_is_printed_once_and_works_until_it_is_revoked(
    app: Flask, world: World, api: ApiClient, done: Run, refused: Run
) -> None:
    project = world.project()
    world.member(project, 1036)
    token = done("token", "create", "staff@example.org", "shop", "--name", "Backend", "--expires-in", "30")
    assert api.get_settings(token).status_code == 200
    prefix = token[:12]
    assert done("token", "revoke", prefix).isdigit()
    assert api.get_settings(token).json == {"detail": "Invalid token."}
    assert "already" in refused("token", "revoke", prefix)
    assert [event[:3] for event in events(app)] == [
        ("token_created", "cli", "command line"),
        ("token_revoked", "cli", "command line"),
    ]
    assert token not in str(events(app))


@pytest.mark.parametrize(
    ("options", "days"), [((), 365), (("--days", "30"), 30), (("--expires-in", "7"), 7), (("--never-expires",), None)]
)
def test_a_token_expires_unless_never_is_asked_for(
    world: World, api: ApiClient, done: Run, options: tuple[str, ...], days: int | None
) -> None:
    world.member(world.project(), 1036)
    before = clock.now()
    token = done("token", "create", "staff@example.org", "shop", "--name", "Backend", *options)
    expires_at = api.call("GET", "/api/me", token).get_json()["token"]["expires_at"]
    assert (days is None) == (expires_at is None)
    if days is not None:
        assert (datetime.fromisoformat(expires_at) - before).days == days


def test_a_token_is_limited_to_the_codes_that_are_named(world: World, api: ApiClient, done: Run, refused: Run) -> None:
    world.member(world.project(), 1036, 9001, 9002)
    create = ("token", "create", "staff@example.org", "shop", "--name", "Backend")
    token = done(*create, "--permission", "9001", "--permission", "9002")
    assert api.call("GET", "/api/me", token).get_json()["permissions"] == [9001, 9002]
    assert api.get_settings(token).status_code == 403
    assert "“Update settings” (1037)" in refused(*create, "--permission", "1037")
    assert "no permission code 7" in refused(*create, "--permission", "7")


@pytest.mark.parametrize("days", ["0", "-1", "3651", "9" * 30])
def test_a_token_lives_for_a_possible_number_of_days(world: World, refused: Run, days: str) -> None:
    world.member(world.project(), 1036)
    line = refused("token", "create", "staff@example.org", "shop", "--name", "x", "--expires-in", days)
    assert line.startswith("expires_in_days: ")
