"""An approval belongs to the recipient that the caller had in mind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.otp.caller import CHALLENGES, EMAIL, PHONE, WRONG, Caller
from tests.statements import sent

THIEFS = "+989351234567"


def verify(caller: Caller, challenge_id: str, **body: object) -> Any:
    return caller.api.call("POST", f"{CHALLENGES}/{challenge_id}/verify", caller.token, json=body)


def test_a_thief_cannot_have_their_own_challenge_approved_in_the_place_of_anothers(caller: Caller) -> None:
    challenge, code = caller.open(THIEFS)
    answer = verify(caller, challenge, code=code, recipient=PHONE)
    assert (answer.status_code, answer.json) == (
        400, {"code": ["Invalid code."], "attempts_left": 4, "error_code": "invalid_code"},
    )  # fmt: skip
    assert caller.recipient().failures == 1
    assert caller.state(challenge)["status"] == "pending"


@pytest.mark.parametrize("recipient", [EMAIL, "x", "+98", "0912 123 4567", "\ud800", "+989121234568"])
def test_a_recipient_that_is_not_the_challenges_counts_as_a_wrong_code(caller: Caller, recipient: str) -> None:
    challenge, code = caller.open()
    wrong = verify(caller, challenge, code=WRONG)
    answer = verify(caller, challenge, code=code, recipient=recipient)
    if recipient == "\ud800":  # no text at all
        assert answer.json.keys() == {"recipient", "code"}
        return
    assert answer.status_code == wrong.status_code
    assert answer.json == wrong.json | {"attempts_left": 3}


@pytest.mark.parametrize(
    ("channel", "sent_to", "given"),
    [("sms", PHONE, "+98 (912) 123-4567"), ("sms", PHONE, "۰۹۱۲۱۲۳۴۵۶۷"), ("email", EMAIL, " Customer@Example.com ")],
)
def test_another_spelling_of_the_recipient_is_the_recipient(
    caller: Caller, channel: str, sent_to: str, given: str
) -> None:
    caller.set_phone_region("IR")
    challenge, code = caller.open(sent_to, channel)
    answer = verify(caller, challenge, code=code, recipient=given)
    assert answer.status_code == 200
    masked = "+98••••••••67" if channel == "sms" else "c•••@example.com"
    assert answer.json == {"id": challenge, "status": "approved", "channel": channel, "recipient": masked}


@pytest.mark.parametrize("nothing", [None, "", 5, [PHONE]])
def test_a_caller_who_lost_the_recipient_does_not_go_without_the_check(caller: Caller, nothing: object) -> None:
    challenge, code = caller.open()
    answer = verify(caller, challenge, code=code, recipient=nothing)
    if nothing == 5:  # read as the text "5", which is nobody's
        assert answer.json["attempts_left"] == 4
        return
    assert (answer.status_code, answer.json.keys()) == (400, {"recipient", "code"})
    assert caller.state(challenge)["attempts_left"] == 5


def test_with_a_wrong_recipient_a_used_code_is_not_told_from_a_wrong_one(caller: Caller) -> None:
    challenge, code = caller.open()
    assert verify(caller, challenge, code=code, recipient=PHONE).status_code == 200
    assert verify(caller, challenge, code=code, recipient=PHONE).json["error_code"] == "used_code"
    assert verify(caller, challenge, code=code, recipient=THIEFS).json["error_code"] == "invalid_code"


def test_a_code_that_is_not_all_there_opens_no_write_transaction(caller: Caller) -> None:
    challenge, _ = caller.open()
    with sent() as statements:
        assert caller.verify(challenge, "1").get_json()["error_code"] == "incomplete_code"
    assert not [statement for statement in statements if "UPDATE" in statement or "INSERT" in statement]
