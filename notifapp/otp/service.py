"""One-time codes: issued under the settings in force, sent again, verified once, limited per recipient.

Sources: NIST SP 800-63B-4 (3.1.3, 3.2.2), OWASP ASVS 5 (6.5, 6.6), and the rules of docs/otp.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, case, select, text, union_all, update
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
from notifapp.delivery.models import Purpose
from notifapp.delivery.service import Outgoing, enqueue, pretend, withdrawal
from notifapp.delivery.wakeup import wake_workers
from notifapp.errors import Conflict, DomainError, ErrorCode, NotFound, Quota, ValidationFailed
from notifapp.events.models import EventType
from notifapp.events.publishing import Event, is_told, publish
from notifapp.message_templates.rendering import Words, compose
from notifapp.message_templates.service import template_of, with_template
from notifapp.otp import codes, limits
from notifapp.otp.codes import Code
from notifapp.otp.limits import Limits, Recipient
from notifapp.otp.models import ChallengeStatus, OtpChallenge, OtpResend
from notifapp.otp.refusals import service as refusals
from notifapp.otp.test_recipients import lookup
from notifapp.settings.service import SELECT_POLICY, NotifierInForce, Policy, policy_of
from notifapp.traces import service as traces
from notifapp.traffic import service as traffic

_table, _resends = table_of(OtpChallenge), table_of(OtpResend)
_challenge, _resend = _table.c, _resends.c
_NOW = bindparam("now", type_=UtcDateTime)
_PROJECT = bindparam("project_id", type_=_challenge.project_id.type)


_OF_CHANNEL = [_challenge.project_id == _PROJECT, _challenge.channel == bindparam("channel")]


def _insert(insert: Any) -> Any:
    """Insert a challenge, unless the recipient has an open one."""
    return (
        insert.values({column.name: bindparam(column.name) for column in _challenge})
        .on_conflict_do_nothing(
            index_elements=["project_id", "channel", "recipient_digest"], index_where=text("status = 'pending'")
        )
        .returning(_challenge.id)
    )


@cache
def _situation(keys: int) -> Statement:
    """Everything needed to send a code to a recipient, who may be a test recipient under so many keys.

    There is a row for each of the recipient's challenges that sent a code in the last day, and for each of their
    resends.
    """
    statement = with_template(limits.with_limits(SELECT_POLICY, _PROJECT), _PROJECT, bindparam("channel"))
    was_sent = and_(
        *_OF_CHANNEL,
        _challenge.counted_as == bindparam("digest"),
        _challenge.resend_at > bindparam("since", type_=UtcDateTime),
    )
    return Statement(
        lookup.with_fixed(statement, keys)
        .add_columns(_challenge.created_at.label("sent_at"), _challenge.status.label("sent_status"))
        .add_columns((_challenge.unsettled == 0).label("sent_as_test"))
        .add_columns(_resend.created_at.label("resent_at"), is_open(_PROJECT).label("is_open"))
        .outerjoin(_table, was_sent)
        .outerjoin(_resends, _resend.challenge_id == _challenge.id)
    )


_INSERT = Statement(upsert(_table, _insert))
_REPLACE = Statement(
    update(_table)
    .where(
        *_OF_CHANNEL,
        _challenge.recipient_digest == bindparam("address_digest"),
        _challenge.status == ChallengeStatus.PENDING.value,
    )
    .values(status=ChallengeStatus.REPLACED.value, address=None)
    .returning(_challenge.id)
)
_WITHDRAW = withdrawal(
    union_all(
        select(_challenge.delivery_id).where(_challenge.id == bindparam("challenge_id")),
        select(_resend.delivery_id).where(_resend.challenge_id == bindparam("challenge_id")),
    )
)
_RESEND = insertion(_resends)
_COUNT_AS = Statement(
    update(_table)
    .where(*_OF_CHANNEL, _challenge.counted_as == bindparam("digest"))
    .values(counted_as=bindparam("new_digest"))
)
# A challenge and its first code, in a row for each of its resends.
_FIND = Statement(
    limits.with_limits(select(_table), _challenge.project_id)
    .add_columns(
        _resend.number,
        _resend.code_mac.label("resend_mac"),
        _resend.code_length.label("resend_length"),
        _resend.expires_at.label("resend_expires_at"),
        _resend.delivery_id.label("resend_delivery_id"),
        is_told(_PROJECT, EventType.CODE_APPROVED).label("is_approval_told"),
    )
    .outerjoin(_resends, _resend.challenge_id == _challenge.id)
    .where(_challenge.id == bindparam("challenge_id"), _challenge.project_id == _PROJECT)
    .order_by(_resend.number)
)
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


class InvalidCode(DomainError):
    """An invalid one-time code. Wrong, replaced and unknown ones look alike."""

    code = ErrorCode.INVALID_CODE
    detail = "Invalid code."
    challenge_status: ChallengeStatus | None = None  # told where it explains the error

    def __init__(self, *, attempts_left: int, detail: str | None = None) -> None:
        super().__init__(detail)
        self.attempts_left = attempts_left

    def body(self) -> Mapping[str, object]:
        """The field's message, and the number of attempts left."""
        status = {"status": self.challenge_status.value} if self.challenge_status else {}
        return {"code": [self.detail], "attempts_left": self.attempts_left, **status}


class ExpiredCode(InvalidCode):
    """A code for one's own challenge that came too late; a later one of the challenge's may still be valid."""

    code = ErrorCode.EXPIRED_CODE
    detail = "This code has expired."
    challenge_status = ChallengeStatus.EXPIRED

    def __init__(self, *, attempts_left: int) -> None:
        super().__init__(attempts_left=attempts_left)
        if attempts_left:
            self.challenge_status = ChallengeStatus.PENDING


class UsedCode(InvalidCode):
    """The right code of a challenge that is already approved."""

    code = ErrorCode.USED_CODE
    detail = "This code has already been used."
    challenge_status = ChallengeStatus.APPROVED


class IncompleteCode(InvalidCode):
    """A code that is as long as none of the valid ones, which can't be right and so costs no attempt."""

    code = ErrorCode.INCOMPLETE_CODE

    def __init__(self, *, attempts_left: int, lengths: Iterable[int]) -> None:
        digits = " or ".join(map(str, sorted(set(lengths))))
        super().__init__(attempts_left=attempts_left, detail=f"Enter the {digits} digits of the code.")


class ChallengeClosed(Conflict):
    """A challenge that is over takes no further codes."""

    code = ErrorCode.CHALLENGE_CLOSED
    detail = "This challenge is over, so it takes no further code. Create a new one."


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as its project may see it: without its codes, and with the recipient masked.

    `lengths` are those of the codes that are valid, or of the newest if none is. `delivery_ids` are the messages that
    are still known, oldest first; `quotas` is what is left of the limits after a code that was sent just now.
    """

    id: str
    channel: Channel
    recipient: str
    status: ChallengeStatus
    code_length: int
    lengths: list[int]
    codes_alive: int
    attempts_left: int
    created_at: datetime
    expires_at: datetime
    resend_at: datetime
    approved_at: datetime | None
    delivery_ids: list[int]
    quotas: Sequence[Quota]


@dataclass(frozen=True, slots=True)
class _Sent:
    """A code whose message is queued, the settings and limits that it was sent under, and what to write with it.

    A test recipient's counts nowhere: it is never unsettled.
    """

    code: str = field(repr=False)
    is_test: bool
    policy: Policy
    limits: Limits
    quotas: list[Quota]
    expires_at: datetime
    resend_at: datetime
    unsettled: int
    delivery_id: int


def issue_challenge(
    project: ProjectRef, channel: Channel, recipient: str, *, principal: Principal, client: str | None = None
) -> Challenge:
    """Create a code, store its MAC and queue its message, in one transaction.

    It replaces the recipient's open challenge on the same channel. `client` is the end user's IP address or device id,
    if the caller tells it. Raise `ValidationFailed` on `recipient`, `Conflict` if the settings have no enabled notifier
    for the channel or the project is archived meanwhile, and `TooManyRequests` at a limit.
    """
    address = recipients.normalise(channel, recipient, phone_region=project.phone_region)
    them = whom, *former = _recipients(project, channel, address)
    order = _order(project, channel, address, principal, client)
    with refusals.sends_noted(order, whom):
        cleared = _check(order, them)
        with writing() as connection:
            now = _take(connection, whom, former)
            challenge_id = codes.new_challenge_id()
            sent = _send(connection, project, them, address, challenge_id, now)
            new = _new_row(challenge_id, whom, address, sent, now) | {
                "country": order.destination.country if order.destination else None,
                "prefix": order.destination.prefix if order.destination else None,
            }
            for each in former:
                _replace_open(connection, each, now)
            if _INSERT.first(connection, **new) is None:
                _replace_open(connection, whom, now)
                _INSERT.execute(connection, **new)
            _charge(connection, order, cleared, sent)
    wake_workers()
    first = Code(1, new["code_mac"], new["code_length"], sent.expires_at, sent.delivery_id)
    return _shown(new, [first], now, sent.quotas)


def resend_challenge(
    project: ProjectRef, challenge_id: str, *, principal: Principal, client: str | None = None
) -> Challenge:
    """Send one more code for an open challenge, by the notifier and the settings now in force.

    Its earlier codes stay right until they expire, and it gets no new attempts. Raise `NotFound`,
    `ChallengeClosed` if it isn't open, `Conflict` as for a new challenge, and `TooManyRequests` at a limit or while
    three codes are valid.
    """
    with reading() as connection:
        found, _known = _find(connection, project, challenge_id)
    address = _address_of(found, clock.now())
    them = whom, *former = _recipients(project, Channel(found.channel), address)
    order = _order(project, Channel(found.channel), address, principal, client)
    with refusals.sends_noted(order, whom):
        cleared = _check(order, them)
        with writing() as connection:
            now = _take(connection, whom, former)
            found, known = _find(connection, project, challenge_id)
            _address_of(found, now)  # it may have been closed while this call waited
            ends = [code.expires_at for code in _alive(known, now)]
            sent = _send(connection, project, them, address, challenge_id, now, ends)
            new = _new_resend(challenge_id, known[-1].number + 1, sent, now)
            _RESEND.execute(connection, **new)
            changed = {
                "expires_at": max(found.expires_at, sent.expires_at),
                "resend_at": sent.resend_at,
                "unsettled": sent.unsettled,
            }
            if _PROLONG.execute(connection, challenge_id=found.id, project_id=project.id, now=now, **changed) == 0:
                raise ProjectArchived
            _charge(connection, order, cleared, sent)
    wake_workers()
    newest = Code(new["number"], new["code_mac"], new["code_length"], sent.expires_at, sent.delivery_id)
    return _shown(found._asdict() | changed, [*known, newest], now, sent.quotas)


def verify_challenge(project: ProjectRef, challenge_id: str, code: str, *, recipient: str | None = None) -> Challenge:
    """Approve a challenge, once, if `code` is one of its codes and valid. Return the approved challenge.

    With `recipient`, a right code for another recipient's challenge counts as a wrong one. Raise the same `InvalidCode`
    for a wrong, replaced or unknown one, `ExpiredCode`, `UsedCode` if the code is right but the challenge was approved
    before, and `IncompleteCode` for one of the wrong length.
    """
    typed = codes.normalise(code)
    try:
        with reading() as connection:
            found, known = _find(connection, project, challenge_id)
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
        found, known = _find(connection, project, challenge_id)
    return _shown(found._asdict(), known, clock.now())


def _order(
    project: ProjectRef, channel: Channel, address: str, principal: Principal, client: str | None
) -> traffic.Order:
    client_digest = codes.client_digest(project.id, client) if client else None
    return traffic.order(project, channel, address, principal=principal, client=client_digest)


def _check(order: traffic.Order, them: Sequence[Recipient]) -> traffic.Cleared | None:
    """Check the order; None if it is refused, but for a test recipient, who costs nothing wherever it is."""
    try:
        return traffic.check(order)
    except (traffic.DestinationNotAllowed, traffic.TrafficRefused):
        if not lookup.is_test_recipient(them):
            raise
        return None


def _charge(connection: Connection, order: traffic.Order, cleared: traffic.Cleared | None, sent: _Sent) -> None:
    """Count a code that costs something, as the last statement of its transaction."""
    if not sent.is_test:
        # A test recipient may have been removed meanwhile, and is no reason then.
        traffic.charge(connection, cleared or traffic.check(order))


def _take(connection: Connection, whom: Recipient, former: Sequence[Recipient]) -> datetime:
    """Lock the recipient, however many keys it is counted under. Return the time at which it was locked."""
    for each in former:
        _carry_over(connection, each, whom)
    return limits.take(connection, whom)


def _send(
    connection: Connection,
    project: ProjectRef,
    them: Sequence[Recipient],
    address: str,
    challenge_id: str,
    now: datetime,
    ends: Sequence[datetime] = (),
) -> _Sent:
    """Queue the message of one more code for a challenge, unless a limit or the settings forbid it.

    `ends` says when the challenge's valid codes expire. The caller stores the code, and counts it last.
    """
    whom, since = them[0], now - limits.DAY
    rows = _situation(len(them)).all(connection, **whom.key, **lookup.parameters(them), since=since, now=now)
    if not rows[0].is_open:
        raise ProjectArchived
    policy, allowed = policy_of(rows[0]), limits.limits_of(rows[0])
    notifier = _notifier(policy, Channel(whom.channel))
    fixed = lookup.fixed_for(connection, whom, rows[0])
    if fixed:
        allowed = lookup.widened(allowed)
    sends = _sends(rows, since, as_test=fixed is not None)
    times = [at for at, _status in sends]
    limits.check(limits.quotas(times, allowed, now, sorted(ends)))
    code = fixed.code if fixed else codes.new_code(policy.code_length)
    expires_at = now + timedelta(seconds=policy.ttl)
    quotas = limits.quotas([*times, now], allowed, now, sorted([*ends, expires_at]))
    if fixed:
        delivery_id = pretend(connection, fixed.message(whom, challenge_id, expires_at))
    else:
        words = compose(template_of(rows[0]), code=code, ttl=policy.ttl, project_name=project.name)
        delivery_id = enqueue(connection, _outgoing(notifier, whom, address, words, expires_at, challenge_id))
    return _Sent(
        code=code,
        is_test=fixed is not None,
        policy=policy,
        limits=allowed,
        quotas=quotas,
        expires_at=expires_at,
        resend_at=limits.next_send(quotas, now),
        unsettled=0 if fixed else 1 + _unsettled(sends),
        delivery_id=delivery_id,
    )


def statuses(challenge_ids: Collection[str]) -> dict[str, ChallengeStatus]:
    """The status of each of these challenges that is still known."""
    if not challenge_ids:
        return {}
    columns, now = (_challenge.id, _challenge.status, _challenge.expires_at), clock.now()
    with reading() as connection:
        rows = connection.execute(select(*columns).where(_challenge.id.in_(challenge_ids))).all()
    return {row.id: _status_at(row.status, row.expires_at, now) for row in rows}


def _status_at(status: str, expires_at: datetime, now: datetime) -> ChallengeStatus:
    is_expired = status == ChallengeStatus.PENDING.value and expires_at <= now
    return ChallengeStatus.EXPIRED if is_expired else ChallengeStatus(status)


def _carry_over(connection: Connection, former: Recipient, whom: Recipient) -> None:
    """Let what was counted and sent under an older key count under the newest."""
    if limits.carry_over(connection, former, whom):
        _COUNT_AS.execute(connection, **former.key, new_digest=whom.digest)


def _find(connection: Connection, project: ProjectRef, challenge_id: str) -> tuple[Any, list[Code]]:
    """The challenge's row with the project's limits, and its codes, oldest first. Raise `NotFound`."""
    rows = []
    if codes.is_challenge_id(challenge_id):
        rows = _FIND.all(connection, challenge_id=challenge_id, project_id=project.id)
    if not rows:
        raise NotFound
    found = rows[0]
    ends = found.created_at + timedelta(seconds=found.ttl)
    known = [Code(1, found.code_mac, found.code_length, ends, found.delivery_id)]
    for row in rows:
        if row.number:
            mac, length, ends = row.resend_mac, row.resend_length, row.resend_expires_at
            known.append(Code(row.number, mac, length, ends, row.resend_delivery_id))
    return found, known


def _alive(known: Sequence[Code], now: datetime) -> list[Code]:
    return [code for code in known if code.expires_at > now]


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


def _recipients(project: ProjectRef, channel: Channel, address: str) -> list[Recipient]:
    """The recipient under each of the listed keys, newest first."""
    counted_as, masked = recipients.counted_as(channel, address), recipients.mask(channel, address)
    exact = codes.recipient_digests(project.id, channel.value, address)
    counted = exact if counted_as == address else codes.recipient_digests(project.id, channel.value, counted_as)
    pairs = zip(counted, exact, strict=True)
    return [Recipient(project.id, channel.value, digest, masked, own_digest) for digest, own_digest in pairs]


def _notifier(policy: Policy, channel: Channel) -> NotifierInForce:
    notifier = policy.notifiers.get(channel)
    if notifier is None:
        raise Conflict(
            f"No {channel.sentence} notifier is chosen in this project's notification settings.",
            code=ErrorCode.NO_NOTIFIER,
        )
    if not notifier.is_enabled:
        raise Conflict(
            f"The {channel.sentence} notifier chosen in this project's notification settings is disabled.",
            code=ErrorCode.NOTIFIER_DISABLED,
        )
    return notifier


def _sends(rows: Sequence[Any], since: datetime, *, as_test: bool) -> list[tuple[datetime, str]]:
    """When codes were sent to the recipient since then, oldest first, and what became of their challenges.

    What it was sent as a test recipient is one thing, what it was really sent another.
    """
    alike = [row for row in rows if bool(row.sent_as_test) == as_test]
    return sorted({(at, row.sent_status) for row in alike for at in (row.sent_at, row.resent_at) if at and at > since})


def _unsettled(sends: Sequence[tuple[datetime, str]]) -> int:
    """How many of the last day's sends, oldest first, came after the recipient's last right code."""
    statuses = [status for _at, status in sends]
    return next(
        (number for number, status in enumerate(reversed(statuses)) if status == ChallengeStatus.APPROVED),
        len(statuses),
    )


def _replace_open(connection: Connection, whom: Recipient, now: datetime) -> None:
    """End the recipient's open challenge, and withdraw those of its messages that haven't been sent."""
    replaced = _REPLACE.first(
        connection, project_id=whom.project_id, channel=whom.channel, address_digest=whom.address_digest
    )
    if replaced is not None:
        _WITHDRAW.execute(connection, challenge_id=replaced.id, now=now)


def _new_row(challenge_id: str, whom: Recipient, address: str, sent: _Sent, now: datetime) -> dict[str, Any]:
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


def _new_resend(challenge_id: str, number: int, sent: _Sent, now: datetime) -> dict[str, Any]:
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


def _outgoing(
    notifier: NotifierInForce, whom: Recipient, address: str, words: Words, expires_at: datetime, challenge_id: str
) -> Outgoing:
    channel = Channel(whom.channel)
    return Outgoing(
        project_id=whom.project_id,
        notifier_id=notifier.id,
        notifier_name=notifier.name,
        backend=notifier.backend,
        channel=channel,
        recipient=address,
        masked=whom.masked,
        subject=words.subject if channel is Channel.EMAIL else "",
        body=words.body,
        variables=words.variables,
        purpose=Purpose.OTP,
        expires_at=expires_at,
        challenge_id=challenge_id,
    )


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
            _WITHDRAW.execute(connection, challenge_id=found.id, now=now)
        destination = (found.country, found.prefix) if found.country else None
        if found.is_approval_told:
            data = {"challenge": found.id, "channel": found.channel}
            publish(connection, Event(project.id, EventType.CODE_APPROVED, data, found.recipient))
        if found.unsettled:
            traffic.count_approval(connection, project.id, destination, found.unsettled)
    return _shown(found._asdict() | {"status": ChallengeStatus.APPROVED, "approved_at": now}, known, now)


def _closed_or_incomplete(found: Any, known: Sequence[Code], typed: str) -> InvalidCode | None:
    """Why a wrong code isn't counted: the challenge is no longer open, or no valid code of it has this length."""
    now = clock.now()
    if found.status != ChallengeStatus.PENDING or found.expires_at <= now:
        return _not_open(found, now)
    lengths = [code.length for code in _alive(known, now)]
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
    found, _known = _find(connection, project, challenge_id)
    if found.status == ChallengeStatus.APPROVED:
        return UsedCode(attempts_left=0)
    if found.status != ChallengeStatus.PENDING or found.expires_at <= now:
        return _not_open(found, now)
    return ProjectArchived() if right_until > now else ExpiredCode(attempts_left=found.attempts_left)


def _not_open(found: Any, now: datetime) -> InvalidCode:
    is_expired = found.status == ChallengeStatus.PENDING and found.expires_at <= now
    return ExpiredCode(attempts_left=0) if is_expired else InvalidCode(attempts_left=0)


def _shown(row: Mapping[str, Any], known: Sequence[Code], now: datetime, quotas: Sequence[Quota] = ()) -> Challenge:
    status, newest = _status_at(row["status"], row["expires_at"], now), known[-1]
    alive = _alive(known, now) if status is ChallengeStatus.PENDING else []
    return Challenge(
        id=row["id"],
        channel=Channel(row["channel"]),
        recipient=row["recipient"],
        status=status,
        code_length=newest.length,
        lengths=[code.length for code in alive or [newest]],
        codes_alive=len(alive),
        attempts_left=row["attempts_left"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        resend_at=row["resend_at"],
        approved_at=row["approved_at"],
        delivery_ids=[code.delivery_id for code in known if code.delivery_id],
        quotas=quotas,
    )
