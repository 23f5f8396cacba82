"""What is most likely the matter with a recipient's code: one pure function of what is known."""

from __future__ import annotations

from notifapp.delivery.models import DeliveryStatus
from notifapp.errors import ErrorCode
from notifapp.otp.models import ChallengeStatus
from notifapp.timeline.causes import cause_of
from notifapp.timeline.facts import AskedFor, Facts, SentMessage
from notifapp.timeline.verdicts import Verdict
from notifapp.traffic.service import Refusal

_OF_RECIPIENT = (ErrorCode.TOO_SOON, ErrorCode.HOURLY_LIMIT, ErrorCode.DAILY_LIMIT, ErrorCode.TOO_MANY_CODES)
_REFUSALS: dict[str, Verdict] = {
    **dict.fromkeys(_OF_RECIPIENT, Verdict.REFUSED_RECIPIENT_LIMIT),
    ErrorCode.TOO_MANY_WRONG_CODES: Verdict.REFUSED_WRONG_CODES,
    ErrorCode.RECIPIENT_BLOCKED: Verdict.REFUSED_BLOCKED,
    ErrorCode.PROJECT_LIMIT: Verdict.REFUSED_PROJECT_LIMIT,
    ErrorCode.TOKEN_LIMIT: Verdict.REFUSED_TOKEN_LIMIT,
    ErrorCode.CLIENT_LIMIT: Verdict.REFUSED_CLIENT_LIMIT,
    ErrorCode.GUESSING_SUSPECTED: Verdict.REFUSED_GUESSING,
    ErrorCode.UNUSUAL_TRAFFIC: Verdict.REFUSED_UNUSUAL_TRAFFIC,
    Refusal.COUNTRY: Verdict.REFUSED_DESTINATION,
    Refusal.NUMBER_TYPE: Verdict.REFUSED_DESTINATION,
    ErrorCode.NO_NOTIFIER: Verdict.NO_NOTIFIER,
    ErrorCode.NOTIFIER_DISABLED: Verdict.NOTIFIER_DISABLED,
}


def diagnose(facts: Facts) -> Verdict:
    """What is most likely."""
    of_code = _of_code(facts, facts.asked) if facts.asked else None
    if facts.refused and _counts_more(facts, of_code):
        return _REFUSALS.get(facts.refused.code, Verdict.REFUSED_OTHERWISE)
    return of_code or Verdict.NEVER_ASKED


def _counts_more(facts: Facts, of_code: Verdict | None) -> bool:
    """Whether the refusal says more than what became of the newest code.

    Who doesn't receive a code asks again, and is refused for that: while the code lives, what counts is why it didn't
    arrive.
    """
    if facts.refused is None or facts.asked is None:
        return facts.refused is not None
    refused, asked = facts.refused, facts.asked
    if refused.at < (asked.approved_at or asked.sent_at):
        return False
    is_for_asking_again = refused.code in _OF_RECIPIENT and refused.at < asked.expires_at
    return of_code is Verdict.APPROVED or not is_for_asking_again


def _of_code(facts: Facts, asked: AskedFor) -> Verdict:
    if asked.status is ChallengeStatus.APPROVED:
        return Verdict.APPROVED
    if asked.status is ChallengeStatus.FAILED:
        return Verdict.TOO_MANY_WRONG
    if late := next((each for each in facts.tries if each.is_right), None):
        return Verdict.TYPED_LATE if late.code == ErrorCode.EXPIRED_CODE else Verdict.TYPED_OLDER
    if asked.message is None:
        return Verdict.MISTYPED if facts.tries else Verdict.EXPIRED
    return _of_message(facts, asked, asked.message)


def _of_message(facts: Facts, asked: AskedFor, message: SentMessage) -> Verdict:
    if message.is_test and facts.is_worker_running:
        return Verdict.MISTYPED if facts.tries else Verdict.TEST_RECIPIENT
    if message.status in (DeliveryStatus.QUEUED, DeliveryStatus.SENDING):
        return _of_waiting(facts, asked, message)
    if message.status is DeliveryStatus.FAILED:
        return cause_of(message.error_code, message.reason)
    if message.status is DeliveryStatus.UNDELIVERED:
        cause = cause_of(message.error_code, message.reason)
        return cause if cause in (Verdict.BLACKLISTED, Verdict.NUMBER_REJECTED) else Verdict.UNDELIVERED
    is_late = message.delivered_at is not None and message.delivered_at > asked.expires_at
    if facts.tries and not is_late:
        return Verdict.MISTYPED
    if not message.reaches_people:
        return Verdict.DEVELOPMENT_ONLY
    if message.status is DeliveryStatus.DELIVERED:
        return _of_delivered(asked, is_late=is_late)
    is_late = message.accepted_at is not None and message.accepted_at > asked.expires_at
    return Verdict.ACCEPTED_LATE if is_late else Verdict.NO_RECEIPT


def _of_waiting(facts: Facts, asked: AskedFor, message: SentMessage) -> Verdict:
    if not facts.is_worker_running:
        return Verdict.WORKER_MISSING
    if message.reason or message.error_code:
        return cause_of(message.error_code, message.reason)
    if asked.expires_at <= facts.now:
        return Verdict.GATEWAY_DOWN if message.status is DeliveryStatus.SENDING else Verdict.NOT_SENT_IN_TIME
    return Verdict.SENDING if message.status is DeliveryStatus.SENDING else Verdict.WAITING


def _of_delivered(asked: AskedFor, *, is_late: bool) -> Verdict:
    if is_late:
        return Verdict.DELIVERED_LATE
    return Verdict.EXPIRED if asked.status is ChallengeStatus.EXPIRED else Verdict.DELIVERED
