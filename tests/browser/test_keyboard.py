"""The app by keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.busy import READ, UPDATE
from tests.browser.conftest import Visit
from tests.browser.live import LiveServer
from tests.world import PASSWORD

SETTINGS = "/projects/shop/settings"


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until `target` has the focus; wherever the focus stops on the way, it is to be seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert (
            focused.evaluate("it => getComputedStyle(it).outlineStyle + getComputedStyle(it).boxShadow") != "nonenone"
        )
        if focused.evaluate("(it, target) => it === target", target.element_handle()):
            return
    raise AssertionError(f"no way by Tab to {target}")


def enter(page: Page, target: Locator) -> None:
    """Go to `target` by Tab and press Enter."""
    tab_to(page, target)
    page.keyboard.press("Enter")


def follow(page: Page, target: Locator) -> None:
    """Go to `target` by Tab, press Enter, and be on the page that it leads to."""
    with page.expect_navigation():
        enter(page, target)


def editor_of(live: LiveServer) -> int:
    """A member of a new project who may change its settings."""
    return live.world.member(live.world.project(), READ, UPDATE, email="omid@example.com")


def test_one_signs_in_and_changes_the_settings(live: LiveServer, visit: Visit) -> None:
    editor_of(live)
    page = visit(live, "/sign-in")
    expect(page.get_by_label("Email address")).to_be_focused()
    page.keyboard.type("omid@example.com")
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    follow(page, page.get_by_role("button", name="Sign in"))
    follow(page, page.get_by_role("link", name="Shop"))
    follow(page, page.get_by_role("navigation", name="Shop").get_by_role("link", name="Settings"))
    tab_to(page, page.get_by_label("Code length"))
    page.keyboard.type("7")  # what had been there was selected by Tab
    follow(page, page.get_by_role("button", name="Save settings"))
    expect(page.get_by_role("status")).to_contain_text("Settings saved.")
    expect(page.get_by_role("status").get_by_role("insertion")).to_have_text("→ to 7 digits")


def test_the_skip_link_leads_past_the_menus(live: LiveServer, visit: Visit) -> None:
    page = visit(live, SETTINGS, editor_of(live))
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("SMS notifier")).to_be_focused()


def test_the_account_menu_opens_and_closes(live: LiveServer, visit: Visit) -> None:
    page = visit(live, SETTINGS, editor_of(live))
    button, link = page.get_by_role("button", name="Omid"), page.get_by_role("link", name="Your account")
    expect(link).to_be_hidden()
    enter(page, button)
    page.keyboard.press("Tab")
    expect(link).to_be_focused()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(button).to_be_focused()


def test_the_main_menu_opens_and_leads_on_a_phone(live: LiveServer, visit: Visit) -> None:
    page = visit(live, SETTINGS, editor_of(live), viewport={"width": 390, "height": 844})
    projects = page.get_by_role("navigation", name="Main").get_by_role("link", name="Projects")
    expect(projects).to_be_hidden()
    enter(page, page.get_by_role("button", name="Menu"))
    expect(projects).to_be_visible()
    enter(page, projects)
    expect(page).to_have_url(re.compile("/projects$"))


def test_the_summary_of_errors_takes_the_focus_and_leads_to_the_fields(live: LiveServer, visit: Visit) -> None:
    page = visit(live, SETTINGS, editor_of(live))
    page.get_by_label("Code length").fill("99")
    page.get_by_label("Code lifetime").fill("1")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("listitem")).to_have_count(2)
    enter(page, summary.get_by_role("link", name="Code lifetime"))
    expect(page.get_by_label("Code lifetime")).to_be_focused()
    expect(page.get_by_label("Code lifetime")).to_have_accessible_description(
        re.compile("seconds.*Enter a whole number from")
    )
