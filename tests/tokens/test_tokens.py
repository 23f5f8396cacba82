"""API tokens are listed, created, shown once and revoked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from notifapp import clock
from notifapp.access import Permission, credentials
from notifapp.access.models import ApiToken
from notifapp.extensions import db
from tests.audit.trail import events, refusing
from tests.client import ApiClient, Browser
from tests.lists import Row, pager_link, rows
from tests.people import People
from tests.world import World

FORM = {"owner": "staff@example.org", "project": "shop", "name": "Web shop", "expires_in_days": ""}
TOKEN = re.compile(r"ntf_[0-9a-f]{72}")


def create(browser: Browser, **fields: str) -> str:
    """The token that the answer shows."""
    answer = browser.post("/tokens/new", FORM | fields, follow_redirects=True)
    assert answer.status_code == 200
    return str(TOKEN.findall(answer.text)[0])


def stored(app: Flask) -> list[ApiToken]:
    with app.app_context():
        return list(db.session.scalars(select(ApiToken).order_by(ApiToken.id)))


def whole_database(app: Flask) -> str:
    with app.app_context(), db.engine.connect() as connection:
        tables = [f'SELECT * FROM "{table.name}"' for table in db.metadata.sorted_tables]
        return repr([connection.execute(text(table)).all() for table in tables])


def test_a_new_token_works_at_once_with_its_owners_permissions(people: People, api: ApiClient) -> None:
    token = create(people.admin)
    assert api.get_settings(token).status_code == 200
    assert api.patch_settings(token, {"notifications_otp_ttl": 60}).status_code == 403


def test_the_token_is_shown_in_one_answer_and_kept_nowhere(
    app: Flask, people: People, capfd: pytest.CaptureFixture[str]
) -> None:
    created = people.admin.post("/tokens/new", FORM)
    with people.admin.client.session_transaction() as cookie:
        in_cookie = str(dict(cookie))
    before = whole_database(app)
    answer = people.admin.get(created.headers["Location"])
    token = TOKEN.findall(answer.text)[0]
    assert token not in before + created.text + in_cookie
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(TOKEN.findall(answer.text)) == {token}
    for path in ("/tokens", "/tokens/1/revoke", "/audit", "/audit.csv", "/projects/shop"):
        assert token not in people.admin.get(path).text
    assert token not in whole_database(app)
    assert token not in "".join(capfd.readouterr())


def test_reloading_creates_no_second_token_and_shows_none(app: Flask, people: People) -> None:
    path = people.admin.post("/tokens/new", FORM).headers["Location"]
    assert TOKEN.findall(people.admin.get(path).text)
    again = people.admin.get(path)
    assert again.status_code == 200
    assert not TOKEN.findall(again.text)
    assert "This token cannot be shown again" in again.text
    assert "/tokens/1/revoke" in again.text
    assert len(stored(app)) == 1


def test_a_new_token_is_shown_to_nobody_else(app: Flask, people: People, world: World) -> None:
    path = people.admin.post("/tokens/new", FORM).headers["Location"]
    other = Browser(app).sign_in(world.admin("second@example.org"))
    assert not TOKEN.findall(other.get(path).text)
    assert people.staff.get(path).status_code == 403
    assert TOKEN.findall(people.admin.get(path).text)


def test_the_answer_has_a_curl_line_that_works_here(people: People) -> None:
    answer = people.admin.post("/tokens/new", FORM, base_url="http://localhost:8123", follow_redirects=True)
    token = TOKEN.findall(answer.text)[0]
    line = f"curl -H &#34;Authorization: Token {token}&#34; http://localhost:8123/api/settings/notifications"
    assert line in answer.text


def test_creating_a_token_is_recorded_without_the_token(app: Flask, people: People) -> None:
    token = create(people.admin, expires_in_days="30")
    (event,) = events(app)
    assert (event.action, event.actor, event.project_id) == ("token_created", "admin@example.org", people.project.id)
    assert event.subject == token[: credentials.TOKEN_PREFIX_LENGTH]
    assert event.detail == {"name": "Web shop", "owner": "staff@example.org", "expires_in_days": 30}


@pytest.mark.parametrize(("days", "lifetime"), [("", 365), (" 1 ", 1), ("30", 30), ("365", 365), ("3650", 3650)])
def test_a_token_lives_as_long_as_was_asked_for(app: Flask, people: People, days: str, lifetime: int) -> None:
    create(people.admin, expires_in_days=days)
    (token,) = stored(app)
    assert token.expires_at == token.created_at + timedelta(days=lifetime)


def test_a_token_expires_after_a_year_unless_never_is_chosen(app: Flask, people: People) -> None:
    assert 'value="365"' in people.admin.get("/tokens/new").text
    create(people.admin, never_expires="y", expires_in_days="365")
    (token,) = stored(app)
    assert token.expires_at is None


def test_an_expired_token_is_refused_and_said_to_be_expired(
    people: People, api: ApiClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = create(people.admin, expires_in_days="30")
    later = clock.now() + timedelta(days=30)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert api.get_settings(token).json == {"detail": "Invalid token."}
    people.admin.sign_in(world.admin("second@example.org"))
    assert "Expired" in row(people.admin.get("/tokens").text, "Web shop").text


@pytest.mark.parametrize("days", ["0", "-1", "3651", "1.5", "soon", "1e3", "9" * 5000])
def test_an_odd_lifetime_is_refused_beside_its_field(app: Flask, people: People, days: str) -> None:
    answer = people.admin.post("/tokens/new", FORM | {"expires_in_days": days})
    assert answer.status_code == 400
    assert 'id="expires_in_days-error"' in answer.text
    assert 'value="Web shop"' in answer.text
    assert stored(app) == []


@pytest.mark.parametrize(
    "owner", ["", "nobody@example.org", "no address", "a\0b@example.org", "x" * 999 + "@example.org"]
)
def test_the_owner_must_exist(app: Flask, people: People, owner: str) -> None:
    answer = people.admin.post("/tokens/new", FORM | {"owner": owner})
    assert answer.status_code == 400
    assert "Choose a user who exists and is active." in answer.text
    assert 'id="owner-error"' in answer.text
    assert stored(app) == []


def test_the_owner_must_be_active(app: Flask, people: People, world: World) -> None:
    world.join(world.user("gone@example.org", active=False), people.project, [])
    answer = people.admin.post("/tokens/new", FORM | {"owner": "gone@example.org"})
    assert answer.status_code == 400
    assert 'id="owner-error"' in answer.text
    assert stored(app) == []


def test_the_owner_must_be_a_member_unless_an_admin(app: Flask, people: People) -> None:
    answer = people.admin.post("/tokens/new", FORM | {"owner": "outsider@example.org"})
    assert answer.status_code == 400
    assert "This user is not a member of the project." in answer.text
    assert 'id="owner-error"' in answer.text
    assert stored(app) == []
    create(people.admin, owner="Admin@Example.org")


@pytest.mark.parametrize("project", ["", "nowhere", "new", "\0", "shop/../x", "x" * 999])
def test_the_project_must_exist(app: Flask, people: People, project: str) -> None:
    answer = people.admin.post("/tokens/new", FORM | {"project": project})
    assert answer.status_code == 400
    assert 'id="project-error"' in answer.text
    assert stored(app) == []


def test_an_archived_project_gets_no_new_token(app: Flask, people: People, world: World) -> None:
    world.archive(people.project)
    answer = people.admin.post("/tokens/new", FORM)
    assert answer.status_code == 400
    assert 'id="project-error"' in answer.text
    assert stored(app) == []


def test_all_bad_fields_are_named_at_once(people: People) -> None:
    answer = people.admin.post("/tokens/new", {"expires_in_days": "soon"})
    assert answer.status_code == 400
    for field in ("owner", "project", "name", "expires_in_days"):
        assert f'<a href="#{field}">' in answer.text


def test_the_form_can_be_opened_for_an_owner_and_a_project(people: People) -> None:
    page = people.admin.get("/tokens/new?owner=staff@example.org&project=shop").text
    assert 'value="staff@example.org"' in page
    assert 'value="shop"' in page


def test_a_revoked_token_stops_working_at_once(app: Flask, people: People, api: ApiClient) -> None:
    token = create(people.admin)
    assert api.get_settings(token).status_code == 200
    assert "are refused from that moment on" in people.admin.get("/tokens/1/revoke").text
    assert api.get_settings(token).status_code == 200
    assert people.admin.post("/tokens/1/revoke").status_code == 303
    refused = api.get_settings(token)
    assert (refused.status_code, refused.json) == (401, {"detail": "Invalid token."})
    assert [event.action for event in events(app)] == ["token_created", "token_revoked"]


def test_revoking_twice_is_recorded_once(app: Flask, people: People) -> None:
    create(people.admin)
    assert people.admin.post("/tokens/1/revoke").status_code == 303
    (before,) = stored(app)
    assert people.admin.post("/tokens/1/revoke").status_code == 409
    (after,) = stored(app)
    assert after.revoked_at == before.revoked_at
    assert len(events(app)) == 2


def test_a_token_stops_with_its_owner(app: Flask, people: People, api: ApiClient, world: World) -> None:
    token = world.token(world.user("gone@example.org", admin=True, active=False), people.project)
    assert api.get_settings(token).status_code == 401
    assert "Suspended" in row(people.admin.get("/tokens").text, "test").text


@pytest.mark.parametrize("token_id", [0, 999, 2**31, 2**63, 10**40])
def test_a_token_that_is_not_there_is_not_found(people: People, token_id: int) -> None:
    assert people.admin.get(f"/tokens/{token_id}/revoke").status_code == 404
    assert people.admin.post(f"/tokens/{token_id}/revoke").status_code == 404


@pytest.fixture
def crowd(people: People, world: World) -> People:
    """Four tokens, one in each state."""
    other = world.project("bakery", "Bakery")
    member = world.member(other, Permission.NOTIFICATIONS_SETTINGS_READ, email="baker@example.org")
    now = clock.now()
    world.token(member, other, name="working", last_used_at=now)
    world.token(member, other, name="gone-off", expires_at=now - timedelta(days=1))
    world.token(member, other, name="taken-back", revoked_at=now, expires_at=now - timedelta(days=1))
    closed = world.project("attic")
    world.token(member, closed, name="shut-in")
    world.archive(closed)
    return people


def row(page: str, name: str) -> Row:
    """The part of the list that is about one token."""
    return next(row for row in rows(page) if row.title == name)


def names(page: str) -> list[str]:
    return [row.title for row in rows(page)]


def test_the_list_is_newest_first_and_says_what_counts(crowd: People) -> None:
    page = crowd.admin.get("/tokens").text
    assert names(page) == ["shut-in", "taken-back", "gone-off", "working"]
    for name, state in (
        ("shut-in", "Suspended"),
        ("taken-back", "Revoked"),
        ("gone-off", "Expired"),
        ("working", "Active"),
    ):
        assert state in row(page, name).text
    working = row(page, "working")
    assert "baker@example.org" in working.text
    assert "Bakery" in working.text
    assert re.fullmatch(r"ntf_[0-9a-f]{8}…", working.small)
    assert "/tokens/1/revoke" in working.links
    assert not [link for link in row(page, "taken-back").links if "revoke" in link]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=GONE", ["gone-off"]),
        ("q=ntf_", ["shut-in", "taken-back", "gone-off", "working"]),
        ("q=%25", []),
        ("owner=Baker@example.org&project=bakery", ["taken-back", "gone-off", "working"]),
        ("owner=admin@example.org", []),
        ("project=attic", ["shut-in"]),
        ("project=%00", ["shut-in", "taken-back", "gone-off", "working"]),
        ("state=active", ["working"]),
        ("state=suspended", ["shut-in"]),
        ("state=expired", ["gone-off"]),
        ("state=revoked", ["taken-back"]),
        ("state=revoked&q=work", []),
    ],
)
def test_the_list_is_narrowed_by_each_filter(crowd: People, query: str, found: list[str]) -> None:
    page = crowd.admin.get(f"/tokens?{query}").text
    assert names(page) == found
    assert ("No token found" in page) == (not found)


def test_a_state_that_there_is_not_is_named(crowd: People) -> None:
    answer = crowd.admin.get("/tokens?state=asleep")
    assert answer.status_code == 400
    assert 'id="state-error"' in answer.text


def test_a_long_list_is_paged_and_keeps_its_filters(crowd: People, world: World) -> None:
    owner = world.admin("many@example.org")
    for number in range(55):
        world.token(owner, crowd.project, name=f"n-{number}")
    first = crowd.admin.get("/tokens?owner=many@example.org").text
    second = crowd.admin.get(pager_link(first, "next")).text
    assert names(first) + names(second) == [f"n-{number}" for number in reversed(range(55))]
    assert pager_link(second, "next") == ""
    assert names(crowd.admin.get(pager_link(second, "prev")).text) == names(first)


def test_without_a_token_the_list_says_what_one_is_for(people: People) -> None:
    page = people.admin.get("/tokens").text
    assert "No tokens yet" in page
    assert "Create the first token" in page


@pytest.mark.parametrize("path", ["/tokens", "/tokens/new", "/tokens/1/revoke"])
def test_who_is_no_admin_sees_and_does_nothing(app: Flask, crowd: People, path: str) -> None:
    for browser in (crowd.staff, crowd.outsider):
        assert browser.get(path).status_code == 403
        if path != "/tokens":
            assert browser.post(path, FORM).status_code == 403
    assert len(stored(app)) == 4
    assert events(app) == []


def test_the_list_takes_no_post(people: People) -> None:
    assert people.admin.post("/tokens").status_code == 405


def test_a_form_without_its_csrf_token_does_nothing(app: Flask, crowd: People) -> None:
    assert crowd.admin.post("/tokens/new", FORM, csrf=False).status_code == 400
    assert crowd.admin.post("/tokens/1/revoke", csrf=False).status_code == 400
    assert events(app) == []
    assert [token.revoked_at is None for token in stored(app)] == [True, True, False, True]


def test_what_can_not_be_audited_is_not_done(app: Flask, people: People, api: ApiClient) -> None:
    token = create(people.admin)
    with refusing(app):
        assert people.admin.post("/tokens/new", FORM).status_code == 500
        assert people.admin.post("/tokens/1/revoke").status_code == 500
    assert len(stored(app)) == 1
    assert api.get_settings(token).status_code == 200
