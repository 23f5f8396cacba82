"""What a length and a lifetime mean, as the settings page says before they are saved."""

from __future__ import annotations

import re

from flask import Flask

from notifapp import wording
from tests.client import Browser
from tests.settings.conftest import READ, UPDATE, Shop, written
from tests.settings.test_page import form
from tests.world import World

SHOW = {"preview": "yes"}


def words(page: str) -> str:
    """What stands below "What this means", without markup."""
    part = page.split("What this means", 1)[1].split("</details>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", part).split()).replace(" .", ".")


def test_the_page_says_what_the_settings_in_force_mean(staff: Browser, shop: Shop) -> None:
    said = words(staff.get(shop.path).text)
    assert "A thief who tries one customer&#39;s code for a day has a chance of at most 1 in 2,000." in said.replace(
        "customer's", "customer&#39;s"
    )
    assert "A customer is sent at most 10 codes a day, with 5 tries each." in said
    assert "get into an account with a chance of at most 39 %." in said
    assert "The project sends at most 10,000 codes a day, with 5 tries each." in said
    assert "No code has been verified yet." in said
    assert "1 SMS for 55 characters in GSM-7." in said
    assert "A code has at least six digits NIST SP 800-63B-4, 3.1.3.2 ASVS 5, 6.5.4 Not met It has 5 digits." in said


def test_the_button_shows_what_was_typed_means_and_saves_nothing(staff: Browser, shop: Shop, app: Flask) -> None:
    answer = staff.post(shop.path, form(otp_code_len="6", otp_ttl="900", reason="Why", sms_notifier=shop.sms) | SHOW)
    assert answer.status_code == 200
    said = words(answer.text)
    assert "at most 1 in 20,000." in said
    assert "Met It has 6 digits." in said
    assert "Not met It is valid for 15 minutes." in said
    assert 'value="6"' in answer.text
    assert 'value="900"' in answer.text
    assert 'value="Why"' in answer.text
    assert re.search(rf'<option selected value="{shop.sms}"', answer.text)
    assert "It is valid for 15 minutes." in answer.text.split("What customers receive")[1]
    assert written(app) == (0, 0)


def test_what_was_shown_can_be_saved(staff: Browser, shop: Shop) -> None:
    fields = form(otp_code_len="6")
    staff.post(shop.path, fields | SHOW)
    assert "Settings saved." in staff.post(shop.path, fields, follow_redirects=True).text


def test_a_refused_form_says_what_the_typed_values_mean(staff: Browser, shop: Shop) -> None:
    answer = staff.post(shop.path, form(otp_code_len="8", sms_notifier="999"))
    assert answer.status_code == 400
    assert "at most 1 in 2,000,000." in words(answer.text)


def test_of_values_that_cannot_be_saved_it_asks_for_others(staff: Browser, shop: Shop) -> None:
    for answer in (
        staff.post(shop.path, form(otp_code_len="3")),
        staff.post(shop.path, form(otp_code_len="3") | SHOW),
    ):
        assert "Enter a code length and a code lifetime within the bounds above to see what they mean." in answer.text
        assert "A thief" not in answer.text


def test_who_may_only_read_sees_what_the_settings_mean_and_has_no_button(
    browser: Browser, shop: Shop, world: World
) -> None:
    page = browser.sign_in(world.member(shop.project, READ, email="reader@example.org")).get(shop.path).text
    assert "at most 1 in 2,000." in words(page)
    assert "Show what this means" not in page


def test_who_may_not_read_is_shown_nothing(browser: Browser, shop: Shop, world: World) -> None:
    browser.sign_in(world.member(shop.project, UPDATE, email="writer@example.org"))
    answer = browser.post(shop.path, form(otp_code_len="6") | SHOW)
    assert answer.status_code == 403
    assert "A thief" not in answer.text


def test_four_digits_against_every_customer_are_as_good_as_none(staff: Browser, shop: Shop) -> None:
    said = words(staff.post(shop.path, form(otp_code_len="4") | SHOW).text)
    assert "every customer's code for a day can get into an account almost certainly." in said.replace("&#39;", "'")


def test_odds_are_told_in_two_digits() -> None:
    told = {0.5: "50 %", 0.104: "10 %", 0.099: "1 in 10", 0.0488: "1 in 20", 1 / 20_002: "1 in 20,000", 1: "100 %"}
    assert {chance: wording.odds(chance) for chance in told} == told
