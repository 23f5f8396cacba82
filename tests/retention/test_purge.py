"""What is old enough is deleted, nothing else is, and nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, update

from notifapp import clock
from notifapp.access import Principal, held_secrets, sessions, throttle
from notifapp.access.models import HeldSecret, PasswordLink, Throttle, UserSession
from notifapp.audit.models import AuditEvent
from notifapp.channels import Channel
from notifapp.cli.repeating import Repeating
from notifapp.config import Config, ConfigError, Retention
from notifapp.database import close_connection, reading, table_of, writing
from notifapp.delivery.models import Delivery, WorkerHeartbeat
from notifapp.message_templates.models import MessageTemplateRevision
from notifapp.message_templates.service import set_template
from notifapp.message_templates.values import Template
from notifapp.notifiers.models import OutboxMessage
from notifapp.otp.models import OtpChallenge, OtpRecipient
from notifapp.otp.test_recipients.service import add_test_recipient
from notifapp.retention.rules import BATCH, RULES
from notifapp.retention.service import purge, purge_if_due
from notifapp.settings.models import SettingsRevision
from notifapp.settings.trials.service import start_trial
from notifapp.traces import service as traces
from notifapp.traces.models import Trace
from notifapp.users.service import create_password_link
from tests.client import Browser
from tests.clock import Clock
from tests.delivery.outbox import eventually
from tests.otp.caller import PHONE, WRONG, Caller
from tests.performance.test_statement_counts import commits
from tests.world import World

DAY = timedelta(days=1).total_seconds()
OTHER = "+14155552671"


def run(app: Flask) -> dict[str, int]:
    """Purge, and say what went."""
    with app.app_context():
        return {name: count for name, count in purge().items() if count}


def values(app: Flask, column: Any) -> list[Any]:
    with app.app_context(), reading() as connection:
        return list(connection.execute(select(column)).scalars())


def test_codes_go_after_thirty_days_and_not_before(app: Flask, caller: Caller, time: Clock) -> None:
    caller.open()
    time.advance(1)
    caller.open(OTHER)
    time.advance(30 * DAY - 2)
    assert run(app) == {"addresses": 2}
    assert run(app) == {}
    time.advance(1)
    went = run(app)
    assert (went["challenges"], went["traffic"] > 0) == (1, True)
    assert values(app, OtpChallenge.recipient) == values(app, OtpRecipient.masked) == ["+14•••••••71"]
    assert len(values(app, Delivery.id)) == 2, "deliveries are kept for longer"


def test_a_recipient_with_a_younger_code_keeps_its_counters(app: Flask, caller: Caller, time: Clock) -> None:
    caller.open()
    time.advance(20 * DAY)
    caller.open()
    time.advance(11 * DAY)
    assert run(app)["challenges"] == 1
    assert len(values(app, OtpRecipient.digest)) == 1


def test_waiting_thirty_days_frees_no_recipient_that_is_blocked_for_good(
    app: Flask, caller: Caller, time: Clock
) -> None:
    caller.set_limits(max_failures=1, stop_hours=None)
    challenge, _ = caller.open()
    caller.verify(challenge, WRONG)
    time.advance(31 * DAY)
    assert run(app)["challenges"] == 1
    assert values(app, OtpRecipient.failures) == [1]


def test_deliveries_go_after_ninety_days(app: Flask, caller: Caller, time: Clock) -> None:
    caller.open()
    time.advance(90 * DAY)
    went = run(app)
    assert (went["challenges"], went["deliveries"]) == (1, 1)


def test_a_challenge_may_outlive_its_delivery(
    app: Flask, time: Clock, caller: Caller, keep: Callable[..., None]
) -> None:
    keep(codes=None, deliveries=1)
    challenge, _ = caller.open()
    time.advance(DAY)
    assert run(app) == {"addresses": 1, "deliveries": 1}
    assert caller.state(challenge)["status"] == "expired"
    assert values(app, OtpChallenge.delivery_id) == [None]


def test_a_test_recipient_is_listed_for_thirty_days_after_its_end(app: Flask, caller: Caller, time: Clock) -> None:
    fields = {"recipient": PHONE, "code": "314159", "outcome": "delivered", "ends_on": "2026-11-23"}
    with app.app_context():
        add_test_recipient(caller.project, fields, zone=clock.UTC_ZONE, principal=Principal.operator())
    time.advance(30.5 * DAY - 1)
    assert run(app) == {}
    time.advance(1)
    assert run(app) == {"test recipients": 1}


def test_refused_sign_ins_go_and_the_rest_of_the_audit_trail_stays(app: Flask, world: World, time: Clock) -> None:
    Browser(app).sign_in(world.admin()).post("/projects/new", {"slug": "shop", "name": "Shop"})
    assert Browser(app).post("/sign-in", {"email": "admin@example.org", "password": "wrong"}).status_code == 400
    assert sorted(values(app, AuditEvent.action)) == ["project_created", "sign_in_failed"]
    time.advance(30 * DAY)
    assert run(app)["failed sign-ins"] == 1
    time.advance(3650 * DAY)
    run(app)
    assert values(app, AuditEvent.action) == ["project_created"]


def test_audit_and_history_go_only_where_the_operator_says_so(
    app: Flask, time: Clock, caller: Caller, keep: Callable[..., None]
) -> None:
    with app.app_context():
        for body in ("One {code}", "Two {code}"):
            set_template(caller.project, Channel.SMS, Template(body), principal=Principal.operator())
    caller.change_settings(otp_ttl=60)
    time.advance(100 * DAY)
    assert run(app) == {}
    keep(audit=99, history=99)
    assert run(app) == {"audit events": 4, "settings revisions": 1, "message revisions": 1}
    assert values(app, SettingsRevision.version) == [2], "what is in force keeps its revision"
    assert values(app, MessageTemplateRevision.version) == [2]
    admin = Browser(app).sign_in(World(app).admin())
    for path in ("settings/history", "messages/sms/history"):
        assert admin.get(f"/projects/shop/{path}").status_code == 200


def test_what_a_trial_goes_back_to_is_kept_until_it_is_over(
    app: Flask, time: Clock, caller: Caller, keep: Callable[..., None]
) -> None:
    keep(history=1)
    caller.change_settings(otp_ttl=60)
    with app.app_context():
        start_trial(caller.project, {"notifications_otp_ttl": 90}, principal=Principal.operator())
    time.advance(2 * DAY)
    assert run(app) == {"settings revisions": 1}
    assert values(app, SettingsRevision.version) == [2, 3]
    caller.change_settings(otp_ttl=120)
    assert run(app) == {"trials": 1, "settings revisions": 2}
    assert values(app, SettingsRevision.version) == [4]


def test_what_has_expired_goes(app: Flask, world: World, time: Clock) -> None:
    user_id, project = world.admin(), world.project()
    with app.app_context():
        with writing() as connection:
            sessions.open_session(connection, user_id, lifetime=60)
            at = clock.now()
            connection.execute(insert(WorkerHeartbeat).values(id="x", host="h", started_at=at, seen_at=at))
            message = {"project_id": project.id, "channel": "sms", "recipient": PHONE, "body": "Hello"}
            connection.execute(insert(OutboxMessage).values(**message, created_at=at))
        held_secrets.hold(1, "form", [])
        throttle.take({"x": throttle.Limit(1, 60)})
        create_password_link(user_id, principal=Principal.operator())
    time.advance(59)
    assert run(app) == {}
    time.advance(2 * DAY)
    names = ("outbox messages", "sessions", "password links", "throttles", "workers")
    assert run(app) == dict.fromkeys(names, 1)
    for model in (UserSession, PasswordLink, HeldSecret, Throttle, WorkerHeartbeat, OutboxMessage):
        with app.app_context(), reading() as connection:
            assert connection.execute(select(func.count()).select_from(table_of(model))).scalar_one() == 0


def test_of_several_workers_one_purges_once_an_hour(app: Flask, time: Clock) -> None:
    found: list[bool] = []

    def work() -> None:
        with app.app_context():
            found.append(purge_if_due())
            close_connection()

    for expected in (1, 0):
        found.clear()
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(found), sum(found)) == (6, expected)
    time.advance(3600)
    with app.app_context():
        assert purge_if_due()


def test_the_worker_purges(app: Flask, caller: Caller) -> None:
    caller.open()
    with app.app_context(), writing() as connection:
        connection.execute(update(OtpChallenge).values(created_at=clock.now() - timedelta(days=31)))
    with Repeating(app, "purging", purge_if_due, seconds=60):
        eventually(lambda: not values(app, OtpChallenge.id))


def fill(app: Flask, project_id: int, count: int) -> None:
    """Old deliveries."""
    at = clock.now() - timedelta(days=100)
    row = {
        "project_id": project_id, "notifier_name": "x", "backend": "console", "channel": "sms", "recipient": "r",
        "purpose": "otp", "status": "sent", "next_attempt_at": at, "expires_at": at, "created_at": at,
    }  # fmt: skip
    with app.app_context(), writing() as connection:
        connection.execute(insert(table_of(Delivery)), [row] * count)


def test_a_purge_never_holds_more_than_a_batch_in_one_transaction(app: Flask, world: World) -> None:
    fill(app, world.project().id, 2 * BATCH + 1)
    with commits() as made:
        assert run(app) == {"deliveries": 2 * BATCH + 1}
    kept_for_good = 3  # rules, which do nothing by default
    assert len(made) == len(RULES) - kept_for_good + 2


def test_others_write_amid_a_purge(app: Flask, world: World) -> None:
    fill(app, world.project().id, 10 * BATCH)
    left_at_writes: list[int] = []
    is_over = threading.Event()

    def write() -> None:
        with app.app_context():
            while not is_over.is_set():
                throttle.take({"writer": throttle.Limit(10**9, 60)})
                with reading() as connection:
                    left = connection.execute(select(func.count()).select_from(table_of(Delivery))).scalar_one()
                left_at_writes.append(left)
            close_connection()

    writer = threading.Thread(target=write)
    writer.start()
    eventually(lambda: left_at_writes)
    run(app)
    is_over.set()
    writer.join()
    assert set(left_at_writes) - {0, 10 * BATCH}, "not one write landed between two batches"


def test_codes_are_issued_and_verified_amid_a_purge_of_their_recipients(app: Flask, caller: Caller) -> None:
    phones = [f"+9891212345{number:02}" for number in range(40)]
    for phone in phones:
        caller.open(phone)
    with app.app_context(), writing() as connection:
        connection.execute(update(OtpChallenge).values(created_at=clock.now() - timedelta(days=31)))
    found: list[int] = []

    def send(mine: list[str]) -> None:
        for phone in mine:
            answer = caller.send(phone)
            found.append(answer.status_code)
            found.append(caller.verify(answer.get_json()["id"], WRONG).status_code)
        with app.app_context():
            close_connection()

    threads = [threading.Thread(target=send, args=[phones[start::4]]) for start in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        run(app)
    assert sorted(set(found)) == [201, 400]
    assert len(found) == 2 * len(phones)
    assert run(app).get("challenges", 0) == 0
    assert len(values(app, OtpRecipient.digest)) == len(phones)


@pytest.mark.parametrize("text", ["-1", "x", "36501", "1.5"])
def test_an_odd_number_of_days_stops_the_start(text: str) -> None:
    message = "NOTIFAPP_RETENTION_CODES must be a number of days from 1 to 36500, or never"
    with pytest.raises(ConfigError, match=message):
        Retention.from_environment({"NOTIFAPP_RETENTION_CODES": text})


def test_the_days_are_read_from_the_environment() -> None:
    assert Retention.from_environment({}) == Retention(30, 90, 30, None, None) == Config.retention
    days = {"CODES": "0", "DELIVERIES": "never", "FAILED_SIGN_INS": "7", "AUDIT": "365", "HISTORY": " 9 "}
    env = {f"NOTIFAPP_RETENTION_{name}": text for name, text in days.items()}
    assert Retention.from_environment(env) == Retention(None, None, 7, 365, 9)


def test_the_command_prints_what_went(app: Flask, caller: Caller, time: Clock) -> None:
    caller.open()
    time.advance(30 * DAY)
    result = app.test_cli_runner().invoke(args=["purge"])
    assert result.exit_code == 0
    lines = [line.split(None, 1) for line in result.output.splitlines()]
    assert [name for _, name in lines] == [rule.name for rule in RULES]
    assert lines[0] == ["1", "challenges"]


def test_traces_go_with_the_codes_and_those_of_attempts_with_their_deliveries(
    app: Flask, caller: Caller, time: Clock, keep: Callable[..., None]
) -> None:
    challenge, _ = caller.open()
    caller.verify(challenge, WRONG)
    caller.send()
    time.advance(30 * DAY - 1)
    assert "traces" not in run(app)
    time.advance(1)
    went = run(app)
    assert (went["challenges"], caller.count(Trace)) == (1, 0)
    caller.open()
    with app.app_context(), writing() as connection:
        delivery = connection.execute(select(func.max(Delivery.id))).scalar_one()
        traces.note_failure(connection, delivery, 1, "1", "No credit left.", notifier="gateway", at=clock.now())
    keep(deliveries=1)
    time.advance(DAY)
    assert run(app)["deliveries"] == 2
    assert caller.count(Trace) == 0
