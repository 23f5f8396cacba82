"""A project's members: who may do what there, and how it is granted, by presets too."""

from __future__ import annotations

import pytest
from flask import Flask

from notifapp.access import PRESETS, Permission, ProjectRef
from tests.client import Browser, page_text
from tests.lists import rows
from tests.users.test_memberships import MATRIX, checked, held
from tests.world import World

MEMBERS = "/projects/shop/members"


def test_the_page_says_who_may_do_what_here(world: World, shop: ProjectRef, admin: Browser) -> None:
    world.join(2, shop, [1036, 9001])
    world.member(shop, *PRESETS["backend"].permissions, email="till@example.org")
    world.member(world.project("other"), 1037, email="stranger@example.org")
    page = admin.get(MEMBERS).text
    staff, till = rows(page)
    assert "Read settings 1036" in staff.text
    assert "Send codes 9001" in staff.text
    assert "Backend of a shop" in till.text
    assert "Stranger" not in page
    assert "Admins may do everything in every project: Admin." in " ".join(page.split())
    assert f"{MATRIX}?back=members" in staff.links


def test_without_members_it_leads_to_adding_one(admin: Browser) -> None:
    page = admin.get(MEMBERS)
    assert "No members yet" in page_text(page)
    assert f'href="{MEMBERS}/add"' in page.text
    assert f'<a href="{MEMBERS}" aria-current="page">Members</a>' in admin.get(f"{MEMBERS}/add").text


def test_a_member_is_added_from_the_project_and_one_comes_back(app: Flask, admin: Browser) -> None:
    assert f'href="{MATRIX}?back=members"' in admin.get(f"{MEMBERS}/add?q=staf").text
    found = admin.get(f"{MEMBERS}/add?q=Staff@Example.org")
    assert found.headers["Location"] == f"{MATRIX}?back=members"
    answer = admin.post(found.headers["Location"], {"preset": "viewer"})
    assert answer.headers["Location"] == MEMBERS
    assert "Viewer" in rows(admin.get(MEMBERS).text)[0].text
    assert "No user matches" in page_text(admin.get(f"{MEMBERS}/add?q=staff@"))
    removed = admin.post(f"{MATRIX}/remove?back=members")
    assert removed.headers["Location"] == MEMBERS
    assert held(app) is None


def test_going_back_leads_to_no_other_place(admin: Browser) -> None:
    assert admin.post(f"{MATRIX}?back=//evil.example").headers["Location"] == "/users/2"


@pytest.mark.parametrize("preset", list(PRESETS))
def test_a_preset_grants_its_codes_whatever_is_ticked(app: Flask, admin: Browser, preset: str) -> None:
    admin.post(MATRIX, {"preset": preset, "codes": ["1037"]})
    assert held(app) == set(map(int, PRESETS[preset].permissions))
    assert checked(admin.get(MATRIX).text) == held(app)


def test_without_a_preset_what_is_ticked_counts(app: Flask, admin: Browser) -> None:
    admin.post(MATRIX, {"preset": "", "codes": ["1036"]})
    assert held(app) == {1036}
    admin.post(MATRIX, {"preset": "no such thing", "codes": ["1036", "1037"]})
    assert held(app) == {1036, 1037}


def test_everything_is_every_code_and_the_editor_sends_none() -> None:
    assert PRESETS["everything"].permissions == set(Permission)
    assert PRESETS["viewer"].permissions < PRESETS["editor"].permissions
    assert PRESETS["editor"].permissions | PRESETS["backend"].permissions == set(Permission) - {Permission.OTP_RELEASE}


def test_the_form_says_what_a_code_needs_and_what_it_also_shows(admin: Browser) -> None:
    page = page_text(admin.get(MATRIX))
    assert "Also give “Read settings” (1036): it opens the page." in page
    assert "Also give “Read SMS notifiers” (2812)" in page
    assert "Also shows the deliveries" in page


def test_granting_a_code_without_what_it_needs_is_said(app: Flask, admin: Browser) -> None:
    answer = admin.post(MATRIX, {"codes": ["1037"]}, follow_redirects=True)
    assert "“Update settings” (1037) works only through the API" in page_text(answer)
    assert held(app) == {1037}
    fine = admin.post(MATRIX, {"codes": ["1036", "1037"]}, follow_redirects=True)
    assert "works only through the API" not in page_text(fine)


def test_an_archived_projects_members_can_be_seen(world: World, shop: ProjectRef, admin: Browser) -> None:
    world.join(2, shop, [1036])
    world.archive(shop)
    page = admin.get(MEMBERS)
    assert "Staff" in page_text(page)
    assert "Add a member" not in page_text(page)


def test_only_admins_see_the_members(app: Flask, world: World, shop: ProjectRef) -> None:
    world.join(2, shop, list(Permission))
    staff = Browser(app).sign_in(2)
    assert staff.get(MEMBERS).status_code == 403
    assert staff.get(f"{MEMBERS}/add").status_code == 403
    assert MEMBERS not in staff.get("/projects/shop").text
    outsider = Browser(app).sign_in(world.user("outsider@example.org"))
    assert outsider.get(MEMBERS).status_code == 404


def test_many_members_have_several_pages(world: World, shop: ProjectRef, admin: Browser) -> None:
    for number in range(52):
        world.member(shop, 1036, email=f"n{number:02}@example.org")
    page = admin.get(MEMBERS).text
    assert len(rows(page)) == 50
    assert 'rel="next"' in page


@pytest.mark.parametrize("query", ["%00", "%25", "x" * 300, ""])
def test_any_search_is_answered(admin: Browser, query: str) -> None:
    assert admin.get(f"{MEMBERS}/add?q={query}").status_code == 200
