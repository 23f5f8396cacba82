"""Projects are listed, created, renamed, archived and restored."""

from __future__ import annotations

import pytest
from flask import Flask

from notifapp.projects.service import find_project
from tests.audit.trail import events, refusing
from tests.client import ApiClient, Browser
from tests.lists import pager_link
from tests.people import People
from tests.world import World

ADMIN_PAGES = ["/projects/new", "/projects/shop/rename", "/projects/shop/archive", "/projects/shop/restore"]


def name_of(app: Flask, slug: str) -> str:
    with app.app_context():
        return find_project(slug).name


def test_an_admin_sees_every_project(people: People, world: World) -> None:
    world.archive(world.project("attic", "Attic"))
    page = people.admin.get("/projects").text
    assert "Corner Shop" in page
    assert "Attic" in page
    assert "Archived" in page
    assert 'href="/projects/new"' in page


def test_staff_see_their_own_projects_alone(people: People, world: World) -> None:
    world.project("bakery", "Bakery")
    page = people.staff.get("/projects").text
    assert "Corner Shop" in page
    assert "Bakery" not in page
    assert "/projects/new" not in page


def test_an_archived_project_is_gone_for_staff(people: People, world: World) -> None:
    world.archive(people.project)
    assert "Corner Shop" not in people.staff.get("/projects").text
    assert people.staff.get("/projects/shop").status_code == 404


def test_who_is_in_no_project_is_told_how_to_get_into_one(people: People) -> None:
    page = people.outsider.get("/projects").text
    assert "You are not a member of any project yet" in page
    assert "outsider@example.org" in page


def test_the_first_admin_is_led_to_the_first_project(world: World, browser: Browser) -> None:
    page = browser.sign_in(world.admin()).get("/projects").text
    assert "No project yet" in page
    assert "Create the first project" in page


@pytest.mark.parametrize("search", ["corner", "SHO", "  shop "])
def test_a_search_looks_at_name_and_address(people: People, world: World, search: str) -> None:
    world.project("bakery", "Bakery")
    page = people.admin.get("/projects", query_string={"q": search}).text
    assert "Corner Shop" in page
    assert "Bakery" not in page


@pytest.mark.parametrize("search", ["%", "_", "no such", "<b>", "\0%", "ю"])
def test_a_search_takes_every_character_for_itself(people: People, search: str) -> None:
    page = people.admin.get("/projects", query_string={"q": search})
    assert page.status_code == 200
    assert "No project found" in page.text
    assert "<b>" not in page.text


def test_a_long_list_is_paged_both_ways(app: Flask, people: People, world: World) -> None:
    for number in range(120):
        world.project(f"p-{number:03}", f"Number {number:03}")
    seen: list[str] = []
    url = "/projects?q=Number"
    while url:
        page = people.admin.get(url).text
        seen += [f"p-{n:03}" for n in range(120) if f'href="/projects/p-{n:03}"' in page]
        url = pager_link(page, "next")
    assert seen == [f"p-{n:03}" for n in range(120)]
    back = people.admin.get(pager_link(page, "prev")).text
    assert "Number 050" in back
    assert "Number 099" in back
    assert "Number 100" not in back


@pytest.mark.parametrize("query", ["after=%00", "after=a&after=b", "before=x", "after=zzz", "after=%FF"])
def test_an_odd_cursor_is_answered_calmly(people: People, query: str) -> None:
    assert people.admin.get(f"/projects?{query}").status_code in (200, 404)


def test_a_project_is_created_with_default_settings(app: Flask, people: People) -> None:
    answer = people.admin.post("/projects/new", {"slug": " book-store-2 ", "name": " کتاب‌فروشی "})
    assert answer.status_code == 303
    assert answer.location == "/projects/book-store-2"
    page = people.admin.get("/projects/book-store-2").text
    assert "کتاب‌فروشی" in page
    assert "Version 0" in page
    (event,) = events(app)
    assert (event.action, event.actor, event.subject) == ("project_created", "admin@example.org", "book-store-2")


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "a",
        "new",
        "Shop",
        "2nd",
        "-shop",
        "shop-",
        "a--b",
        "a_b",
        "a b",
        "a/b",
        "a.b",
        "ш" * 3,
        "a" * 64,
        "a\nb",
    ],
)
def test_a_bad_address_is_refused_beside_its_field(app: Flask, people: People, slug: str) -> None:
    answer = people.admin.post("/projects/new", {"slug": slug, "name": "Bakery"})
    assert answer.status_code == 400
    assert 'id="slug-error"' in answer.text
    assert 'id="name-error"' not in answer.text
    assert 'value="Bakery"' in answer.text
    assert events(app) == []


@pytest.mark.parametrize("slug", ["ab", "a1", "a" * 63, "a-b-c-1", "news"])
def test_a_good_address_is_taken(people: People, slug: str) -> None:
    assert people.admin.post("/projects/new", {"slug": slug, "name": "Bakery"}).status_code == 303


def test_an_address_names_one_project_alone_even_an_archived_one(people: People, world: World) -> None:
    world.archive(people.project)
    answer = people.admin.post("/projects/new", {"slug": "shop", "name": "Other"})
    assert answer.status_code == 400
    assert "Another project has this address already." in answer.text


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "two\nlines", "tab\tbed", "a\u2028b"])
def test_a_bad_name_is_refused_beside_its_field(people: People, name: str) -> None:
    for path in ("/projects/new", "/projects/shop/rename"):
        answer = people.admin.post(path, {"slug": "bakery", "name": name})
        assert answer.status_code == 400
        assert 'id="name-error"' in answer.text


def test_all_bad_fields_are_named_at_once(people: People) -> None:
    answer = people.admin.post("/projects/new")
    assert answer.status_code == 400
    assert '<a href="#slug">' in answer.text
    assert '<a href="#name">' in answer.text


def test_a_project_is_renamed_and_keeps_its_address(app: Flask, people: People) -> None:
    assert 'value="Corner Shop"' in people.admin.get("/projects/shop/rename").text
    answer = people.admin.post("/projects/shop/rename", {"name": "<i>Grand</i> Shop"})
    assert answer.status_code == 303
    assert "&lt;i&gt;Grand&lt;/i&gt; Shop" in people.admin.get(answer.location).text
    (event,) = events(app)
    assert event.detail == {"changes": [["Name", "Corner Shop", "<i>Grand</i> Shop"]]}


def test_the_same_name_again_is_no_event(app: Flask, people: People) -> None:
    assert people.admin.post("/projects/shop/rename", {"name": "Corner Shop"}).status_code == 303
    assert events(app) == []


def test_archiving_asks_first_and_shuts_everybody_out(app: Flask, people: People, api: ApiClient, world: World) -> None:
    token = world.token(world.admin("second@example.org"), people.project)
    assert api.get_settings(token).status_code == 200
    assert "its API tokens are refused" in people.admin.get("/projects/shop/archive").text
    assert people.admin.post("/projects/shop/archive").status_code == 303
    refused = api.get_settings(token)
    assert (refused.status_code, refused.json) == (401, {"detail": "Invalid token."})
    assert people.staff.get("/projects/shop").status_code == 404
    assert [event.action for event in events(app)] == ["project_archived"]


def test_an_archived_project_can_be_read_by_admins_and_not_changed(app: Flask, people: People, world: World) -> None:
    world.archive(people.project)
    page = people.admin.get("/projects/shop").text
    assert "This project is archived" in page
    assert "/projects/shop/restore" in page
    assert "/projects/shop/rename" not in page
    for path in ("/projects/shop/rename", "/projects/shop/archive", "/projects/shop/settings"):
        assert people.admin.post(path, {"name": "Other", "notifications_otp_ttl": "60"}).status_code == 409
    assert name_of(app, "shop") == "Corner Shop"
    assert events(app) == []


def test_restoring_gives_everybody_back_what_they_had(app: Flask, people: People, api: ApiClient, world: World) -> None:
    token = world.token(world.admin("second@example.org"), people.project)
    people.admin.post("/projects/shop/archive")
    assert "Its members see it again" in people.admin.get("/projects/shop/restore").text
    assert people.admin.post("/projects/shop/restore").status_code == 303
    assert api.get_settings(token).status_code == 200
    assert people.staff.get("/projects/shop").status_code == 200
    assert [event.action for event in events(app)] == ["project_archived", "project_restored"]
    assert people.admin.post("/projects/shop/restore").status_code == 409


@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_who_is_no_admin_manages_nothing(app: Flask, people: People, path: str) -> None:
    for browser in (people.staff, people.outsider):
        assert browser.get(path).status_code == 403
        assert browser.post(path, {"slug": "mine", "name": "Mine"}).status_code == 403
    assert events(app) == []


@pytest.mark.parametrize("path", ["/projects", "/projects/shop", *ADMIN_PAGES])
def test_nobody_in_particular_is_sent_to_sign_in(people: People, browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code in (302, 303)
    assert "/sign-in" in answer.location


@pytest.mark.parametrize("path", [page for page in ADMIN_PAGES if "shop" in page])
def test_a_project_that_is_not_there_is_not_found(people: People, path: str) -> None:
    for slug in ("nowhere", "new", "%00", "a" * 300, "Shop"):
        elsewhere = path.replace("shop", slug)
        assert people.admin.get(elsewhere).status_code == 404
        assert people.admin.post(elsewhere, {"name": "Other"}).status_code == 404


@pytest.mark.parametrize("path", ["/projects", "/projects/shop"])
def test_a_list_and_an_overview_take_no_post(people: People, path: str) -> None:
    assert people.admin.post(path).status_code == 405


@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_a_form_without_its_csrf_token_does_nothing(app: Flask, people: People, path: str) -> None:
    assert people.admin.post(path, {"slug": "bakery", "name": "Bakery"}, csrf=False).status_code == 400
    assert name_of(app, "shop") == "Corner Shop"
    assert events(app) == []


@pytest.mark.parametrize("path", ["/projects/new", "/projects/shop/rename", "/projects/shop/archive"])
def test_what_can_not_be_audited_is_not_done(app: Flask, people: People, path: str) -> None:
    with refusing(app):
        assert people.admin.post(path, {"slug": "bakery", "name": "Bakery"}).status_code == 500
    page = people.admin.get("/projects").text
    assert "Bakery" not in page
    assert "Corner Shop" in page
    assert "Archived" not in page
