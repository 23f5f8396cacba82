"""`/api/settings/notifications/trial`: who may, what is refused and how, and that there is one at a time."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from notifapp import clock
from notifapp.access import Permission
from tests.audit.trail import events
from tests.clock import NOON, Clock
from tests.settings.trials.desk import LENGTH, SMS, TRIAL, TTL, Desk
from tests.statements import sent
from tests.world import World


def test_a_trial_is_the_change_with_a_time_at_which_it_goes_back(desk: Desk) -> None:
    answer = desk.post(fields={SMS: desk.other, "minutes": 60})
    assert answer.status_code == 201
    assert answer.json == {"version": 2, "reverts_at": clock.iso(NOON + timedelta(hours=1)), "reverts_to": 1}
    assert (desk.sms(), desk.last_revision().reason) == ("other", "Tried for 1 hour.")
    assert answer.headers["ETag"] == desk.api.get_settings(desk.token).headers["ETag"]
    assert [event.detail["minutes"] for event in events(desk.app, "trial_started")] == [60]


def test_without_minutes_it_is_a_quarter_of_an_hour(desk: Desk) -> None:
    assert desk.start()["reverts_at"] == clock.iso(NOON + timedelta(minutes=15))


@pytest.mark.parametrize("minutes", [1, "1", 1440, "1440.0"])
def test_the_bounds_count(desk: Desk, minutes: object) -> None:
    assert desk.post(fields={TTL: 60, "minutes": minutes}).status_code == 201


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        (0, "Ensure this value is greater than or equal to 1."),
        (1441, "Ensure this value is less than or equal to 1440."),
        (None, "This field may not be null."),
        ("a while", "A valid integer is required."),
        ([], "A valid integer is required."),
    ],
)
def test_wrong_minutes_are_told_beside_all_other_errors_and_nothing_is_changed(
    desk: Desk, minutes: object, message: str
) -> None:
    answer = desk.post(fields={SMS: 99, LENGTH: 3, "minutes": minutes})
    assert answer.status_code == 400
    assert answer.json == {
        SMS: ['Invalid pk "99" - object does not exist.'],
        LENGTH: ["Ensure this value is greater than or equal to 4."],
        "minutes": [message],
    }
    assert (desk.settings()[TTL], desk.rows()) == (120, 0)


def test_wrong_minutes_alone_change_nothing(desk: Desk) -> None:
    assert desk.post(fields={SMS: desk.other, "minutes": 0}).status_code == 400
    assert (desk.sms(), desk.rows()) == ("gateway", 0)


@pytest.mark.parametrize("fields", [{}, None, {SMS: 1}, {"minutes": 5}])
def test_a_trial_of_nothing_is_refused(desk: Desk, fields: Any) -> None:
    answer = desk.post(fields=fields)
    assert (answer.status_code, answer.json) == (
        400,
        {"non_field_errors": ["Nothing would change, so there is nothing to try."]},
    )


def test_a_second_trial_is_refused_while_one_lives(desk: Desk) -> None:
    desk.start()
    answer = desk.post(fields={TTL: 60})
    assert (answer.status_code, answer.json) == (
        409,
        {"detail": "A change is being tried already. Keep it or go back first."},
    )
    assert desk.settings()[TTL] == 120


def test_of_many_trials_at_once_one_begins(desk: Desk) -> None:
    statuses: Counter[int] = Counter()

    def start(ttl: int) -> None:
        statuses[desk.app.test_client().post(TRIAL, json={TTL: ttl}, headers=_of(desk)).status_code] += 1

    threads = [threading.Thread(target=start, args=[60 + number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == {201: 1, 409: 7}
    assert (desk.rows(), desk.last_revision().version) == (1, 2)


def test_if_match_names_the_settings_that_may_be_tried_upon(desk: Desk) -> None:
    stale = desk.api.get_settings(desk.token).headers["ETag"]
    desk.change(**{TTL: 60})
    assert desk.post(fields={SMS: desk.other}, headers={"If-Match": stale}).status_code == 412
    fresh = desk.api.get_settings(desk.token).headers["ETag"]
    assert desk.post(fields={SMS: desk.other}, headers={"If-Match": fresh}).status_code == 201
    for end in ("/keep", "/revert"):
        assert desk.post(end, headers={"If-Match": fresh}).status_code == 412
    assert desk.rows() == 1


@pytest.mark.parametrize("end", ["/keep", "/revert"])
def test_if_match_of_the_trial_lets_it_be_ended(desk: Desk, end: str) -> None:
    tag = desk.post(fields={SMS: desk.other}).headers["ETag"]
    assert desk.post(end, headers={"If-Match": tag}).status_code == 200


def test_what_is_kept_stays(desk: Desk, time: Clock) -> None:
    desk.start()
    answer = desk.post("/keep")
    assert (answer.status_code, answer.json) == (200, desk.settings())
    time.advance(days=1)
    desk.settle()
    assert (desk.sms(), desk.rows()) == ("other", 0)
    [kept] = events(desk.app, "trial_kept")
    assert (kept.actor, kept.detail["version"]) == ("trier@example.org", 2)


def test_what_is_changed_back_is_a_new_version_by_who_did_it(desk: Desk) -> None:
    desk.start(**{SMS: desk.other, TTL: 60, LENGTH: 8})
    answer = desk.post("/revert")
    assert (answer.status_code, answer.json) == (200, desk.settings())
    assert (desk.sms(), desk.settings()[TTL], desk.settings()[LENGTH], desk.rows()) == ("gateway", 120, 5, 0)
    last = desk.last_revision()
    assert (last.version, last.actor, last.source) == (3, "trier@example.org", "api")
    assert last.reason == "Changed back before its time."
    assert len(events(desk.app, "trial_reverted")) == 1


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/keep"), ("POST", "/revert")])
def test_without_a_trial_it_is_404(desk: Desk, method: str, path: str) -> None:
    def answer() -> tuple[int, object]:
        found = desk.api.call(method, TRIAL + path, desk.token)
        return found.status_code, found.json

    assert answer() == (404, {"detail": "Not found."})
    desk.start()
    desk.change(**{TTL: 60})
    assert answer() == (404, {"detail": "Not found."}), "any later change ends it"
    desk.start(**{LENGTH: 6})
    desk.post("/keep")
    assert answer() == (404, {"detail": "Not found."})


def test_a_trial_can_begin_where_another_ended(desk: Desk) -> None:
    desk.start()
    desk.change(**{TTL: 60})
    assert desk.start(**{LENGTH: 6})["reverts_to"] == 3
    desk.post("/revert")
    assert desk.start(**{LENGTH: 7})["reverts_to"] == 5


def test_it_tells_how_it_goes(desk: Desk, time: Clock) -> None:
    desk.codes(2, verified=1)
    desk.change(**{TTL: 60})
    began = time.advance(1)
    desk.start(**{SMS: desk.other})
    desk.codes(12, verified=9)
    desk.codes(3, verified=3, channel="email")
    answer = desk.trial()
    assert answer.status_code == 200
    assert answer.json == {
        "version": 3,
        "reverts_at": clock.iso(began + timedelta(minutes=15)),
        "reverts_to": 2,
        "is_enough": True,
        "progress": [
            {
                "channel": "sms",
                "during": {"asked_for": 12, "sent": 12, "verified": 9},
                "before": {"asked_for": 2, "sent": 2, "verified": 1},
            }
        ],
        "stuck": [],
    }


def test_1036_reads_and_1037_starts_and_ends(desk: Desk, world: World) -> None:
    project = desk.caller.project
    reader = world.staff_token(project, Permission.NOTIFICATIONS_SETTINGS_READ, email="reader@example.org")
    writer = world.staff_token(project, Permission.NOTIFICATIONS_SETTINGS_UPDATE, email="writer@example.org")
    for path in ("", "/keep", "/revert"):
        assert desk.api.call("POST", TRIAL + path).status_code == 401
        assert desk.api.call("POST", TRIAL + path, reader, json={TTL: 60}).status_code == 403
    assert desk.api.call("POST", TRIAL, writer, json={TTL: 60}).status_code == 201
    assert desk.api.call("GET", TRIAL, writer).status_code == 403
    assert desk.api.call("GET", TRIAL, reader).status_code == 200
    assert desk.api.call("POST", f"{TRIAL}/revert", writer).status_code == 200


def test_a_token_of_another_project_neither_sees_nor_ends_it(desk: Desk, world: World) -> None:
    desk.start()
    other = world.project("elsewhere")
    codes = Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE
    token = world.staff_token(other, *codes, email="elsewhere@example.org")
    assert desk.api.call("GET", TRIAL, token).status_code == 404
    assert desk.api.call("POST", f"{TRIAL}/revert", token).status_code == 404
    assert desk.sms() == "other"


def test_forms_and_bad_bodies_are_read_as_for_a_change(desk: Desk) -> None:
    assert desk.post(data=b"{").status_code == 415
    answer = desk.post(data=b"[1]", content_type="application/json")
    assert answer.json == {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}
    assert desk.post(data={TTL: "60", "minutes": "5"}).status_code == 201


def test_a_change_of_nothing_ends_no_trial(desk: Desk) -> None:
    desk.start()
    desk.change(**{SMS: desk.other})
    assert desk.trial().status_code == 200


def test_a_trial_costs_reading_and_changing_the_settings_no_statement(desk: Desk) -> None:
    def cost(ttl: int) -> tuple[int, int]:
        with sent() as reads:
            desk.settings()
        with sent() as writes:
            desk.change(**{TTL: ttl})
        return len(reads), len(writes)

    without = cost(60)
    desk.start()
    assert cost(90) == without


def _of(desk: Desk) -> dict[str, str]:
    return {"Authorization": f"Token {desk.token}"}
