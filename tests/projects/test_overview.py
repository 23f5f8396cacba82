"""A project's overview shows at a glance what is in force."""

from __future__ import annotations

import pytest
from flask import Flask

from notifapp.access import Permission, Principal, ProjectRef
from notifapp.settings.service import update_notification_settings
from notifapp.wording import duration
from tests.client import Browser
from tests.lists import rows
from tests.people import People
from tests.statements import sent
from tests.world import World


def change(app: Flask, project: ProjectRef, **fields: object) -> None:
    values = {f"notifications_{name}": value for name, value in fields.items()}
    with app.app_context():
        update_notification_settings(project, values, principal=Principal.operator(), reason="Because")


@pytest.fixture
def busy(app: Flask, people: People, world: World) -> People:
    """The project after eight changes, with both notifiers chosen and one of them disabled since."""
    sms = world.notifier(people.project, "sms", "ippanel_one", backend="console")
    email = world.notifier(people.project, "email", "moeinmail", backend="smtp")
    change(app, people.project, sms_notifier=sms)
    change(app, people.project, email_notifier=email)
    for seconds in (60, 90, 150, 180, 240):
        change(app, people.project, otp_ttl=seconds)
    change(app, people.project, otp_code_len=6)
    world.set_enabled(email, False)
    return people


def test_what_is_in_force_stands_on_the_overview(busy: People) -> None:
    for browser in (busy.admin, busy.staff):
        page = browser.get("/projects/shop").text
        for shown in ("ippanel_one", "moeinmail", "SMTP", "Disabled", "4 minutes", "Version 8", "command line"):
            assert shown in page


def test_the_last_five_changes_are_told_newest_first(busy: People) -> None:
    page = busy.staff.get("/projects/shop").text
    changes = rows(page)
    assert [change.title for change in changes] == ["8", "7", "6", "5", "4"]
    for told in ("Code length:", "5 digits", "6 digits", "Because", "at the command line"):
        assert told in changes[0].text


def test_an_untouched_project_says_that_it_has_the_defaults(people: People) -> None:
    page = people.staff.get("/projects/shop").text
    assert "Version 0" in page
    assert "These are the defaults." in page
    assert "2 minutes" in page
    assert "No code can be sent by SMS." in page
    assert "No code can be sent by email." in page


@pytest.mark.parametrize("codes", [(), (Permission.NOTIFICATIONS_SETTINGS_UPDATE, Permission.SMS_NOTIFIERS_READ)])
def test_a_member_without_1036_sees_no_settings_and_what_else_is_possible(
    app: Flask, busy: People, world: World, codes: tuple[Permission, ...]
) -> None:
    member = world.member(busy.project, *codes, email="other@example.org")
    answer = Browser(app).sign_in(member).get("/projects/shop")
    assert answer.status_code == 200
    assert "You can&#39;t see the settings" in answer.text or "You can't see the settings" in answer.text
    assert "1036" in answer.text
    for secret in ("ippanel_one", "moeinmail", "4 minutes", "Version 8", "command line"):
        assert secret not in answer.text
    for code in codes:
        assert code.allows in answer.text


def test_an_outsider_is_not_even_told_that_the_project_exists(people: People) -> None:
    there, nowhere = people.outsider.get("/projects/shop"), people.outsider.get("/projects/nowhere")
    assert there.status_code == nowhere.status_code == 404
    assert "Corner Shop" not in there.text


def test_staff_get_links_to_what_they_may_open_alone(busy: People) -> None:
    page = busy.staff.get("/projects/shop").text
    assert 'href="/projects/shop/settings"' in page
    assert 'href="/projects/shop/settings/history"' in page
    for closed in ("/notifiers", "/tokens", "/audit", "/rename", "/archive"):
        assert closed not in page


def test_an_admin_gets_links_to_tokens_and_audit_of_the_project(busy: People) -> None:
    page = busy.admin.get("/projects/shop").text
    assert 'href="/tokens?project=shop"' in page
    assert 'href="/audit?project=shop"' in page


@pytest.mark.parametrize("who", ["admin", "staff"])
def test_the_overview_takes_ten_statements(busy: People, who: str) -> None:
    with sent() as statements:
        assert getattr(busy, who).client.get("/projects/shop").status_code == 200
    assert len(statements) == 10


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (30, "30 seconds"),
        (60, "1 minute"),
        (61, "1 minute 1 second"),
        (90, "1 minute 30 seconds"),
        (120, "2 minutes"),
        (3600, "60 minutes"),
    ],
)
def test_a_lifetime_is_read_in_minutes_and_seconds(seconds: int, words: str) -> None:
    assert duration(seconds) == words
