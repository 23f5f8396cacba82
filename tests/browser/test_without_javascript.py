"""Everything works in a browser that runs no script."""

from __future__ import annotations

import re
from functools import partial
from re import Pattern

import pytest
from playwright.sync_api import Page, expect

from notifapp.access import ProjectRef
from tests.browser.busy import READ, UPDATE
from tests.browser.conftest import Visit
from tests.browser.live import LiveServer
from tests.browser.pages import press
from tests.world import PASSWORD

NEW_PASSWORD = "seven quiet walnuts on ice"


@pytest.fixture
def plain(visit: Visit) -> Visit:
    """Like `visit`, without JavaScript."""
    return partial(visit, java_script_enabled=False)


@pytest.fixture
def shop(live: LiveServer) -> ProjectRef:
    """A project with two SMS notifiers, and a member, omid@example.org, who may change its settings."""
    project = live.world.project()
    live.world.notifier(project, "sms", "ippanel_one")
    live.world.notifier(project, "sms", "kavenegar_two")
    live.world.member(project, READ, UPDATE, email="omid@example.org")
    return project


def sign_in(page: Page, email: str, password: str = PASSWORD) -> Page:
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(password)
    press(page, "Sign in")
    return page


def said(page: Page, text: str | Pattern[str]) -> None:
    """The page says this in a message."""
    expect(page.locator(".notice").filter(has_text=text)).to_be_visible()


def change(label: str, before: str, after: str) -> Pattern[str]:
    """How a page tells a change."""
    return re.compile(rf"{label}:\s+from {before}\s+→ to {after}")


def test_signing_in_leads_where_one_wanted_to_go_and_signing_out_ends_it(
    live: LiveServer, shop: ProjectRef, plain: Visit
) -> None:
    page = sign_in(plain(live, "/projects/shop/settings"), "omid@example.org")
    expect(page.get_by_role("heading", level=1)).to_have_text("Notification settings")
    page.get_by_role("button", name="Omid").click()
    page.get_by_role("button", name="Sign out").click()
    said(page, "You are signed out.")
    page.goto("/projects/shop/settings")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_refused_setting_is_corrected_and_saved(live: LiveServer, shop: ProjectRef, plain: Visit) -> None:
    page = sign_in(plain(live, "/projects/shop/settings"), "omid@example.org")
    page.get_by_label("SMS notifier").select_option(
        label="ippanel_one (Console, development only: nothing is sent, never proven)"
    )
    page.get_by_label("Code length").fill("11")
    page.get_by_label("Reason").fill("Longer codes")
    press(page, "Save settings")
    said(page, "Code length: Enter a whole number from 4 to 10.")
    page.get_by_label("Code length").fill("10")
    press(page, "Save settings")
    said(page, "Settings saved.")
    page.get_by_role("navigation", name="Shop").get_by_role("link", name="History").click()
    newest = page.get_by_role("row").nth(1)
    expect(newest).to_contain_text(change("SMS notifier", "None", "ippanel_one"))
    expect(newest).to_contain_text(change("Code length", "5 digits", "10 digits"))
    expect(newest).to_contain_text("Longer codes")


def test_a_stale_save_keeps_what_was_typed_and_tells_what_changed(
    live: LiveServer, shop: ProjectRef, plain: Visit
) -> None:
    page = sign_in(plain(live, "/projects/shop/settings"), "omid@example.org")
    other = page.context.new_page()
    other.goto("/projects/shop/settings")
    other.get_by_label("Code lifetime").fill("300")
    press(other, "Save settings")
    page.get_by_label("Code length").fill("8")
    press(page, "Save settings")
    said(page, "The settings have changed since you opened them")
    said(page, change("Code lifetime", "120 seconds", "300 seconds"))
    expect(page.get_by_label("Code length")).to_have_value("8")
    expect(page.get_by_label("Code lifetime")).to_have_value("300")
    press(page, "Save settings")
    said(page, change("Code length", "5 digits", "8 digits"))


def test_an_old_revision_is_restored(live: LiveServer, shop: ProjectRef, plain: Visit) -> None:
    page = sign_in(plain(live, "/projects/shop/settings"), "omid@example.org")
    for length in ("6", "7"):
        page.get_by_label("Code length").fill(length)
        press(page, "Save settings")
    page.get_by_role("navigation", name="Shop").get_by_role("link", name="History").click()
    page.get_by_role("link", name="Restore version 1").click()
    expect(page.get_by_role("main")).to_contain_text(change("Code length", "7 digits", "6 digits"))
    press(page, "Restore version 1")
    said(page, change("Code length", "7 digits", "6 digits"))


def test_a_notifier_is_created_and_chosen(live: LiveServer, shop: ProjectRef, plain: Visit) -> None:
    live.world.admin("admin@example.org")
    page = sign_in(plain(live, "/projects/shop/notifiers"), "admin@example.org")
    page.get_by_role("link", name="Create the first email notifier").click()
    page.get_by_role("link", name="SMTP").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("moeinmail")
    page.get_by_label("Host").fill("smtp.example.org")
    page.get_by_label("User name").fill("shop")
    page.get_by_label("Sender's address").fill("shop@example.org")
    press(page, "Create notifier")
    said(page, "Password:")
    page.get_by_label("Password").fill("the mail server's password")
    press(page, "Create notifier")
    said(page, "moeinmail was created.")
    page.get_by_role("navigation", name="Shop").get_by_role("link", name="Settings").click()
    page.get_by_label("Email notifier").select_option(label="moeinmail (SMTP, never proven)")
    press(page, "Save settings")
    said(page, change("Email notifier", "None", "moeinmail"))


def test_a_new_user_gets_a_link_and_permissions_and_sets_the_password(
    live: LiveServer, shop: ProjectRef, plain: Visit
) -> None:
    live.world.admin("admin@example.org")
    page = sign_in(plain(live, "/users"), "admin@example.org")
    page.get_by_role("link", name="New user").click()
    page.get_by_label("Name").fill("Ida Holm")
    page.get_by_label("Email address").fill("ida@example.org")
    press(page, "Create user")
    link = page.locator("pre").inner_text()
    page.get_by_role("link", name="Go on to the projects").click()
    page.get_by_label("Project", exact=True).fill("shop")
    press(page, "Choose permissions")
    page.get_by_label("Read settings").check()
    press(page, "Add to the project")
    said(page, "The permissions in Shop are saved.")

    hers = plain(live, link)
    hers.get_by_label("New password", exact=False).first.fill(NEW_PASSWORD)
    hers.get_by_label("Repeat the new password").fill("something else")
    press(hers, "Set password")
    said(hers, "This differs from the new password.")
    hers.get_by_label("New password", exact=False).first.fill(NEW_PASSWORD)
    hers.get_by_label("Repeat the new password").fill(NEW_PASSWORD)
    press(hers, "Set password")
    said(hers, "Your password is set.")
    sign_in(hers, "ida@example.org", NEW_PASSWORD)
    hers.get_by_role("link", name="Shop").click()
    expect(hers.get_by_role("heading", level=1)).to_have_text("Shop")
    response = hers.goto(link)
    assert response is not None
    assert response.status == 404


def test_a_token_is_created_works_and_is_revoked(live: LiveServer, shop: ProjectRef, plain: Visit) -> None:
    live.world.admin("admin@example.org")
    page = sign_in(plain(live, "/tokens"), "admin@example.org")
    page.get_by_role("link", name="New token").click()
    page.get_by_label("Owner's email").fill("omid@example.org")
    page.get_by_label("Project's address").fill("shop")
    page.get_by_label("Name").fill("Checkout")
    press(page, "Create token")
    headers = {"Authorization": f"Token {page.locator('pre').first.inner_text()}"}
    assert page.request.get("/api/settings/notifications", headers=headers).status == 200
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="Revoke Checkout").click()
    press(page, "Revoke token")
    said(page, "The token was revoked.")
    assert page.request.get("/api/settings/notifications", headers=headers).status == 401


def test_what_settings_mean_is_shown_before_they_are_saved(live: LiveServer, shop: ProjectRef, plain: Visit) -> None:
    page = sign_in(plain(live, "/projects/shop/settings"), "omid@example.org")
    expect(page.get_by_text("has a chance of at most 1 in 2,000.")).to_be_visible()
    page.get_by_label("Code length").fill("6")
    press(page, "Show what this means")
    expect(page.get_by_text("has a chance of at most 1 in 20,000.")).to_be_in_viewport()
    expect(page.get_by_label("Code length")).to_have_value("6")
    press(page, "Save settings")
    said(page, change("Code length", "5 digits", "6 digits"))
