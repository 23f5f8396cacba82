"""Who is a member of which project, and with which permission codes."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import insert, select

from notifapp import clock
from notifapp.access import Permission, ProjectRef
from notifapp.access.models import Membership, MembershipPermission, Project
from notifapp.database import writing
from notifapp.extensions import db
from tests.audit.trail import events
from tests.client import ApiClient, Browser
from tests.world import World

READ, UPDATE = Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE
MATRIX = "/users/2/memberships/shop"


def held(app: Flask) -> set[int] | None:
    """The codes of user 2 in project 1; None for no member."""
    with app.app_context():
        if db.session.get(Membership, (2, 1)) is None:
            return None
        return set(db.session.scalars(select(MembershipPermission.code).where(MembershipPermission.user_id == 2)))


def checked(page: str) -> set[int]:
    return {int(code) for code in re.findall(r'<input [^>]*checked [^>]*name="codes"[^>]*value="(\d+)"', page)}


def test_the_matrix_shows_name_number_and_meaning_of_every_code(admin: Browser) -> None:
    page = admin.get(MATRIX).text
    for permission in Permission:
        assert permission.label in page
        assert f'<span class="mono">{permission.value}</span>' in page
        assert permission.allows in page
    assert checked(page) == set()


def test_a_user_is_added_with_the_codes_that_are_checked(app: Flask, admin: Browser) -> None:
    answer = admin.post(MATRIX, {"codes": ["1036", "2812"]}, follow_redirects=True)
    assert "The permissions in Shop are saved." in answer.text
    assert held(app) == {1036, 2812}
    assert checked(admin.get(MATRIX).text) == {1036, 2812}
    (event,) = events(app, "membership_set")
    assert (event.subject, event.project_id, event.detail) == (
        "staff@example.org",
        1,
        {"granted": [1036, 2812], "taken": []},
    )


def test_a_user_may_be_a_member_without_any_code(app: Flask, admin: Browser) -> None:
    assert held(app) is None
    admin.post(MATRIX)
    assert held(app) == set()
    assert len(events(app, "membership_set")) == 1


def test_what_is_granted_and_what_is_taken_is_in_the_audit_log(app: Flask, admin: Browser) -> None:
    admin.post(MATRIX, {"codes": ["1036", "1037"]})
    admin.post(MATRIX, {"codes": ["1037", "2811"]})
    admin.post(MATRIX, {"codes": ["2811", "1037"]})
    assert held(app) == {1037, 2811}
    assert [event.detail for event in events(app, "membership_set")] == [
        {"granted": [1036, 1037], "taken": []},
        {"granted": [2811], "taken": [1036]},
    ]


def test_a_code_counts_at_once_for_pages_and_tokens_alike(
    app: Flask, world: World, shop: ProjectRef, admin: Browser, api: ApiClient
) -> None:
    token, staff = world.token(2, shop), Browser(app).sign_in(2)
    assert staff.get("/projects/shop").status_code == 404
    admin.post(MATRIX, {"codes": ["1036"]})
    assert staff.get("/projects/shop/settings").status_code == 200
    assert api.get_settings(token).status_code == 200
    assert api.patch_settings(token, {}).status_code == 403
    admin.post(MATRIX, {"codes": ["1037"]})
    assert staff.get("/projects/shop/settings").status_code == 403
    assert api.get_settings(token).status_code == 403
    assert api.patch_settings(token, {}).status_code == 200
    admin.post(f"{MATRIX}/remove")
    assert staff.get("/projects/shop").status_code == 404
    assert api.patch_settings(token, {}).status_code == 401


@pytest.mark.parametrize("codes", [["99"], ["1036", "x"], ["9" * 30], ["-1"], ["1036; DROP TABLE"], ["\0"]])
def test_an_unknown_code_changes_nothing(app: Flask, admin: Browser, codes: list[str]) -> None:
    answer = admin.post(MATRIX, {"codes": codes})
    assert answer.status_code == 400
    assert 'href="#codes"' in answer.text
    assert held(app) is None


def test_removing_asks_first_and_takes_every_code(app: Flask, admin: Browser) -> None:
    admin.post(MATRIX, {"codes": ["1036"]})
    assert "Remove Staff from Shop?" in admin.get(f"{MATRIX}/remove").text
    answer = admin.post(f"{MATRIX}/remove", follow_redirects=True)
    assert "Staff is no longer a member of Shop." in answer.text
    assert held(app) is None
    (event,) = events(app, "membership_removed")
    assert event.detail == {"taken": [1036]}
    assert admin.get(f"{MATRIX}/remove").status_code == 404
    assert admin.post(f"{MATRIX}/remove").status_code == 404


def test_an_archived_project_takes_no_new_codes_but_lets_go(
    app: Flask, world: World, shop: ProjectRef, admin: Browser
) -> None:
    admin.post(MATRIX, {"codes": ["1036"]})
    world.archive(shop)
    assert "This project is archived" in admin.get(MATRIX).text
    assert admin.post(MATRIX, {"codes": ["1037"]}).status_code == 409
    assert held(app) == {1036}
    assert admin.post(f"{MATRIX}/remove").status_code == 303


@pytest.mark.parametrize("slug", ["other", "%00", "x" * 300, "Shop", "shop%20"])
def test_a_project_that_does_not_exist_is_not_found(admin: Browser, slug: str) -> None:
    assert admin.get(f"/users/2/memberships/{slug}").status_code == 404
    assert admin.post(f"/users/2/memberships/{slug}").status_code == 404


def test_the_page_of_a_user_lists_the_projects_with_their_codes(world: World, admin: Browser) -> None:
    world.join(2, world.project("books"), [])
    admin.post(MATRIX, {"codes": ["1036"]})
    page = admin.get("/users/2").text
    assert page.index(">Books</a>") < page.index(">Shop</a>")
    assert "Read settings" in page


@pytest.fixture
def many(app: Flask, shop: ProjectRef) -> None:
    """10,000 more projects."""
    slugs = [f"project-{number:05}" for number in range(10_000)]
    with app.app_context(), writing() as connection:
        connection.execute(
            insert(Project), [{"slug": slug, "name": slug.title(), "created_at": clock.now()} for slug in slugs]
        )


@pytest.mark.usefixtures("many")
def test_among_ten_thousand_projects_one_is_found_by_name_or_address(admin: Browser) -> None:
    page = admin.get("/users/2").text
    assert page.count("<option") == 20
    exact = admin.get("/users/2/memberships?q=project-04711")
    assert exact.headers["Location"] == "/users/2/memberships/project-04711"
    found = re.findall(r"/users/2/memberships/(project-\d+)", admin.get("/users/2/memberships?q=0471").text)
    assert found == [f"project-{number:05}" for number in (471, *range(4710, 4720)) if "0471" in f"{number:05}"]
    assert "No project found" in admin.get("/users/2/memberships?q=%25").text
    assert admin.get("/users/2/memberships?q=%00").status_code == 200


def test_a_member_of_many_projects_has_them_on_several_pages(app: Flask, many: None, admin: Browser) -> None:
    with app.app_context(), writing() as connection:
        ids = connection.scalars(select(Project.id).where(Project.slug.like("project-000%"))).all()
        connection.execute(
            insert(Membership), [{"user_id": 2, "project_id": id_, "created_at": clock.now()} for id_ in ids]
        )
    first = admin.get("/users/2").text
    assert len(set(re.findall(r"memberships/(project-\d+)\"", first))) == 50
    match = re.search(r'rel="next" href="(/users/2\?after=[^"]+)"', first)
    assert match
    assert "project-00050" in admin.get(match[1]).text
