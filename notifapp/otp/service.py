"""One-time codes: issued under the settings in force, verified once, limited per recipient.

Sources: NIST SP 800-63B-4 (3.1.3, 3.2.2), OWASP ASVS 5 (6.5, 6.6), and the rules of docs/otp.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.database import AnyRow, read_connection, table_of, write_transaction
from notifapp.delivery.queue import push
from notifapp.delivery.service import Outgoing, enqueue, withdraw
from notifapp.errors import Conflict, InvalidCode, NotFound
from notifapp.messages.service import Words, compose, get_templates
from notifapp.notifiers import recipients
from notifapp.notifiers.channels import Channel
from notifapp.otp import codes, limits
from notifapp.otp.limits import Limits, Recipient
from notifapp.otp.models import OtpChallenge
from notifapp.settings.service import ActiveNotifier, Policy, sending_policy

_table = table_of(OtpChallenge)
_challenge = _table.c
_INSERT = insert(_table)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as its project may see it: no code, the recipient masked."""

    id: str
    channel: Channel
    recipient: str
    status: str
    code_length: int
    attempts_left: int
    created_at: datetime
    expires_at: datetime
    resend_at: datetime
    approved_at: datetime | None


def issue_challenge(project: ProjectRef, channel: Channel, recipient: str) -> Challenge:
    """Make a code, keep its MAC, and queue its message, all in one transaction.

    It replaces the open challenge of the same recipient and channel. Raise `ValidationFailed` on `recipient`,
    `Conflict` where the settings have no notifier that sends on this channel, `TooManyRequests` at a limit.
    """
    allowed = limits.get_limits(project.id)
    address = recipients.normalise(channel, recipient, phone_region=allowed.phone_region)
    whom = Recipient(project.id, channel.value, codes.recipient_digest(project.id, channel.value, address))
    masked = recipients.mask(channel, address)
    template = get_templates(project.id)[channel]
    with write_transaction() as session:
        now = limits.take(session, whom, masked)
        policy = sending_policy(session.connection(), project)
        notifier = _notifier(policy, channel)
        limits.check_sends(session, whom, allowed, now)
        _replace_open(session, whom, now)
        code = codes.new_code(policy.code_length)
        words = compose(template, code=code, ttl=policy.ttl, project_name=project.name)
        outgoing = _outgoing(project, notifier, whom, address, masked, words, now + timedelta(seconds=policy.ttl))
        delivery_id = enqueue(session, outgoing)
        challenge = _insert(session, whom, outgoing, policy, allowed, code, now, delivery_id)
    push(delivery_id)
    return challenge


def verify_challenge(project: ProjectRef, challenge_id: str, code: str) -> Challenge:
    """Approve a challenge by its code, once. Return it approved.

    Raise `InvalidCode` for a wrong, used, replaced or unknown one alike (it says whether the caller's own
    challenge has expired), and `TooManyRequests` while the recipient has to wait.
    """
    allowed = limits.get_limits(project.id)
    typed = codes.normalise(code)
    with write_transaction() as session:
        found = _find(session.connection(), project, challenge_id)
        if found is None:
            raise InvalidCode(attempts_left=0)
        whom = Recipient(project.id, found.channel, found.recipient_digest)
        now = limits.take(session, whom, found.recipient)
        is_right = codes.equal(found.code_mac, codes.code_mac(found.id, typed))
        if is_right and _approve(session, found, now):
            limits.forget_failures(session, whom)
            return _shown(found._mapping, now, status="approved", approved_at=now)
        failure = _count_wrong(session, found, whom, allowed, now)
    raise failure


def get_challenge(project: ProjectRef, challenge_id: str) -> Challenge:
    """The state of one of the project's challenges. Raise `NotFound`."""
    with read_connection() as connection:
        row = _find(connection, project, challenge_id)
    if row is None:
        raise NotFound
    return _shown(row._mapping, clock.now())


def _find(connection: Connection, project: ProjectRef, challenge_id: str) -> AnyRow | None:
    if not codes.is_challenge_id(challenge_id):
        return None
    statement = select(_table).where(_challenge.id == challenge_id, _challenge.project_id == project.id)
    return connection.execute(statement).one_or_none()


def _notifier(policy: Policy, channel: Channel) -> ActiveNotifier:
    notifier = policy.notifiers.get(channel)
    if notifier is None:
        raise Conflict(f"No {channel.label} notifier is chosen in this project's notification settings.")
    if not notifier.is_enabled:
        raise Conflict(f"The {channel.label} notifier that this project's settings have chosen is disabled.")
    return notifier


def _replace_open(session: Session, whom: Recipient, now: datetime) -> None:
    """End the recipient's open challenge, and its message if that still waits: nobody needs a dead code."""
    statement = (
        update(_table)
        .where(
            _challenge.project_id == whom.project_id,
            _challenge.channel == whom.channel,
            _challenge.recipient_digest == whom.digest,
            _challenge.status == "pending",
        )
        .values(status="replaced")
        .returning(_challenge.delivery_id)
    )
    delivery_id = session.connection().execute(statement).scalar_one_or_none()
    if delivery_id is not None:
        withdraw(session, delivery_id, now)


def _insert(
    session: Session,
    whom: Recipient,
    outgoing: Outgoing,
    policy: Policy,
    allowed: Limits,
    code: str,
    now: datetime,
    delivery_id: int,
) -> Challenge:
    challenge_id = codes.new_challenge_id()
    row = {
        "id": challenge_id,
        "project_id": whom.project_id,
        "channel": whom.channel,
        "recipient_digest": whom.digest,
        "recipient": outgoing.masked,
        "settings_version": policy.version,
        "code_length": policy.code_length,
        "ttl": policy.ttl,
        "code_mac": codes.code_mac(challenge_id, code),
        "status": "pending",
        "attempts_left": allowed.max_attempts,
        "created_at": now,
        "expires_at": outgoing.expires_at,
        "resend_at": now + timedelta(seconds=allowed.resend_seconds),
        "approved_at": None,
        "delivery_id": delivery_id,
    }
    session.connection().execute(_INSERT, row)
    return _shown(row, now)


def _outgoing(
    project: ProjectRef,
    notifier: ActiveNotifier,
    whom: Recipient,
    address: str,
    masked: str,
    words: Words,
    expires_at: datetime,
) -> Outgoing:
    channel = Channel(whom.channel)
    return Outgoing(
        project_id=project.id,
        notifier_id=notifier.id,
        notifier_name=notifier.name,
        backend=notifier.backend,
        channel=channel,
        recipient=address,
        masked=masked,
        subject=words.subject if channel is Channel.EMAIL else "",
        body=words.body,
        variables=words.variables,
        purpose="otp",
        expires_at=expires_at,
    )


def _approve(session: Session, found: AnyRow, now: datetime) -> bool:
    """Use the code: one conditional UPDATE, so that of many simultaneous right answers one is approved."""
    statement = (
        update(_table)
        .where(
            _challenge.id == found.id,
            _challenge.status == "pending",
            _challenge.attempts_left > 0,
            _challenge.expires_at > now,
        )
        .values(status="approved", approved_at=now)
    )
    return session.connection().execute(statement).rowcount == 1


def _count_wrong(session: Session, found: AnyRow, whom: Recipient, allowed: Limits, now: datetime) -> InvalidCode:
    """Count a wrong answer to an open challenge; one that isn't open any more counts nothing."""
    left = _challenge.attempts_left - 1
    attempts_left = (
        session.connection()
        .execute(
            update(_table)
            .where(_challenge.id == found.id, _challenge.status == "pending", _challenge.expires_at > now)
            .values(attempts_left=left, status=case((left == 0, "failed"), else_="pending"))
            .returning(_challenge.attempts_left)
        )
        .scalar_one_or_none()
    )
    if attempts_left is None:
        is_expired = found.status == "pending" and found.expires_at <= now
        return InvalidCode(attempts_left=0, expired=is_expired)
    limits.count_failure(session, whom, allowed, now)
    return InvalidCode(attempts_left=attempts_left)


def _shown(row: Mapping[Any, Any], now: datetime, **changed: Any) -> Challenge:
    """The challenge in a row, with what has changed of it since the row was read."""
    is_expired = row["status"] == "pending" and row["expires_at"] <= now
    values = {name: row[name] for name in Challenge.__slots__}
    shown = {"channel": Channel(row["channel"]), "status": "expired" if is_expired else row["status"]}
    return Challenge(**values | shown | changed)
