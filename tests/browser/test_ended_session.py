"""Reloading what is shown once, and sending a form after the session has ended, with and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import delete

from notifapp.access.models import UserSession
from notifapp.database import table_of, writing
from tests.browser.conftest import Visit
from tests.browser.live import LiveServer
from tests.world import PASSWORD

EMAIL = "admin@example.org"


def end_every_session(live: LiveServer) -> None:
    with live.app.app_context(), writing() as connection:
        connection.execute(delete(table_of(UserSession)))


def test_reloading_a_new_token_makes_no_second_one(live: LiveServer, visit: Visit) -> None:
    live.world.project()
    page = visit(live, "/tokens/new", live.world.admin(EMAIL))
    page.get_by_label("Owner's email").fill(EMAIL)
    page.get_by_label("Project's address").fill("shop")
    page.get_by_label("Name").fill("Checkout")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("heading", name="Token created")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="This token cannot be shown again")).to_be_visible()
    page.goto("/tokens")
    expect(page.get_by_role("rowheader", name="Checkout")).to_have_count(1)


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("cookie_is_gone", [True, False])
def test_what_was_typed_survives_the_end_of_the_session(
    live: LiveServer, visit: Visit, scripts: bool, cookie_is_gone: bool
) -> None:
    live.world.project()
    page = visit(live, "/projects/shop/settings", live.world.admin(EMAIL), java_script_enabled=scripts)
    page.get_by_label("Code length").fill("8")
    page.get_by_label("Reason").fill("Longer codes")
    end_every_session(live)
    if cookie_is_gone:
        page.context.clear_cookies()
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{live.url}/projects/shop/settings")
    expect(page.get_by_text("it has not been saved")).to_be_visible()
    expect(page.get_by_label("Code length")).to_have_value("8")
    expect(page.get_by_label("Reason")).to_have_value("Longer codes")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Settings saved.")).to_be_visible()
