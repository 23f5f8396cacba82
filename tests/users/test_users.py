"""The pages about users, as admins use them."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import delete, insert

from notifapp import clock
from notifapp.access.models import User
from notifapp.database import writing
from notifapp.extensions import db
from tests.account.actions import NEW_PASSWORD, sign_in, use_link
from tests.audit.trail import events
from tests.client import ApiClient, Browser
from tests.world import World

ADMIN = "admin@example.org"
NEW = {"name": "Sara Ahmadi", "email": "Sara@Example.ORG"}


@pytest.fixture
def admin(world: World, browser: Browser) -> Browser:
    """Signed in as the only admin, who is user 1."""
    return browser.sign_in(world.admin(ADMIN))


def user(app: Flask, user_id: int) -> User:
    with app.app_context():
        return db.session.get_one(User, user_id)


def names(page: str) -> list[str]:
    """The people on a page of the list, in order."""
    return re.findall(r'<th scope="row"><a href="/users/\d+">([^<]*)</a>', page)


def test_a_new_user_gets_a_link_that_is_shown_once(app: Flask, admin: Browser) -> None:
    answer = admin.post("/users/new", NEW, follow_redirects=True)
    assert answer.status_code == 200
    match = re.search(r"<code>http://localhost(/password/[\w-]{43})</code>", answer.text)
    assert match
    assert match[1] not in admin.get("/users/2").text
    stranger = Browser(app)
    use_link(stranger, match[1])
    assert sign_in(stranger, "sara@example.org", NEW_PASSWORD).status_code == 303
    created, link = events(app, "user_created", "password_link_created")
    assert (created.actor, created.subject) == (ADMIN, "sara@example.org")
    assert created.detail == {"name": "Sara Ahmadi", "is_admin": False}
    assert (link.subject, link.detail) == ("sara@example.org", {})


def test_reloading_makes_no_second_link(app: Flask, world: World, admin: Browser) -> None:
    world.user()
    path = admin.post("/users/2/password-link").headers["Location"]
    link = re.search(r"/password/[\w-]{43}", admin.get(path).text)
    assert link
    again = admin.get(path)
    assert (again.status_code, "This link cannot be shown again" in again.text) == (200, True)
    assert "/password/" not in again.text
    assert len(events(app, "password_link_created")) == 1
    assert Browser(app).get(link[0]).status_code == 303


def test_a_password_link_ends_when_the_address_that_it_was_for_changes(app: Flask, admin: Browser) -> None:
    page = admin.post("/users/new", NEW, follow_redirects=True).text
    link = re.search(r"/password/[\w-]{43}", page)
    assert link
    assert Browser(app).get(link[0]).status_code == 303
    admin.post("/users/2", {"name": "Sara Ahmadi", "email": "other@example.org"})
    assert Browser(app).get(link[0]).status_code == 404


def test_a_new_user_may_be_an_admin(app: Flask, admin: Browser) -> None:
    admin.post("/users/new", NEW | {"is_admin": "y"})
    assert user(app, 2).is_admin


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("email", "", "Enter an email address like name@example.com."),
        ("email", "no address", "Enter an email address like name@example.com."),
        ("email", "a\0b@", "Enter an email address like name@example.com."),
        ("email", "x" * 300 + "@example.org", "Enter an email address like name@example.com."),
        ("email", "ADMIN@example.org", "A user with this email address already exists."),
        ("name", " ", "Enter a name."),
        ("name", "x" * 121, "Use at most 120 characters."),
        ("name", "two\nlines", "Use no line breaks or control characters."),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(admin: Browser, field: str, value: str, message: str) -> None:
    for path in ("/users/new", "/users/1"):
        answer = admin.post(path, NEW | {"is_admin": "y", field: value})
        if path == "/users/1" and "already" in message:
            continue  # it is one's own address
        assert answer.status_code == 400
        assert message in answer.text
        assert f'id="{field}-error"' in answer.text
        assert f'href="#{field}"' in answer.text


def test_both_fields_are_reported_together(admin: Browser) -> None:
    answer = admin.post("/users/new", {})
    assert 'id="name-error"' in answer.text
    assert 'id="email-error"' in answer.text


def test_changes_are_saved_and_audited_from_what_to_what(app: Flask, world: World, admin: Browser) -> None:
    user_id = world.user()
    answer = admin.post(f"/users/{user_id}", NEW | {"is_admin": "y"}, follow_redirects=True)
    assert "The account is saved." in answer.text
    saved = user(app, user_id)
    assert (saved.name, saved.email, saved.is_admin) == ("Sara Ahmadi", "sara@example.org", True)
    (event,) = events(app, "user_changed")
    assert event.detail["changes"] == [
        ["Email", "staff@example.org", "sara@example.org"],
        ["Name", "Staff", "Sara Ahmadi"],
        ["Admin", "no", "yes"],
    ]
    admin.post(f"/users/{user_id}", NEW | {"is_admin": "y"})
    assert len(events(app, "user_changed")) == 1, "the same again is no change"


def test_a_user_cannot_take_the_address_of_another(app: Flask, world: World, admin: Browser) -> None:
    user_id = world.user()
    answer = admin.post(f"/users/{user_id}", {"name": "Staff", "email": ADMIN})
    assert answer.status_code == 400
    assert "A user with this email address already exists." in answer.text
    assert user(app, user_id).email == "staff@example.org"


def test_nobody_takes_away_the_own_admin_flag(app: Flask, world: World, admin: Browser) -> None:
    world.admin("second@example.org")
    answer = admin.post("/users/1", {"name": "Admin", "email": ADMIN})
    assert answer.status_code == 400
    assert "You can&#39;t take away your own admin flag." in answer.text
    assert user(app, 1).is_admin


def test_nobody_deactivates_oneself(app: Flask, world: World, admin: Browser) -> None:
    world.admin("second@example.org")
    assert "/users/1/deactivate" not in admin.get("/users/1").text
    answer = admin.post("/users/1/deactivate")
    assert answer.status_code == 409
    assert "You can&#39;t deactivate yourself." in answer.text
    assert user(app, 1).is_active


def test_deactivating_shuts_out_sessions_and_tokens_and_reactivating_lets_the_person_in_again(
    app: Flask, world: World, admin: Browser, api: ApiClient
) -> None:
    project = world.project()
    token = world.staff_token(project, 1036)
    assert "1 API token of this person stops" in " ".join(admin.get("/users/2/deactivate").text.split())
    answer = admin.post("/users/2/deactivate", follow_redirects=True)
    assert "Staff is deactivated and signed out everywhere." in answer.text
    refused = api.get_settings(token)
    assert (refused.status_code, refused.json) == (401, {"detail": "User inactive or deleted."})
    assert sign_in(Browser(app), "staff@example.org").status_code == 400
    admin.get("/users/2/reactivate")
    admin.post("/users/2/reactivate")
    assert api.get_settings(token).json == {"detail": "Invalid token."}
    assert sign_in(Browser(app), "staff@example.org").status_code == 303
    assert [event.action for event in events(app, "user_deactivated", "user_reactivated")] == [
        "user_deactivated",
        "user_reactivated",
    ]


def test_doing_it_twice_is_recorded_once(app: Flask, world: World, admin: Browser) -> None:
    world.user()
    for _ in range(2):
        assert admin.post("/users/2/deactivate").status_code == 303
    assert len(events(app, "user_deactivated")) == 1


def test_a_deactivated_user_gets_no_link(world: World, admin: Browser) -> None:
    world.user(active=False)
    assert admin.post("/users/2/password-link").status_code == 409


@pytest.mark.parametrize(
    "path", ["", "/deactivate", "/reactivate", "/password-link", "/memberships", "/memberships/x1"]
)
@pytest.mark.parametrize("user_id", [0, 99, 2147483647, 2147483648, 10**30, "x", "-1"])
def test_who_does_not_exist_is_not_found(world: World, admin: Browser, path: str, user_id: object) -> None:
    world.project("x1")
    assert admin.get(f"/users/{user_id}{path}").status_code == 404
    if path != "/memberships":
        assert admin.post(f"/users/{user_id}{path}", NEW).status_code == 404


def test_staff_get_none_of_it(world: World, browser: Browser) -> None:
    browser.sign_in(world.user())
    for path in ("/users", "/users/new", "/users/1"):
        assert browser.get(path).status_code == 403


@pytest.fixture
def crowd(app: Flask, admin: Browser) -> list[str]:
    """2,000 more users; their names in the order of their addresses."""
    people = [f"person{number:04}" for number in range(2000)]
    with app.app_context(), writing() as connection:
        rows = [{"email": f"{name}@example.org", "name": name.title(), "created_at": clock.now()} for name in people]
        connection.execute(insert(User), rows[::-1])
    return ["Admin", *(name.title() for name in people)]


def walk(browser: Browser, path: str, link: str) -> list[list[str]]:
    """The people on each page, following the links one way."""
    pages = []
    while True:
        text = browser.client.get(path).text
        pages.append(names(text))
        match = re.search(rf'rel="{link}" href="([^"]+)"', text)
        if match is None:
            return pages
        path = match[1].replace("&amp;", "&")


def test_two_thousand_users_are_paged_forth_and_back_without_gap_or_repetition(
    crowd: list[str], admin: Browser
) -> None:
    forth = walk(admin, "/users", "next")
    assert [name for page in forth for name in page] == crowd
    assert {len(page) for page in forth[:-1]} == {50}
    back = walk(admin, "/users?after=person1234@example.org", "prev")
    assert [name for page in reversed(back) for name in page][:1200] == crowd[:1200]
    assert names(admin.client.get("/users?before=person0049%40example.org").text) == crowd[:50]


def test_a_search_stays_while_one_pages(crowd: list[str], admin: Browser) -> None:
    found = [name for page in walk(admin, "/users?q=PERSON1", "next") for name in page]
    assert found == [name for name in crowd if name.startswith("Person1")]


def test_a_page_goes_on_at_its_place_though_its_last_user_has_gone(
    app: Flask, crowd: list[str], admin: Browser
) -> None:
    with app.app_context(), writing() as connection:
        connection.execute(delete(User).where(User.email == "person0048@example.org"))
    assert names(admin.client.get("/users?after=person0048@example.org").text)[0] == "Person0049"


@pytest.mark.parametrize("search", ["%", "_", "\\", "\0", "'", "nobody", "<b>"])
def test_a_search_means_its_characters(world: World, admin: Browser, search: str) -> None:
    page = admin.get("/users", query_string={"q": search})
    assert page.status_code == 200
    assert names(page.text) == ([] if search != "\0" else ["Admin"])


def test_a_search_finds_parts_of_names_and_addresses(world: World, admin: Browser) -> None:
    world.user("sara@shop.example")
    assert names(admin.get("/users?q=SHOP.ex").text) == ["Sara"]
    assert names(admin.get("/users?q=aR").text) == ["Sara"]


@pytest.mark.parametrize(
    "query", ["after=a&after=b", "after=%00", "before=%00", "after=", "_external=1&endpoint=x&user_id=3"]
)
def test_an_odd_address_of_a_page_is_no_error(world: World, admin: Browser, query: str) -> None:
    assert admin.get(f"/users?{query}").status_code in (200, 404)


def test_an_odd_filter_is_carried_along_as_it_is(crowd: list[str], admin: Browser) -> None:
    text = admin.client.get("/users?_external=1&endpoint=x&q=person").text
    assert 'href="/users?_external=1&amp;endpoint=x&amp;q=person&amp;after=person0049%40example.org"' in text
