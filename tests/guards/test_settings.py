"""Before settings are saved that customers would notice, a page says what will happen."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from notifapp.otp.models import OtpChallenge
from notifapp.settings.models import SettingsRevision
from tests.account.test_ended_session import OURS, kept, sign_in_again
from tests.client import ApiClient, Browser, page_text
from tests.guards.conftest import Entered, hidden
from tests.otp.caller import Caller
from tests.world import World

SETTINGS = "/projects/shop/settings"
ASKS = "Nothing has been changed yet."
# The caller's project: both channels in force at version 1.
SHOWN = {"sms_notifier": "1", "email_notifier": "2", "otp_code_len": "5", "otp_ttl": "120"}


def form(version: int = 1, **changes: str) -> dict[str, str]:
    """What the form posts where these fields were changed."""
    return {"version": str(version), "reason": ""} | {
        f"notifications_{name}": value for name, value in (SHOWN | changes).items()
    }


def saves(staff: Browser, **changes: str) -> bool:
    """Whether this is saved at once; if not, a page asks, and saves once it is confirmed."""
    answer = staff.post(SETTINGS, form(1, **changes))
    if answer.status_code == 303:
        return True
    assert answer.status_code == 200
    assert ASKS in page_text(answer)
    assert staff.post(SETTINGS, hidden(answer)).status_code == 303
    return False


def versions(caller: Caller) -> int:
    return caller.count(SettingsRevision, project_id=caller.project.id)


# Clearing a channel


def test_clearing_a_channel_says_how_many_codes_stop(staff: Browser, caller: Caller) -> None:
    caller.open()
    asked = staff.post(SETTINGS, form(sms_notifier="") | {"reason": "A new gateway"})
    page = page_text(asked)
    assert "Save these settings? Nothing has been changed yet." in page
    assert "No code can be sent by SMS" in page
    assert "until another notifier is chosen in the settings." in page
    assert "1 code was requested by SMS in the last 24 hours." in page
    assert caller.send("+989120000000").status_code == 201

    assert hidden(asked)["reason"] == ["A new gateway"]
    assert staff.post(SETTINGS, hidden(asked)).status_code == 303
    saved = staff.get(SETTINGS)
    assert '<div class="notice notice-warning" role="alert">' in saved.text
    assert "Settings saved. No code can be sent by SMS now." in page_text(saved)
    assert caller.send("+989120000001").status_code == 409
    assert versions(caller) == 2


def test_a_channel_that_nobody_used_today_is_asked_about_too(staff: Browser, caller: Caller) -> None:
    page = page_text(staff.post(SETTINGS, form(email_notifier="")))
    assert "No code can be sent by email" in page
    assert "0 codes were requested by email in the last 24 hours." in page


def test_a_channel_that_sends_nothing_anyway_is_cleared_at_once(staff: Browser, caller: Caller, world: World) -> None:
    world.set_enabled(1, False)
    assert saves(staff, sms_notifier="")


def test_choosing_another_notifier_asks_nothing(staff: Browser, caller: Caller, world: World) -> None:
    assert saves(staff, sms_notifier=str(world.notifier(caller.project, "sms", "another")))


# A shorter lifetime


def test_a_lifetime_below_the_95th_percentile_says_whom_it_would_have_lost(
    staff: Browser, caller: Caller, entered: Entered
) -> None:
    entered(*[20.5] * 90, *[70.5] * 6, *[100.5] * 4)
    page = page_text(staff.post(SETTINGS, form(otp_ttl="60")))
    assert "10 of the last 100 verified codes (10 %) would have come too late after 60 seconds." in page
    assert "95 % were entered within 71 seconds" in page
    assert "The shortest lifetime that would have lost at most 1 % is 101 seconds" in page


@pytest.mark.parametrize(("ttl", "at_once"), [("70", False), ("71", True), ("119", True), ("121", True)])
def test_the_lifetime_is_asked_about_below_the_95th_percentile_only(
    staff: Browser, entered: Entered, ttl: str, at_once: bool
) -> None:
    entered(*[20.5] * 94, 70.5, *[110.5] * 5)
    assert saves(staff, otp_ttl=ttl) is at_once


def test_a_longer_lifetime_that_is_still_too_short_asks_nothing(
    staff: Browser, caller: Caller, entered: Entered
) -> None:
    entered(*[500.0] * 10)
    assert saves(staff, otp_ttl="180")


def test_without_a_verified_code_a_shorter_lifetime_is_saved_at_once(staff: Browser, caller: Caller) -> None:
    assert saves(staff, otp_ttl="30")


def test_the_first_verified_codes_count(staff: Browser, caller: Caller, entered: Entered) -> None:
    entered(80.0)
    page = page_text(staff.post(SETTINGS, form(otp_ttl="60")))
    assert "1 of the last 1 verified code (100 %) would have come too late after 60 seconds." in page
    assert "The shortest lifetime that would have lost none is 81 seconds" in page


# Fewer than six digits


def test_fewer_than_six_digits_say_how_easily_they_are_guessed(staff: Browser, caller: Caller) -> None:
    page = page_text(staff.post(SETTINGS, form(otp_code_len="4")))
    assert "Codes become easier to guess" in page
    assert "Guessing one customer's code in a day At most 1 in 200 Now at most 1 in 2,000" in page
    assert "Guessing any customer's code in a day At most 99 % Now at most 39 %" in page
    assert "ask for at least six digits" in page


def test_a_length_below_six_is_asked_about_when_it_is_chosen_and_not_at_each_save(
    staff: Browser, caller: Caller
) -> None:
    assert saves(staff, otp_ttl="240"), "it has five digits, as before"
    caller.change_settings(otp_code_len=6, otp_ttl=120)
    assert "Codes become easier to guess" in page_text(staff.post(SETTINGS, form(3)))
    caller.change_settings(otp_code_len=4)
    assert "Codes stay easy to guess" in page_text(staff.post(SETTINGS, form(4)))


def test_six_digits_ask_nothing(staff: Browser, caller: Caller) -> None:
    assert saves(staff, otp_code_len="6")


# The page that asks


def test_one_page_asks_about_all_of_it_once(staff: Browser, caller: Caller, entered: Entered) -> None:
    entered(*[80.0] * 30)
    asked = staff.post(SETTINGS, form(sms_notifier="", email_notifier="", otp_ttl="60", otp_code_len="4"))
    page = page_text(asked)
    for heading in ("sent by SMS", "sent by email", "expire before some customers", "become easier to guess"):
        assert heading in page
    assert staff.post(SETTINGS, hidden(asked)).status_code == 303
    assert versions(caller) == 2


def test_what_cannot_be_saved_is_refused_before_anything_is_asked(staff: Browser, caller: Caller) -> None:
    refused = staff.post(SETTINGS, form(sms_notifier="", otp_ttl="1"))
    assert refused.status_code == 400
    assert ASKS not in page_text(refused)
    assert "Enter a whole number from 30 to 3600." in page_text(refused)
    too_long = staff.post(SETTINGS, form(sms_notifier="") | {"reason": "x" * 201})
    assert (too_long.status_code, ASKS in page_text(too_long)) == (400, False)


def test_a_stale_form_shows_what_changed_before_anything_is_asked(staff: Browser, caller: Caller) -> None:
    caller.change_settings(otp_ttl=300)
    stale = staff.post(SETTINGS, form(sms_notifier=""))
    assert stale.status_code == 409
    assert ASKS not in page_text(stale)


def test_a_change_between_question_and_answer_is_a_conflict(staff: Browser, caller: Caller) -> None:
    asked = staff.post(SETTINGS, form(sms_notifier=""))
    caller.change_settings(otp_ttl=300)
    answer = staff.post(SETTINGS, hidden(asked))
    assert answer.status_code == 409
    assert caller.send().status_code == 201
    again = staff.post(SETTINGS, form(2, sms_notifier="", otp_ttl="300"))
    assert ASKS in page_text(again), "what was confirmed was another change"


def test_going_back_shows_what_was_typed_and_saves_nothing(staff: Browser, caller: Caller) -> None:
    asked = staff.post(SETTINGS, form(sms_notifier="", otp_code_len="4") | {"reason": "Why"})
    assert '<button type="submit" class="btn" name="back" value="yes">Go back</button>' in asked.text
    answer = staff.post(SETTINGS, hidden(asked) | {"back": "yes"})
    assert answer.status_code == 200
    assert 'value="Why"' in answer.text
    assert 'value="4"' in answer.text
    assert '<option selected value="">None' in answer.text
    assert "confirmed" not in answer.text
    assert versions(caller) == 1


def test_confirming_needs_a_csrf_token_and_the_permission(
    app: Flask, world: World, staff: Browser, caller: Caller
) -> None:
    fields = hidden(staff.post(SETTINGS, form(sms_notifier="")))
    forged: dict[str, Any] = {name: value for name, value in fields.items() if name != "csrf_token"}
    assert staff.post(SETTINGS, forged, csrf=False).status_code == 400
    reader = Browser(app).sign_in(world.member(caller.project, 1036, email="reader@example.org"))
    assert reader.post(SETTINGS, form(sms_notifier="")).status_code == 403
    assert reader.post(SETTINGS, form(sms_notifier="") | {"confirmed": "yes"}).status_code == 403
    assert versions(caller) == 1


def test_an_archived_project_is_refused_and_not_asked(app: Flask, world: World, staff: Browser, caller: Caller) -> None:
    world.archive(caller.project)
    answer = Browser(app).sign_in(world.admin()).post(SETTINGS, form(sms_notifier=""))
    assert (answer.status_code, ASKS in page_text(answer)) == (409, False)


def test_a_session_that_ends_while_the_page_asks_keeps_the_form_and_asks_again(staff: Browser, caller: Caller) -> None:
    fields: dict[str, Any] = hidden(staff.post(SETTINGS, form(sms_notifier="", otp_code_len="8")))
    staff.post("/sign-out")
    ended = staff.post(SETTINGS, fields, csrf=False, headers=OURS)
    assert "confirmed" not in kept(ended)
    sign_in_again(staff, ended)
    page = staff.get(SETTINGS)
    assert "it has not been saved" in page_text(page)
    assert 'value="8"' in page.text
    assert versions(caller) == 1
    assert ASKS in page_text(staff.post(SETTINGS, form(sms_notifier="", otp_code_len="8")))


# Restoring


def restored(staff: Browser, version: int, current: int, **more: str) -> TestResponse:
    return staff.post(f"{SETTINGS}/history/{version}/restore", {"version": str(current), **more})


def test_the_page_that_restores_says_it_all_at_once(staff: Browser, caller: Caller, entered: Entered) -> None:
    caller.change_settings(sms_notifier=None, otp_ttl=60)
    caller.change_settings(sms_notifier=1, otp_ttl=120)
    caller.open()
    entered(*[80.0] * 30)
    page = staff.get(f"{SETTINGS}/history/2/restore")
    assert "1 code was requested by SMS in the last 24 hours." in page_text(page)
    assert "30 of the last 30 verified codes" in page_text(page)
    assert staff.post(f"{SETTINGS}/history/2/restore", hidden(page) | {"version": "3"}).status_code == 303
    assert "No SMS notifier is chosen." in page_text(staff.get(SETTINGS))


def test_what_that_page_could_not_say_yet_is_asked(staff: Browser, caller: Caller, entered: Entered) -> None:
    caller.change_settings(otp_ttl=60)
    caller.change_settings(otp_ttl=120)
    page = staff.get(f"{SETTINGS}/history/2/restore")
    assert "confirmed" not in page.text
    entered(*[80.0] * 30)
    asked = restored(staff, 2, 3)
    assert "Restore version 2? Nothing has been changed yet." in page_text(asked)
    assert f'<a class="btn" href="{SETTINGS}/history/2/restore">Go back</a>' in asked.text
    assert staff.post(f"{SETTINGS}/history/2/restore", hidden(asked)).status_code == 303
    assert versions(caller) == 4


def test_restoring_what_harms_nobody_asks_nothing(staff: Browser, caller: Caller) -> None:
    caller.change_settings(otp_ttl=300)
    assert restored(staff, 1, 2).status_code == 303


# Programs


def test_the_api_and_the_command_line_never_ask(app: Flask, caller: Caller, world: World, entered: Entered) -> None:
    entered(*[80.0] * 30)
    token = world.staff_token(caller.project, 1036, 1037, email="program@example.org")
    answer = ApiClient(app).patch_settings(
        token, {"notifications_sms_notifier": None, "notifications_otp_ttl": 30, "notifications_otp_code_len": 4}
    )
    assert answer.status_code == 200
    assert answer.get_json()["notifications_otp_ttl"] == 30
    caller.change_settings(otp_ttl=120)
    ran = app.test_cli_runner().invoke(args=["settings", "set", "shop", "--otp-ttl", "30", "--email-notifier", "none"])
    assert ran.exit_code == 0, ran.output
    assert versions(caller) == 4
    assert caller.count(OtpChallenge) == 30
