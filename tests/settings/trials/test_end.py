"""How a trial ends when its time is up: kept if enough codes got through, else back to what was in force."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import delete, update

from notifapp.access import Principal
from notifapp.database import table_of
from notifapp.delivery.models import Delivery
from notifapp.notifiers.models import Notifier
from notifapp.otp.trials import service
from notifapp.otp.trials.service import Counts, Progress
from notifapp.projects.service import restore_project
from tests.audit.trail import events
from tests.client import Browser
from tests.clock import Clock
from tests.settings.trials.desk import EMAIL, LENGTH, MINUTE, QUARTER, SMS, TTL, Desk
from tests.world import World


def test_it_goes_back_when_its_time_is_up_and_not_before(desk: Desk, time: Clock) -> None:
    desk.start(**{SMS: desk.other, TTL: 60})
    desk.codes(20)
    time.advance(QUARTER - 1)
    desk.settle()
    assert desk.sms() == "other"
    time.advance(1)
    desk.settle()
    assert (desk.sms(), desk.settings()[TTL], desk.rows()) == ("gateway", 120, 0)
    last = desk.last_revision()
    assert (last.version, last.source, last.actor, last.actor_id) == (3, "automatic", "notifapp", None)
    assert last.reason == "Not kept. By SMS 0 of 20 codes came back."
    [change] = [event for event in events(desk.app, "settings_changed") if event.source == "automatic"]
    assert change.detail["changes"] == [
        ["SMS notifier", "other", "gateway"],
        ["Code lifetime", "60 seconds", "120 seconds"],
    ]


def test_it_goes_back_once(desk: Desk, time: Clock) -> None:
    desk.start()
    time.advance(QUARTER)
    for _ in range(3):
        desk.settle()
    assert desk.last_revision().version == 3


def test_of_several_workers_one_ends_it(desk: Desk, time: Clock) -> None:
    desk.start()
    time.advance(QUARTER)
    workers = [threading.Thread(target=desk.settle) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (desk.sms(), desk.last_revision().version) == ("gateway", 3)
    assert len(events(desk.app, "trial_reverted")) == 1


@pytest.mark.parametrize(
    ("asked_for", "verified", "name"),
    [(10, 7, "other"), (10, 6, "gateway"), (9, 9, "gateway"), (0, 0, "gateway"), (30, 21, "other")],
)
def test_it_is_kept_by_itself_if_enough_codes_were_sent_and_came_back(
    desk: Desk, time: Clock, asked_for: int, verified: int, name: str
) -> None:
    desk.start()
    desk.codes(asked_for, verified=verified)
    time.advance(QUARTER)
    desk.settle()
    assert (desk.sms(), desk.rows()) == (name, 0)
    [ended] = events(desk.app, "trial_kept", "trial_reverted")
    assert (ended.source, ended.detail["reason"].split(".")[0]) == (
        "automatic",
        "Kept" if name == "other" else "Not kept",
    )


@pytest.mark.parametrize(("verified", "name"), [(5, "other"), (4, "gateway")])
def test_or_as_large_a_share_as_in_the_day_before(desk: Desk, time: Clock, verified: int, name: str) -> None:
    desk.codes(12, verified=6)
    time.advance(hours=23)
    desk.start()
    desk.codes(10, verified=verified)
    time.advance(QUARTER)
    desk.settle()
    assert desk.sms() == name


def test_nothing_is_as_good_as_nothing_and_stays_not(desk: Desk, time: Clock) -> None:
    desk.codes(12)
    time.advance(MINUTE)
    desk.start()
    desk.codes(12)
    time.advance(QUARTER)
    desk.settle()
    assert desk.sms() == "gateway"


def test_codes_that_the_gateway_refuses_count_against_it(desk: Desk, time: Clock) -> None:
    desk.start()
    desk.codes(10, verified=10)
    desk.codes(10, status="failed")
    time.advance(QUARTER)
    desk.settle()
    assert desk.sms() == "gateway"
    assert desk.last_revision().reason == "Not kept. By SMS 10 of 20 codes came back."


def test_codes_by_email_say_nothing_of_an_sms_notifier(desk: Desk, time: Clock) -> None:
    desk.start()
    desk.codes(20, verified=20, channel="email")
    time.advance(QUARTER)
    desk.settle()
    assert desk.sms() == "gateway"


def test_codes_that_went_through_another_notifier_say_nothing_either(desk: Desk, time: Clock) -> None:
    desk.start()
    desk.codes(12, verified=12)
    desk.write(update(table_of(Delivery)).values(notifier_id=desk.former))
    time.advance(QUARTER)
    desk.settle()
    assert desk.sms() == "gateway"


def test_of_two_notifiers_each_has_to_do(desk: Desk, time: Clock, world: World) -> None:
    mail = world.notifier(desk.caller.project, "email", "another mail")
    desk.start(**{SMS: desk.other, EMAIL: mail})
    desk.codes(10, verified=10)
    desk.codes(10, channel="email")
    time.advance(QUARTER)
    desk.settle()
    assert desk.sms() == "gateway"
    assert desk.last_revision().reason == "Not kept. By SMS 10 of 10 codes came back. By email 0 of 10 codes came back."


def test_a_length_is_judged_by_the_codes_of_both_channels(desk: Desk, time: Clock) -> None:
    desk.start(**{LENGTH: 8})
    desk.codes(5, verified=4)
    desk.codes(5, verified=4, channel="email")
    time.advance(QUARTER)
    desk.settle()
    assert desk.settings()[LENGTH] == 8
    assert desk.rows() == 0


def test_a_later_change_ends_it_and_what_was_tried_stays(desk: Desk, time: Clock) -> None:
    desk.start()
    desk.change(**{TTL: 60})
    time.advance(QUARTER)
    desk.settle()
    assert (desk.sms(), desk.last_revision().version) == ("other", 3)


def test_a_later_change_that_restores_the_tried_values_is_no_trial(desk: Desk, time: Clock) -> None:
    desk.start()
    desk.change(**{SMS: desk.former})
    desk.change(**{SMS: desk.other})
    time.advance(QUARTER)
    desk.settle()
    assert desk.sms() == "other"


@pytest.mark.parametrize("fate", ["disabled", "deleted"])
def test_a_former_notifier_that_is_gone_is_said_and_the_rest_goes_back(desk: Desk, time: Clock, fate: str) -> None:
    desk.start(**{SMS: desk.other, TTL: 60})
    gone = delete(Notifier) if fate == "deleted" else update(Notifier).values(is_enabled=False)
    desk.write(gone.where(Notifier.id == desk.former))
    assert desk.trial().get_json()["stuck"] == ["sms"]
    page = Browser(desk.app).sign_in(desk.member).get(desk.page).text
    assert "The former SMS notifier can’t be chosen any more" in page
    time.advance(QUARTER)
    desk.settle()
    assert (desk.sms(), desk.settings()[TTL], desk.rows()) == ("other", 120, 0)
    said = "The former SMS notifier can't be chosen any more, so the tried one stays."
    assert desk.last_revision().reason == f"Not kept. By SMS 0 of 0 codes came back. {said}"
    history = Browser(desk.app).sign_in(desk.member).get(f"{desk.page}/history").text
    assert said.replace("'", "&#39;") in history


def test_if_nothing_can_go_back_the_history_says_so(desk: Desk, time: Clock) -> None:
    desk.start()
    desk.world.set_enabled(desk.former, False)
    time.advance(QUARTER)
    desk.settle()
    last = desk.last_revision()
    assert (desk.sms(), desk.rows(), last.version, last.source) == ("other", 0, 3, "automatic")
    assert last.reason.endswith("so the tried one stays.")
    assert Browser(desk.app).sign_in(desk.member).get(f"{desk.page}/history").status_code == 200


def test_both_former_notifiers_gone_fit_into_the_reason(desk: Desk, time: Clock, world: World) -> None:
    mail = world.notifier(desk.caller.project, "email", "another mail")
    former_mail = desk.settings()["notifications_email_notifier_data"]["id"]
    desk.start(**{SMS: desk.other, EMAIL: mail})
    for notifier in (desk.former, former_mail):
        world.set_enabled(notifier, False)
    time.advance(QUARTER)
    desk.settle()
    assert desk.last_revision().reason.endswith(
        "The former SMS and email notifier can't be chosen any more, so the tried one stays."
    )


def test_a_project_that_is_archived_meanwhile_goes_back_once_it_is_restored(desk: Desk, time: Clock) -> None:
    desk.start()
    desk.world.archive(desk.caller.project)
    time.advance(QUARTER)
    desk.settle()
    assert desk.rows() == 1
    with desk.app.app_context():
        restore_project(desk.caller.project.id, principal=Principal.operator())
    desk.settle()
    assert desk.sms() == "gateway"


def test_one_trial_that_fails_keeps_no_other_waiting(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.start()
    report = service._report

    def fail_first(project: object, trial: object) -> object:
        monkeypatch.setattr(service, "_report", report)
        raise RuntimeError

    monkeypatch.setattr(service, "_report", fail_first)
    time.advance(QUARTER)
    desk.settle()
    assert "could not be ended" in caplog.text
    desk.settle()
    assert desk.sms() == "gateway"


@pytest.mark.parametrize(
    ("during", "before", "is_enough"),
    [
        (Counts(10, 10, 7), Counts(0, 0, 0), True),
        (Counts(11, 10, 7), Counts(0, 0, 0), False),
        (Counts(10, 10, 6), Counts(9, 9, 0), False),
        (Counts(10, 10, 6), Counts(20, 20, 12), True),
        (Counts(10, 10, 0), Counts(20, 20, 0), False),
    ],
)
def test_what_is_enough(during: Counts, before: Counts, is_enough: bool) -> None:
    assert Progress(None, during, before).is_enough is is_enough
