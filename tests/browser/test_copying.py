"""The one thing on the pages that a script does: copying what is shown once."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.live import LiveServer


@pytest.fixture
def shop(live: LiveServer) -> int:
    """The id of an admin; there is a project for a token."""
    live.world.project()
    return live.world.admin("admin@example.org")


def create_token(page: Page) -> str:
    page.get_by_label("Owner's email").fill("admin@example.org")
    page.get_by_label("Project's address").fill("shop")
    page.get_by_label("Name").fill("Checkout")
    page.get_by_role("button", name="Create token").click()
    return page.locator("pre").first.inner_text()


def test_the_button_copies_the_token(live: LiveServer, shop: int, visit: Visit) -> None:
    page = visit(live, "/tokens/new", shop, permissions=["clipboard-read", "clipboard-write"])
    token = create_token(page)
    page.get_by_role("button", name="Copy Token").click()
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == token


def test_the_button_says_so_when_the_browser_refuses(live: LiveServer, shop: int, visit: Visit) -> None:
    page = visit(live, "/tokens/new", shop)
    create_token(page)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')) }")
    page.get_by_role("button", name="Copy Token").click()
    expect(page.get_by_text("Could not copy: select the text instead")).to_be_visible()


def test_without_a_script_there_is_no_button_but_the_token(live: LiveServer, shop: int, visit: Visit) -> None:
    page = visit(live, "/tokens/new", shop, java_script_enabled=False)
    assert create_token(page).startswith("ntf_")
    expect(page.get_by_role("button", name="Copy Token")).to_be_hidden()
