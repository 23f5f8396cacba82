"""The settings page, as staff use it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifapp.access import ProjectRef
from notifapp.extensions import db
from notifapp.settings.models import SettingsRevision
from tests.audit.trail import events
from tests.client import ApiClient, Browser
from tests.settings.conftest import READ, UPDATE, Shop
from tests.world import World


def form(version: int = 0, **values: object) -> dict[str, object]:
    """What an otherwise untouched form of a new project posts."""
    fields: dict[str, object] = {
        "version": version,
        "notifications_sms_notifier": "",
        "notifications_email_notifier": "",
        "notifications_otp_code_len": "5",
        "notifications_otp_ttl": "120",
        "reason": "",
    }
    return fields | {name if name == "reason" else f"notifications_{name}": value for name, value in values.items()}


def revisions(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(SettingsRevision)) or 0


def test_page_offers_the_valid_notifiers_of_each_channel_with_their_backend(
    staff: Browser, shop: Shop, world: World
) -> None:
    world.notifier(shop.project, "sms", "switched_off", enabled=False)
    world.notifier(world.project("other"), "sms", "of_another_project")
    page = staff.get(shop.path).text
    dropdowns = re.findall(r"<select.*?</select>", page, re.DOTALL)
    assert "ippanel_one (Console" in dropdowns[0]
    assert "moeinmail" not in dropdowns[0]
    assert "moeinmail (Console" in dropdowns[1]
    assert "switched_off" not in page
    assert "of_another_project" not in page


def test_without_a_notifier_to_choose_the_page_says_where_to_get_one(browser: Browser, world: World) -> None:
    world.notifier(world.project("new"), "sms", "switched_off", enabled=False)
    page = browser.sign_in(world.admin()).get("/projects/new/settings").text
    assert "There is no enabled SMS notifier yet." in page
    assert "There is no enabled email notifier yet." in page
    assert page.count('<a href="/projects/new/notifiers">Go to notifiers</a>') == 2


def test_page_explains_bounds_units_and_defaults(staff: Browser, shop: Shop) -> None:
    page = staff.get(shop.path).text
    assert "4 to 10 digits. The default is 5." in page
    assert "30 to 3600 seconds. The default is 120, which is 2 minutes." in page


def test_saving_says_what_changed_from_what_to_what(staff: Browser, shop: Shop) -> None:
    answer = staff.post(shop.path, form(sms_notifier=shop.sms, otp_code_len="6"), follow_redirects=True)
    assert answer.status_code == 200
    notice = answer.text.split("Settings saved.")[1].split("</ul>")[0]
    words = " ".join(re.sub(r"<[^>]+>", " ", notice).split())
    assert words == "SMS notifier: from None → to ippanel_one Code length: from 5 digits → to 6 digits"


def test_saving_takes_effect_at_the_api(staff: Browser, shop: Shop, api: ApiClient, world: World) -> None:
    staff.post(shop.path, form(email_notifier=shop.email, otp_ttl="300"))
    assert api.get_settings(world.token(shop.staff, shop.project)).json == {
        "notifications_sms_notifier_data": None,
        "notifications_email_notifier_data": {"id": shop.email, "name": "moeinmail"},
        "notifications_otp_code_len": 5,
        "notifications_otp_ttl": 300,
    }


def test_saving_unchanged_values_writes_no_history(staff: Browser, shop: Shop, app: Flask) -> None:
    answer = staff.post(shop.path, form(), follow_redirects=True)
    assert "You have not changed anything." in answer.text
    assert revisions(app) == 0


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"otp_code_len": "3"}, "notifications_otp_code_len", "Enter a whole number from 4 to 10."),
        ({"otp_code_len": "11"}, "notifications_otp_code_len", "Enter a whole number from 4 to 10."),
        ({"otp_code_len": ""}, "notifications_otp_code_len", "Enter a whole number from 4 to 10."),
        ({"otp_ttl": "two minutes"}, "notifications_otp_ttl", "Enter a whole number from 30 to 3600."),
        ({"otp_ttl": "29"}, "notifications_otp_ttl", "Enter a whole number from 30 to 3600."),
        ({"sms_notifier": "999"}, "notifications_sms_notifier", "can&#39;t be chosen"),
        ({"email_notifier": "rubbish"}, "notifications_email_notifier", "Choose one from the list."),
        ({"reason": "x" * 201, "otp_ttl": "60"}, "reason", "Use at most 200 characters."),
    ],
)
def test_an_error_stands_beside_its_field_and_in_the_summary(
    staff: Browser, shop: Shop, app: Flask, values: dict[str, Any], field: str, message: str
) -> None:
    answer = staff.post(shop.path, form(**values))
    assert answer.status_code == 400
    assert re.search(rf'href="#{field}".*?{message}', answer.text)
    assert re.search(rf'id="{field}-error".*?{message}', answer.text, re.DOTALL)
    assert revisions(app) == 0


def test_all_errors_are_told_together_and_what_was_typed_is_kept(staff: Browser, shop: Shop) -> None:
    answer = staff.post(shop.path, form(sms_notifier=shop.sms, otp_code_len="99", otp_ttl="1"))
    assert 'value="99"' in answer.text
    assert 'value="1"' in answer.text
    assert re.search(rf'<option selected value="{shop.sms}"', answer.text)
    assert answer.text.count('class="field-error"') == 2


def test_a_notifier_disabled_after_it_was_chosen_stays_and_is_shown_as_such(
    staff: Browser, shop: Shop, world: World, api: ApiClient
) -> None:
    staff.post(shop.path, form(sms_notifier=shop.sms))
    world.set_enabled(shop.sms, False)
    assert re.search(r"ippanel_one \(Console[^)]*, disabled\)", staff.get(shop.path).text)
    saved = staff.post(shop.path, form(1, sms_notifier=shop.sms, otp_ttl="60"))
    assert saved.status_code == 303
    token = world.token(shop.staff, shop.project)
    settings = api.get_settings(token).get_json()
    assert settings["notifications_sms_notifier_data"] == {"id": shop.sms, "name": "ippanel_one"}
    assert settings["notifications_otp_ttl"] == 60


def test_a_disabled_notifier_cannot_be_chosen_anew(staff: Browser, shop: Shop, world: World) -> None:
    world.set_enabled(shop.other_sms, False)
    assert staff.post(shop.path, form(sms_notifier=shop.other_sms)).status_code == 400


def test_staff_with_1036_alone_see_the_settings_read_only(browser: Browser, shop: Shop, world: World) -> None:
    browser.sign_in(world.member(shop.project, READ, email="reader@example.org"))
    page = browser.get(shop.path).text
    assert "You can see these settings but not change them." in page
    assert "<select" not in page
    assert "Save settings" not in page


def test_staff_without_1037_cannot_save(browser: Browser, shop: Shop, world: World, app: Flask) -> None:
    browser.sign_in(world.member(shop.project, READ, email="reader@example.org"))
    assert browser.post(shop.path, form(otp_ttl="60")).status_code == 403
    assert revisions(app) == 0


def test_staff_with_1037_alone_can_save_but_never_see(browser: Browser, shop: Shop, world: World, app: Flask) -> None:
    browser.sign_in(world.member(shop.project, UPDATE, email="writer@example.org"))
    assert browser.get(shop.path).status_code == 403
    saved = browser.post(shop.path, form(otp_ttl="60"))
    assert (saved.status_code, saved.location) == (303, "/projects/shop")
    refused = browser.post(shop.path, form(1, otp_ttl="1"))
    assert refused.status_code == 403
    assert "moeinmail" not in refused.text
    assert revisions(app) == 1


def test_an_admin_needs_no_code(browser: Browser, shop: Shop, world: World) -> None:
    browser.sign_in(world.admin())
    assert browser.get(shop.path).status_code == 200
    assert browser.post(shop.path, form(otp_ttl="60")).status_code == 303


@pytest.mark.parametrize("below", ["", "/history", "/history/1/restore"])
def test_an_outsider_finds_nothing(browser: Browser, shop: Shop, world: World, below: str) -> None:
    elsewhere = world.member(world.project("other"), READ, UPDATE, email="outsider@example.org")
    browser.sign_in(elsewhere)
    assert browser.get(shop.path + below).status_code == 404
    assert browser.post(shop.path, form(otp_ttl="60")).status_code == 404


def test_saving_without_a_csrf_token_is_refused(staff: Browser, shop: Shop, app: Flask) -> None:
    assert staff.post(shop.path, form(otp_ttl="60"), csrf=False).status_code == 400
    assert revisions(app) == 0


def test_a_wrong_method_is_405(staff: Browser, shop: Shop) -> None:
    assert staff.client.delete(shop.path, headers={"X-CSRFToken": staff.csrf_token()}).status_code == 405


def test_a_stale_save_keeps_what_was_typed_and_shows_what_changed_meanwhile(
    staff: Browser, shop: Shop, world: World, api: ApiClient, app: Flask
) -> None:
    token = world.token(shop.staff, shop.project)
    api.patch_settings(token, {"notifications_otp_ttl": 300, "notifications_sms_notifier": shop.sms})
    answer = staff.post(shop.path, form(0, otp_code_len="7"))
    assert answer.status_code == 409
    assert revisions(app) == 1
    assert "The settings have changed since you opened them" in answer.text
    assert "staff@example.org" in answer.text
    assert 'value="7"' in answer.text
    assert 'value="300"' in answer.text
    again = staff.post(
        shop.path, form(1, sms_notifier=shop.sms, otp_code_len="7", otp_ttl="300"), follow_redirects=True
    )
    assert "Settings saved." in again.text
    assert api.get_settings(token).get_json()["notifications_otp_ttl"] == 300


@pytest.mark.parametrize("version", ["-1", "x", "", "999999999999999999", "٣"])
def test_a_tampered_version_is_a_conflict_not_a_crash(staff: Browser, shop: Shop, app: Flask, version: str) -> None:
    assert staff.post(shop.path, form(otp_ttl="60") | {"version": version}).status_code == 409
    assert revisions(app) == 0


def test_each_change_is_an_audit_event_too(staff: Browser, shop: Shop, app: Flask) -> None:
    staff.post(shop.path, form(otp_ttl="60"))
    [event] = events(app, "settings_changed")
    assert (event.actor, event.source, event.project_id) == ("staff@example.org", "page", shop.project.id)
    assert event.detail == {"version": 1, "changes": [["Code lifetime", "120 seconds", "60 seconds"]]}


def test_an_archived_project_can_be_seen_by_an_admin_but_not_changed(
    browser: Browser, shop: Shop, world: World, app: Flask
) -> None:
    world.archive(shop.project)
    browser.sign_in(world.admin())
    assert "Save settings" not in browser.get(shop.path).text
    assert browser.post(shop.path, form(otp_ttl="60")).status_code == 409
    assert revisions(app) == 0


def test_a_notifier_of_another_project_or_channel_is_impossible_even_for_a_bug(
    app: Flask, shop: Shop, world: World
) -> None:
    from sqlalchemy import update
    from sqlalchemy.exc import IntegrityError

    from notifapp.database import writing
    from notifapp.settings.models import NotificationSettings

    foreign = world.notifier(world.project("other"), "sms", "foreign")

    def choose(project: ProjectRef, notifier_id: int) -> None:
        with app.app_context(), writing() as connection:
            connection.execute(
                update(NotificationSettings)
                .where(NotificationSettings.project_id == project.id)
                .values(sms_notifier_id=notifier_id)
            )

    for notifier_id in (foreign, shop.email):
        with pytest.raises(IntegrityError):
            choose(shop.project, notifier_id)
