"""Whose health matters: the notifiers in force in one project, in some, or in all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, or_, select

from notifapp.access.models import Project
from notifapp.channels import Channel
from notifapp.database import reading, table_of
from notifapp.notifiers.backends import switched_off
from notifapp.notifiers.models import Notifier
from notifapp.settings.models import NotificationSettings
from notifapp.settings.service import NotifierInForce

_settings, _notifier, _project = table_of(NotificationSettings).c, table_of(Notifier).c, table_of(Project).c


@dataclass(frozen=True, slots=True)
class Chosen:
    """A notifier in force, and for how many seconds the codes live that go through it."""

    project_id: int
    channel: Channel
    notifier: NotifierInForce
    ttl: int


def list_chosen(projects: Collection[int] | None = None) -> list[Chosen]:
    """The notifiers in force in these projects, in every open one if none are given; SMS before email."""
    is_chosen = and_(
        _notifier.project_id == _settings.project_id,
        or_(_notifier.id == _settings.sms_notifier_id, _notifier.id == _settings.email_notifier_id),
    )
    statement = (
        select(
            _settings.project_id,
            _settings.otp_ttl,
            _notifier.channel,
            _notifier.id,
            _notifier.name,
            _notifier.backend,
            _notifier.is_enabled,
        )
        .join_from(table_of(NotificationSettings), table_of(Notifier), is_chosen)
        .order_by(_settings.project_id, _notifier.channel.desc())
    )
    if projects is None:
        statement = statement.join(table_of(Project), _project.id == _settings.project_id)
        statement = statement.where(_project.archived_at.is_(None))
    else:
        statement = statement.where(_settings.project_id.in_(projects))
    off = switched_off()
    with reading() as connection:
        rows = connection.execute(statement).all()
    return [
        Chosen(
            row.project_id,
            Channel(row.channel),
            NotifierInForce(row.id, row.name, row.backend, row.is_enabled and row.backend not in off),
            row.otp_ttl,
        )
        for row in rows
    ]
