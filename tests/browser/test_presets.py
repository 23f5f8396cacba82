"""Choosing a preset of permissions ticks them at once."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.live import LiveServer


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
