"""One-time codes: issued under the settings in force, sent again, verified once, limited per recipient.

Sources: NIST SP 800-63B-4 (3.1.3, 3.2.2), OWASP ASVS 5 (6.5, 6.6), and the rules of docs/otp.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, text, update
from sqlalchemy.engine import Connection

from notifapp import clock, recipients
from notifapp.access import Principal, ProjectArchived, ProjectRef
from notifapp.access.archived import is_open
from notifapp.channels import Channel
from notifapp.database import (
    Statement,
    Unreadable,
    UtcDateTime,
    insertion,
    reading,
    seal,
    table_of,
    unseal,
    upsert,
    writing,
)
from notifapp.delivery.service import withdraw
from notifapp.delivery.wakeup import wake_workers
from notifapp.errors import DomainError, NotFound, ValidationFailed
from notifapp.events.models import EventType
from notifapp.events.publishing import Event, publish
from notifapp.otp import challenges, codes, sending
from notifapp.otp.challenges import Challenge
from notifapp.otp.codes import Code
from notifapp.otp.errors import ChallengeClosed, ExpiredCode, IncompleteCode, InvalidCode, UsedCode
from notifapp.otp.limits import service as limits
from notifapp.otp.limits.service import Recipient
from notifapp.otp.models import ChallengeStatus, OtpChallenge, OtpResend
from notifapp.otp.refusals import service as refusals
from notifapp.otp.sending import Sent
from notifapp.traces import service as traces
from notifapp.traffic import service as traffic

_table = table_of(OtpChallenge)
_challenge = _table.c
_NOW = bindparam("now", type_=UtcDateTime)
_PROJECT = bindparam("project_id", type_=_challenge.project_id.type)


def _insert(insert: Any) -> Any:
    """Insert a challenge, unless the recipient has an open one."""
    return (
        insert.values({column.name: bindparam(column.name) for column in _challenge})
        .on_conflict_do_nothing(
            index_elements=["project_id", "channel", "recipient_digest"], index_where=text("status = 'pending'")
        )
        .returning(_challenge.id)
    )


_INSERT = Statement(upsert(_table, _insert))
_REPLACE = Statement(
    update(_table)
    .where(
        _challenge.project_id == _PROJECT,
        _challenge.channel == bindparam("channel"),
        _challenge.recipient_digest == bindparam("address_digest"),
        _challenge.status == ChallengeStatus.PENDING.value,
    )
    .values(status=ChallengeStatus.REPLACED.value, address=None)
    .returning(_challenge.id)
)
_RESEND = insertion(table_of(OtpResend))
_IS_OPEN = [
    _challenge.id == bindparam("challenge_id"),
    _challenge.status == ChallengeStatus.PENDING.value,
    _challenge.expires_at > _NOW,
    is_open(_PROJECT),
]
_APPROVE = Statement(
    update(_table)
    .where(*_IS_OPEN, _challenge.attempts_left > 0, bindparam("code_expires_at", type_=UtcDateTime) > _NOW)
    .values(status=ChallengeStatus.APPROVED.value, approved_at=_NOW, address=None)
)
_PROLONG = Statement(
    update(_table).where(*_IS_OPEN).values({name: bindparam(name) for name in ("expires_at", "resend_at", "unsettled")})
)
_IS_LAST_TRY = _challenge.attempts_left == 1
_COUNT_WRONG = Statement(
    update(_table)
    .where(*_IS_OPEN)
    .values(
        attempts_left=_challenge.attempts_left - 1,
        status=case((_IS_LAST_TRY, ChallengeStatus.FAILED.value), else_=ChallengeStatus.PENDING.value),
        address=case((_IS_LAST_TRY, None), else_=_challenge.address),
    )
    .returning(_challenge.attempts_left)
)


def issue_challenge(
    project: ProjectRef, channel: Channel, recipient: str, *, principal: Principal, client: str | None = None
) -> Challenge:
    """Create a code, store its MAC and queue its message, in one transaction.

    It replaces the recipient's open challenge on the same channel. `client` is the end user's IP address or device id,
    if the caller tells it. Raise `ValidationFailed` on `recipient`, `Conflict` if the settings have no enabled notifier
    for the channel or the project is archived meanwhile, and `TooManyRequests` at a limit.
    """
    address = recipients.normalise(channel, recipient, phone_region=project.phone_region)
    them = whom, *former = sending.recipients_of(project, channel, address)
    order = sending.order(project, channel, address, principal, client)
    with refusals.sends_noted(order, whom):
        cleared = sending.check(order, them)
        with writing() as connection:
            now = sending.take(connection, whom, former)
            challenge_id = codes.new_challenge_id()
            sent = sending.send(connection, project, them, address, challenge_id, now)
            new = _new_row(challenge_id, whom, address, sent, now) | {
                "country": order.destination.country if order.destination else None,
                "prefix": order.destination.prefix if order.destination else None,
            }
            for each in former:
                _replace_open(connection, each, now)
            if _INSERT.first(connection, **new) is None:
                _replace_open(connection, whom, now)
                _INSERT.execute(connection, **new)
            sending.charge(connection, order, cleared, sent)
    wake_workers()
    first = Code(1, new["code_mac"], new["code_length"], sent.expires_at, sent.delivery_id)
    return challenges.shown(new, [first], now, sent.quotas)


def resend_challenge(
    project: ProjectRef, challenge_id: str, *, principal: Principal, client: str | None = None
) -> Challenge:
    """Send one more code for an open challenge, by the notifier and the settings now in force.

    Its earlier codes stay right until they expire, and it gets no new attempts. Raise `NotFound`,
    `ChallengeClosed` if it isn't open, `Conflict` as for a new challenge, and `TooManyRequests` at a limit or while
    three codes are valid.
    """
    with reading() as connection:
        found, _known = challenges.find(connection, project, challenge_id)
    address = _address_of(found, clock.now())
    them = whom, *former = sending.recipients_of(project, Channel(found.channel), address)
    order = sending.order(project, Channel(found.channel), address, principal, client)
    with refusals.sends_noted(order, whom):
        cleared = sending.check(order, them)
        with writing() as connection:
            now = sending.take(connection, whom, former)
            found, known = challenges.find(connection, project, challenge_id)
            _address_of(found, now)  # it may have been closed while this call waited
            ends = [code.expires_at for code in challenges.alive(known, now)]
            sent = sending.send(connection, project, them, address, challenge_id, now, ends)
            new = _new_resend(challenge_id, known[-1].number + 1, sent, now)
            _RESEND.execute(connection, **new)
            changed = {
                "expires_at": max(found.expires_at, sent.expires_at),
                "resend_at": sent.resend_at,
                "unsettled": sent.unsettled,
            }
            if _PROLONG.execute(connection, challenge_id=found.id, project_id=project.id, now=now, **changed) == 0:
                raise ProjectArchived
            sending.charge(connection, order, cleared, sent)
    wake_workers()
    newest = Code(new["number"], new["code_mac"], new["code_length"], sent.expires_at, sent.delivery_id)
    return challenges.shown(found._asdict() | changed, [*known, newest], now, sent.quotas)


def verify_challenge(project: ProjectRef, challenge_id: str, code: str, *, recipient: str | None = None) -> Challenge:
    """Approve a challenge, once, if `code` is one of its codes and valid. Return the approved challenge.

    With `recipient`, a right code for another recipient's challenge counts as a wrong one. Raise the same `InvalidCode`
    for a wrong, replaced or unknown one, `ExpiredCode`, `UsedCode` if the code is right but the challenge was approved
    before, and `IncompleteCode` for one of the wrong length.
    """
    typed = codes.normalise(code)
    try:
        with reading() as connection:
            found, known = challenges.find(connection, project, challenge_id)
    except NotFound:
        raise InvalidCode(attempts_left=0) from None
    right = [each for each in known if codes.is_right(typed, found.id, each)]
    is_theirs = recipient is None or codes.is_among(found.recipient_digest, _digests(project, found, recipient))
    whom = Recipient(project.id, found.channel, found.counted_as, found.recipient, found.recipient_digest)
    is_right = bool(right) and is_theirs
    with refusals.tries_noted(whom, found.id, is_right=is_right):
        if is_right:
            return _approve(project, found, known, whom, right_until=max(each.expires_at for each in right))
        if uncounted := _closed_or_incomplete(found, known, typed):
            raise uncounted
    raise _count_wrong(found, whom)


def get_challenge(project: ProjectRef, challenge_id: str) -> Challenge:
    """One of the project's challenges. Raise `NotFound`."""
    with reading() as connection:
        found, known = challenges.find(connection, project, challenge_id)
    return challenges.shown(found._asdict(), known, clock.now())


def _address_of(found: Any, now: datetime) -> str:
    """Where to send another code. Raise `ChallengeClosed` if none may be sent any more."""
    if found.status != ChallengeStatus.PENDING or found.expires_at <= now:
        raise ChallengeClosed
    try:
        address: str | None = unseal(_challenge.address, found)
    except Unreadable:
        raise ChallengeClosed from None
    if address is None:  # the challenge is older than resending is
        raise ChallengeClosed
    return address


def _replace_open(connection: Connection, whom: Recipient, now: datetime) -> None:
    """End the recipient's open challenge, and withdraw those of its messages that haven't been sent."""
    replaced = _REPLACE.first(
        connection, project_id=whom.project_id, channel=whom.channel, address_digest=whom.address_digest
    )
    if replaced is not None:
        withdraw(connection, replaced.id, now)


def _new_row(challenge_id: str, whom: Recipient, address: str, sent: Sent, now: datetime) -> dict[str, Any]:
    return {
        "id": challenge_id,
        "project_id": whom.project_id,
        "channel": whom.channel,
        "recipient_digest": whom.address_digest,
        "counted_as": whom.digest,
        "recipient": whom.masked,
        "address": seal(_challenge.address, address, project_id=whom.project_id, id=challenge_id),
        "settings_version": sent.policy.version,
        "code_length": len(sent.code),
        "ttl": sent.policy.ttl,
        "code_mac": codes.code_mac(challenge_id, sent.code),
        "status": ChallengeStatus.PENDING.value,
        "attempts_left": sent.limits.max_attempts,
        "created_at": now,
        "expires_at": sent.expires_at,
        "resend_at": sent.resend_at,
        "approved_at": None,
        "unsettled": sent.unsettled,
        "delivery_id": sent.delivery_id,
    }


def _new_resend(challenge_id: str, number: int, sent: Sent, now: datetime) -> dict[str, Any]:
    return {
        "challenge_id": challenge_id,
        "number": number,
        "settings_version": sent.policy.version,
        "code_length": len(sent.code),
        "code_mac": codes.code_mac(challenge_id, sent.code, number),
        "created_at": now,
        "expires_at": sent.expires_at,
        "delivery_id": sent.delivery_id,
    }


def _digests(project: ProjectRef, found: Any, recipient: str) -> list[str]:
    """The digests of a recipient on the challenge's channel; none if it can't be parsed."""
    try:
        address = recipients.normalise(Channel(found.channel), recipient, phone_region=project.phone_region)
    except ValidationFailed:
        return []
    return codes.recipient_digests(project.id, found.channel, address)


def _approve(
    project: ProjectRef, found: Any, known: Sequence[Code], whom: Recipient, *, right_until: datetime
) -> Challenge:
    """Use the challenge up, and end the recipient's row of failures. Raise `InvalidCode` if it or the code is over."""
    with writing() as connection:
        now = limits.forget_failures(connection, whom)
        # One conditional UPDATE, so that only one of several simultaneous right codes is approved.
        its = {"challenge_id": found.id, "project_id": project.id, "code_expires_at": right_until}
        if _APPROVE.execute(connection, **its, now=now) == 0:
            raise _lost(connection, project, found.id, right_until, now)
        if len(known) > 1:  # nobody needs the others any more
            withdraw(connection, found.id, now)
        destination = (found.country, found.prefix) if found.country else None
        if found.is_approval_told:
            data = {"challenge": found.id, "channel": found.channel}
            publish(connection, Event(project.id, EventType.CODE_APPROVED, data, found.recipient))
        if found.unsettled:
            traffic.count_approval(connection, project.id, destination, found.unsettled)
    return challenges.shown(found._asdict() | {"status": ChallengeStatus.APPROVED, "approved_at": now}, known, now)


def _closed_or_incomplete(found: Any, known: Sequence[Code], typed: str) -> InvalidCode | None:
    """Why a wrong code isn't counted: the challenge is no longer open, or no valid code of it has this length."""
    now = clock.now()
    if found.status != ChallengeStatus.PENDING or found.expires_at <= now:
        return _not_open(found, now)
    lengths = [code.length for code in challenges.alive(known, now)]
    if len(typed) not in lengths:
        return IncompleteCode(attempts_left=found.attempts_left, lengths=lengths)
    return None


def _count_wrong(found: Any, whom: Recipient) -> InvalidCode:
    """Count a wrong code, for the recipient and for the challenge."""
    with writing() as connection:
        now = limits.count_failure(connection, whom, limits.limits_of(found))
        counted = _COUNT_WRONG.first(connection, challenge_id=found.id, project_id=whom.project_id, now=now)
        if counted is None:  # closed while this call waited for the row: undo the failure
            raise _not_open(found, now)
        traces.note_try(connection, whom.digest, found.id, InvalidCode.code, is_right=False)
        if found.unsettled:  # a test recipient's wrong codes stop nobody else's
            traffic.count_wrong(connection, whom.project_id)
    return InvalidCode(attempts_left=counted.attempts_left)


def _lost(
    connection: Connection, project: ProjectRef, challenge_id: str, right_until: datetime, now: datetime
) -> DomainError:
    """Why a right code wasn't accepted; it may have been approved, or the project archived, while this call waited."""
    found, _known = challenges.find(connection, project, challenge_id)
    if found.status == ChallengeStatus.APPROVED:
        return UsedCode(attempts_left=0)
    if found.status != ChallengeStatus.PENDING or found.expires_at <= now:
        return _not_open(found, now)
    return ProjectArchived() if right_until > now else ExpiredCode(attempts_left=found.attempts_left)


def _not_open(found: Any, now: datetime) -> InvalidCode:
    is_expired = found.status == ChallengeStatus.PENDING and found.expires_at <= now
    return ExpiredCode(attempts_left=0) if is_expired else InvalidCode(attempts_left=0)
