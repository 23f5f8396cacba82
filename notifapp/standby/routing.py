"""Which notifier sends a message: the one that it was queued for, or one that stands by where that doesn't work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, or_, select
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.breakers import service as breakers
from notifapp.breakers.service import Breaker
from notifapp.channels import Channel
from notifapp.database import table_of
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.service import is_valid
from notifapp.settings.models import NotificationSettings
from notifapp.standby.models import StandbyNotifier

_standby, _settings = table_of(StandbyNotifier).c, table_of(NotificationSettings).c
_notifier = table_of(Notifier).c

Key = tuple[int, Channel]  # a project's id, and the channel


@dataclass(frozen=True, slots=True)
class Place:
    """A notifier in a channel's order."""

    id: int
    name: str
    backend: str


@dataclass(frozen=True, slots=True)
class Order:
    """The notifiers that may send in a project on a channel: the one in force, then those that stand by."""

    places: list[Place] = field(default_factory=list)
    breakers: dict[int, Breaker] = field(default_factory=dict)

    def for_claim(self, connection: Connection, planned: int, delivery_id: int) -> Place | None:
        """Where to send a message that is planned for a notifier; None to leave it there.

        It goes to the first that works, and first to one whose breaker lets a message through to try it.
        """
        now, ids = clock.now(), [place.id for place in self.places]
        if planned not in ids:  # the settings have changed since
            return None
        start = ids.index(planned)
        for place in [*self.places[start:], *self.places[:start]]:
            breaker = self.breakers[place.id]
            may_try = breaker.may_be_tried(now) and breakers.let_through(connection, place.id, delivery_id)
            if breaker.is_closed or may_try:
                return place
        return None

    def works_without(self, notifier_id: int | None) -> bool:
        """Whether another notifier than this one works."""
        return any(self.breakers[place.id].is_closed for place in self.places if place.id != notifier_id)

    def after(self, failed: int) -> Place | None:
        """The next in the order that works, for a message that this notifier didn't take; None at the end."""
        ids = [place.id for place in self.places]
        rest = self.places[ids.index(failed) + 1 :] if failed in ids else self.places
        return next((place for place in rest if self.breakers[place.id].is_closed), None)


def has_standby(project_id: Any, channel: Any) -> ColumnElement[bool]:
    """Whether any notifier stands by, as a column of a statement that runs anyway."""
    stands_by = table_of(StandbyNotifier).alias("stands_by").c
    return exists().where(stands_by.project_id == project_id, stands_by.channel == channel)


def orders(connection: Connection, keys: Collection[Key]) -> dict[Key, Order]:
    """The order of each project and channel in which any notifier stands by.

    One that is disabled, or whose backend is switched off, is left out, one that stands by and lacks the proof that the
    project requires, and one that somebody changes just now: a
    worker that waited for them would be waited for. The others can't be deleted until the transaction ends.
    """
    if not keys:
        return {}
    found: dict[Key, Order] = defaultdict(Order)
    for row in connection.execute(_listed({project_id for project_id, _channel in keys})):
        key = (row.project_id, Channel(row.channel))
        if key in keys:
            found[key].places.append(Place(row.id, row.name, row.backend))
    if found:
        ids = {place.id for order in found.values() for place in order.places}
        states = breakers.states_on(connection, ids)
        for order in found.values():
            order.breakers.update((place.id, states[place.id]) for place in order.places)
    return dict(found)


def _listed(project_ids: Collection[int]) -> Select[*tuple[Any, ...]]:
    """The notifiers of these projects that are in force or stand by, on channels on which any does, in their order."""
    is_in_force = or_(_notifier.id == _settings.sms_notifier_id, _notifier.id == _settings.email_notifier_id)
    return (
        select(_notifier.project_id, _notifier.channel, _notifier.id, _notifier.name, _notifier.backend)
        .join(table_of(NotificationSettings), _settings.project_id == _notifier.project_id)
        .outerjoin(table_of(StandbyNotifier), _standby.notifier_id == _notifier.id)
        .where(
            _notifier.project_id.in_(project_ids),
            is_valid(requires_proof=and_(_settings.requires_proof, ~is_in_force)),
            or_(is_in_force, _standby.position.is_not(None)),
            has_standby(_notifier.project_id, _notifier.channel),
        )
        .order_by(case((is_in_force, 0), else_=_standby.position))
        .with_for_update(read=True, key_share=True, skip_locked=True, of=table_of(Notifier))
    )
