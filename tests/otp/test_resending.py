"""Further codes of a challenge: which are good, what they cost, and when there is none."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from time import sleep
from typing import Any

import pytest
from sqlalchemy import select, update

from notifapp.access import Permission
from notifapp.database import close_connection, reading, table_of, writing
from notifapp.delivery import service as deliveries
from notifapp.delivery.models import Delivery
from notifapp.delivery.service import Outcome, exchange
from notifapp.notifiers.gateway.base import Accepted, SendFailed
from notifapp.otp.models import OtpChallenge, OtpRecipient, OtpResend
from notifapp.traffic.models import OtpTraffic
from tests.clock import Clock
from tests.otp.caller import CHALLENGES, EMAIL, PHONE, WRONG, Caller, make_caller
from tests.otp.test_challenges import invalid
from tests.otp.test_key_rotation import NEW, OLD, Keys
from tests.world import World


@pytest.fixture
def patient(caller: Caller) -> Caller:
    """A backend whose codes live long, and may be sent every ten seconds."""
    caller.change_settings(otp_ttl=120)
    caller.set_limits(resend_seconds=10)
    return caller


def three(caller: Caller, time: Clock) -> tuple[str, list[str]]:
    """A challenge and its three different codes, sent ten seconds apart."""
    challenge, first = caller.open()
    codes = [first]
    while len(codes) < 3:
        time.advance(10)
        codes.append(caller.resent(challenge))
    if len(set(codes)) < 3:  # one in some thousands
        time.advance(3600)
        return three(caller, time)
    return challenge, codes


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_a_resend_answers_with_the_challenge_and_what_became_of_its_messages(patient: Caller, time: Clock) -> None:
    challenge, _ = patient.open()
    before = patient.state(challenge)
    time.advance(10)
    answer = patient.resend(challenge)
    assert answer.status_code == 200
    state = answer.get_json()
    assert state == patient.state(challenge)
    assert state.keys() == before.keys()
    assert (state["id"], state["status"], state["attempts_left"]) == (challenge, "pending", 5)
    assert (state["codes_alive"], before["codes_alive"]) == (2, 1)
    assert state["expires_at"] == "2026-11-23T12:02:10.000000Z"
    assert state["resend_at"] == "2026-11-23T12:00:20.000000Z"
    assert [each["status"] for each in state["deliveries"]] == ["queued", "queued"]
    assert len({code["updated_at"] for code in state["deliveries"]}) == 2
    assert patient.count(OtpChallenge) == 1


@pytest.mark.parametrize("which", [0, 1, 2])
def test_whichever_of_three_codes_comes_first_is_accepted_and_no_other_then(
    patient: Caller, time: Clock, which: int
) -> None:
    challenge, codes = three(patient, time)
    assert patient.state(challenge)["codes_alive"] == 3
    assert patient.verify(challenge, codes[which]).status_code == 200
    for code in codes:
        assert patient.verify(challenge, code).get_json()["error_code"] == "used_code"
    assert (patient.state(challenge)["codes_alive"], patient.state(challenge)["status"]) == (0, "approved")


def test_fifty_right_answers_at_once_with_three_codes_approve_exactly_once(patient: Caller, time: Clock) -> None:
    challenge, codes = three(patient, time)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: patient.verify(challenge, codes[n % 3]), range(50)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 49]
    assert {answer.get_json()["error_code"] for answer in answers if answer.status_code == 400} == {"used_code"}
    assert patient.count(OtpChallenge, status="approved") == 1


def test_codes_expire_one_by_one(patient: Caller, time: Clock) -> None:
    challenge, codes = three(patient, time)
    time.advance(100)  # the first was sent 120 seconds ago
    assert patient.verify(challenge, codes[0]).json == {
        "code": ["This code has expired."],
        "attempts_left": 5,
        "status": "pending",
        "error_code": "expired_code",
    }
    assert patient.state(challenge)["codes_alive"] == 2
    time.advance(10)
    assert patient.verify(challenge, codes[1]).get_json()["error_code"] == "expired_code"
    assert (patient.state(challenge)["codes_alive"], patient.state(challenge)["attempts_left"]) == (1, 5)
    assert patient.verify(challenge, codes[2]).status_code == 200


def test_after_the_last_code_the_challenge_has_expired(patient: Caller, time: Clock) -> None:
    challenge, codes = three(patient, time)
    time.advance(119.999)
    assert patient.state(challenge)["status"] == "pending"
    time.advance(0.001)
    assert (patient.state(challenge)["status"], patient.state(challenge)["codes_alive"]) == ("expired", 0)
    assert [patient.verify(challenge, code).get_json()["attempts_left"] for code in codes] == [0, 0, 0]
    assert refused(patient.resend(challenge)) == (409, "challenge_closed")


def test_tries_are_shared_and_no_resend_counts_them_anew(patient: Caller, time: Clock) -> None:
    patient.set_limits(resend_seconds=1, max_attempts=4)
    challenge, code = patient.open()
    left = []
    for _ in range(2):
        left.append(patient.verify(challenge, WRONG).get_json()["attempts_left"])
        time.advance(1)
        patient.resent(challenge)
    assert patient.state(challenge)["attempts_left"] == 2
    left += [patient.verify(challenge, WRONG).get_json()["attempts_left"] for _ in range(2)]
    assert left == [3, 2, 1, 0]
    assert patient.verify(challenge, code).json == invalid(0)
    time.advance(60)
    assert refused(patient.resend(challenge)) == (409, "challenge_closed")


def test_three_codes_are_the_most_and_resend_at_says_when_one_has_expired(patient: Caller, time: Clock) -> None:
    challenge, _ = three(patient, time)
    assert patient.state(challenge)["resend_at"] == "2026-11-23T12:02:00.000000Z"
    time.advance(50)
    answer = patient.resend(challenge)
    assert refused(answer) == (429, "too_many_codes")
    assert answer.headers["Retry-After"] == "50"
    assert '"too_many_codes";q=3' in answer.headers["RateLimit-Policy"]
    assert '"too_many_codes";r=0;t=50' in answer.headers["RateLimit"]
    time.advance(50)
    assert patient.resend(challenge).get_json()["codes_alive"] == 3


def test_of_many_resends_at_once_one_is_sent(patient: Caller, time: Clock) -> None:
    challenge, _ = patient.open()
    time.advance(10)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: patient.resend(challenge), range(50)))
    assert sorted(answer.status_code for answer in answers) == [200, *[429] * 49]
    assert patient.count(Delivery) == 2
    assert patient.count(OtpResend) == 1


def test_a_resend_counts_against_the_limits_of_the_recipient(caller: Caller, time: Clock) -> None:
    caller.set_limits(resend_seconds=60, sends_per_hour=3, sends_per_day=4)
    caller.change_settings(otp_ttl=3600)
    challenge, _ = caller.open()
    assert refused(caller.resend(challenge)) == (429, "too_soon")
    time.advance(60)
    caller.resent(challenge)
    time.advance(60)
    assert caller.state(challenge)["resend_at"] == "2026-11-23T12:02:00.000000Z"
    assert caller.send().status_code == 201
    time.advance(60)
    assert refused(caller.send()) == (429, "hourly_limit")
    time.advance(3600)
    assert caller.send().status_code == 201
    time.advance(3600)
    assert refused(caller.send()) == (429, "daily_limit")
    time.advance(86400 - 60 - 3600 - 3600 - 60)  # a day after the resend
    assert caller.send().status_code == 201


def test_resends_count_for_a_day_however_old_their_challenge_is(caller: Caller, time: Clock) -> None:
    caller.change_settings(otp_ttl=3600)
    caller.set_limits(resend_seconds=3500, sends_per_hour=1000, sends_per_day=30)
    challenge, _ = caller.open()
    for _ in range(29):
        time.advance(3500)
        caller.resent(challenge)
    caller.set_limits(resend_seconds=3500, sends_per_hour=1000, sends_per_day=24)
    time.advance(3500)
    assert refused(caller.send()) == (429, "daily_limit")


def test_a_resend_counts_against_the_limits_of_project_token_and_client(patient: Caller, time: Clock) -> None:
    challenge, _ = patient.open()
    time.advance(10)
    assert patient.resend(challenge, client="203.0.113.9").status_code == 200
    sent = table_of(OtpTraffic).c
    with patient.app.app_context(), reading() as connection:
        rows = connection.execute(select(sent.scope, sent.sent)).all()
    assert {(scope, number) for scope, number in rows} >= {("project", 2), ("token", 2), ("client", 1)}
    for number in range(3):
        patient.send(f"+98912765432{number}", client="203.0.113.9")
    time.advance(10)
    assert refused(patient.resend(challenge, client="203.0.113.9")) == (429, "client_limit")


def test_a_right_code_settles_all_that_its_challenge_sent(patient: Caller, time: Clock) -> None:
    challenge, codes = three(patient, time)
    assert patient.verify(challenge, codes[0]).status_code == 200
    traffic = table_of(OtpTraffic).c
    with patient.app.app_context(), reading() as connection:
        statement = select(traffic.sent, traffic.verified).where(traffic.scope == "project")
        assert connection.execute(statement).one() == (3, 3)


def test_the_settings_now_in_force_decide_and_codes_may_differ_in_length(
    patient: Caller, world: World, time: Clock
) -> None:
    challenge, first = patient.open()
    another = world.notifier(patient.project, "sms", "another")
    patient.change_settings(sms_notifier=another, otp_code_len=7, otp_ttl=60)
    time.advance(10)
    second = patient.resent(challenge)
    state = patient.state(challenge)
    assert (len(first), len(second), state["code_length"]) == (5, 7, 7)
    assert [each["notifier"] for each in state["deliveries"]] == ["gateway", "another"]
    assert state["expires_at"] == "2026-11-23T12:02:00.000000Z", "the first code lives on for longer"
    assert patient.verify(challenge, "123456").get_json()["code"] == ["Enter the 5 or 7 digits of the code."]
    time.advance(60)
    assert patient.verify(challenge, second).get_json()["error_code"] == "expired_code"
    assert patient.verify(challenge, "1234567").get_json()["code"] == ["Enter the 5 digits of the code."]
    assert patient.verify(challenge, first).status_code == 200


def test_a_challenge_that_is_over_takes_no_further_code(patient: Caller, time: Clock) -> None:
    approved, code = patient.open()
    patient.verify(approved, code)
    replaced, _ = patient.open("+989127654321")
    time.advance(60)
    patient.open("+989127654321")
    for challenge in (approved, replaced):
        assert refused(patient.resend(challenge)) == (409, "challenge_closed")
    assert patient.count(OtpResend) == 0


def test_a_new_challenge_withdraws_every_message_of_the_one_before(patient: Caller, time: Clock) -> None:
    three(patient, time)
    time.advance(10)
    patient.open()
    with patient.app.app_context():
        assert len(exchange([], room=10)) == 1


def test_a_right_code_withdraws_the_messages_that_still_wait(patient: Caller, time: Clock) -> None:
    challenge, code = patient.open()
    time.advance(10)
    patient.resent(challenge)
    assert patient.verify(challenge, code).status_code == 200
    with patient.app.app_context():
        assert exchange([], room=10) == []


def test_a_right_code_waits_for_a_worker_that_writes_two_messages_of_its_challenge(
    patient: Caller, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenge, code = patient.open()
    time.advance(10)
    patient.resent(challenge)
    answers: list[Future[int]] = []

    def verify() -> int:
        answer = patient.verify(challenge, code)
        with patient.app.app_context():
            close_connection()
        return answer.status_code

    with patient.app.app_context(), ThreadPoolExecutor(1) as other:
        claims = exchange([], room=10)
        write = deliveries._write

        def write_slowly(*args: Any) -> None:
            write(*args)
            if not answers:
                answers.append(other.submit(verify))
                sleep(0.5)  # by now it waits for one of the two

        monkeypatch.setattr(deliveries, "_write", write_slowly)
        exchange([Outcome(claim, Accepted("1")) for claim in reversed(claims)], room=0)
        assert answers[0].result() == 200


def test_the_address_is_sealed_and_erased_when_the_challenge_ends(patient: Caller, time: Clock) -> None:
    challenge, code = patient.open()
    stored = table_of(OtpChallenge).c

    def address() -> Any:
        with patient.app.app_context(), reading() as connection:
            return connection.execute(select(stored.address).where(stored.id == challenge)).scalar_one()

    assert PHONE not in str(address())
    patient.verify(challenge, code)
    assert address() is None
    for number in range(2):
        time.advance(60)
        challenge, _ = patient.open()
        for _ in range(5 * number):
            patient.verify(challenge, WRONG)
    assert address() is None
    assert patient.count(OtpChallenge, address=None) == 3


def test_a_challenge_without_its_address_takes_no_further_code(patient: Caller, time: Clock) -> None:
    challenge, code = patient.open()
    with patient.app.app_context(), writing() as connection:
        connection.execute(update(OtpChallenge).values(address=None))
    time.advance(10)
    assert refused(patient.resend(challenge)) == (409, "challenge_closed")
    with patient.app.app_context(), writing() as connection:
        connection.execute(update(OtpChallenge).values(address="g1.00.unreadable"))
    assert refused(patient.resend(challenge)) == (409, "challenge_closed")
    assert patient.verify(challenge, code).status_code == 200


def test_no_code_is_sent_again_without_a_notifier_or_to_who_is_blocked(patient: Caller, time: Clock) -> None:
    challenge, _ = patient.open()
    time.advance(10)
    patient.change_settings(sms_notifier=None)
    assert refused(patient.resend(challenge)) == (409, "no_notifier")
    patient.set_limits(max_failures=1)
    patient.verify(challenge, WRONG)
    assert refused(patient.resend(challenge)) == (429, "recipient_blocked")


def test_another_projects_challenge_is_not_found(patient: Caller, world: World) -> None:
    foreign, _ = make_caller(patient.app, world, "other").open(EMAIL, "email")
    for name in (foreign, "0" * 32, "x"):
        answer = patient.resend(name)
        assert (answer.status_code, answer.json) == (404, {"detail": "Not found.", "code": "not_found"})


def test_it_takes_the_permission_to_send(patient: Caller, world: World, time: Clock) -> None:
    challenge, _ = patient.open()
    time.advance(10)
    verifier = world.staff_token(patient.project, Permission.OTP_VERIFY, email="verifier@example.org")
    path = f"{CHALLENGES}/{challenge}/resend"
    assert patient.api.call("POST", path, verifier).status_code == 403
    assert patient.api.call("GET", path, patient.token).status_code == 405
    answer = patient.api.call("POST", path, patient.token, json={"client": []})
    assert (answer.status_code, answer.get_json()["client"]) == (400, ["Not a valid string."])
    assert patient.count(OtpResend) == 0


def test_the_state_tells_what_became_of_each_message(patient: Caller, time: Clock) -> None:
    challenge, _ = patient.open()
    time.advance(10)
    patient.resent(challenge)
    with patient.app.app_context():
        first, second = exchange([], room=2)
        time.advance(1)
        no = SendFailed("The number is blacklisted.", code="12", retryable=False)
        exchange([Outcome(first, Accepted("provider's id")), Outcome(second, no)], room=0)
    now = "2026-11-23T12:00:11.000000Z"
    assert patient.state(challenge)["deliveries"] == [
        {"notifier": "gateway", "status": "sent", "reason": None, "updated_at": now},
        {"notifier": "gateway", "status": "failed", "reason": "The number is blacklisted.", "updated_at": now},
    ]


def test_a_resend_under_a_new_key_is_counted_and_right(
    patient: Caller, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Keys(patient, monkeypatch)
    challenge, first = patient.open()
    keys.list(NEW, OLD)
    assert refused(patient.resend(challenge)) == (429, "too_soon")
    time.advance(10)
    second = patient.resent(challenge)
    assert patient.count(OtpRecipient) == 1
    assert patient.verify(challenge, second if second != first else first).status_code == 200
