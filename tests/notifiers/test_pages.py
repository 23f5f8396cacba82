"""The notifiers' pages, as a person uses them: forms carry their CSRF token, every page is linted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from notifapp.access import ProjectRef
from notifapp.extensions import db
from notifapp.notifiers.models import Notifier
from tests.client import ApiClient, Browser, page_text
from tests.lists import pager_link, rows
from tests.world import World, stored_secrets

ALL_CODES = (1036, 2811, 2812, 2813, 2831, 2832, 2833)
INDEX = "/projects/shop/notifiers"
IPPANEL = {"name": "ippanel_one", "token": "t0p-s3cret", "from_number": "+983000505"}
SMTP = {
    "name": "moeinmail", "host": "smtp.example.com", "port": "587", "username": "shop", "password": "t0p-s3cret",
    "from_email": "shop@example.com", "use_tls": "y",
}  # fmt: skip


@pytest.fixture
def project(world: World) -> ProjectRef:
    return world.project("shop")


@pytest.fixture
def staff(browser: Browser, world: World, project: ProjectRef) -> Browser:
    return browser.sign_in(world.member(project, *ALL_CODES))


def notifiers(app: Flask) -> list[Notifier]:
    with app.app_context():
        return list(db.session.query(Notifier).order_by(Notifier.id))


def events(app: Flask) -> list[str]:
    with app.app_context(), db.engine.connect() as connection:
        return [row[0] for row in connection.execute(text("SELECT action FROM audit_event ORDER BY id"))]


def choose(world: World, token: str, api: ApiClient, notifier_id: int, channel: str = "sms") -> None:
    field = f"notifications_{channel}_notifier"
    assert api.patch_settings(token, {field: notifier_id}).status_code == 200


# The list


def test_an_empty_project_says_what_to_do(staff: Browser) -> None:
    page = page_text(staff.get(INDEX))
    assert "No SMS notifier yet" in page
    assert "No email notifier yet" in page
    assert "Create the first SMS notifier" in page


def test_the_one_in_use_comes_first(staff: Browser, world: World, project: ProjectRef, api: ApiClient) -> None:
    world.notifier(project, "sms", "alpha")
    none_in_use = "None is in use, so no code can be sent by SMS. Choose one in the settings."
    assert none_in_use in page_text(staff.get(INDEX))
    choose(world, world.token(world.admin(), project), api, world.notifier(project, "sms", "zulu"))
    page = page_text(staff.get(INDEX))
    assert none_in_use not in page
    assert page.index("zulu") < page.index("alpha")
    assert "Search" not in page


def test_many_notifiers_are_searched_and_paged(
    staff: Browser, world: World, project: ProjectRef, api: ApiClient
) -> None:
    used = [world.notifier(project, "sms", f"line {number:03}") for number in range(60)][-1]
    world.notifier(project, "email", "mail")
    choose(world, world.token(world.admin(), project), api, used)
    first = staff.get(INDEX).text
    titles = [row.title for row in rows(first)]
    assert titles[:2] == ["line 059", "line 000"]
    second = staff.get(pager_link(first, "next")).text
    assert [row.title for row in rows(second)] == [f"line {number:03}" for number in range(49, 59)]
    assert [row.title for row in rows(staff.get(pager_link(second, "prev")).text)] == titles[:-1]
    found = staff.get(INDEX, query_string={"q": "07 LINE"})
    assert [row.title for row in rows(found.text)] == ["line 007"]
    assert "No email notifier found" in page_text(found)
    assert staff.get(INDEX, query_string={"channel": "sms", "after": "x"}).status_code == 404


def test_the_list_shows_both_channels_with_their_state(
    staff: Browser, world: World, project: ProjectRef, api: ApiClient
) -> None:
    used = world.notifier(project, "sms", "line one", backend="ippanel")
    world.notifier(project, "email", "mail one", enabled=False)
    choose(world, world.token(world.admin(), project), api, used)
    page = page_text(staff.get(INDEX))
    assert "line one IPPanel Enabled In use" in page
    assert "mail one Console Disabled" in page


def test_who_reads_one_channel_sees_that_one(browser: Browser, world: World, project: ProjectRef) -> None:
    world.notifier(project, "sms", "line one")
    world.notifier(project, "email", "mail one")
    browser.sign_in(world.member(project, 2832))
    page = browser.get(INDEX).text
    assert "mail one" in page
    assert "line one" not in page
    assert "Add" not in page
    assert "/disable" not in page


# Creating


def test_choosing_a_service_lists_those_of_the_channel(staff: Browser) -> None:
    sms, email = staff.get(f"{INDEX}/sms/new").text, staff.get(f"{INDEX}/email/new").text
    assert f"{INDEX}/sms/new/ippanel" in sms
    assert f"{INDEX}/sms/new/smtp" not in sms
    assert f"{INDEX}/email/new/smtp" in email


def test_the_form_has_the_settings_of_its_backend(staff: Browser) -> None:
    page = staff.get(f"{INDEX}/email/new/smtp").text
    for name in ("name", "host", "port", "username", "password", "from_email", "use_tls", "use_ssl", "fail_silently"):
        assert f'name="{name}"' in page
    assert 'value="587"' in page
    assert re.search(r"<input[^>]*checked[^>]*name=\"use_tls\"|<input[^>]*name=\"use_tls\"[^>]*checked", page)
    for backend in ("ippanel", "melipayamak", "kavenegar", "twilio", "webhook", "console"):
        assert staff.get(f"{INDEX}/sms/new/{backend}").status_code == 200


def test_a_notifier_is_created(staff: Browser, app: Flask) -> None:
    answer = staff.post(f"{INDEX}/email/new/smtp", SMTP)
    assert (answer.status_code, answer.headers["Location"]) == (303, INDEX)
    [notifier] = notifiers(app)
    assert (notifier.name, notifier.backend, notifier.is_enabled) == ("moeinmail", "smtp", True)
    assert notifier.settings["use_tls"] is True
    assert notifier.settings["fail_silently"] is False
    assert stored_secrets(app) == [{"password": "t0p-s3cret"}]
    assert "moeinmail was created." in page_text(staff.get(INDEX))
    assert events(app) == ["notifier_created"]


def test_who_may_choose_a_new_notifier_is_led_to_the_settings(browser: Browser, world: World, app: Flask) -> None:
    browser.sign_in(world.member(world.project(), 2831, 2832, 1036, 1037, email="editor@example.org"))
    browser.post(f"{INDEX}/email/new/smtp", {**SMTP, "name": "<b>mail"})
    page = browser.get(INDEX).text
    assert "&lt;b&gt;mail was created." in page
    assert '<a class="alert-link" href="/projects/shop/settings">settings</a>' in page


def test_errors_stand_beside_their_fields_and_keep_what_was_typed(staff: Browser, app: Flask) -> None:
    answer = staff.post(f"{INDEX}/email/new/smtp", {**SMTP, "name": "", "port": "many", "use_ssl": "y"})
    assert answer.status_code == 400
    page = page_text(answer)
    assert "Please check the form" in page
    assert "Fill in this field." in page
    assert "Enter a whole number from 1 to 65535." in page
    assert "STARTTLS (use_tls) and TLS (use_ssl) can't both be on." in page
    assert 'value="many"' in answer.text
    assert 'value="smtp.example.com"' in answer.text
    assert "t0p-s3cret" not in answer.text
    assert notifiers(app) == []


def test_a_taken_name_is_an_error_of_the_name(staff: Browser, world: World, project: ProjectRef) -> None:
    world.notifier(project, "sms", "ippanel_one")
    answer = staff.post(f"{INDEX}/sms/new/ippanel", IPPANEL)
    assert answer.status_code == 400
    assert "A notifier with this name already exists." in answer.text


@pytest.mark.parametrize("path", ["sms/new/smtp", "email/new/ippanel", "sms/new/bogus", "fax/new", "fax/new/smtp"])
def test_there_is_no_form_for_a_service_that_doesnt_carry_the_channel(staff: Browser, path: str) -> None:
    assert staff.get(f"{INDEX}/{path}").status_code == 404


# Editing


def edit_path(app: Flask, channel: str = "email") -> str:
    return f"{INDEX}/{channel}/{notifiers(app)[0].id}"


def test_a_secret_is_shown_as_stored_and_kept_when_left_blank(staff: Browser, app: Flask) -> None:
    staff.post(f"{INDEX}/email/new/smtp", SMTP)
    page = staff.get(edit_path(app))
    assert "Stored. Leave it blank to keep it." in page.text
    assert "t0p-s3cret" not in page.text
    answer = staff.post(edit_path(app), {**SMTP, "password": "", "name": "renamed", "fail_silently": "y"})
    assert answer.status_code == 303
    [notifier] = notifiers(app)
    assert notifier.name == "renamed"
    assert notifier.settings["fail_silently"] is True
    assert stored_secrets(app) == [{"password": "t0p-s3cret"}]
    assert events(app)[-1] == "notifier_changed"


def test_another_host_needs_the_password_again(staff: Browser, app: Flask) -> None:
    staff.post(f"{INDEX}/email/new/smtp", SMTP)
    moved = {**SMTP, "host": "evil.example.org", "password": ""}
    answer = staff.post(edit_path(app), moved)
    assert answer.status_code == 400
    assert "Give this again: Host changed" in page_text(answer)
    assert notifiers(app)[0].settings["host"] == "smtp.example.com"
    assert staff.post(edit_path(app), {**moved, "password": "new-one"}).status_code == 303
    assert stored_secrets(app) == [{"password": "new-one"}]


def test_saving_without_a_change_changes_nothing(staff: Browser, app: Flask) -> None:
    staff.post(f"{INDEX}/email/new/smtp", SMTP)
    before = notifiers(app)[0].updated_at
    assert staff.post(edit_path(app), {**SMTP, "password": ""}).status_code == 303
    assert "Nothing was changed." in page_text(staff.get(INDEX))
    assert notifiers(app)[0].updated_at == before
    assert events(app) == ["notifier_created"]


def test_who_may_only_read_sees_values_and_no_form(
    staff: Browser, app: Flask, world: World, project: ProjectRef
) -> None:
    staff.post(f"{INDEX}/email/new/smtp", SMTP)
    reader = Browser(app).sign_in(world.member(project, 2832, email="reader@example.org"))
    page = reader.get(edit_path(app))
    assert "smtp.example.com" in page.text
    assert "Stored, never shown" in page.text
    assert "t0p-s3cret" not in page.text
    assert "<input" not in page.text.split("<main", 1)[1]


# Enabling, disabling, deleting


def test_disabling_and_enabling(staff: Browser, app: Flask, world: World, project: ProjectRef) -> None:
    path = f"{INDEX}/sms/{world.notifier(project, 'sms', 'line')}"
    assert staff.post(f"{path}/disable").status_code == 303
    assert "line is disabled." in page_text(staff.get(INDEX))
    assert not notifiers(app)[0].is_enabled
    staff.post(f"{path}/disable")
    assert staff.post(f"{path}/enable").status_code == 303
    assert notifiers(app)[0].is_enabled
    assert events(app) == ["notifier_disabled", "notifier_enabled"]


def test_deleting_asks_first(staff: Browser, app: Flask, world: World, project: ProjectRef) -> None:
    path = f"{INDEX}/sms/{world.notifier(project, 'sms', 'line')}/delete"
    assert "Delete line?" in page_text(staff.get(path))
    assert len(notifiers(app)) == 1
    assert staff.post(path).status_code == 303
    assert notifiers(app) == []
    assert "line was deleted." in page_text(staff.get(INDEX))
    assert events(app) == ["notifier_deleted"]
    assert staff.post(path).status_code == 404


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_a_notifier_in_use_is_not_deleted(
    staff: Browser, app: Flask, world: World, project: ProjectRef, api: ApiClient, channel: str
) -> None:
    notifier_id = world.notifier(project, channel, "line")
    choose(world, world.token(world.admin(), project), api, notifier_id, channel)
    path = f"{INDEX}/{channel}/{notifier_id}/delete"
    asked = page_text(staff.get(path))
    assert "This notifier is in use" in asked
    assert "Delete notifier" not in asked
    answer = staff.post(path)
    assert answer.status_code == 409
    assert "This notifier is in use" in page_text(answer)
    assert len(notifiers(app)) == 1
    assert "notifier_deleted" not in events(app)


def test_disabling_the_notifier_in_use_asks_first(
    staff: Browser, world: World, project: ProjectRef, api: ApiClient, app: Flask
) -> None:
    notifier_id = world.notifier(project, "sms", "line")
    choose(world, world.token(world.admin(), project), api, notifier_id)
    page = page_text(staff.post(f"{INDEX}/sms/{notifier_id}/disable"))
    assert "No code can be sent by SMS" in page
    assert "notifier_disabled" not in events(app)

    staff.post(f"{INDEX}/sms/{notifier_id}/disable", {"confirmed": "yes"})
    assert "line is disabled. No code can be sent by SMS until you enable it" in page_text(staff.get(INDEX))
    assert "notifier_disabled" in events(app)


# Who may


PAGES = [
    ("GET", "", (2812,)), ("GET", "/outbox", (2812,)),
    ("GET", "/sms/new", (2811,)), ("GET", "/sms/new/console", (2811,)), ("POST", "/sms/new/console", (2811,)),
    ("GET", "/sms/{}", (2812,)), ("POST", "/sms/{}", (2813,)),
    ("POST", "/sms/{}/enable", (2813,)), ("POST", "/sms/{}/disable", (2813,)),
    ("GET", "/sms/{}/delete", (2813,)), ("POST", "/sms/{}/delete", (2813,)),
]  # fmt: skip


def visit(browser: Browser, method: str, path: str, **options: Any) -> TestResponse:
    return browser.get(path) if method == "GET" else browser.post(path, {"name": "x"}, **options)


@pytest.mark.parametrize(("method", "path", "codes"), PAGES)
def test_each_page_needs_its_code(
    app: Flask, world: World, project: ProjectRef, method: str, path: str, codes: tuple[int, ...]
) -> None:
    target = INDEX + path.format(world.notifier(project, "sms", "line"))
    others = {2811, 2812, 2813, 2831, 2833} - set(codes)
    refused = Browser(app).sign_in(world.member(project, *others, email="refused@example.org"))
    assert visit(refused, method, target).status_code == 403
    outsider = Browser(app).sign_in(world.user("outsider@example.org"))
    assert visit(outsider, method, target).status_code == 404
    stranger = visit(Browser(app), method, target)
    asked = stranger.headers["Location"] if method == "GET" else stranger.text
    assert (stranger.status_code, "/sign-in" in asked) == (302 if method == "GET" else 401, True)
    if method == "POST":
        forged = Browser(app).sign_in(world.admin())
        assert visit(forged, method, target, csrf=False).status_code == 400
    allowed = Browser(app).sign_in(world.member(project, *codes, email="allowed@example.org"))
    assert visit(allowed, method, target).status_code in (200, 303)


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_another_projects_notifier_isnt_there(staff: Browser, world: World, app: Flask, channel: str) -> None:
    foreign = world.notifier(world.project("other"), channel, "foreign")
    path = f"{INDEX}/{channel}/{foreign}"
    for method, end in (("GET", ""), ("POST", ""), ("POST", "/enable"), ("POST", "/disable"), ("POST", "/delete")):
        assert visit(staff, method, path + end).status_code == 404
    assert staff.get(f"{INDEX}/{channel}/{2**40}").status_code == 404
    assert notifiers(app)[0].name == "foreign"
    assert events(app) == []


@pytest.mark.parametrize("end", ["enable", "disable"])
def test_following_a_link_changes_nothing(staff: Browser, world: World, project: ProjectRef, end: str) -> None:
    notifier_id = world.notifier(project)
    assert staff.get(f"{INDEX}/sms/{notifier_id}/{end}").status_code == 405


def test_an_archived_project_keeps_its_notifiers_as_they_are(
    browser: Browser, world: World, project: ProjectRef, app: Flask
) -> None:
    notifier_id = world.notifier(project)
    world.archive(project)
    browser.sign_in(world.admin())
    for path in (INDEX, f"{INDEX}/sms/{notifier_id}"):
        page = browser.get(path)
        assert page.status_code == 200
        assert not re.findall(r"New \w+ notifier|Disable|Delete|Save", page.text)
    assert browser.post(f"{INDEX}/sms/{notifier_id}/delete").status_code == 409
    assert len(notifiers(app)) == 1
