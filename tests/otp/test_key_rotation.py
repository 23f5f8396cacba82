"""A new key for the codes is listed first, and later the old one goes: nobody escapes a limit by it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from notifapp.database import reading, table_of
from notifapp.otp.models import OtpChallenge, OtpRecipient
from tests.clock import Clock
from tests.otp.caller import WRONG, Caller

OLD, NEW = "the key of last year 0123456789 abcdef", "the key of this year 0123456789 abcdef"


class Keys:
    """Sets the listed keys, newest first."""

    def __init__(self, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        self._config, self._patch = caller.app.config, monkeypatch
        self.list(OLD)

    def list(self, *keys: str) -> None:
        self._patch.setitem(self._config, "NOTIFAPP", replace(self._config["NOTIFAPP"], otp_keys=keys))


@pytest.fixture
def keys(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> Keys:
    return Keys(caller, monkeypatch)


def fail(caller: Caller, challenge: str) -> None:
    assert caller.verify(challenge, WRONG).status_code == 400


def statuses(caller: Caller) -> list[str]:
    """Of every challenge, in the order in which they were sent; they all belong to the one recipient."""
    digest, challenge = caller.recipient().digest, table_of(OtpChallenge).c
    with caller.app.app_context(), reading() as connection:
        rows = connection.execute(select(table_of(OtpChallenge)).order_by(challenge.created_at)).all()
    assert {row.counted_as for row in rows} == {digest}
    return [row.status for row in rows]


def test_a_code_that_is_on_its_way_stays_right_while_its_key_is_listed(caller: Caller, keys: Keys) -> None:
    challenge, code = caller.open()
    keys.list(NEW)
    assert caller.verify(challenge, code).status_code == 400
    keys.list(NEW, "another key of another year 0123456789", OLD)
    assert caller.verify(challenge, code).status_code == 200


def test_a_new_key_frees_nobody_who_is_stopped(caller: Caller, keys: Keys, time: Clock) -> None:
    caller.set_limits(max_failures=2)
    challenge, _code = caller.open()
    fail(caller, challenge)
    fail(caller, challenge)
    keys.list(NEW, OLD)
    time.advance(61)
    answer = caller.send()
    assert (answer.status_code, answer.get_json()["code"]) == (429, "recipient_blocked")
    assert caller.recipient().stopped_at is not None


def test_a_new_key_grants_no_further_code(caller: Caller, keys: Keys, time: Clock) -> None:
    caller.open()
    keys.list(NEW, OLD)
    assert caller.send().get_json()["code"] == "too_soon"
    time.advance(60)
    assert caller.send().status_code == 201
    assert statuses(caller) == ["replaced", "pending"]


def test_failures_in_a_row_are_counted_on_under_the_new_key(caller: Caller, keys: Keys, time: Clock) -> None:
    challenge, _code = caller.open()
    fail(caller, challenge)
    keys.list(NEW, OLD)
    fail(caller, challenge)
    time.advance(60)
    challenge, _code = caller.open()
    fail(caller, challenge)
    assert caller.recipient().failures == 3
    keys.list(NEW)
    fail(caller, challenge)
    assert caller.recipient().failures == 4


def test_what_processes_with_different_keys_counted_is_added_up(caller: Caller, keys: Keys, time: Clock) -> None:
    first, _code = caller.open()
    fail(caller, first)
    keys.list(NEW)
    second, _code = caller.open()
    fail(caller, second)
    assert caller.count(OtpRecipient) == 2
    keys.list(NEW, OLD)
    assert caller.send().get_json()["code"] == "too_soon"
    time.advance(60)
    third, code = caller.open()
    assert caller.recipient().failures == 2
    assert statuses(caller) == ["replaced", "replaced", "pending"]
    assert caller.verify(first, code).status_code == 400
    assert caller.verify(third, code).status_code == 200


def test_a_wait_is_the_longer_of_the_two(caller: Caller, keys: Keys, time: Clock) -> None:
    caller.set_limits(max_attempts=10)
    challenge, _code = caller.open()
    for _ in range(5):
        fail(caller, challenge)
    wait = caller.recipient().blocked_until
    assert wait > time.time
    keys.list(NEW)
    caller.open()
    keys.list(NEW, OLD)
    assert caller.send().get_json()["code"] == "too_many_wrong_codes"
    keys.list(OLD, NEW)
    assert caller.send().get_json()["code"] == "too_many_wrong_codes"
    time.time = wait
    time.advance(31)
    assert caller.send().status_code == 201
    assert caller.count(OtpRecipient) == 1
