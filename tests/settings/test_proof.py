"""A project may require that its notifiers are proven: on the page, by JSON and at the command line alike."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.audit.trail import events
from tests.client import ApiClient, Browser, page_text
from tests.settings.conftest import Patch, Shop, Shown, written
from tests.settings.test_page import form
from tests.world import World

UNPROVEN = "This notifier has not been proven since its last change."


def require(staff: Browser, shop: Shop, choice: str = "yes") -> str:
    """Save the choice on the page. Return what the page says then."""
    return page_text(staff.post(f"{shop.path}/proof", {"requires_proof": choice}, follow_redirects=True))


def choices(staff: Browser, shop: Shop) -> list[str]:
    """What the first dropdown offers."""
    dropdown = re.findall(r"<select.*?</select>", staff.get(shop.path).text, re.DOTALL)[0]
    return [name.partition(" (")[0] for name in re.findall(r"<option[^>]*>([^<]*)</option>", dropdown)]


def test_the_dropdowns_say_whether_notifiers_are_proven(staff: Browser, shop: Shop, world: World) -> None:
    world.prove(shop.sms)
    page = staff.get(shop.path).text
    assert "ippanel_one (Console, development only: nothing is sent, proven just now)" in page
    assert "kavenegar_two (Console, development only: nothing is sent, never proven)" in page


def test_the_choice_is_saved_and_audited_once(app: Flask, staff: Browser, shop: Shop) -> None:
    assert "Only proven notifiers can be chosen." in require(staff, shop)
    require(staff, shop)
    assert "All enabled notifiers can be chosen." in require(staff, shop, "")
    changes = [event.detail["changes"] for event in events(app, "proof_requirement_changed")]
    assert changes == [
        [["Proof of receipt", "not required", "required"]],
        [["Proof of receipt", "required", "not required"]],
    ]
    assert written(app) == (0, 2)


@pytest.mark.parametrize("fields", [{}, {"requires_proof": "maybe"}])
def test_a_choice_that_is_none_changes_nothing(app: Flask, staff: Browser, shop: Shop, fields: dict[str, str]) -> None:
    require(staff, shop)
    answer = staff.post(f"{shop.path}/proof", fields)
    assert answer.status_code == 400
    assert "Notifiers to choose from : Choose one from the list." in page_text(answer)
    assert written(app) == (0, 1)


def test_json_refuses_an_unproven_notifier_and_says_why(
    staff: Browser, shop: Shop, patch: Patch, shown: Shown, world: World
) -> None:
    require(staff, shop)
    before = shown()
    answer = patch({"notifications_sms_notifier": shop.sms, "notifications_email_notifier": shop.email})
    assert (answer.status_code, answer.json) == (
        400, {"notifications_sms_notifier": [UNPROVEN], "notifications_email_notifier": [UNPROVEN]},
    )  # fmt: skip
    assert shown() == before
    world.prove(shop.sms)
    assert patch({"notifications_sms_notifier": shop.sms}).status_code == 200
    missing = patch({"notifications_sms_notifier": 99}).get_json()
    assert missing == {"notifications_sms_notifier": ['Invalid pk "99" - object does not exist.']}


def test_the_page_offers_only_proven_ones_and_refuses_others_in_the_same_words(
    staff: Browser, shop: Shop, world: World
) -> None:
    require(staff, shop)
    assert choices(staff, shop) == ["None"]
    assert "There is no enabled and proven SMS notifier yet." in page_text(staff.get(shop.path))
    answer = staff.post(shop.path, form(sms_notifier=shop.sms))
    assert answer.status_code == 400
    assert f"{UNPROVEN} Prove it on its page, or choose another." in page_text(answer)
    world.prove(shop.other_sms)
    assert choices(staff, shop) == ["None", "kavenegar_two"]
    assert staff.post(shop.path, form(sms_notifier=shop.other_sms)).status_code == 303


def test_the_notifier_in_force_stays_in_force(staff: Browser, shop: Shop, patch: Patch, shown: Shown) -> None:
    patch({"notifications_sms_notifier": shop.sms})
    require(staff, shop)
    assert choices(staff, shop) == ["None", "ippanel_one"]
    assert staff.post(shop.path, form(1, sms_notifier=shop.sms, otp_ttl="300")).status_code == 303
    assert patch({"notifications_otp_code_len": 6}).status_code == 200
    assert shown()["notifications_sms_notifier_data"] == {"id": shop.sms, "name": "ippanel_one"}


def test_an_old_version_with_an_unproven_notifier_is_not_restored(staff: Browser, shop: Shop, patch: Patch) -> None:
    patch({"notifications_sms_notifier": shop.sms})
    patch({"notifications_sms_notifier": None})
    require(staff, shop)
    answer = staff.post(f"{shop.path}/history/1/restore", {"version": "2"})
    assert answer.status_code == 400
    assert UNPROVEN in page_text(answer)


def test_the_list_of_valid_notifiers_leaves_unproven_ones_out(
    staff: Browser, shop: Shop, api: ApiClient, world: World
) -> None:
    token = world.staff_token(shop.project, 2812, email="program@example.org")

    def listed() -> list[str]:
        answer = api.call("GET", "/api/notifications/notifiers/sms", token).get_json()
        assert answer["count"] == len(answer["results"])
        return [notifier["name"] for notifier in answer["results"]]

    world.prove(shop.other_sms)
    assert listed() == ["ippanel_one", "kavenegar_two"]
    require(staff, shop)
    assert listed() == ["kavenegar_two"]


def test_another_projects_choice_is_its_own(staff: Browser, shop: Shop, app: Flask, world: World) -> None:
    other = world.project("other")
    notifier_id = world.notifier(other, "sms", "theirs")
    require(staff, shop)
    answer = ApiClient(app).patch_settings(
        world.staff_token(other, 1037, email="theirs@example.org"), {"notifications_sms_notifier": notifier_id}
    )
    assert answer.status_code == 200


def test_the_command_line_chooses_and_obeys(app: Flask, shop: Shop, world: World) -> None:
    run = app.test_cli_runner().invoke
    command, sms = ["settings", "set", "shop"], ["--sms-notifier", str(shop.sms)]
    refused = run(args=[*command, "--require-proof", *sms])
    assert (refused.exit_code, refused.stderr) == (1, f"Error: notifications_sms_notifier: {UNPROVEN}\n")
    assert run(args=[*command, *sms]).exit_code == 1
    assert run(args=[*command, "--otp-ttl", "60"]).exit_code == 0
    world.prove(shop.sms)
    assert run(args=[*command, *sms]).exit_code == 0
    assert run(args=[*command, "--no-require-proof", "--sms-notifier", str(shop.other_sms)]).exit_code == 0
    assert [event.source for event in events(app, "proof_requirement_changed")] == ["cli", "cli"]


@pytest.mark.parametrize("codes", [(1036,), (2811, 2812, 2813, 9001)])
def test_the_choice_takes_1037(app: Flask, shop: Shop, world: World, codes: tuple[int, ...]) -> None:
    other = Browser(app).sign_in(world.member(shop.project, *codes, email="other@example.org"))
    assert other.post(f"{shop.path}/proof", {"requires_proof": "yes"}).status_code == 403
    if 1036 in codes:
        assert "Notifiers to choose from All enabled ones" in page_text(other.get(shop.path))
