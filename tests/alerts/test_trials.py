"""That a change which was tried went back by itself is told, once."""

from __future__ import annotations

from datetime import timedelta

from notifapp.access import Principal
from notifapp.otp.trials.service import settle_due
from notifapp.settings.trials.service import start_trial
from tests.alerts.desk import OWNER, Desk
from tests.clock import Clock


def try_and_go_back(desk: Desk, time: Clock) -> None:
    """Try a shorter life of codes, and let the time pass without a code."""
    with desk.caller.app.app_context():
        fields = {"notifications_otp_ttl": 60, "minutes": 15}
        start_trial(desk.caller.project, fields, principal=Principal.operator())
        time.advance(minutes=15)
        settle_due()


def test_a_change_that_went_back_by_itself_is_told_once(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)
    try_and_go_back(desk, time)
    for _ in range(3):
        desk.look()
        time.advance(hours=1)
    [alert] = desk.alerts()
    assert (alert.kind, alert.subject, alert.ended_at) == ("went_back", "3", None)
    [(_by, to, subject, text)] = desk.emails()
    assert (to, subject) == (OWNER, "Shop: A change of the settings that was tried went back by itself")
    assert alert.detail
    assert alert.detail in text
    time.advance(days=1)
    for _ in range(3):
        desk.look()
    [alert] = desk.alerts()
    assert alert.ended_at == time.time
    assert len(desk.emails()) == 1


def test_the_next_change_ends_it_and_the_next_trial_is_told_again(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)
    try_and_go_back(desk, time)
    desk.look()
    desk.caller.change_settings(otp_ttl=90)
    desk.look()
    assert [alert.ended_at for alert in desk.alerts()] == [time.time]
    try_and_go_back(desk, time)
    desk.look()
    assert [alert.ended_at is None for alert in desk.alerts()] == [False, True]
    assert len(desk.emails()) == 2
    assert desk.alerts()[1].began_at - desk.alerts()[0].began_at == timedelta(minutes=15)
