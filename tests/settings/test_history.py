"""The history page, and restoring an old revision."""

from __future__ import annotations

import re

from tests.client import ApiClient, Browser
from tests.settings.conftest import READ, Shop
from tests.world import World


def change(api: ApiClient, token: str, *ttls: int) -> None:
    for ttl in ttls:
        assert api.patch_settings(token, {"notifications_otp_ttl": ttl}).status_code == 200


def test_history_tells_who_when_from_where_and_what(staff: Browser, shop: Shop, api: ApiClient, world: World) -> None:
    change(api, world.token(shop.staff, shop.project), 60, 90)
    page = staff.get(shop.path + "/history").text
    rows = page.split("<tbody>")[1].split("</tr>")
    newest = " ".join(re.sub(r"<[^>]+>", " ", rows[0]).split())
    assert re.fullmatch(
        r"2 Current Code lifetime: from 60 seconds → to 90 seconds staff@example.org through the API "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d just now",
        newest,
    )
    assert "from 120 seconds" in " ".join(re.sub(r"<[^>]+>", " ", rows[1]).split())


def test_an_untouched_history_says_so(staff: Browser, shop: Shop) -> None:
    assert "No changes yet" in staff.get(shop.path + "/history").text


def test_a_long_history_is_paged_without_gaps_or_repeats(
    staff: Browser, shop: Shop, api: ApiClient, world: World
) -> None:
    change(api, world.token(shop.staff, shop.project), *range(200, 245))
    seen: list[int] = []
    path: str | None = shop.path + "/history"
    while path:
        page = staff.get(path).text
        seen += [int(version) for version in re.findall(r'<th scope="row"[^>]*>\s*(\d+)', page)]
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = older[1] if older else None
    assert seen == list(range(45, 0, -1))
    newer = re.search(r'rel="prev" href="([^"]+)"', page)
    assert newer
    assert re.findall(r'<th scope="row"[^>]*>\s*(\d+)', staff.get(newer[1]).text)[-1] == "6"


def test_restoring_makes_the_old_values_a_new_version(staff: Browser, shop: Shop, api: ApiClient, world: World) -> None:
    token = world.token(shop.staff, shop.project)
    api.patch_settings(token, {"notifications_otp_ttl": 60, "notifications_sms_notifier": shop.sms})
    api.patch_settings(token, {"notifications_otp_ttl": 90, "notifications_sms_notifier": None})
    confirm = staff.get(shop.path + "/history/1/restore")
    assert "ippanel_one" in confirm.text
    answer = staff.post(shop.path + "/history/1/restore", {"version": 2}, follow_redirects=True)
    assert "Settings saved." in answer.text
    settings = api.get_settings(token).get_json()
    assert settings["notifications_otp_ttl"] == 60
    assert settings["notifications_sms_notifier_data"]["id"] == shop.sms
    assert "Restored version 1" in staff.get(shop.path + "/history").text


def test_restoring_a_revision_whose_notifier_is_gone_is_refused_clearly(
    staff: Browser, shop: Shop, api: ApiClient, world: World
) -> None:
    token = world.token(shop.staff, shop.project)
    api.patch_settings(token, {"notifications_sms_notifier": shop.sms})
    api.patch_settings(token, {"notifications_sms_notifier": shop.other_sms})
    world.set_enabled(shop.sms, False)
    answer = staff.post(shop.path + "/history/1/restore", {"version": 2})
    assert answer.status_code == 400
    assert "has been disabled or deleted" in answer.text
    assert api.get_settings(token).get_json()["notifications_sms_notifier_data"]["id"] == shop.other_sms


def test_restoring_after_somebody_else_changed_the_settings_asks_again(
    staff: Browser, shop: Shop, api: ApiClient, world: World
) -> None:
    token = world.token(shop.staff, shop.project)
    change(api, token, 60, 90, 100)
    answer = staff.post(shop.path + "/history/1/restore", {"version": 2})
    assert answer.status_code == 409
    assert 'name="version" type="hidden" value="3"' in answer.text
    assert api.get_settings(token).get_json()["notifications_otp_ttl"] == 100


def test_a_version_that_never_was_is_404(staff: Browser, shop: Shop) -> None:
    for version in ("7", "99999999999999999999"):
        assert staff.get(f"{shop.path}/history/{version}/restore").status_code == 404
        assert staff.post(f"{shop.path}/history/{version}/restore", {"version": 0}).status_code == 404


def test_staff_with_1036_alone_can_read_the_history_but_not_restore(
    browser: Browser, shop: Shop, api: ApiClient, world: World
) -> None:
    change(api, world.token(shop.staff, shop.project), 60, 90)
    browser.sign_in(world.member(shop.project, READ, email="reader@example.org"))
    page = browser.get(shop.path + "/history")
    assert page.status_code == 200
    assert "Restore" not in page.text
    assert browser.get(shop.path + "/history/1/restore").status_code == 403
    assert browser.post(shop.path + "/history/1/restore", {"version": 2}).status_code == 403
