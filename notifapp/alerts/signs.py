"""The signs that something is wrong, read from the tables of all projects that aren't archived.

A sign that is strong begins an alert. A weak one only keeps an open alert from ending, so that what hovers around a
threshold is told once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, case, exists, false, func, or_, select

from notifapp import clock, wording
from notifapp.access import Source
from notifapp.access.models import Project
from notifapp.alerts.models import AlertKind
from notifapp.breakers.models import Cause, NotifierBreaker
from notifapp.channels import Channel
from notifapp.database import AnyRow, reading, table_of
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.service import is_valid
from notifapp.otp.models import OtpRecipient
from notifapp.settings.models import NotificationSettings, SettingsRevision
from notifapp.standby.models import StandbyNotifier
from notifapp.traffic import stops
from notifapp.traffic.destinations import country_label

HOUR = timedelta(hours=1)
BLOCKED_LEAST = 10  # recipients within an hour
BLOCKED_TIMES = 5  # as many as in an hour of the day before

_project, _notifier = table_of(Project).c, table_of(Notifier).c
_settings, _breaker = table_of(NotificationSettings).c, table_of(NotifierBreaker).c
_revision = table_of(SettingsRevision).c
_recipient, _standby = table_of(OtpRecipient).c, table_of(StandbyNotifier).c
_in_force, _other_breaker = table_of(Notifier).alias("in_force").c, table_of(NotifierBreaker).alias("other")


class Key(NamedTuple):
    """What an alert is about."""

    project_id: int
    kind: AlertKind
    subject: str


@dataclass(frozen=True, slots=True)
class Sign:
    """That something is wrong: with what, as it is called, and why in figures."""

    key: Key
    label: str
    detail: str
    is_strong: bool = True


def failing() -> list[Sign]:
    """The notifiers in use that fail, or don't answer."""
    detail = "Messages fail, or it does not answer, and that is not because of the recipients."
    return _with_open_breaker(Cause.FAILING, AlertKind.FAILING, detail)


def slow() -> list[Sign]:
    """The notifiers in use that take messages, of which too many don't arrive in time."""
    detail = "It takes messages, but far fewer of them than usual arrive in time."
    return _with_open_breaker(Cause.SLOW, AlertKind.SLOW, detail)


def standing_in() -> list[Sign]:
    """The notifiers in force that don't work, in whose stead another one does."""
    found = (
        select(_in_force.id, _in_force.project_id, _in_force.channel, _in_force.name, _notifier.name.label("instead"))
        .join(table_of(NotificationSettings), _settings.project_id == _in_force.project_id)
        .join(table_of(Project), _project.id == _in_force.project_id)
        .join(table_of(NotifierBreaker), and_(_breaker.notifier_id == _in_force.id, _breaker.cause.is_not(None)))
        .join(
            table_of(StandbyNotifier),
            and_(_standby.project_id == _in_force.project_id, _standby.channel == _in_force.channel),
        )
        .join(table_of(Notifier), _notifier.id == _standby.notifier_id)
        .outerjoin(_other_breaker, _other_breaker.c.notifier_id == _notifier.id)
        .where(
            _project.archived_at.is_(None),
            or_(_settings.sms_notifier_id == _in_force.id, _settings.email_notifier_id == _in_force.id),
            is_valid(requires_proof=_settings.requires_proof),
            _other_breaker.c.cause.is_(None),
        )
        .order_by(_in_force.id, _standby.position)
    )
    with reading() as connection:
        rows = connection.execute(found).all()
    first = {row.id: row for row in reversed(rows)}
    return [
        Sign(key_of(row, AlertKind.STANDBY), label_of(row), f"Messages go through “{row.instead}” for now.")
        for row in first.values()
    ]


def went_back() -> list[Sign]:
    """The settings in force that went back by themselves within the last day."""
    found = (
        select(_settings.project_id, _settings.version, _revision.reason)
        .join(
            table_of(SettingsRevision),
            and_(_revision.project_id == _settings.project_id, _revision.version == _settings.version),
        )
        .join(table_of(Project), _project.id == _settings.project_id)
        .where(
            _project.archived_at.is_(None),
            _revision.source == Source.AUTOMATIC.value,
            _revision.created_at > clock.now() - 24 * HOUR,
        )
    )
    with reading() as connection:
        rows = connection.execute(found).all()
    return [Sign(Key(row.project_id, AlertKind.WENT_BACK, str(row.version)), "", row.reason or "") for row in rows]


def stopped() -> list[Sign]:
    """The countries in which more codes than usual weren't verified.

    While a project's SMS notifier doesn't work, that is why; what is still stopped afterwards is told then.
    """
    found = stops.unusual_countries()
    broken = _projects_without_sms() if found else set()
    return [
        Sign(
            Key(stop.project_id, AlertKind.STOPPED, stop.country),
            country_label(stop.country),
            _figures_of(stop),
            is_strong=stop.project_id not in broken,
        )
        for stop in found
    ]


def blocked() -> list[Sign]:
    """The projects in which many more recipients than usual are being blocked."""
    now = clock.now()
    lately = func.sum(case((_recipient.stopped_at > now - HOUR, 1), else_=0)).label("lately")
    counted = (
        select(_project.id.label("project_id"), lately, func.count().label("all"))
        .join_from(table_of(Project), table_of(OtpRecipient), _recipient.project_id == _project.id)
        .where(_project.archived_at.is_(None), _recipient.stopped_at > now - 25 * HOUR)
        .group_by(_project.id)
    )
    with reading() as connection:
        rows = connection.execute(counted).all()
    return [_blocked_in(row) for row in rows if row.lately >= BLOCKED_LEAST / 2]


def in_use(*columns: Any) -> Any:
    """The enabled notifiers that are in force or stand by, with these columns."""
    is_chosen = or_(
        _settings.sms_notifier_id == _notifier.id,
        _settings.email_notifier_id == _notifier.id,
        exists().where(_standby.notifier_id == _notifier.id),
    )
    return (
        select(_notifier.id, _notifier.project_id, _notifier.channel, _notifier.name, *columns)
        .select_from(table_of(Notifier))
        .join(table_of(Project), _project.id == _notifier.project_id)
        .join(table_of(NotificationSettings), _settings.project_id == _notifier.project_id)
        .where(is_valid(requires_proof=false()), _project.archived_at.is_(None), is_chosen)
    )


def key_of(notifier: AnyRow, kind: AlertKind) -> Key:
    """What an alert about a notifier is about."""
    return Key(notifier.project_id, kind, str(notifier.id))


def label_of(notifier: AnyRow) -> str:
    """What a notifier is called in a sentence."""
    return f"the {Channel(notifier.channel).sentence} notifier “{notifier.name}”"


def _projects_without_sms() -> set[int]:
    statement = (
        select(_settings.project_id)
        .join(table_of(NotifierBreaker), _breaker.notifier_id == _settings.sms_notifier_id)
        .where(_breaker.cause.is_not(None))
    )
    with reading() as connection:
        return set(connection.execute(statement).scalars())


def _with_open_breaker(cause: Cause, kind: AlertKind, detail: str) -> list[Sign]:
    found = in_use().join(table_of(NotifierBreaker), _breaker.notifier_id == _notifier.id)
    with reading() as connection:
        rows = connection.execute(found.where(_breaker.cause == cause.value)).all()
    return [Sign(key_of(row, kind), label_of(row), detail) for row in rows]


def _blocked_in(row: AnyRow) -> Sign:
    usual = (row.all - row.lately) / 24
    detail = (
        f"{wording.count(row.lately, 'recipient')} in the last hour, and {row.all - row.lately} in the 24 hours before."
    )
    is_strong = row.lately >= BLOCKED_LEAST and row.lately > BLOCKED_TIMES * usual
    return Sign(Key(row.project_id, AlertKind.BLOCKED, ""), "", detail, is_strong)


def _figures_of(stop: stops.Stop) -> str:
    where = f"numbers that begin with +{stop.prefix}" if stop.prefix else "it"
    what = "More codes are not sent." if stop.is_denied else "They are sent all the same, as your limits say."
    return f"Of {stop.sent} codes to {where} in the last 24 hours, {stop.unverified} were not verified. {what}"
