"""Tells an alert: by email to whom the project chose, and to its endpoints, in the transaction that writes it.

A notifier never carries the email about itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import case, false, func, select, true
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.access.models import Project
from notifapp.alerts.models import AlertKind
from notifapp.alerts.service import told_in
from notifapp.breakers import service as breakers
from notifapp.channels import Channel
from notifapp.database import reading, table_of
from notifapp.delivery.models import Purpose
from notifapp.delivery.service import Outgoing, enqueue
from notifapp.events.models import EventEndpoint, EventSubscription, EventType
from notifapp.events.publishing import Event, publish
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.service import is_valid
from notifapp.recipients import mask
from notifapp.settings.models import NotificationSettings

LIFETIME = timedelta(hours=1)  # that an email is tried for; what it says soon isn't true any more

_project, _notifier = table_of(Project).c, table_of(Notifier).c
_endpoint, _subscription = table_of(EventEndpoint).c, table_of(EventSubscription).c
_settings = table_of(NotificationSettings).c


@dataclass(frozen=True, slots=True)
class Carrier:
    """An email notifier by which alerts can be told; it `works` as far as is known, or it is time to try it again."""

    id: int
    name: str
    backend: str
    works: bool


@dataclass(frozen=True, slots=True)
class News:
    """An alert that began, or that ended if there is a time for that."""

    alert_id: int
    project_id: int
    kind: AlertKind
    subject: str
    label: str
    detail: str
    began_at: datetime
    ended_at: datetime | None = None

    @property
    def title(self) -> str:
        """What is to be told, in one line."""
        return title(self.kind, self.label, has_ended=self.ended_at is not None)

    @property
    def notifier_id(self) -> int | None:
        """The notifier that it is about."""
        return int(self.subject) if self.kind.is_of_notifier else None


def title(kind: AlertKind, label: str, *, has_ended: bool) -> str:
    """An alert in one line, as it began or ended."""
    words = kind.words.ended if has_ended else kind.words.began
    text = words.format(label)
    return text[:1].upper() + text[1:]


def carriers(project: ProjectRef) -> list[Carrier]:
    """The email notifiers that work: the one by which alerts are told, and those in its stead."""
    with reading() as connection:
        return [each for each in _carriers(connection, project.id) if each.works]


def endpoints(project: ProjectRef) -> int:
    """How many endpoints of the project are told when an alert begins."""
    statement = (
        select(func.count())
        .select_from(table_of(EventEndpoint))
        .join(table_of(EventSubscription), _subscription.endpoint_id == _endpoint.id)
        .where(
            _endpoint.project_id == project.id,
            _endpoint.is_enabled == true(),
            _subscription.type == EventType.ALERT_BEGAN.value,
        )
    )
    with reading() as connection:
        return int(connection.execute(statement).scalar_one())


def tell(connection: Connection, news: News) -> str | None:
    """Tell it, in the caller's transaction. Return the name of the notifier by which emails go; None if none goes."""
    publish(connection, _event(news))
    emails = told_in(connection, news.project_id).emails
    found = [each for each in _carriers(connection, news.project_id) if each.id != news.notifier_id]
    if not emails or not found:
        return None
    _send(connection, news, found[0], emails)
    return found[0].name


def _carriers(connection: Connection, project_id: int) -> list[Carrier]:
    """The best first. One that failed is tried now and then, as nobody else may use it and find that it works again."""
    is_in_force = _settings.email_notifier_id == _notifier.id
    statement = (
        select(_notifier.id, _notifier.name, _notifier.backend)
        .join_from(table_of(Notifier), table_of(NotificationSettings), _settings.project_id == _notifier.project_id)
        .where(
            _notifier.project_id == project_id,
            _notifier.channel == Channel.EMAIL.value,
            is_valid(requires_proof=false()),
        )
        .order_by(case((is_in_force, 0), else_=1), _notifier.id)
    )
    rows, now = connection.execute(statement).all(), clock.now()
    states = breakers.states_on(connection, [row.id for row in rows])
    found = [Carrier(*row, works=states[row.id].is_closed) for row in rows]
    usable = [each for each in found if each.works or states[each.id].may_be_tried(now)]
    return sorted(usable, key=lambda each: not each.works)


def _event(news: News) -> Event:
    data: dict[str, Any] = {
        "alert": news.alert_id,
        "kind": news.kind.value,
        "subject": news.subject,
        "title": news.title,
        "detail": news.detail,
        "began_at": clock.iso(news.began_at),
    }
    if news.ended_at is None:
        return Event(news.project_id, EventType.ALERT_BEGAN, data)
    return Event(news.project_id, EventType.ALERT_ENDED, data | {"ended_at": clock.iso(news.ended_at)})


def _send(connection: Connection, news: News, carrier: Carrier, emails: Sequence[str]) -> None:
    project = connection.execute(select(_project.name, _project.slug).where(_project.id == news.project_id)).one()
    body = _body(news, project.name, project.slug)
    for address in emails:
        outgoing = Outgoing(
            project_id=news.project_id,
            notifier_id=carrier.id,
            notifier_name=carrier.name,
            backend=carrier.backend,
            channel=Channel.EMAIL,
            recipient=address,
            masked=mask(Channel.EMAIL, address),
            subject=f"{project.name}: {news.title}",
            body=body,
            variables={},
            purpose=Purpose.ALERT,
            expires_at=clock.now() + LIFETIME,
        )
        enqueue(connection, outgoing)


def _body(news: News, project_name: str, slug: str) -> str:
    public_url = current_app.config["NOTIFAPP"].public_url
    lines = [f"{news.title}.", ""]
    if news.ended_at is None:
        lines += [news.detail, "", news.kind.words.advice, "", f"Since: {_moment(news.began_at)}"]
    else:
        lines += [f"From {_moment(news.began_at)} to {_moment(news.ended_at)}"]
    lines += [f"Project: {project_name}"]
    if public_url:
        lines += [f"All alerts: {public_url}/projects/{slug}/alerts"]
    return "\n".join([*lines, ""])


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
