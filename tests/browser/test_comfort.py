"""What makes the pages comfortable: any script's digits, long dropdowns, charts, time zones, presets, phones."""

from __future__ import annotations

import re
from datetime import timedelta

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator, Page, ViewportSize, expect
from sqlalchemy import insert

from notifapp import clock
from notifapp.access import Principal, ProjectRef
from notifapp.database import table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.settings.service import update_notification_settings
from notifapp.settings.values import SMS_NOTIFIER
from tests.browser.busy import LONG_WORD, READ, UPDATE
from tests.browser.conftest import Visit
from tests.browser.live import LiveServer
from tests.browser.pages import press
from tests.browser.test_pages import violations

PHONE: ViewportSize = {"width": 375, "height": 812}
SETTINGS, DELIVERIES = "/projects/shop/settings", "/projects/shop/deliveries"
FULL_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def add_delivery(
    live: LiveServer, project: ProjectRef, notifier: str = "line", *, hours: float = 0, **values: object
) -> None:
    at = clock.now() - timedelta(hours=hours)
    row = {
        "project_id": project.id, "notifier_name": notifier, "backend": "console", "channel": "sms",
        "recipient": "+98••1", "purpose": "otp", "status": "sent", "attempts": 1, "next_attempt_at": at,
        "expires_at": at, "created_at": at, "started_at": at, "finished_at": at,
    }  # fmt: skip
    with live.app.app_context(), writing() as connection:
        connection.execute(insert(table_of(Delivery)).values(**row | values))


def test_persian_digits_are_typed_and_saved(live: LiveServer, visit: Visit) -> None:
    member = live.world.member(live.world.project(), READ, UPDATE)
    page = visit(live, SETTINGS, member)
    page.get_by_label("Code length").press("Control+a")
    page.get_by_label("Code length").press_sequentially("۸")
    page.get_by_label("Code lifetime").fill("۳۰۰")
    press(page, "Save settings")
    expect(page.get_by_role("status").first).to_contain_text("→ to 8 digits")
    expect(page.get_by_label("Code lifetime")).to_have_value("300")
    assert page.locator("input[type=number]").count() == 0


def test_what_typed_settings_mean_is_shown_as_one_types(live: LiveServer, visit: Visit) -> None:
    page = visit(live, SETTINGS, live.world.member(live.world.project(), READ, UPDATE))
    expect(page.get_by_role("button", name="Show what this means")).to_be_hidden()
    page.get_by_text("NIST SP 800-63B-4 and OWASP ASVS 5").click()
    length, odds = page.get_by_label("Code length"), page.locator("#meaning strong").first
    for typed, chance in (("6", "at most 1 in 20,000"), ("۷", "at most 1 in 200,000")):
        length.fill(typed)
        expect(odds).to_have_text(chance)
        expect(length).to_be_focused()
    expect(page.get_by_text("It has 7 digits.")).to_be_visible()  # what was unfolded stays so
    expect(page.get_by_role("status")).to_contain_text("at most 1 in 200,000")
    page.get_by_label("Code lifetime").fill("90")
    expect(page.get_by_text("It is valid for 90 seconds.").last).to_be_visible()
    length.fill("x")
    expect(page.locator("#meaning")).to_contain_text("Enter a code length")
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    length.fill("6")
    expect(page.get_by_text("It has 6 digits.")).to_be_visible()
    page.reload()
    expect(length).to_have_value("5")


def test_the_button_comes_back_for_who_is_signed_out(live: LiveServer, visit: Visit) -> None:
    page = visit(live, SETTINGS, live.world.member(live.world.project(), READ, UPDATE))
    page.wait_for_load_state("networkidle")  # A late response would set the cookie again.
    page.context.clear_cookies()
    page.get_by_label("Code length").fill("6")
    press(page, "Show what this means")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_long_dropdown_is_narrowed_by_typing(live: LiveServer, visit: Visit) -> None:
    project = live.world.project()
    for number in range(12):
        live.world.notifier(project, "sms", f"line_{number:02}")
    page = visit(live, SETTINGS, live.world.member(project, READ, UPDATE))
    select, typed = (
        page.get_by_label("SMS notifier", exact=True),
        page.get_by_label("Filter the options of SMS notifier"),
    )
    expect(page.get_by_label("Filter the options of Email notifier")).to_have_count(0)
    typed.fill("LINE 07")
    expect(select.locator("option")).to_have_text(
        ["None", "line_07 (Console, development only: nothing is sent, never proven)"]
    )
    typed.press("Enter")
    expect(select).to_be_focused()
    select.select_option(index=1)
    typed.fill("11")
    expect(select.locator("option:checked")).to_contain_text("line_07")
    page.evaluate(AXE_SCRIPT)
    assert violations(page) == []
    press(page, "Save settings")
    expect(page.get_by_role("status").first).to_contain_text("→ to line_07")


def test_a_long_dropdown_is_a_plain_one_without_javascript(live: LiveServer, visit: Visit) -> None:
    project = live.world.project()
    chosen = [live.world.notifier(project, "sms", f"line_{number:02}") for number in range(12)][7]
    page = visit(live, SETTINGS, live.world.member(project, READ, UPDATE), java_script_enabled=False)
    page.get_by_label("SMS notifier").select_option(str(chosen))
    press(page, "Save settings")
    # The one in use comes first from then on.
    expect(page.get_by_label("SMS notifier").locator("option").nth(1)).to_contain_text("line_07")


def test_the_charts_have_tooltips_and_a_table_and_leave_no_gap(live: LiveServer, visit: Visit) -> None:
    project = live.world.project()
    add_delivery(live, project)
    add_delivery(live, project, status="failed")
    page = visit(live, DELIVERIES, live.world.admin())
    chart = page.locator("figure").first
    assert (chart.bounding_box() or {"height": 999})["height"] < 150
    expect(chart.locator("title").last).to_have_text(re.compile(r"\d\d:00: 1 sent, 1 failed"))
    chart.get_by_text("Table").click()
    expect(chart.get_by_role("row")).to_have_count(2)
    page.evaluate(AXE_SCRIPT)
    assert violations(page) == []


def test_the_filters_are_folded_on_a_phone_alone(live: LiveServer, visit: Visit) -> None:
    add_delivery(live, live.world.project())
    page = visit(live, DELIVERIES, live.world.admin())
    expect(page.get_by_label("Status")).to_be_visible()
    expect(page.get_by_label("First day")).to_be_hidden()
    page.get_by_label("Time").select_option(label="Chosen days")
    expect(page.get_by_label("First day")).to_be_visible()
    page.set_viewport_size(PHONE)
    expect(page.get_by_label("Status")).to_be_hidden()
    page.get_by_text("Filters").click()
    page.get_by_label("Time").select_option(label="Last hour")
    press(page, "Filter")
    expect(page.get_by_label("Status")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(2)


def test_times_are_in_the_browsers_zone_until_one_is_chosen(live: LiveServer, visit: Visit) -> None:
    live.world.project()
    page = visit(live, "/projects", live.world.admin(), timezone_id="Asia/Tehran")
    page.reload()
    expect(page.get_by_role("contentinfo")).to_contain_text("Times are in Asia/Tehran (UTC+03:30)")
    time = page.get_by_role("main").locator("time").first
    expect(time).to_have_text(re.compile("just now"))
    expect(time).to_have_attribute("title", FULL_TIME)
    page.get_by_role("link", name="Change time zone").click()
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    press(page, "Save profile")
    expect(page.get_by_role("contentinfo")).to_contain_text("Times are in Europe/Berlin")
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")


def test_a_touch_screen_shows_the_full_time(live: LiveServer, visit: Visit) -> None:
    live.world.project()
    page = visit(live, "/projects", live.world.admin(), viewport=PHONE, has_touch=True, is_mobile=True)
    full = page.get_by_role("main").locator(".full-time").first
    assert (full.bounding_box() or {"width": 0})["width"] > 50


def test_the_current_tab_is_in_sight_on_a_phone(live: LiveServer, visit: Visit) -> None:
    live.world.project()
    page = visit(live, "/projects/shop/limits", live.world.admin(), viewport=PHONE)
    expect(page.get_by_role("navigation", name="Shop").get_by_role("link", name="Limits")).to_be_in_viewport(ratio=1)
    assert page.evaluate("scrollY") == 0


def test_no_word_is_broken_beside_an_empty_column(live: LiveServer, visit: Visit) -> None:
    live.world.project()
    page: Page = visit(live, "/sign-in")
    page.get_by_label("Email address").fill("nobody.in.particular@example.com")
    page.get_by_label("Password").fill("something wrong")
    press(page, "Sign in")
    page = visit(live, "/audit", live.world.admin())
    who = page.get_by_role("cell", name="nobody.in.particular@example.com").first
    assert lines_of(who, "@") == 1


def test_a_notifiers_name_stays_whole_on_the_overview(live: LiveServer, visit: Visit) -> None:
    project = live.world.project()
    chosen = live.world.notifier(project, "sms", "melipayamak_backup")
    with live.app.app_context():
        update_notification_settings(project, {SMS_NOTIFIER: chosen}, principal=Principal.operator())
    page = visit(live, "/projects/shop", live.world.admin())
    assert lines_of(page.get_by_role("link", name="melipayamak_backup"), "melipayamak") == 1


def test_the_longest_name_is_seen_in_full_on_a_phone(live: LiveServer, visit: Visit) -> None:
    live.world.project("shop", name=LONG_WORD)
    name = visit(live, "/projects", live.world.admin(), viewport=PHONE).get_by_role("link", name=LONG_WORD)
    box = name.bounding_box()
    assert box
    assert box["x"] + box["width"] <= PHONE["width"] - 20
    assert name.evaluate("link => link.scrollWidth <= link.clientWidth")


def test_a_preset_ticks_its_permissions_and_lets_go_when_one_is_changed(live: LiveServer, visit: Visit) -> None:
    live.world.project()
    live.world.user("staff@example.org")
    page = visit(live, "/users/1/memberships/shop", live.world.admin("admin@example.org"))
    preset, ticked = page.get_by_label("Preset"), page.locator("input[name=codes]:checked")
    preset.select_option("backend")
    expect(ticked).to_have_count(2)
    preset.select_option("everything")
    expect(ticked).to_have_count(page.locator("input[name=codes]").count())
    preset.select_option("viewer")
    expect(page.get_by_label("Read settings")).to_be_checked()
    page.get_by_label("Update settings").check()
    expect(preset).to_have_value("")
    page.get_by_role("button", name="Add to the project").click()
    expect(page.get_by_text("The permissions in Shop are saved.")).to_be_visible()


def lines_of(element: Locator, text: str) -> int:
    """On how many lines the part of an element stands that has this text."""
    counted: int = element.evaluate(
        """(element, text) => {
            const range = document.createRange();
            range.selectNodeContents([...element.childNodes].find((node) => node.textContent.includes(text)));
            return new Set([...range.getClientRects()].map((rect) => rect.top)).size;
        }""",
        text,
    )
    return counted
