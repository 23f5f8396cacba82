"""The phone region: chosen from a list of countries on the settings page, and used wherever a number is read."""

from __future__ import annotations

import phonenumbers
import pytest

from notifapp import countries
from notifapp.access import Permission
from tests.client import Browser, page_text
from tests.otp.caller import PHONE, Caller, make_caller
from tests.settings.conftest import READ, UPDATE
from tests.world import World

PAGE = "/projects/phones/settings"
SAVE = f"{PAGE}/phone-region"
NATIONAL = "0912 123 4567"


@pytest.fixture
def phones(app: object, world: World) -> Caller:
    return make_caller(world.app, world, "phones")


def test_staff_choose_a_country_by_name_and_national_numbers_are_read(
    phones: Caller, world: World, browser: Browser
) -> None:
    assert phones.send(NATIONAL).status_code == 400
    browser.sign_in(world.member(phones.project, READ, UPDATE))
    page = browser.get(PAGE)
    assert '<option value="IR">Iran (+98)</option>' in page.text
    saved = browser.post(SAVE, {"phone_region": "IR"}, follow_redirects=True)
    assert "Phone region saved." in saved.text
    assert '<option selected value="IR">Iran (+98)</option>' in saved.text
    assert phones.send(NATIONAL).status_code == 201
    assert phones.last_message()["recipient"] == PHONE
    browser.post(SAVE, {"phone_region": ""})
    assert phones.send("0912 123 4568").status_code == 400


def test_a_change_is_audited_once(phones: Caller, world: World, browser: Browser) -> None:
    browser.sign_in(world.admin())
    for _ in range(2):
        browser.post(SAVE, {"phone_region": "IR"})
    trail = page_text(browser.get("/audit"))
    assert "None → to Iran (+98)" in trail
    assert page_text(browser.get("/audit?action=phone_region_changed")).count("Iran (+98)") == 1


def test_what_is_not_in_the_list_is_refused(phones: Caller, world: World, browser: Browser) -> None:
    browser.sign_in(world.admin())
    for code in ("XX", "ir", "IRN", "\ud83c"):
        answer = browser.post(SAVE, {"phone_region": code.encode("utf-8", "replace").decode()})
        assert answer.status_code == 400
        assert "Choose a country from the list." in answer.text


def test_it_takes_the_permission_to_change_settings(phones: Caller, world: World, browser: Browser) -> None:
    others = [permission for permission in Permission if permission is not UPDATE]
    browser.sign_in(world.member(phones.project, *others))
    assert browser.post(SAVE, {"phone_region": "IR"}).status_code == 403
    page = browser.get(PAGE).text
    assert 'name="phone_region"' not in page
    assert "<dt>Phone region</dt><dd>None</dd>" in page


def test_an_archived_project_keeps_its_region(phones: Caller, world: World, browser: Browser) -> None:
    browser.sign_in(world.admin())
    world.archive(phones.project)
    assert browser.post(SAVE, {"phone_region": "IR"}).status_code == 409


def test_a_test_message_takes_a_national_number(phones: Caller, world: World, browser: Browser) -> None:
    phones.set_phone_region("IR")
    browser.sign_in(world.admin())
    form = {"name": "line", "test-recipient": NATIONAL}
    answer = browser.post("/projects/phones/notifiers/sms/new/console/test", form)
    assert answer.status_code == 200
    assert "+98••••••••67" in answer.text


def test_every_country_that_numbers_can_be_read_for_has_a_name() -> None:
    assert countries.NAMES.keys() == phonenumbers.SUPPORTED_REGIONS
    labels = [label for _code, label in countries.choices()]
    assert len(set(labels)) == len(labels)
    assert labels[:3] == ["Afghanistan (+93)", "Åland Islands (+358)", "Albania (+355)"]
