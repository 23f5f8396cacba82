"""Every fault, as it is known afterwards, and the name that it gets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifapp.delivery.models import DeliveryStatus
from notifapp.notifiers.backends import ippanel, kavenegar, melipayamak, twilio
from notifapp.otp.models import ChallengeStatus
from notifapp.timeline.causes import cause_of
from notifapp.timeline.diagnosis import diagnose
from notifapp.timeline.facts import AskedFor, Facts, RefusedCode, RefusedRequest, SentMessage
from notifapp.timeline.verdicts import Verdict

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
END = START + timedelta(minutes=2)
DURING, AFTER = START + timedelta(minutes=1), END + timedelta(minutes=1)


def code(status: str = "pending", message: SentMessage | None = None, **facts: Any) -> Facts:
    """A code that was asked for, seen while it lives."""
    approved_at = DURING if status == "approved" else None
    asked = AskedFor(
        status=ChallengeStatus(status),
        created_at=START,
        sent_at=START,
        expires_at=END,
        approved_at=approved_at,
        message=message,
    )
    return Facts(now=DURING, asked=asked, **facts)


def message(status: str, **values: Any) -> SentMessage:
    return SentMessage(status=DeliveryStatus(status), **values)


def failed(reason: str, error_code: str = "1", status: str = "failed") -> Facts:
    return code(message=message(status, error_code=error_code, reason=reason))


def refused(error_code: str, at: datetime = DURING) -> RefusedRequest:
    return RefusedRequest(code=error_code, reason="", at=at)


def alone(error_code: str) -> Facts:
    return Facts(now=DURING, refused=refused(error_code))


SENT = message("sent", accepted_at=DURING)
WRONG = RefusedCode(code="invalid_code", at=DURING)


@pytest.mark.parametrize(
    ("verdict", "facts"),
    [
        (Verdict.NEVER_ASKED, Facts(now=DURING)),
        (Verdict.REFUSED_RECIPIENT_LIMIT, alone("too_soon")),
        (Verdict.REFUSED_RECIPIENT_LIMIT, alone("hourly_limit")),
        (Verdict.REFUSED_RECIPIENT_LIMIT, alone("too_many_codes")),
        (Verdict.REFUSED_RECIPIENT_LIMIT, replace(code("expired", SENT), refused=refused("daily_limit", AFTER))),
        (Verdict.REFUSED_WRONG_CODES, alone("too_many_wrong_codes")),
        (Verdict.REFUSED_BLOCKED, code(message=SENT, refused=refused("recipient_blocked"))),
        (Verdict.REFUSED_PROJECT_LIMIT, alone("project_limit")),
        (Verdict.REFUSED_TOKEN_LIMIT, alone("token_limit")),
        (Verdict.REFUSED_CLIENT_LIMIT, code("approved", refused=refused("client_limit", AFTER))),
        (Verdict.REFUSED_GUESSING, alone("guessing_suspected")),
        (Verdict.REFUSED_UNUSUAL_TRAFFIC, alone("unusual_traffic")),
        (Verdict.REFUSED_DESTINATION, alone("country")),
        (Verdict.REFUSED_DESTINATION, alone("number_type")),
        (Verdict.REFUSED_OTHERWISE, alone("conflict")),
        (Verdict.NO_NOTIFIER, alone("no_notifier")),
        (Verdict.NOTIFIER_DISABLED, alone("notifier_disabled")),
        (Verdict.WORKER_MISSING, code(message=message("queued"), is_worker_running=False)),
        (Verdict.WAITING, code(message=message("queued"))),
        (Verdict.SENDING, code(message=message("sending"))),
        (Verdict.NOT_SENT_IN_TIME, replace(code("expired", message("queued")), now=AFTER)),
        (Verdict.NOT_SENT_IN_TIME, failed("It could not be sent while its code was valid.", "expired")),
        (Verdict.GATEWAY_DOWN, replace(code("expired", message("sending")), now=AFTER)),
        (Verdict.GATEWAY_DOWN, failed("The gateway could not be reached.", "connection", "queued")),
        (Verdict.GATEWAY_DOWN, failed("The gateway did not answer in time.", "timeout")),
        (Verdict.STOPPED, failed("The notifier has been disabled.", "stopped")),
        (Verdict.OWN_KEY_MISSING, failed("The notifier's secrets can't be decrypted. Type them in again.", "key")),
        (Verdict.CREDIT_OUT, failed("No credit left.")),
        (Verdict.KEY_REFUSED, failed("The API key was not accepted.", "401")),
        (Verdict.KEY_REFUSED, failed("The user name or the password was not accepted.", "535")),
        (Verdict.NUMBER_REJECTED, failed("The recipient's number was not accepted.")),
        (Verdict.BLACKLISTED, failed("The recipient's number is on the carriers' blocklist.")),
        (Verdict.BLACKLISTED, failed("The recipient has unsubscribed.", status="undelivered")),
        (Verdict.PATTERN_WRONG, failed("The pattern has other variables.")),
        (Verdict.SENDER_REFUSED, failed("The sender number was not accepted.")),
        (Verdict.GATEWAY_REFUSED, failed("The gateway refused the message.", "400")),
        (Verdict.NO_RECEIPT, code(message=SENT)),
        (Verdict.NO_RECEIPT, replace(code("expired", SENT), now=AFTER)),
        (Verdict.ACCEPTED_LATE, code("expired", message("sent", accepted_at=AFTER))),
        (Verdict.DEVELOPMENT_ONLY, code(message=replace(SENT, reaches_people=False))),
        (Verdict.TEST_RECIPIENT, code(message=replace(SENT, is_test=True))),
        (Verdict.UNDELIVERED, failed("The phone was switched off.", status="undelivered")),
        (Verdict.DELIVERED, code(message=message("delivered", delivered_at=DURING))),
        (Verdict.DELIVERED_LATE, code("expired", message("delivered", delivered_at=AFTER))),
        (Verdict.DELIVERED_LATE, code("expired", message("delivered", delivered_at=AFTER), tries=(WRONG,))),
        (Verdict.EXPIRED, code("expired", message("delivered", delivered_at=DURING))),
        (Verdict.EXPIRED, code("expired")),
        (Verdict.MISTYPED, code(message=message("delivered", delivered_at=DURING), tries=(WRONG,))),
        (Verdict.MISTYPED, code(message=SENT, tries=(WRONG,))),
        (Verdict.TYPED_LATE, code("expired", SENT, tries=(RefusedCode(code="expired_code", at=AFTER, is_right=True),))),
        (Verdict.TYPED_OLDER, code(message=SENT, tries=(replace(WRONG, is_right=True),))),
        (Verdict.TOO_MANY_WRONG, code("failed", SENT, tries=(WRONG,) * 5)),
        (Verdict.APPROVED, code("approved", SENT, tries=(WRONG,))),
    ],
)
def test_each_fault_has_its_name(verdict: Verdict, facts: Facts) -> None:
    assert diagnose(facts) is verdict


def test_asking_again_too_soon_hides_nothing() -> None:
    facts = replace(failed("No credit left."), refused=refused("too_soon"))
    assert diagnose(facts) is Verdict.CREDIT_OUT


def test_a_refusal_of_before_the_code_no_longer_counts() -> None:
    facts = code(message=SENT, refused=refused("project_limit", START - timedelta(seconds=1)))
    assert diagnose(facts) is Verdict.NO_RECEIPT


def test_every_verdict_says_what_to_do() -> None:
    assert all(verdict.text.endswith(".") for verdict in Verdict)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("The recipient has blocked messages from this line.", Verdict.BLACKLISTED),
        ("The recipient's number is a landline.", Verdict.NUMBER_REJECTED),
        ("The gateway takes one recipient at a time.", Verdict.GATEWAY_REFUSED),
        ("A text to several recipients has to end with a way to unsubscribe.", Verdict.TEXT_REFUSED),
        ("Too many messages wait for this sender.", Verdict.GATEWAY_LIMIT),
        ("Public lines can't be used for this.", Verdict.SENDER_REFUSED),
        ("The account may not be used from this address.", Verdict.ADDRESS_REFUSED),
        ("The account names no address that may use it.", Verdict.ADDRESS_REFUSED),
        ("The recipient's address was not accepted.", Verdict.NUMBER_REJECTED),
        ("A trial account sends only to its owner's number.", Verdict.ACCOUNT_CLOSED),
        ("The account may not send to this country.", Verdict.ACCOUNT_CLOSED),
        ("The account's plan doesn't include patterns.", Verdict.ACCOUNT_CLOSED),
        ("The account may not use patterns.", Verdict.ACCOUNT_CLOSED),
        ("The account may not use this line.", Verdict.SENDER_REFUSED),
        ("The carrier failed to send the message.", Verdict.UNDELIVERED),
        ("The message was not sent.", Verdict.GATEWAY_REFUSED),
    ],
)
def test_words_that_look_alike_are_told_apart(reason: str, cause: Verdict) -> None:
    assert cause_of("1", reason) is cause


@pytest.mark.parametrize("gateway", [ippanel, kavenegar, melipayamak, twilio])
def test_every_reason_of_a_gateway_has_a_cause(gateway: Any) -> None:
    """So that no new wording falls back unseen to the cause that says least, and for more points to the reason."""
    vague = {"The message was not sent.", "The gateway refused the message.", "The request was not complete."}
    of_the_call = {
        "The gateway doesn't know this call.", "The gateway doesn't take this kind of call.",
        "Too many recipients at once.", "The gateway takes one recipient at a time.",
        "The time for sending was not accepted.", "The code can't be sent by voice.",
    }  # fmt: skip
    unread = [reason for reason in gateway.REASONS.values() if cause_of("1", reason) is Verdict.GATEWAY_REFUSED]
    assert set(unread) <= vague | of_the_call
