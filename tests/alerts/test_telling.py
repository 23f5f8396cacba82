"""An alert is told once when it begins and once when it ends, and never by the notifier that it is about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from notifapp.alerts import evaluation
from notifapp.channels import Channel
from notifapp.database import close_connection, reading, table_of
from notifapp.delivery import stopping
from notifapp.delivery.models import Delivery
from notifapp.events import service as events
from notifapp.events.models import EventMessage, EventType
from tests.alerts.desk import BACKUP, BROKEN, GATEWAY, MAIL, OWNER, PARTNER, WORKS, Desk
from tests.clock import Clock
from tests.events.receiver import OPERATOR
from tests.world import World


def listen(desk: Desk) -> None:
    """Have an endpoint take alerts."""
    types = [EventType.ALERT_BEGAN, EventType.ALERT_ENDED]
    with desk.caller.app.app_context():
        events.create_endpoint(desk.caller.project, "https://shop.example/alerts", types, principal=OPERATOR)


def events_told(desk: Desk) -> list[tuple[str, Any]]:
    """What the endpoint is told: the types and the data."""
    message = table_of(EventMessage).c
    with desk.caller.app.app_context(), reading() as connection:
        return [tuple(row) for row in connection.execute(select(message.type, message.data).order_by(message.id))]


def fail(desk: Desk, notifier: int, channel: str) -> None:
    """Let a notifier go down, and an alert about it begin."""
    desk.results[notifier] = BROKEN
    desk.send(5, channel)
    desk.look()


def recover(desk: Desk, time: Clock, notifier: int, channel: str) -> None:
    """Let it come up, and the alert about it end."""
    desk.results[notifier] = WORKS
    time.advance(minutes=1)
    desk.send(1, channel)
    desk.look()
    time.advance(minutes=10)
    desk.look()


def test_a_notifier_that_fails_is_told_once_and_so_is_that_it_works_again(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER, PARTNER)
    listen(desk)
    desk.results[GATEWAY] = BROKEN
    desk.send(4)
    desk.look()
    assert (desk.alerts(), desk.emails()) == ([], [])
    desk.send()
    for _ in range(3):
        desk.look()
    [alert] = desk.alerts()
    assert (alert.kind, alert.subject, alert.began_at, alert.ended_at) == ("failing", "1", time.time, None)
    subject = "Shop: The SMS notifier “gateway” is failing"
    assert [email[:3] for email in desk.emails()] == [(MAIL, OWNER, subject), (MAIL, PARTNER, subject)]
    assert "Since: 2026-11-23 12:00 UTC" in desk.emails()[0][3]

    recover(desk, time, GATEWAY, "sms")
    desk.look()
    [alert] = desk.alerts()
    assert (alert.began_at.minute, alert.ended_at) == (0, time.time)
    subject = "Shop: The SMS notifier “gateway” works again or is no longer used"
    assert [email[:3] for email in desk.emails()] == [(MAIL, OWNER, subject), (MAIL, PARTNER, subject)]
    assert "From 2026-11-23 12:00 UTC to 2026-11-23 12:11 UTC" in desk.emails()[0][3]
    began, ended = events_told(desk)
    assert (began[0], ended[0]) == ("alert.began", "alert.ended")
    assert began[1] == {
        "alert": alert.id,
        "kind": "failing",
        "subject": "1",
        "title": "The SMS notifier “gateway” is failing",
        "detail": "Messages fail, or it does not answer, and that is not because of the recipients.",
        "began_at": "2026-11-23T12:00:00.000000Z",
    }
    assert ended[1]["ended_at"] == "2026-11-23T12:11:00.000000Z"


def test_one_that_works_only_now_and_then_is_one_alert(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)
    for _ in range(20):
        fail(desk, GATEWAY, "sms")
        time.advance(minutes=3)
        desk.results[GATEWAY] = WORKS
        desk.send()
        desk.look()
        time.advance(minutes=6)
        desk.look()
    [alert] = desk.alerts()
    assert alert.ended_at is None


def test_a_notifier_never_carries_the_email_about_itself(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)
    fail(desk, MAIL, "email")
    assert [email[:3] for email in desk.emails()] == [(BACKUP, OWNER, "Shop: The email notifier “mail” is failing")]
    assert [alert.carrier for alert in desk.alerts()] == ["backup"]
    recover(desk, time, MAIL, "email")
    assert [email[0] for email in desk.emails()] == [BACKUP]


def test_without_another_email_notifier_endpoints_alone_are_told(desk: Desk, world: World, time: Clock) -> None:
    desk.tell(OWNER)
    listen(desk)
    world.set_enabled(BACKUP, False)
    fail(desk, MAIL, "email")
    recover(desk, time, MAIL, "email")
    assert [alert.carrier for alert in desk.alerts()] == [None]
    assert desk.emails() == []
    assert [type_ for type_, _data in events_told(desk)] == ["alert.began", "alert.ended"]


def test_an_email_goes_by_a_notifier_that_works(desk: Desk) -> None:
    desk.tell(OWNER)
    fail(desk, MAIL, "email")
    desk.work()
    fail(desk, GATEWAY, "sms")
    assert [email[0] for email in desk.emails()] == [BACKUP]


def test_that_another_notifier_stands_in_is_told_once(desk: Desk, world: World, time: Clock) -> None:
    desk.tell(OWNER)
    second = world.notifier(desk.caller.project, "sms", "second")
    desk.stand_by("sms", second)
    desk.results[GATEWAY] = BROKEN
    desk.send(5)
    desk.look()
    desk.send(5)
    desk.look()
    assert [(alert.kind, alert.subject, alert.detail) for alert in desk.alerts()] == [
        ("failing", "1", "Messages fail, or it does not answer, and that is not because of the recipients."),
        ("standby", "1", "Messages go through “second” for now."),
    ]
    desk.results[GATEWAY] = WORKS
    time.advance(minutes=1)
    desk.send(2)
    desk.look()
    time.advance(minutes=10)
    desk.look()
    assert [alert.ended_at for alert in desk.alerts()] == [time.time, time.time]


def test_an_alert_stays_with_its_notifier_where_a_code_would_go_to_the_next(desk: Desk, time: Clock) -> None:
    """The next might be the one that the alert is about."""
    desk.tell(OWNER)
    desk.stand_by("email", BACKUP)
    fail(desk, MAIL, "email")
    desk.results = {MAIL: WORKS, BACKUP: BROKEN}
    for _ in range(10):
        time.advance(seconds=40)
        desk.send(1, "email")
        desk.look()
    delivery = table_of(Delivery).c
    carried = select(delivery.notifier_id, delivery.attempts, delivery.status).where(delivery.purpose == "alert")
    about_mail = carried.where(delivery.created_at < time.time - timedelta(seconds=399))
    with desk.caller.app.app_context(), reading() as connection:
        rows = [tuple(row) for row in connection.execute(about_mail)]
    assert len(rows) == 2  # that it fails, and that another one stands in
    assert {(notifier, status) for notifier, _attempts, status in rows} == {(BACKUP, "queued")}
    assert all(attempts > 5 for _notifier, attempts, _status in rows)


def test_nobody_is_told_by_email_unless_somebody_is_chosen(desk: Desk) -> None:
    listen(desk)
    fail(desk, GATEWAY, "sms")
    assert (len(desk.alerts()), desk.emails(), len(events_told(desk))) == (1, [], 1)


def test_of_several_workers_one_tells(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)

    def look() -> None:
        with desk.caller.app.app_context():
            evaluation.evaluate_quick()
            close_connection()

    def look_at_once() -> None:
        with ThreadPoolExecutor(4) as workers:
            for done in [workers.submit(look) for _ in range(8)]:
                done.result()

    desk.results[GATEWAY] = BROKEN
    desk.send(5)
    look_at_once()
    assert len(desk.alerts()) == len(desk.emails()) == 1
    desk.results[GATEWAY] = WORKS
    time.advance(minutes=1)
    desk.send()
    look_at_once()
    time.advance(minutes=10)
    look_at_once()
    assert len(desk.alerts()) == len(desk.emails()) == 1
    assert desk.alerts()[0].ended_at == time.time


def test_an_alert_about_a_notifier_ends_when_it_is_no_longer_used(desk: Desk, world: World, time: Clock) -> None:
    fail(desk, GATEWAY, "sms")
    desk.caller.change_settings(sms_notifier=world.notifier(desk.caller.project, "sms", "other"))
    desk.look()
    time.advance(minutes=10)
    desk.look()
    [alert] = desk.alerts()
    assert alert.ended_at == time.time
    desk.look()
    assert len(desk.alerts()) == 1


def test_a_notifier_can_be_deleted_while_an_alert_about_it_is_open(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)
    fail(desk, MAIL, "email")
    desk.caller.change_settings(email_notifier=BACKUP)
    with desk.caller.app.app_context():
        stopping.delete_notifier(desk.caller.project, Channel.EMAIL, MAIL, principal=OPERATOR)
    desk.work()
    desk.look()
    time.advance(minutes=10)
    desk.look()
    assert desk.emails()[0][2] == "Shop: The email notifier “mail” works again or is no longer used"


def test_in_an_archived_project_nothing_begins_and_nothing_ends(desk: Desk, world: World, time: Clock) -> None:
    desk.tell(OWNER)
    fail(desk, GATEWAY, "sms")
    desk.work()
    desk.results[MAIL] = BROKEN
    desk.send(5, "email")
    world.archive(desk.caller.project)
    for _ in range(2):
        desk.look()
        time.advance(hours=1)
    assert [(alert.subject, alert.ended_at) for alert in desk.alerts()] == [("1", None)]
    assert desk.emails() == []


def test_an_alert_that_is_not_about_the_code_of_anybody_is_no_code_that_failed(desk: Desk, time: Clock) -> None:
    """What waits for its email is told to nobody as a failed delivery."""
    with desk.caller.app.app_context():
        events.create_endpoint(
            desk.caller.project, "https://shop.example", [EventType.DELIVERY_FAILED], principal=OPERATOR
        )
    desk.tell(OWNER)
    fail(desk, GATEWAY, "sms")
    desk.results[MAIL] = BROKEN
    time.advance(hours=2)
    desk.work()
    assert all(data["channel"] == "sms" for _type, data in events_told(desk))
