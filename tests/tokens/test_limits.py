"""What a token may do: no more than its owner, less where that was chosen, and nothing once its owner has left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from notifapp.access import Permission, Principal
from notifapp.access.models import ApiToken, MembershipPermission, User
from notifapp.audit.models import AuditEvent
from notifapp.database import close_connection, reading, writing
from notifapp.errors import ValidationFailed
from notifapp.tokens import service as tokens
from notifapp.users import service as users
from tests.audit.trail import events
from tests.client import ApiClient, Browser, page_text
from tests.people import People
from tests.tokens.test_tokens import TOKEN, row
from tests.world import World

FORM = {"owner": "staff@example.org", "project": "shop", "name": "Web shop", "expires_in_days": "365"}
INVALID = {"detail": "Invalid token."}


def create(browser: Browser, **fields: Any) -> str:
    """The token that the answer shows."""
    answer = browser.post("/tokens/new", {**FORM, **fields}, follow_redirects=True)
    assert answer.status_code == 200, page_text(answer)
    return str(TOKEN.findall(answer.text)[0])


def of(app: Flask, action: str) -> list[AuditEvent]:
    """The events of one action."""
    return [event for event in events(app) if event.action == action]


def codes_of(api: ApiClient, token: str) -> list[int]:
    found: list[int] = api.call("GET", "/api/me", token).get_json()["permissions"]
    return found


def grant(app: Flask, world: World, *codes: int) -> None:
    """Give the member of the people's project more codes."""
    with app.app_context(), writing() as connection:
        rows = [{"user_id": 1, "project_id": 1, "code": code} for code in codes]
        connection.execute(insert(MembershipPermission), rows)


@pytest.fixture
def full(app: Flask, people: People, world: World) -> People:
    """The member holds 1036, 1037, 9001 and 9002."""
    grant(app, world, 1037, 9001, 9002)
    return people


def test_by_default_a_token_has_all_of_its_owners_permissions_and_says_so(full: People, api: ApiClient) -> None:
    answer = full.admin.post("/tokens/new", FORM, follow_redirects=True)
    assert "All of the owner's permissions" in page_text(answer)
    assert codes_of(api, TOKEN.findall(answer.text)[0]) == [1036, 1037, 9001, 9002]
    assert "All of the owner's permissions" in row(full.admin.get("/tokens").text, "Web shop").text.replace("’", "'")


def test_a_stolen_token_of_a_shops_backend_can_not_change_the_settings(full: People, api: ApiClient) -> None:
    answer = full.admin.post("/tokens/new", {**FORM, "preset": "backend"}, follow_redirects=True)
    token = TOKEN.findall(answer.text)[0]
    assert f"Token {token}&#34; http://localhost/api/me" in answer.text, "a first call that the token may make"
    assert codes_of(api, token) == [9001, 9002]
    assert api.get_settings(token).status_code == 403
    assert api.patch_settings(token, {"notifications_otp_ttl": 3600}).status_code == 403
    for path in ("/tokens", "/tokens/1/revoke"):
        page = page_text(full.admin.get(path))
        assert "Send codes 9001" in page
        assert "Verify codes 9002" in page
        assert "All of the owner's permissions" not in page


def test_a_limited_token_of_an_admin_is_no_admin(people: People, api: ApiClient) -> None:
    token = create(people.admin, owner="admin@example.org", preset="ticked", codes=["1036"])
    assert codes_of(api, token) == [1036]
    assert api.get_settings(token).status_code == 200
    assert api.patch_settings(token, {"notifications_otp_ttl": 3600}).status_code == 403
    assert api.call("GET", "/api/notifications/notifiers/sms", token).status_code == 403


def test_a_token_never_has_what_its_owner_has_lost(full: People, api: ApiClient) -> None:
    token = create(full.admin, preset="ticked", codes=["1036", "1037"])
    full.admin.post("/users/1/memberships/shop", {"codes": ["1036", "9001"]})
    assert codes_of(api, token) == [1036]
    full.admin.post("/users/1/memberships/shop", {"codes": ["9001"]})
    assert codes_of(api, token) == []
    assert api.get_settings(token).status_code == 403


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"preset": "ticked"}, "codes", "Choose at least one permission."),
        ({"preset": "ticked", "codes": ["2811"]}, "codes", "The owner does not hold “Create SMS notifiers” (2811)"),
        ({"preset": "ticked", "codes": ["1"]}, "codes", "There is no permission code 1."),
        ({"preset": "ticked", "codes": ["x"]}, "codes", "Choose at least one permission."),
        ({"preset": "", "codes": ["1036"]}, "preset", "Choose “Only those ticked below”, or tick nothing there."),
        ({"preset": "backend"}, "codes", "The owner does not hold “Send codes” (9001), “Verify codes” (9002)"),
    ],
)
def test_a_choice_that_means_nothing_is_refused_beside_its_field(
    people: People, fields: dict[str, Any], field: str, message: str
) -> None:
    answer = people.admin.post("/tokens/new", {**FORM, **fields})
    assert answer.status_code == 400
    assert f'id="{field}-error"' in answer.text
    assert message in page_text(answer)
    assert not of(people.admin.app, "token_created")


def test_the_codes_of_a_limited_token_are_in_the_audit_trail(app: Flask, full: People) -> None:
    create(full.admin, preset="backend")
    (event,) = of(app, "token_created")
    assert event.detail["codes"] == [9001, 9002]
    assert "Limited to: 9001 Send codes, 9002 Verify codes" in page_text(full.admin.get("/audit"))


def test_no_bug_can_store_a_token_with_an_empty_set_of_codes(app: Flask, people: People, world: World) -> None:
    world.token(1, people.project)
    with app.app_context(), pytest.raises(IntegrityError), writing() as connection:
        connection.execute(update(ApiToken).values(codes=frozenset()))


def test_a_token_ends_with_the_membership_and_does_not_come_back_with_it(
    app: Flask, people: People, api: ApiClient, world: World
) -> None:
    elsewhere = world.project("bakery")
    world.join(1, elsewhere, [1036])
    ended, other = create(people.admin), world.token(1, elsewhere)
    assert "revoked" in page_text(people.admin.get("/users/1/memberships/shop/remove"))
    people.admin.post("/users/1/memberships/shop/remove")
    assert api.get_settings(ended).json == INVALID
    people.admin.post("/users/1/memberships/shop", {"codes": ["1036"]})
    assert api.get_settings(ended).json == INVALID
    assert api.get_settings(other).status_code == 200
    (event,) = of(app, "token_revoked")
    assert (event.subject, event.project_id) == (ended[:12], people.project.id)
    assert event.detail == {"name": "Web shop", "reason": "membership removed"}


def test_no_token_slips_through_while_its_owner_is_removed(app: Flask, people: People, world: World) -> None:
    """Of creating and removing at the same time either order is fine; a token that outlives the membership is not."""
    for _ in range(10):
        barrier = threading.Barrier(4)

        def act(do: Callable[[], object], barrier: threading.Barrier = barrier) -> None:
            with app.app_context():
                barrier.wait()
                with suppress(ValidationFailed):
                    do()
                close_connection()

        def create_one() -> None:
            tokens.create_token(1, people.project.id, "late", principal=Principal.operator())

        def remove() -> None:
            users.remove_membership(1, people.project.id, principal=Principal.operator())

        threads = [threading.Thread(target=act, args=[do]) for do in (create_one, create_one, create_one, remove)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with app.app_context(), reading() as connection:
            is_live = ApiToken.revoked_at.is_(None)
            assert connection.execute(select(ApiToken.id).where(is_live)).all() == []
        world.join(1, people.project, [1036])


def test_a_token_ends_with_a_deactivation_and_does_not_come_back_with_the_account(
    app: Flask, people: People, api: ApiClient
) -> None:
    token = create(people.admin)
    people.admin.post("/users/1/deactivate")
    assert api.get_settings(token).json == {"detail": "User inactive or deleted."}
    people.admin.post("/users/1/reactivate")
    assert api.get_settings(token).json == INVALID
    assert "Revoked" in row(people.admin.get("/tokens").text, "Web shop").text
    (event,) = of(app, "token_revoked")
    assert event.detail == {"name": "Web shop", "reason": "owner deactivated"}


def test_who_is_no_longer_an_admin_keeps_tokens_only_where_a_member(
    app: Flask, people: People, api: ApiClient, world: World
) -> None:
    second = world.admin("second@example.org")
    elsewhere = world.project("bakery")
    world.join(second, elsewhere, [1036])
    ended, kept = world.token(second, people.project), world.token(second, elsewhere)
    form = {"name": "Second", "email": "second@example.org"}
    people.admin.post(f"/users/{second}", form)
    assert api.get_settings(ended).json == INVALID
    assert api.get_settings(kept).status_code == 200
    people.admin.post(f"/users/{second}", form | {"is_admin": "y"})
    with app.app_context(), writing() as connection:
        assert connection.execute(User.__table__.select().where(User.id == second)).one().is_admin
    assert api.get_settings(ended).json == INVALID


def test_removing_the_membership_of_an_admin_ends_no_token(people: People, api: ApiClient, world: World) -> None:
    second = world.admin("second@example.org")
    world.join(second, people.project, [1036])
    token = world.token(second, people.project)
    assert "keep working" in page_text(people.admin.get(f"/users/{second}/memberships/shop/remove"))
    people.admin.post(f"/users/{second}/memberships/shop/remove")
    assert api.patch_settings(token, {"notifications_otp_ttl": 99}).status_code == 200


def test_every_permission_can_be_chosen(people: People) -> None:
    page = people.admin.get("/tokens/new").text
    for permission in Permission:
        assert f'name="codes" type="checkbox" value="{permission.value}"' in page
