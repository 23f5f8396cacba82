"""How long each table keeps its rows. A new table that grows is one more line in `RULES`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, and_, delete, exists, or_, select, tuple_, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access.models import HeldSecret, PasswordLink, Throttle, UserSession
from notifapp.alerts.models import Alert
from notifapp.audit.models import AuditEvent
from notifapp.audit.service import Action
from notifapp.config import Retention
from notifapp.database import table_of
from notifapp.delivery.models import Delivery, WorkerHeartbeat
from notifapp.events.models import EventMessage
from notifapp.idempotency.models import IdempotentRequest
from notifapp.message_templates.models import MessageTemplate, MessageTemplateRevision
from notifapp.notifiers.models import NotifierBalance, NotifierProof, OutboxMessage
from notifapp.otp.models import OtpChallenge, OtpRecipient, OtpResend
from notifapp.otp.test_recipients.models import DAYS_KEPT, OtpTestRecipient
from notifapp.receipts.models import EarlyReceipt
from notifapp.second_factor.models import PendingSignIn, UsedChallenge
from notifapp.settings.models import NotificationSettings, SettingsRevision
from notifapp.settings.trials.models import SettingsTrial
from notifapp.traces.models import Trace
from notifapp.traffic.models import OtpTraffic
from notifapp.traffic.service import hour_of

BATCH = 500  # rows in a transaction

_challenge, _recipient, _delivery = table_of(OtpChallenge).c, table_of(OtpRecipient).c, table_of(Delivery).c
COUNTED_AS = _challenge.counted_as  # the recipient under whose counters a challenge is
_event = table_of(AuditEvent).c
_settings, _revision = table_of(NotificationSettings).c, table_of(SettingsRevision).c
_trial = table_of(SettingsTrial).c
_template, _template_revision = table_of(MessageTemplate).c, table_of(MessageTemplateRevision).c


def as_it_is(moment: datetime) -> datetime:
    """A time that is stored as such."""
    return moment


def delete_rows(connection: Connection, rule: Rule, cutoff: datetime) -> int:
    """Delete a batch of a rule's rows, the oldest first. Return their number."""
    key = rule.table.primary_key
    are_oldest = tuple_(*key).in_(_oldest(rule, cutoff, *key))
    return connection.execute(delete(rule.table).where(are_oldest)).rowcount


def delete_challenges(connection: Connection, rule: Rule, cutoff: datetime) -> int:
    """Delete a batch of challenges, and the counters of recipients who have none left and aren't blocked.

    Recipients are locked before their challenges, as issuing and verifying do.
    """
    columns = (_challenge.id, _challenge.project_id, _challenge.channel, COUNTED_AS.label("whose"))
    found = connection.execute(_oldest(rule, cutoff, *columns)).all()
    digests: dict[tuple[int, str], set[str]] = defaultdict(set)
    for row in found:
        digests[row.project_id, row.channel].add(row.whose)
    recipients = [
        and_(_recipient.project_id == project_id, _recipient.channel == channel, _recipient.digest.in_(sorted(theirs)))
        for (project_id, channel), theirs in sorted(digests.items())
    ]
    for are_they in recipients:
        connection.execute(select(_recipient.digest).where(are_they).order_by(_recipient.digest).with_for_update())
    connection.execute(delete(rule.table).where(_challenge.id.in_([row.id for row in found])))
    # A stop ends with its block, and never if it has no end.
    is_idle = or_(
        _recipient.blocked_until <= clock.now(),
        and_(_recipient.blocked_until.is_(None), _recipient.stopped_at.is_(None)),
    )
    has_more = exists().where(
        _challenge.project_id == _recipient.project_id,
        _challenge.channel == _recipient.channel,
        _recipient.digest == COUNTED_AS,
    )
    for are_they in recipients:
        connection.execute(delete(table_of(OtpRecipient)).where(are_they, is_idle, ~has_more))
    return len(found)


def delete_deliveries(connection: Connection, rule: Rule, cutoff: datetime) -> int:
    """Delete a batch of deliveries. The challenges that caused them stay, without them."""
    found = connection.execute(_oldest(rule, cutoff, _delivery.id)).scalars().all()
    for table in (table_of(OtpChallenge), table_of(OtpResend)):
        connection.execute(update(table).where(table.c.delivery_id.in_(found)).values(delivery_id=None))
    return connection.execute(delete(rule.table).where(_delivery.id.in_(found))).rowcount


def erase_addresses(connection: Connection, rule: Rule, cutoff: datetime) -> int:
    """Erase the addresses of a batch of challenges that take no further codes. The challenges stay."""
    are_oldest = _challenge.id.in_(_oldest(rule, cutoff, _challenge.id))
    return connection.execute(update(rule.table).where(are_oldest).values(address=None)).rowcount


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows may go once `age` is `days` in the past: a fixed number, or the operator's under this name.

    `only` are further conditions, `delete` deletes a batch, `as_stored` turns a time into what `age` holds. An index
    must begin with `age`, except for the history: people make its few rows.
    """

    name: str
    age: Column[Any]
    days: int | str
    only: tuple[ColumnElement[bool], ...] = ()
    delete: Callable[[Connection, Rule, datetime], int] = delete_rows
    as_stored: Callable[[datetime], Any] = as_it_is

    @property
    def table(self) -> Table:
        """The table that it is about."""
        return self.age.table

    def cutoff(self, retention: Retention) -> datetime | None:
        """What is older than this may go; None if all is kept."""
        days = getattr(retention, self.days) if isinstance(self.days, str) else self.days
        return None if days is None else clock.now() - timedelta(days=days)


_IS_FORMER = _revision.version < (
    select(_settings.version).where(_settings.project_id == _revision.project_id).scalar_subquery()
)
_IS_WANTED_BACK = exists().where(_trial.project_id == _revision.project_id, _trial.reverts_to == _revision.version)
_IS_OVER = _trial.version < (
    select(_settings.version).where(_settings.project_id == _trial.project_id).scalar_subquery()
)
_IS_FORMER_TEMPLATE = _template_revision.version < (
    select(_template.version)
    .where(_template.project_id == _template_revision.project_id, _template.channel == _template_revision.channel)
    .scalar_subquery()
)
RULES = (
    Rule("challenges", _challenge.created_at, "codes", delete=delete_challenges),
    Rule("addresses", _challenge.expires_at, 0, (_challenge.address.is_not(None),), delete=erase_addresses),
    Rule("repeatable requests", table_of(IdempotentRequest).c.expires_at, 0),
    Rule("traces", table_of(Trace).c.at, "codes"),
    Rule("test recipients", table_of(OtpTestRecipient).c.ends_at, DAYS_KEPT),
    Rule("traffic", table_of(OtpTraffic).c.hour, 30, as_stored=hour_of),
    Rule("deliveries", _delivery.created_at, "deliveries", delete=delete_deliveries),
    Rule("early receipts", table_of(EarlyReceipt).c.received_at, 1),
    Rule("events", table_of(EventMessage).c.created_at, 30),
    Rule("alerts", table_of(Alert).c.ended_at, 90),
    Rule("failed sign-ins", _event.at, "failed_sign_ins", (_event.action == Action.SIGN_IN_FAILED.value,)),
    Rule("audit events", _event.at, "audit"),
    Rule("trials", _trial.reverts_at, 0, (_IS_OVER,)),
    Rule("settings revisions", _revision.created_at, "history", (_IS_FORMER, ~_IS_WANTED_BACK)),
    Rule("message revisions", _template_revision.created_at, "history", (_IS_FORMER_TEMPLATE,)),
    Rule("proofs", table_of(NotifierProof).c.created_at, 1),
    Rule("balances", table_of(NotifierBalance).c.hour, 90),
    Rule("outbox messages", table_of(OutboxMessage).c.created_at, 1),
    Rule("sessions", table_of(UserSession).c.expires_at, 0),
    Rule("pending sign-ins", table_of(PendingSignIn).c.expires_at, 0),
    Rule("used passkey challenges", table_of(UsedChallenge).c.expires_at, 0),
    Rule("password links", table_of(PasswordLink).c.expires_at, 0),
    Rule("held secrets", table_of(HeldSecret).c.expires_at, 0),
    Rule("throttles", table_of(Throttle).c.window_started_at, 1),
    Rule("workers", table_of(WorkerHeartbeat).c.seen_at, 1),
)


def _oldest(rule: Rule, cutoff: datetime, *columns: Any) -> Any:
    return select(*columns).where(rule.age <= rule.as_stored(cutoff), *rule.only).order_by(rule.age).limit(BATCH)
