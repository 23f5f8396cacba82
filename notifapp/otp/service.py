"""One-time codes: issued under the settings in force, verified once, limited per recipient.

Sources: NIST SP 800-63B-4 (3.1.3, 3.2.2), OWASP ASVS 5 (6.5, 6.6), and the rules of docs/otp.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, select, text, update
from sqlalchemy.engine import Connection

from notifapp import clock, recipients
from notifapp.access import Principal, ProjectArchived, ProjectRef
from notifapp.access.archived import is_open
from notifapp.channels import Channel
from notifapp.database import Statement, UtcDateTime, reading, table_of, upsert, writing
from notifapp.delivery.models import Purpose
from notifapp.delivery.service import Outgoing, enqueue, withdraw
from notifapp.delivery.wakeup import wake_workers
from notifapp.errors import Conflict, DomainError, ErrorCode, NotFound, ValidationFailed
from notifapp.message_templates.rendering import Words, compose
from notifapp.message_templates.service import template_of, with_template
from notifapp.otp import codes, limits
from notifapp.otp.limits import Recipient
from notifapp.otp.models import ChallengeStatus, OtpChallenge
from notifapp.settings.service import SELECT_POLICY, NotifierInForce, Policy, policy_of
from notifapp.traffic import service as traffic

_table = table_of(OtpChallenge)
_challenge = _table.c
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


# Everything needed to issue a code, in one row for each of the last day's sends to the recipient, oldest first.
_SITUATION = Statement(
    with_template(limits.with_limits(SELECT_POLICY, _PROJECT), _PROJECT, bindparam("channel"))
    .add_columns(_challenge.created_at.label("sent_at"), _challenge.status.label("sent_status"))
    .add_columns(is_open(_PROJECT).label("is_open"))
    .outerjoin(
        _table,
        and_(
            *_OF_CHANNEL,
            _challenge.counted_as == bindparam("digest"),
            _challenge.created_at > bindparam("since", type_=UtcDateTime),
        ),
    )
    .order_by(_challenge.created_at)
)
_INSERT = Statement(upsert(_table, _insert))
_REPLACE = Statement(
    update(_table)
    .where(
        *_OF_CHANNEL,
        _challenge.recipient_digest == bindparam("address_digest"),
        _challenge.status == ChallengeStatus.PENDING.value,
    )
    .values(status=ChallengeStatus.REPLACED.value)
    .returning(_challenge.delivery_id)
)
_COUNT_AS = Statement(
    update(_table)
    .where(*_OF_CHANNEL, _challenge.counted_as == bindparam("digest"))
    .values(counted_as=bindparam("new_digest"))
)
_FIND = Statement(
    limits.with_limits(select(_table), _challenge.project_id).where(
        _challenge.id == bindparam("challenge_id"), _challenge.project_id == _PROJECT
    )
)
_IS_OPEN = [
    _challenge.id == bindparam("challenge_id"),
    _challenge.status == ChallengeStatus.PENDING.value,
    _challenge.expires_at > _NOW,
    is_open(_PROJECT),
]
_APPROVE = Statement(
    update(_table)
    .where(*_IS_OPEN, _challenge.attempts_left > 0)
    .values(status=ChallengeStatus.APPROVED.value, approved_at=_NOW)
)
_COUNT_WRONG = Statement(
    update(_table)
    .where(*_IS_OPEN)
    .values(
        attempts_left=_challenge.attempts_left - 1,
        status=case((_challenge.attempts_left == 1, ChallengeStatus.FAILED.value), else_=ChallengeStatus.PENDING.value),
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
    """A code for one's own challenge that came too late."""

    code = ErrorCode.EXPIRED_CODE
    detail = "This code has expired."
    challenge_status = ChallengeStatus.EXPIRED


class UsedCode(InvalidCode):
    """The right code of a challenge that is already approved."""

    code = ErrorCode.USED_CODE
    detail = "This code has already been used."
    challenge_status = ChallengeStatus.APPROVED


class IncompleteCode(InvalidCode):
    """A code of the wrong length, which can't be right and so costs no attempt."""

    code = ErrorCode.INCOMPLETE_CODE

    def __init__(self, *, attempts_left: int, code_length: int) -> None:
        super().__init__(attempts_left=attempts_left, detail=f"Enter the {code_length} digits of the code.")


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as its project may see it: without the code, and with the recipient masked."""

    id: str
    channel: Channel
    recipient: str
    status: ChallengeStatus
    code_length: int
    attempts_left: int
    created_at: datetime
    expires_at: datetime
    resend_at: datetime
    approved_at: datetime | None
    delivery_id: int | None


def issue_challenge(
    project: ProjectRef, channel: Channel, recipient: str, *, principal: Principal, client: str | None = None
) -> Challenge:
    """Create a code, store its MAC and queue its message, in one transaction.

    It replaces the recipient's open challenge on the same channel. `client` is the end user's IP address or device id,
    if the caller tells it. Raise `ValidationFailed` on `recipient`, `Conflict` if the settings have no enabled notifier
    for the channel or the project is archived meanwhile, and `TooManyRequests` at a limit.
    """
    address = recipients.normalise(channel, recipient, phone_region=project.phone_region)
    whom, *former = _recipients(project, channel, address)
    client_digest = codes.client_digest(project.id, client) if client else None
    order = traffic.order(project, channel, address, principal=principal, client=client_digest)
    with traffic.refusals_counted(order):
        cleared = traffic.check(order)
        with writing() as connection:
            for each in former:
                _carry_over(connection, each, whom)
            now = limits.take(connection, whom)
            rows = _SITUATION.all(connection, **whom.key, since=now - limits.DAY)
            if not rows[0].is_open:
                raise ProjectArchived
            policy, allowed = policy_of(rows[0]), limits.limits_of(rows[0])
            notifier = _notifier(policy, channel)
            sent = [row.sent_at for row in rows if row.sent_at]
            limits.check_sends(sent, allowed, now)
            code = codes.new_code(policy.code_length)
            words = compose(template_of(rows[0]), code=code, ttl=policy.ttl, project_name=project.name)
            outgoing = _outgoing(notifier, whom, address, words, now + timedelta(seconds=policy.ttl))
            delivery_id = enqueue(connection, outgoing)
            new = _new_row(whom, policy, code, now, delivery_id) | {
                "attempts_left": allowed.max_attempts,
                "resend_at": limits.next_send(sent, allowed, now),
                "country": order.destination.country if order.destination else None,
                "prefix": order.destination.prefix if order.destination else None,
                "unsettled": 1 + _unsettled(rows),
            }
            for each in former:
                _replace_open(connection, each, now)
            if _INSERT.first(connection, **new) is None:
                _replace_open(connection, whom, now)
                _INSERT.execute(connection, **new)
            traffic.charge(connection, cleared)
    wake_workers()
    return _shown(new, now)


def verify_challenge(project: ProjectRef, challenge_id: str, code: str, *, recipient: str | None = None) -> Challenge:
    """Approve a challenge, once, if `code` is right. Return the approved challenge.

    With `recipient`, a right code for another recipient's challenge counts as a wrong one. Raise the same `InvalidCode`
    for a wrong, replaced or unknown one, `ExpiredCode`, `UsedCode` if the code is right but was accepted before, and
    `IncompleteCode` for one of the wrong length.
    """
    typed = codes.normalise(code)
    with reading() as connection:
        found = _find(connection, project, challenge_id)
    if found is None:
        raise InvalidCode(attempts_left=0)
    is_right = codes.is_right(typed, found.id, found.code_mac)
    is_theirs = recipient is None or codes.is_among(found.recipient_digest, _digests(project, found, recipient))
    whom = Recipient(project.id, found.channel, found.counted_as, found.recipient, found.recipient_digest)
    if is_right and is_theirs:
        return _approve(project, found, whom)
    raise _closed_or_incomplete(found, typed) or _count_wrong(found, whom)


def get_challenge(project: ProjectRef, challenge_id: str) -> Challenge:
    """One of the project's challenges. Raise `NotFound`."""
    with reading() as connection:
        row = _find(connection, project, challenge_id)
    if row is None:
        raise NotFound
    return _shown(row._asdict(), clock.now())


def statuses_by_delivery(delivery_ids: Collection[int]) -> dict[int, ChallengeStatus]:
    """The status of the challenge behind each of these deliveries, where it is still known."""
    now = clock.now()
    columns = _challenge.delivery_id, _challenge.status, _challenge.expires_at
    with reading() as connection:
        rows = connection.execute(select(*columns).where(_challenge.delivery_id.in_(delivery_ids))).all()
    return {row.delivery_id: _status_at(row.status, row.expires_at, now) for row in rows}


def _status_at(status: str, expires_at: datetime, now: datetime) -> ChallengeStatus:
    is_expired = status == ChallengeStatus.PENDING.value and expires_at <= now
    return ChallengeStatus.EXPIRED if is_expired else ChallengeStatus(status)


def _carry_over(connection: Connection, former: Recipient, whom: Recipient) -> None:
    """Let what was counted and sent under an older key count under the newest."""
    if limits.carry_over(connection, former, whom):
        _COUNT_AS.execute(connection, **former.key, new_digest=whom.digest)


def _find(connection: Connection, project: ProjectRef, challenge_id: str) -> Any:
    """The challenge's row with the project's limits, or None."""
    if not codes.is_challenge_id(challenge_id):
        return None
    return _FIND.first(connection, challenge_id=challenge_id, project_id=project.id)


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


def _unsettled(sends: Sequence[Any]) -> int:
    """How many of the last day's sends, oldest first, came after the recipient's last right code."""
    statuses = [row.sent_status for row in sends if row.sent_at]
    return next(
        (number for number, status in enumerate(reversed(statuses)) if status == ChallengeStatus.APPROVED),
        len(statuses),
    )


def _replace_open(connection: Connection, whom: Recipient, now: datetime) -> None:
    """End the recipient's open challenge, and withdraw its message if it hasn't been sent."""
    replaced = _REPLACE.first(
        connection, project_id=whom.project_id, channel=whom.channel, address_digest=whom.address_digest
    )
    if replaced is not None and replaced.delivery_id is not None:
        withdraw(connection, replaced.delivery_id, now)


def _new_row(whom: Recipient, policy: Policy, code: str, now: datetime, delivery_id: int) -> dict[str, Any]:
    challenge_id = codes.new_challenge_id()
    return {
        "id": challenge_id,
        "project_id": whom.project_id,
        "channel": whom.channel,
        "recipient_digest": whom.address_digest,
        "counted_as": whom.digest,
        "recipient": whom.masked,
        "settings_version": policy.version,
        "code_length": policy.code_length,
        "ttl": policy.ttl,
        "code_mac": codes.code_mac(challenge_id, code),
        "status": ChallengeStatus.PENDING.value,
        "created_at": now,
        "expires_at": now + timedelta(seconds=policy.ttl),
        "approved_at": None,
        "delivery_id": delivery_id,
    }


def _outgoing(notifier: NotifierInForce, whom: Recipient, address: str, words: Words, expires_at: datetime) -> Outgoing:
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
    )


def _digests(project: ProjectRef, found: Any, recipient: str) -> list[str]:
    """The digests of a recipient on the challenge's channel; none if it can't be parsed."""
    try:
        address = recipients.normalise(Channel(found.channel), recipient, phone_region=project.phone_region)
    except ValidationFailed:
        return []
    return codes.recipient_digests(project.id, found.channel, address)


def _approve(project: ProjectRef, found: Any, whom: Recipient) -> Challenge:
    """Use the challenge up, and end the recipient's row of failures. Raise `InvalidCode` if it isn't open any more."""
    with writing() as connection:
        now = limits.forget_failures(connection, whom)
        # One conditional UPDATE, so that only one of several simultaneous right codes is approved.
        if _APPROVE.execute(connection, challenge_id=found.id, project_id=project.id, now=now) == 0:
            raise _lost(connection, project, found.id, now)
        destination = (found.country, found.prefix) if found.country else None
        traffic.count_approval(connection, project.id, destination, found.unsettled)
    return _shown(found._asdict() | {"status": ChallengeStatus.APPROVED, "approved_at": now}, now)


def _closed_or_incomplete(found: Any, typed: str) -> InvalidCode | None:
    """Why a wrong code isn't counted: the challenge is no longer open, or no code of it has this length."""
    now = clock.now()
    if found.status != ChallengeStatus.PENDING or found.expires_at <= now:
        return _not_open(found, now)
    if len(typed) != found.code_length:
        return IncompleteCode(attempts_left=found.attempts_left, code_length=found.code_length)
    return None


def _count_wrong(found: Any, whom: Recipient) -> InvalidCode:
    """Count a wrong code, for the recipient and for the challenge."""
    with writing() as connection:
        now = limits.count_failure(connection, whom, limits.limits_of(found))
        counted = _COUNT_WRONG.first(connection, challenge_id=found.id, project_id=whom.project_id, now=now)
        if counted is None:  # closed while this call waited for the row: undo the failure
            raise _not_open(found, now)
        traffic.count_wrong(connection, whom.project_id)
    return InvalidCode(attempts_left=counted.attempts_left)


def _lost(connection: Connection, project: ProjectRef, challenge_id: str, now: datetime) -> DomainError:
    """Why a right code wasn't accepted; it may have been approved, or the project archived, while this call waited."""
    found = _find(connection, project, challenge_id)
    if found.status == ChallengeStatus.PENDING and found.expires_at > now:
        return ProjectArchived()
    return UsedCode(attempts_left=0) if found.status == ChallengeStatus.APPROVED else _not_open(found, now)


def _not_open(found: Any, now: datetime) -> InvalidCode:
    is_expired = found.status == ChallengeStatus.PENDING and found.expires_at <= now
    return ExpiredCode(attempts_left=0) if is_expired else InvalidCode(attempts_left=0)


def _shown(row: Mapping[str, Any], now: datetime) -> Challenge:
    values = {name: row[name] for name in Challenge.__slots__}
    values["channel"] = Channel(row["channel"])
    values["status"] = _status_at(row["status"], row["expires_at"], now)
    return Challenge(**values)
