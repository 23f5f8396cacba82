"""How often codes are sent and tried: never once too often, whoever asks, and however many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import count

import pytest
from sqlalchemy import func, select

from notifapp import wording
from notifapp.database import reading, table_of
from notifapp.delivery.models import Delivery
from notifapp.delivery.service import exchange, give_up_expired
from notifapp.otp.models import OtpChallenge, OtpRecipient
from tests.clock import Clock
from tests.otp.caller import EMAIL, PHONE, WRONG, Caller, make_caller
from tests.world import World

THREADS = 80


def seconds_until(time: Clock, moment: str) -> float:
    return (datetime.fromisoformat(moment) - time.time).total_seconds()


def refused(answer: object) -> tuple[int, str]:
    """The wait and the reason of a 429."""
    assert answer.status_code == 429  # type: ignore[attr-defined]
    assert answer.json.keys() == {"detail", "code"}  # type: ignore[attr-defined]
    return int(answer.headers["Retry-After"]), answer.json["detail"]  # type: ignore[attr-defined]


def fail_once(caller: Caller, time: Clock) -> int:
    """Give one wrong answer, whatever waiting that takes. Return the seconds waited."""
    began = time.time
    while True:
        answer = caller.send()
        if answer.status_code == 201:
            break
        time.advance(refused(answer)[0])
    assert caller.verify(answer.get_json()["id"], WRONG).status_code == 400
    return int((time.time - began).total_seconds())


def test_sixty_seconds_between_two_codes(caller: Caller, time: Clock) -> None:
    assert caller.send().status_code == 201
    assert refused(caller.send()) == (60, "A code was sent just now. Try again in 60 seconds.")
    time.advance(59.5)
    assert refused(caller.send()) == (1, "A code was sent just now. Try again in 1 second.")
    time.advance(0.5)
    assert caller.send().status_code == 201


def test_five_codes_an_hour_and_ten_a_day(caller: Caller, time: Clock) -> None:
    for _ in range(5):
        assert caller.send().status_code == 201
        time.advance(60)
    assert refused(caller.send()) == (3300, "Too many codes were sent in the last hour. Try again in 55 minutes.")
    time.advance(3300)
    for _ in range(5):
        assert caller.send().status_code == 201
        time.advance(60)
    wait, reason = refused(caller.send())
    assert (wait, reason) == (86400 - 3600 - 300, "Too many codes were sent in the last day. Try again in 23 hours.")
    time.advance(wait - 1)
    refused(caller.send())
    time.advance(1)
    assert caller.send().status_code == 201


def test_the_longest_wait_is_the_one_that_is_told(caller: Caller, time: Clock) -> None:
    caller.set_limits(sends_per_day=1)
    assert caller.send().status_code == 201
    assert refused(caller.send())[0] == 86400


def test_resend_at_is_when_the_limits_allow_the_next_code(caller: Caller, time: Clock) -> None:
    caller.set_limits(resend_seconds=1, sends_per_hour=3, sends_per_day=4)
    waits = []
    for _ in range(4):
        answer = caller.send()
        resend_at = answer.get_json()["resend_at"]
        waits.append(seconds_until(time, resend_at))
        assert refused(caller.send())[0] == waits[-1]
        assert caller.state(answer.get_json()["id"])["resend_at"] == resend_at
        time.advance(waits[-1])
    assert waits == [1, 1, 3598, 86400 - 3600]
    assert caller.send().status_code == 201


def test_limits_are_per_recipient_channel_and_project(caller: Caller, world: World, time: Clock) -> None:
    assert caller.send().status_code == 201
    assert caller.send("+989121234568").status_code == 201
    assert caller.send(EMAIL, "email").status_code == 201
    assert make_caller(caller.app, world, "other").send().status_code == 201
    refused(caller.send())


def test_a_refused_send_leaves_no_trace(caller: Caller, time: Clock) -> None:
    challenge, code = caller.open()
    refused(caller.send())
    assert caller.count(OtpChallenge) == caller.count(Delivery) == 1
    assert caller.verify(challenge, code).status_code == 200


def test_a_new_code_replaces_the_open_one_and_keeps_the_failures(caller: Caller, time: Clock) -> None:
    first, first_code = caller.open()
    caller.verify(first, WRONG)
    caller.verify(first, WRONG)
    time.advance(60)
    second, _ = caller.open()
    assert caller.verify(first, first_code).status_code == 400
    assert caller.state(first)["status"] == "replaced"
    assert caller.verify(second, WRONG).get_json()["attempts_left"] == 4
    assert caller.recipient().failures == 3


def test_a_replaced_code_that_still_waits_is_sent_no_more(caller: Caller, time: Clock) -> None:
    caller.open()
    time.advance(60)
    caller.open()
    with caller.app.app_context():
        assert give_up_expired() == 1
        [second] = exchange([], room=10)
    with caller.app.app_context(), reading() as connection:
        rows = connection.execute(select(table_of(Delivery)).order_by(table_of(Delivery).c.id)).all()
    assert [(row.status, row.payload is None, row.id == second.id) for row in rows] == [
        ("failed", True, False),
        ("sending", False, True),
    ]


def test_a_right_code_ends_the_row_of_failures(caller: Caller, time: Clock) -> None:
    challenge, code = caller.open()
    caller.verify(challenge, WRONG)
    assert caller.verify(challenge, code).status_code == 200
    assert (caller.recipient().failures, caller.recipient().blocked_until) == (0, None)


def test_an_answer_to_a_closed_challenge_counts_no_failure(caller: Caller, time: Clock) -> None:
    challenge, code = caller.open()
    caller.verify(challenge, code)
    time.advance(60)
    expired, _ = caller.open()
    time.advance(121)
    caller.verify(challenge, WRONG)
    caller.verify(expired, WRONG)
    assert caller.recipient().failures == 0


def test_waits_grow_with_the_failures_up_to_an_hour(caller: Caller, time: Clock) -> None:
    caller.set_limits(resend_seconds=1, sends_per_hour=1000, sends_per_day=1000)
    challenge, _ = caller.open()
    for _ in range(5):
        assert caller.verify(challenge, WRONG).status_code == 400
    waits = []
    for _ in range(9):
        wait, reason = refused(caller.send())
        assert reason.startswith("Too many wrong codes for this recipient.")
        waits.append(wait)
        time.advance(wait)
        challenge, _ = caller.open()
        assert caller.verify(challenge, WRONG).status_code == 400
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_a_stranger_cannot_keep_a_right_code_from_being_accepted_by_failing(caller: Caller, time: Clock) -> None:
    """Neither by the waits nor by the stop that wrong codes lead to."""
    caller.set_limits(max_attempts=7, max_failures=6, resend_seconds=1)
    challenge, code = caller.open()
    for left in range(6, 0, -1):
        assert caller.verify(challenge, WRONG).get_json()["attempts_left"] == left
    assert refused(caller.send())[0] == 86400
    assert caller.verify(challenge, code).status_code == 200
    assert (caller.recipient().failures, caller.recipient().blocked_until, caller.recipient().stopped_at) == (
        0, None, None,
    )  # fmt: skip
    time.advance(1)
    assert caller.send().status_code == 201


def test_a_wait_gives_nobody_more_guesses_than_the_challenge_has(caller: Caller, time: Clock) -> None:
    caller.set_limits(max_failures=3)
    challenge, code = caller.open()
    answers = [caller.verify(challenge, WRONG).get_json()["attempts_left"] for _ in range(8)]
    assert answers == [4, 3, 2, 1, 0, 0, 0, 0]
    assert caller.verify(challenge, code).status_code == 400
    assert caller.recipient().failures == 5


def test_a_stop_ends_by_itself_after_a_day_and_the_count_begins_anew(caller: Caller, time: Clock) -> None:
    caller.set_limits(max_failures=3, resend_seconds=1)
    challenge, _ = caller.open()
    for _ in range(3):
        caller.verify(challenge, WRONG)
    time.advance(3600)
    wait, reason = refused(caller.send())
    assert (wait, reason) == (82800, "Too many wrong codes for this recipient. Try again in 23 hours.")
    assert caller.send().get_json()["code"] == "recipient_blocked"
    time.advance(wait)
    challenge, _ = caller.open()
    assert caller.verify(challenge, WRONG).status_code == 400
    assert (caller.recipient().failures, caller.recipient().stopped_at) == (1, None)
    time.advance(1)
    assert caller.send().status_code == 201


def test_failing_on_prolongs_no_stop(caller: Caller, time: Clock) -> None:
    caller.set_limits(max_failures=2)
    challenge, _ = caller.open()
    caller.verify(challenge, WRONG)
    caller.verify(challenge, WRONG)
    before = caller.recipient()
    time.advance(60)
    caller.verify(challenge, WRONG)
    after = caller.recipient()
    assert (after.stopped_at, after.blocked_until) == (before.stopped_at, before.blocked_until)
    assert after.failures == 3


def test_a_hundred_failures_in_a_row_stop_the_recipient_for_good_where_a_project_says_so(
    caller: Caller, time: Clock
) -> None:
    caller.set_limits(stop_hours=None, resend_seconds=1, sends_per_hour=1000, sends_per_day=1000)
    for _ in range(100):
        assert caller.recipient().stopped_at is None if caller.count(OtpRecipient) else True
        fail_once(caller, time)
    assert caller.recipient().failures == 100
    time.advance(30 * 86400)
    for _ in range(2):
        wait, reason = refused(caller.send())
        assert "An admin must unblock them" in reason
        assert wait == 86400


def test_limits_are_the_projects_own(caller: Caller, time: Clock) -> None:
    caller.set_limits(
        max_attempts=2, resend_seconds=10, sends_per_hour=2, sends_per_day=3, max_failures=3, stop_hours=None
    )
    challenge, _ = caller.open()
    assert caller.verify(challenge, WRONG).get_json()["attempts_left"] == 1
    assert caller.verify(challenge, WRONG).get_json()["attempts_left"] == 0
    time.advance(10)
    challenge, _ = caller.open()
    caller.verify(challenge, WRONG)
    assert "admin" in refused(caller.send())[1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (119, "119 seconds"), (120, "2 minutes"), (3601, "61 minutes"), (7200, "2 hours")],
)
def test_waits_in_words(seconds: int, words: str) -> None:
    assert wording.wait(seconds) == words


def test_two_hundred_calls_at_once_exceed_no_limit_and_break_nothing(caller: Caller) -> None:
    """Four recipients, each allowed 3 sends and 3 tries a challenge; 100 sends and 100 answers, all at once."""
    caller.set_limits(resend_seconds=1, sends_per_hour=3, sends_per_day=3, max_attempts=3)
    phones = [f"+98912123456{n}" for n in range(4)]
    open_challenges = {phone: caller.open(phone) for phone in phones}
    numbers = count()

    def call(_: int) -> tuple[str, int]:
        number = next(numbers)
        phone = phones[number % 4]
        if number % 8 < 4:
            return "send", caller.send(phone).status_code
        challenge, _code = open_challenges[phone]
        return "verify", caller.verify(challenge, WRONG).status_code

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(call, range(200)))
    assert {status for kind, status in answers if kind == "send"} <= {201, 429}
    assert {status for kind, status in answers if kind == "verify"} == {400}
    challenge, recipient = table_of(OtpChallenge), table_of(OtpRecipient)
    tried = 3 - challenge.c.attempts_left
    with caller.app.app_context(), reading() as connection:
        sends = connection.execute(select(func.count(challenge.c.id)).group_by(challenge.c.recipient_digest))
        assert max(sends.scalars()) <= 3
        assert max(connection.execute(select(tried)).scalars()) <= 3
        tries = connection.execute(select(func.sum(tried))).scalar_one()
        assert tries == connection.execute(select(func.sum(recipient.c.failures))).scalar_one()
    assert caller.count(OtpRecipient) == 4


def test_of_many_sends_at_once_one_is_sent(caller: Caller) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        answers = [answer.status_code for answer in pool.map(lambda _: caller.send(), range(100))]
    assert sorted(answers) == [201, *[429] * 99]
    assert caller.count(OtpChallenge) == caller.count(Delivery) == 1


def test_of_many_wrong_answers_at_once_no_more_than_the_allowed_are_compared(caller: Caller) -> None:
    challenge, _ = caller.open()
    with ThreadPoolExecutor(THREADS) as pool:
        answers = [answer.status_code for answer in pool.map(lambda _: caller.verify(challenge, WRONG), range(100))]
    assert answers == [400] * 100
    assert caller.recipient().failures == 5
    assert caller.state(challenge)["attempts_left"] == 0
    assert PHONE not in str(caller.recipient())
