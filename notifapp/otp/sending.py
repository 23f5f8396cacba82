"""Queues the message of one more code for a challenge, by the settings in force and within the limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, update
from sqlalchemy.engine import Connection

from notifapp import recipients
from notifapp.access import Principal, ProjectArchived, ProjectRef
from notifapp.access.archived import is_open
from notifapp.channels import Channel
from notifapp.database import Statement, UtcDateTime, table_of
from notifapp.delivery.models import Purpose
from notifapp.delivery.service import Outgoing, enqueue, pretend
from notifapp.errors import Conflict, ErrorCode, Quota
from notifapp.message_templates.rendering import Words, compose
from notifapp.message_templates.service import template_of, with_template
from notifapp.otp import codes
from notifapp.otp.limits import service as limits
from notifapp.otp.limits.service import Limits, Recipient
from notifapp.otp.models import ChallengeStatus, OtpChallenge, OtpResend
from notifapp.otp.test_recipients import lookup
from notifapp.settings.service import SELECT_POLICY, NotifierInForce, Policy, policy_of
from notifapp.traffic import service as traffic

_table, _resends = table_of(OtpChallenge), table_of(OtpResend)
_challenge, _resend = _table.c, _resends.c
_PROJECT = bindparam("project_id", type_=_challenge.project_id.type)
_IS_COUNTED = (
    _challenge.project_id == _PROJECT,
    _challenge.channel == bindparam("channel"),
    _challenge.counted_as == bindparam("digest"),
)


@cache
def _situation(keys: int) -> Statement:
    """Everything needed to send a code to a recipient, who may be a test recipient under so many keys.

    There is a row for each of the recipient's challenges that sent a code in the last day, and for each of their
    resends.
    """
    statement = with_template(limits.with_limits(SELECT_POLICY, _PROJECT), _PROJECT, bindparam("channel"))
    was_sent = and_(*_IS_COUNTED, _challenge.resend_at > bindparam("since", type_=UtcDateTime))
    return Statement(
        lookup.with_fixed(statement, keys)
        .add_columns(_challenge.created_at.label("sent_at"), _challenge.status.label("sent_status"))
        .add_columns((_challenge.unsettled == 0).label("sent_as_test"))
        .add_columns(_resend.created_at.label("resent_at"), is_open(_PROJECT).label("is_open"))
        .outerjoin(_table, was_sent)
        .outerjoin(_resends, _resend.challenge_id == _challenge.id)
    )


_COUNT_AS = Statement(update(_table).where(*_IS_COUNTED).values(counted_as=bindparam("new_digest")))


@dataclass(frozen=True, slots=True)
class Sent:
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


def recipients_of(project: ProjectRef, channel: Channel, address: str) -> list[Recipient]:
    """The recipient under each of the listed keys, newest first."""
    counted_as, masked = recipients.counted_as(channel, address), recipients.mask(channel, address)
    exact = codes.recipient_digests(project.id, channel.value, address)
    counted = exact if counted_as == address else codes.recipient_digests(project.id, channel.value, counted_as)
    pairs = zip(counted, exact, strict=True)
    return [Recipient(project.id, channel.value, digest, masked, own_digest) for digest, own_digest in pairs]


def order(
    project: ProjectRef, channel: Channel, address: str, principal: Principal, client: str | None
) -> traffic.Order:
    """What is asked for, as the project's own limits count it; `client` is the end user's IP address or device id."""
    client_digest = codes.client_digest(project.id, client) if client else None
    return traffic.order(project, channel, address, principal=principal, client=client_digest)


def check(order: traffic.Order, them: Sequence[Recipient]) -> traffic.Cleared | None:
    """Check the order; None if it is refused, but for a test recipient, who costs nothing wherever it is."""
    try:
        return traffic.check(order)
    except (traffic.DestinationNotAllowed, traffic.TrafficRefused):
        if not lookup.is_test_recipient(them):
            raise
        return None


def charge(connection: Connection, order: traffic.Order, cleared: traffic.Cleared | None, sent: Sent) -> None:
    """Count a code that costs something, as the last statement of its transaction."""
    if not sent.is_test:
        # A test recipient may have been removed meanwhile, and is no reason then.
        traffic.charge(connection, cleared or traffic.check(order))


def take(connection: Connection, whom: Recipient, former: Sequence[Recipient]) -> datetime:
    """Lock the recipient, however many keys it is counted under. Return the time at which it was locked."""
    for each in former:
        _carry_over(connection, each, whom)
    return limits.take(connection, whom)


def send(
    connection: Connection,
    project: ProjectRef,
    them: Sequence[Recipient],
    address: str,
    challenge_id: str,
    now: datetime,
    ends: Sequence[datetime] = (),
) -> Sent:
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
    return Sent(
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


def _carry_over(connection: Connection, former: Recipient, whom: Recipient) -> None:
    """Let what was counted and sent under an older key count under the newest."""
    if limits.carry_over(connection, former, whom):
        _COUNT_AS.execute(connection, **former.key, new_digest=whom.digest)


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
