"""Whose health matters: the notifiers in force and standing by in one project, in some, or in all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, or_, select

from notifapp.access.models import Project
from notifapp.breakers.models import BreakerState, Cause, NotifierBreaker
from notifapp.breakers.service import Breaker
from notifapp.channels import Channel
from notifapp.database import reading, table_of
from notifapp.notifiers.backends import switched_off
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.proving.service import Proof, in_words, proof_of
from notifapp.settings.models import NotificationSettings
from notifapp.settings.service import NotifierInForce
from notifapp.standby.models import StandbyNotifier

_settings, _notifier, _project = table_of(NotificationSettings).c, table_of(Notifier).c, table_of(Project).c
_standby, _breaker = table_of(StandbyNotifier).c, table_of(NotifierBreaker).c
_IS_IN_FORCE = or_(_notifier.id == _settings.sms_notifier_id, _notifier.id == _settings.email_notifier_id)
_POSITION = case((_IS_IN_FORCE, 0), else_=_standby.position).label("position")
_CHOSEN = (
    select(
        _settings.project_id,
        _settings.otp_ttl,
        _notifier.channel,
        _notifier.id,
        _notifier.name,
        _notifier.backend,
        _notifier.is_enabled,
        _notifier.digest,
        _notifier.proven_digest,
        _notifier.proven_at,
        _POSITION,
        _breaker.state,
        _breaker.cause,
        _breaker.since,
        _breaker.retry_at,
    )
    .join_from(table_of(NotificationSettings), table_of(Notifier), _notifier.project_id == _settings.project_id)
    .outerjoin(table_of(StandbyNotifier), _standby.notifier_id == _notifier.id)
    .outerjoin(table_of(NotifierBreaker), _breaker.notifier_id == _notifier.id)
    .where(or_(_IS_IN_FORCE, _standby.position.is_not(None)))
    .order_by(_settings.project_id, _notifier.channel.desc(), _POSITION)
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A notifier in force, or one that stands by, and for how many seconds the codes live that go through it.

    Those that stand by have a `position` from 1 on, the one in force has 0.
    """

    project_id: int
    channel: Channel
    notifier: NotifierInForce
    ttl: int
    position: int
    proof: Proof
    proven_at: datetime | None
    breaker: Breaker

    @property
    def is_in_force(self) -> bool:
        """Whether messages go to it first."""
        return self.position == 0

    @property
    def proof_in_words(self) -> str:
        """The proof as pages say it."""
        return in_words(self.proof, self.proven_at)


def list_chosen(projects: Collection[int] | None = None) -> list[Chosen]:
    """These projects' notifiers, those of every open one if none are given.

    SMS comes before email, and the one in force before those that stand by, in their order.
    """
    if projects is None:
        statement = _CHOSEN.join(table_of(Project), _project.id == _settings.project_id)
        statement = statement.where(_project.archived_at.is_(None))
    else:
        statement = _CHOSEN.where(_settings.project_id.in_(projects))
    off = switched_off()
    with reading() as connection:
        return [_chosen(row, off) for row in connection.execute(statement)]


def _chosen(row: Any, off: Collection[str]) -> Chosen:
    is_enabled = row.is_enabled and row.backend not in off
    state = BreakerState(row.state or BreakerState.CLOSED)  # one that never failed has no row
    return Chosen(
        project_id=row.project_id,
        channel=Channel(row.channel),
        notifier=NotifierInForce(row.id, row.name, row.backend, is_enabled),
        ttl=row.otp_ttl,
        position=row.position,
        proof=proof_of(row),
        proven_at=row.proven_at,
        breaker=Breaker(state, row.cause and Cause(row.cause), row.since, row.retry_at),
    )
