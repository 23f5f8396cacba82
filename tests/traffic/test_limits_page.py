"""The page: what counts now, what was refused and why, and the form that changes it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from notifapp.access import Permission
from notifapp.traffic.models import DEFAULTS, OtpTrafficLimits
from tests.client import Browser
from tests.clock import Clock
from tests.otp.caller import PHONE
from tests.traffic.caller import CountedCaller, iranian
from tests.world import World

LIMITS = "/projects/shop/limits"
EDIT = f"{LIMITS}/project"
POSTED = {name: str(value) for name, value in DEFAULTS.items()} | {
    "countries": "Iran\ntr\n",
    "mobile_only": "y",
    "breaker": "deny",
}


@pytest.fixture
def admin(caller: CountedCaller, world: World, browser: Browser) -> Browser:
    return browser.sign_in(world.admin())


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_it_shows_what_counts_and_what_was_refused_and_why(admin: Browser, caller: CountedCaller, time: Clock) -> None:
    caller.allow(countries="IR", codes_per_hour=2)
    for number in (1, 2, 3):
        caller.send(iranian(number))
    caller.send("+905321234567")
    page = words(admin.get(LIMITS).text)
    assert "Codes this hour 2 of at most 2" in page
    assert "Refused in a day 2" in page
    assert "Country not allowed 1" in page
    assert "Limit of the project reached 1" in page
    assert "Codes : 2 sent, 2 refused" in page
    assert "Iran (+98) 2 2 of at most 20 Normal" in page
    assert "+989121… 2 2 of at most 20 Normal" in page
    assert "Codes are sent to every country" not in page


def test_it_says_what_every_country_risks(admin: Browser) -> None:
    assert "Codes are sent to every country" in admin.get(LIMITS).text


def test_saving_takes_effect_and_is_audited(admin: Browser, caller: CountedCaller) -> None:
    assert "Limits saved." in admin.post(EDIT, POSTED | {"codes_per_hour": "1"}, follow_redirects=True).text
    assert caller.send("+14155552671").status_code == 400
    assert [caller.send(iranian(n)).status_code for n in (1, 2)] == [201, 429]
    audit = words(admin.get("/audit").text)
    assert "Codes of the project per hour: from 2000 → to 1" in audit
    assert "Countries: from All → to Iran, Turkey" in audit
    form = admin.get(EDIT).text
    assert re.search(r"<textarea[^>]*>\s*Iran\s+Turkey</textarea>", form)


def test_a_save_that_changes_nothing_is_no_event(admin: Browser, caller: CountedCaller) -> None:
    admin.post(EDIT, POSTED)
    admin.post(EDIT, POSTED)
    assert caller.events("otp_limits_changed") == ["limits of the whole project"]


def test_what_is_wrong_is_named_beside_its_field_and_nothing_is_saved(admin: Browser, caller: CountedCaller) -> None:
    wrong: dict[str, Any] = {
        "codes_per_hour": "0",
        "codes_per_day": "x",
        "token_codes_per_day": "1",
        "wrong_percent": "101",
        "countries": "Iran\nAtlantis",
        "breaker": "explode",
    }
    answer = admin.post(EDIT, POSTED | wrong)
    assert answer.status_code == 400
    for name in wrong:
        assert f'id="{name}-error"' in answer.text, name
    assert "“Atlantis” is not the name or two-letter code of a country." in answer.text
    assert "Enter a whole number from 1 to 1,000,000." in answer.text
    listed = re.findall(r'<li><a href="#(\w+)">', answer.text)
    assert listed == re.findall(r'id="(\w+)-error"', answer.text), "in another order than the fields"
    assert caller.count(OtpTrafficLimits) == 0


def test_the_form_of_a_new_project_shows_its_phone_region(admin: Browser, caller: CountedCaller) -> None:
    caller.set_phone_region("IR")
    assert re.search(r"<textarea[^>]*>\s*Iran</textarea>", admin.get(EDIT).text)


def test_no_permission_code_opens_it(caller: CountedCaller, world: World, browser: Browser) -> None:
    staff = browser.sign_in(world.member(caller.project, *Permission))
    assert staff.get(EDIT).status_code == 403
    assert staff.post(EDIT, POSTED).status_code == 403


def test_no_page_shows_a_client_or_an_address(admin: Browser, caller: CountedCaller) -> None:
    caller.send(PHONE, client="203.0.113.9")
    page = admin.get(LIMITS).text
    assert "203.0.113.9" not in page
    assert PHONE not in page
