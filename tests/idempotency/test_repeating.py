"""`Idempotency-Key`: a request that is sent again is not carried out again, and gets its first response."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from notifapp.access import Permission, Principal
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.idempotency import service
from notifapp.idempotency.models import IdempotentRequest
from notifapp.otp import service as otp
from notifapp.otp.models import OtpChallenge, OtpResend
from notifapp.retention.erasure import erase_recipient
from notifapp.retention.service import purge
from tests.clock import Clock
from tests.otp.caller import CHALLENGES, EMAIL, PHONE, WRONG, Caller, make_caller
from tests.statements import sent
from tests.world import World

BODY = {"channel": "sms", "recipient": PHONE}
KEY = "5a0c2f6e-9d0b-4a56-8f0e-2f1d7c3b9e41"


def post(caller: Caller, path: str = CHALLENGES, key: str = KEY, **options: Any) -> TestResponse:
    """A request with a key."""
    options = options or {"json": BODY}
    return caller.api.call("POST", path, caller.token, headers={"Idempotency-Key": key}, **options)


def told(answer: TestResponse) -> tuple[int, str, str | None]:
    return answer.status_code, answer.text, answer.headers.get("Idempotency-Replayed")


def test_a_repeated_request_gets_the_first_response_and_sends_nothing(caller: Caller, time: Clock) -> None:
    first = post(caller)
    assert (first.status_code, first.headers.get("Idempotency-Replayed")) == (201, None)
    time.advance(86399)
    assert told(post(caller)) == (201, first.text, "true")
    assert caller.count(OtpChallenge) == caller.count(Delivery) == 1


def test_after_24_hours_the_key_is_free(caller: Caller, time: Clock) -> None:
    first = post(caller)
    time.advance(86400)
    again = post(caller, json={"channel": "email", "recipient": EMAIL})
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (201, None)
    assert again.json != first.json
    with caller.app.app_context():
        time.advance(86400)
        assert purge()["repeatable requests"] == 1
    assert caller.count(IdempotentRequest) == 0


def test_another_body_under_the_same_key_is_refused(caller: Caller) -> None:
    post(caller)
    others: list[dict[str, Any]] = [{"json": {**BODY, "client": "1"}}, {"data": BODY}, {"json": {}}]
    for other in others:
        answer = post(caller, **other)
        assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_key_reused")
    assert caller.count(OtpChallenge) == 1


def test_a_key_counts_for_one_path_and_one_project_and_for_all_its_tokens(caller: Caller, world: World) -> None:
    first = post(caller)
    other = make_caller(caller.app, world, "other")
    assert post(other).get_json()["id"] != first.get_json()["id"]
    colleague = world.staff_token(caller.project, Permission.OTP_SEND, email="colleague@example.org")
    again = post(Caller(caller.app, caller.project, colleague), f"{CHALLENGES}/")
    assert told(again) == (201, first.text, "true")
    path = f"{CHALLENGES}/{first.get_json()['id']}/verify"
    assert post(caller, path, json={"code": WRONG}).get_json()["error_code"] == "invalid_code"


def test_who_may_not_call_learns_nothing_from_a_key(caller: Caller, world: World) -> None:
    post(caller)
    verifier = world.staff_token(caller.project, Permission.OTP_VERIFY, email="verifier@example.org")
    assert post(Caller(caller.app, caller.project, verifier)).status_code == 403
    assert post(Caller(caller.app, caller.project, "x")).status_code == 401


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "schlüssel", "\x7f", "tab\tbed"])
def test_a_malformed_key_is_refused(caller: Caller, key: str) -> None:
    answer = post(caller, key=key)
    assert (answer.status_code, answer.json) == (
        400,
        {
            "detail": "The header Idempotency-Key must have 1 to 255 visible ASCII characters.",
            "code": "invalid_idempotency_key",
        },
    )
    assert caller.count(OtpChallenge) == 0


@pytest.mark.parametrize("key", ["!", "~" * 255, '"8e03978e-40d5-43e8-bc93-6894a57f9324"'])
def test_any_visible_characters_make_a_key(caller: Caller, key: str) -> None:
    assert post(caller, key=key).status_code == 201
    assert post(caller, key=key).headers["Idempotency-Replayed"] == "true"


def test_a_repeated_wrong_code_costs_one_try(caller: Caller) -> None:
    challenge, code = caller.open()
    path = f"{CHALLENGES}/{challenge}/verify"
    first = post(caller, path, json={"code": WRONG})
    assert first.get_json()["attempts_left"] == 4
    assert told(post(caller, path, json={"code": WRONG})) == (400, first.text, "true")
    assert caller.state(challenge)["attempts_left"] == 4
    assert post(caller, path, json={"code": code}).status_code == 422
    approved = post(caller, path, key="another", json={"code": code})
    assert approved.status_code == 200
    assert told(post(caller, path, key="another", json={"code": code})) == (200, approved.text, "true")


def test_a_repeated_resend_sends_one_more_code(caller: Caller, time: Clock) -> None:
    challenge, _ = caller.open()
    time.advance(60)
    path = f"{CHALLENGES}/{challenge}/resend"
    first = post(caller, path, data=b"")
    assert first.status_code == 200
    assert told(post(caller, path, data=b"")) == (200, first.text, "true")
    assert caller.count(OtpResend) == 1


def test_invalid_fields_are_told_again(caller: Caller) -> None:
    first = post(caller, json={"channel": "sms", "recipient": "x"})
    assert first.status_code == 400
    assert told(post(caller, json={"channel": "sms", "recipient": "x"})) == (400, first.text, "true")


def test_what_asks_to_try_again_is_not_kept(caller: Caller, time: Clock) -> None:
    caller.send()
    assert post(caller).status_code == 429
    caller.change_settings(sms_notifier=None)
    time.advance(60)
    assert post(caller).get_json()["code"] == "no_notifier"
    assert caller.count(IdempotentRequest) == 0
    assert post(caller, json={"channel": "email", "recipient": EMAIL}).status_code == 201


def test_an_error_of_ours_is_not_kept(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(otp, "enqueue", fail)
        assert post(caller).status_code == 500
    assert caller.count(IdempotentRequest) == 0
    assert post(caller).status_code == 201


def test_fifty_at_once_send_one_message(caller: Caller) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: post(caller), range(50)))
    carried_out = [answer for answer in answers if told(answer)[0] == 201 and told(answer)[2] is None]
    assert len(carried_out) == 1
    for answer in answers:
        if answer.status_code == 201:
            assert answer.text == carried_out[0].text
        else:
            assert (answer.status_code, answer.get_json()["code"]) == (409, "request_under_way")
    assert caller.count(OtpChallenge) == caller.count(Delivery) == caller.count(IdempotentRequest) == 1
    assert told(post(caller)) == (201, carried_out[0].text, "true")


def test_fifty_right_answers_at_once_under_one_key_are_all_approved_or_under_way(caller: Caller) -> None:
    challenge, code = caller.open()
    path = f"{CHALLENGES}/{challenge}/verify"
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: post(caller, path, json={"code": code}), range(50)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len([answer for answer in answers if told(answer)[0] == 200 and told(answer)[2] is None]) == 1
    assert post(caller, path, json={"code": code}).status_code == 200


def test_who_dies_amid_a_request_holds_its_key_up_for_a_minute(
    caller: Caller, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:  # as if the process had been killed: nothing is written any more
        patched.setattr(service, "settle", lambda *_: None)
        post(caller)
    time.advance(59)
    assert post(caller).get_json()["code"] == "request_under_way"
    time.advance(1)
    assert post(caller, json={}).status_code == 422, "the key is still that request's"
    assert post(caller).status_code == 201
    assert post(caller).headers["Idempotency-Replayed"] == "true"


def test_who_comes_back_after_its_lease_overwrites_no_other_reply(caller: Caller, time: Clock) -> None:
    place = (str(caller.project.id), CHALLENGES)
    with caller.app.app_context():
        late = service.claim(place, KEY, b"x")
        assert isinstance(late, service.Claim)
        time.advance(60)
        second = service.claim(place, KEY, b"x")
        assert isinstance(second, service.Claim)
        service.settle(late, service.Reply(201, "late"))
        service.release(late)
        with pytest.raises(service.UnderWay):
            service.claim(place, KEY, b"x")
        service.settle(second, service.Reply(201, "second"))
        assert service.claim(place, KEY, b"x") == service.Reply(201, "second")


def test_the_database_tells_nothing_of_what_was_asked_and_replied(caller: Caller) -> None:
    key = f"code-for-{PHONE}"
    answer = post(caller, key=key)
    with caller.app.app_context(), reading() as connection:
        [row] = connection.execute(select(table_of(IdempotentRequest))).all()
    text = str(row)
    for secret in (key, PHONE, answer.get_json()["id"], answer.get_json()["recipient"], "created", "201"):
        assert secret not in text.replace(str(row.reply), "").replace(str(row.key_mac), "")
    assert row.reply.startswith("g1.")
    assert key not in repr(service.Reply(201, key))


def test_a_reply_that_was_put_elsewhere_is_not_given(caller: Caller) -> None:
    post(caller)
    post(caller, key="another", json={"channel": "email", "recipient": EMAIL})
    stored = table_of(IdempotentRequest).c
    with caller.app.app_context(), writing() as connection:
        one, two = connection.execute(select(stored.key_mac, stored.reply)).all()
        for row, other in ((one, two), (two, one)):
            statement = update(IdempotentRequest).where(stored.key_mac == row.key_mac).values(reply=other.reply)
            connection.execute(statement)
    assert post(caller).status_code == 422


def test_a_new_key_for_codes_forgets_no_reply(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    config = caller.app.config["NOTIFAPP"]
    first = post(caller)
    newer = replace(config, otp_keys=("the key of this year 0123456789 abcdef", *config.otp_keys))
    monkeypatch.setitem(caller.app.config, "NOTIFAPP", newer)
    assert told(post(caller)) == (201, first.text, "true")
    assert post(caller, json={}).status_code == 422


def test_a_new_key_for_codes_holds_no_request_up_that_died_under_the_former(
    caller: Caller, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:  # as if the process had been killed: nothing is written any more
        patched.setattr(service, "settle", lambda *_: None)
        post(caller)
    config = caller.app.config["NOTIFAPP"]
    newer = replace(config, otp_keys=("the key of this year 0123456789 abcdef", *config.otp_keys))
    monkeypatch.setitem(caller.app.config, "NOTIFAPP", newer)
    time.advance(59)
    assert post(caller).status_code == 409
    time.advance(1)
    assert post(caller).status_code == 201


def test_an_erased_recipient_is_in_no_reply(caller: Caller) -> None:
    post(caller)
    assert caller.app.test_cli_runner().invoke(args=["erase-recipient", PHONE]).exit_code == 0
    assert caller.count(IdempotentRequest) == 0


def test_an_erasure_frees_no_key_whose_request_is_under_way(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    issue = otp.issue_challenge

    def erase_meanwhile(*args: Any, **named: Any) -> Any:
        with caller.app.app_context():
            erase_recipient("+989120000000", principal=Principal.operator())
        assert post(caller).status_code == 409
        return issue(*args, **named)

    monkeypatch.setattr(otp, "issue_challenge", erase_meanwhile)
    first = post(caller)
    assert told(post(caller)) == (201, first.text, "true")


def test_a_request_without_a_key_asks_nothing_of_the_table(caller: Caller) -> None:
    with sent() as statements:
        caller.send()
    assert not [statement for statement, _ in statements if "idempotent" in statement]
