"""Trials on the pages: the button beside "Save settings", the banner, and its two buttons."""

from __future__ import annotations

import pytest

from notifapp.access import Permission
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.settings.trials.desk import QUARTER, SMS, TTL, Desk
from tests.world import World

BANNER = "A change is being tried until 2026-11-23 12:15"


@pytest.fixture
def staff(desk: Desk) -> Browser:
    return Browser(desk.app).sign_in(desk.member)


def form(desk: Desk, **values: object) -> dict[str, object]:
    """What the form posts with "Switch for …"; untouched but for these values."""
    settings = desk.settings()
    ids = {name: (settings[f"{name}_data"] or {}).get("id", "") for name in (SMS, "notifications_email_notifier")}
    rest = {name: settings[name] for name in (TTL, "notifications_otp_code_len")}
    return {"version": 1, "reason": "", "minutes": "15", "trial": "yes", **ids, **rest, **values}


def test_switching_for_a_while_from_the_page(desk: Desk, staff: Browser) -> None:
    answer = staff.post(desk.page, form(desk, **{SMS: desk.other, "reason": "Cheaper."}), follow_redirects=True)
    assert answer.status_code == 200
    text = page_text(answer)
    assert "Switched for a while." in text
    assert BANNER in text
    assert "The settings go back to version 1 in 15 minutes, unless somebody keeps the change" in text
    assert "By SMS: 0 codes requested, 0 sent, 0 entered." in text
    assert desk.last_revision().reason == "Tried for 15 minutes. Cheaper."
    assert desk.trial().get_json()["reverts_to"] == 1


@pytest.mark.parametrize(("minutes", "said"), [("5", "5 minutes"), ("240", "4 hours"), ("1440", "24 hours")])
def test_the_time_can_be_chosen(desk: Desk, staff: Browser, minutes: str, said: str) -> None:
    assert f'<option value="{minutes}">{said}</option>' in staff.get(desk.page).text
    staff.post(desk.page, form(desk, **{TTL: 60, "minutes": minutes}))
    assert desk.last_revision().reason == f"Tried for {said}."


def test_saving_still_saves_for_good(desk: Desk, staff: Browser) -> None:
    fields = form(desk, **{TTL: 60})
    del fields["trial"]
    assert "Settings saved." in staff.post(desk.page, fields, follow_redirects=True).text
    assert desk.rows() == 0


def test_errors_stand_where_those_of_saving_do(desk: Desk, staff: Browser) -> None:
    answer = staff.post(desk.page, form(desk, **{TTL: 1, "minutes": "0", "reason": "x" * 190}))
    assert answer.status_code == 400
    text = page_text(answer)
    assert "How long to try it : Enter a whole number from 1 to 1440." in text
    assert "Use at most 178 characters." in text
    assert "Enter a whole number from 30 to 3600." in text
    assert desk.settings()[TTL] == 120


def test_nothing_to_try_is_said(desk: Desk, staff: Browser) -> None:
    answer = staff.post(desk.page, form(desk))
    assert (answer.status_code, "Nothing would change, so there is nothing to try." in answer.text) == (400, True)


def test_a_stale_trial_shows_what_changed_meanwhile(desk: Desk, staff: Browser) -> None:
    fields = form(desk, **{SMS: desk.other})
    desk.change(**{TTL: 60})
    answer = staff.post(desk.page, fields)
    assert answer.status_code == 409
    assert "The settings have changed since you opened them" in answer.text
    assert desk.rows() == 0


def test_clearing_a_used_channel_asks_first_and_remembers_that_it_is_a_trial(desk: Desk, staff: Browser) -> None:
    desk.codes(1)
    question = staff.post(desk.page, form(desk, **{SMS: ""}))
    assert "No code can be sent by SMS" in question.text
    assert "Try these settings?" in question.text
    assert '<input type="hidden" name="trial" value="yes">' in question.text
    staff.post(desk.page, form(desk, **{SMS: "", "confirmed": "yes"}))
    assert desk.trial().status_code == 200


def test_during_a_trial_the_page_offers_no_second_one(desk: Desk, staff: Browser) -> None:
    assert "Switch for" in staff.get(desk.page).text
    desk.start()
    assert "Switch for" not in staff.get(desk.page).text
    assert staff.post(desk.page, form(desk, **{"version": 2, TTL: 60})).status_code == 409


def test_the_banner_tells_how_it_goes(desk: Desk, staff: Browser, time: Clock) -> None:
    desk.codes(10, verified=9)
    time.advance(60)
    desk.start()
    desk.codes(12, verified=9)
    text = page_text(staff.get(desk.page))
    assert "By SMS: 12 codes requested, 12 sent, 9 entered (75 %). In the day before: 9 of 10 entered (90 %)." in text
    assert "That is enough: if it stays so, the change is kept in 14 minutes." not in text
    assert "That is enough: if it stays so, the change is kept in 15 minutes." in text


def test_the_overview_has_it_too_for_those_who_may_see_the_settings(desk: Desk, staff: Browser, world: World) -> None:
    desk.start()
    overview = f"/projects/{desk.caller.project.slug}"
    assert "A change is being tried" in staff.get(overview).text
    assert staff.get(overview).text.count("Go back now") == 1
    plain = world.member(desk.caller.project, email="plain@example.org")
    assert "A change is being tried" not in Browser(desk.app).sign_in(plain).get(overview).text


def test_who_may_only_read_sees_it_without_buttons(desk: Desk, world: World) -> None:
    desk.start()
    reader = world.member(desk.caller.project, Permission.NOTIFICATIONS_SETTINGS_READ, email="reader@example.org")
    browser = Browser(desk.app).sign_in(reader)
    for page in (desk.page, f"/projects/{desk.caller.project.slug}"):
        text = browser.get(page).text
        assert "A change is being tried" in text
        assert "Go back now" not in text
    for end in ("keep", "revert"):
        assert browser.post(f"{desk.page}/trial/{end}", {"version": 2}).status_code == 403


def test_keep_on_the_page(desk: Desk, staff: Browser, time: Clock) -> None:
    desk.start()
    answer = staff.post(f"{desk.page}/trial/keep", {"version": 2}, follow_redirects=True)
    assert "The change is kept." in answer.text
    assert "is being tried" not in answer.text
    time.advance(QUARTER)
    desk.settle()
    assert desk.sms() == "other"


def test_go_back_now_on_the_page(desk: Desk, staff: Browser) -> None:
    desk.start()
    answer = staff.post(f"{desk.page}/trial/revert", {"version": 2}, follow_redirects=True)
    assert "Changed back. SMS notifier: from other → to gateway" in page_text(answer)
    assert (desk.sms(), desk.last_revision().source) == ("gateway", "page")


def test_go_back_that_can_change_nothing_says_so(desk: Desk, staff: Browser, world: World) -> None:
    desk.start()
    world.set_enabled(desk.former, False)
    answer = staff.post(f"{desk.page}/trial/revert", {"version": 2}, follow_redirects=True)
    assert "The trial is over, but nothing could be changed back." in answer.text


@pytest.mark.parametrize("end", ["keep", "revert"])
@pytest.mark.parametrize("version", [2, "rubbish", ""])
def test_a_trial_that_is_over_cannot_be_ended_again(desk: Desk, staff: Browser, end: str, version: object) -> None:
    desk.start()
    desk.change(**{TTL: 60})
    answer = staff.post(f"{desk.page}/trial/{end}", {"version": version}, follow_redirects=True)
    assert "The trial was over already." in answer.text
    assert (desk.sms(), desk.last_revision().version) == ("other", 3)


def test_a_page_that_shows_an_older_trial_ends_no_newer_one(desk: Desk, staff: Browser) -> None:
    desk.start()
    desk.post("/revert")
    desk.start()
    staff.post(f"{desk.page}/trial/revert", {"version": 2})
    assert desk.sms() == "other"


def test_ending_without_a_csrf_token_is_refused(desk: Desk, staff: Browser) -> None:
    desk.start()
    for end in ("keep", "revert"):
        assert staff.post(f"{desk.page}/trial/{end}", {"version": 2}, csrf=False).status_code == 400
    assert desk.trial().status_code == 200


def test_who_may_change_but_not_read_is_shown_no_settings(desk: Desk, world: World) -> None:
    writer = world.member(desk.caller.project, Permission.NOTIFICATIONS_SETTINGS_UPDATE, email="writer@example.org")
    desk.start()
    answer = Browser(desk.app).sign_in(writer).post(f"{desk.page}/trial/keep", {"version": 2})
    assert (answer.status_code, answer.location) == (303, f"/projects/{desk.caller.project.slug}")


def test_a_trial_whose_time_is_up_waits_for_a_worker(desk: Desk, staff: Browser, time: Clock) -> None:
    desk.start()
    time.advance(QUARTER)
    assert "Its time is up. It ends as soon as a worker runs." in staff.get(desk.page).text


def test_an_archived_project_shows_no_banner(desk: Desk, world: World) -> None:
    desk.start()
    world.archive(desk.caller.project)
    assert "is being tried" not in Browser(desk.app).sign_in(world.admin()).get(desk.page).text


def test_the_history_says_what_was_tried_and_how_it_ended(desk: Desk, staff: Browser, time: Clock) -> None:
    desk.start()
    time.advance(QUARTER)
    desk.settle()
    text = page_text(staff.get(f"{desk.page}/history"))
    assert "Tried for 15 minutes." in text
    assert "Not kept. By SMS 0 of 0 codes came back. notifapp automatically" in text
