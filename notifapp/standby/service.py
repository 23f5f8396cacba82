"""Reads and changes a project's standby notifiers, for the page and the API alike.

They are a part of the notification settings: each change is a revision of these, with the same version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, false, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from notifapp import inputs
from notifapp.access import Principal, ProjectArchived, ProjectRef
from notifapp.audit.revisions import MAX_REASON_LENGTH
from notifapp.channels import Channel
from notifapp.database import MAX_ID, reading, table_of, writing
from notifapp.errors import Conflict, FieldMessage, StaleVersion
from notifapp.events.models import EventType
from notifapp.events.publishing import Event, publish
from notifapp.inputs import FieldErrors
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.proving.service import is_proven_enough
from notifapp.notifiers.service import is_valid
from notifapp.settings import service as settings_service
from notifapp.settings.models import NotificationSettings
from notifapp.settings.service import Choice
from notifapp.settings.values import NotifierRef, Settings, Standby, body, no_standby, no_such_notifier, unproven
from notifapp.standby.models import MOST, StandbyNotifier

_table, _settings = table_of(StandbyNotifier), table_of(NotificationSettings).c
_standby, _notifier = _table.c, table_of(Notifier).c
_LISTED = (
    select(_standby.channel, _notifier.id, _notifier.name)
    .select_from(_table)
    .join(table_of(Notifier), _notifier.id == _standby.notifier_id)
    .order_by(_standby.channel, _standby.position)
)
_WITH_VERSION = (
    select(_settings.version, _standby.channel, _notifier.id, _notifier.name)
    .select_from(table_of(NotificationSettings))
    .outerjoin(_table, _standby.project_id == _settings.project_id)
    .outerjoin(table_of(Notifier), _notifier.id == _standby.notifier_id)
    .order_by(_standby.channel, _standby.position)
)


@dataclass(frozen=True, slots=True)
class Listed:
    """The standby notifiers at a version of the settings, each channel's in their order."""

    version: int
    standby: Standby


def get_standby(project: ProjectRef) -> Listed:
    """The standby notifiers now."""
    with reading() as connection:
        rows = connection.execute(_WITH_VERSION.where(_settings.project_id == project.id)).all()
    return Listed(rows[0].version, _standby_of(row for row in rows if row.id is not None))


def set_standby(
    project: ProjectRef,
    lists: Mapping[str, object],
    *,
    principal: Principal,
    expected_version: int | None = None,
    reason: str | None = None,
) -> Listed:
    """Replace the lists of the channels that `lists` names, by the notifiers' ids in their order; record a revision.

    If nothing differs, nothing is written. Raise `ValidationFailed` with every failing channel, `StaleVersion` if
    `expected_version` is no longer in force, and `Conflict` if a notifier is deleted or the project archived meanwhile.
    """
    wanted, errors = _parse(lists)
    reason = (reason or "").strip() or None
    if reason and len(reason) > MAX_REASON_LENGTH:
        errors.messages["reason"] = [inputs.too_long(MAX_REASON_LENGTH)]
    try:
        with writing() as connection:
            row, before = settings_service.lock(connection, project)
            if not row.is_open:
                raise ProjectArchived
            if expected_version is not None and expected_version != before.version:
                raise StaleVersion
            before = replace(before, standby=_read(connection, project.id))
            for channel, ids in wanted.items():
                with errors.of(channel.value):
                    wanted[channel] = _chosen(connection, project, channel, ids, before)
            errors.raise_any()
            standby = before.standby | wanted
            if standby == before.standby:
                return Listed(before.version, standby)
            after = replace(before, version=before.version + 1, standby=standby)
            _write(connection, project, wanted)
            settings_service.write_revision(connection, project, before, after, principal, reason)
            if row.is_told:
                data = {"version": after.version, "settings": body(after), "source": principal.source.value}
                data["standby"] = as_ids(standby)
                publish(connection, Event(project.id, EventType.SETTINGS_CHANGED, data))
    except IntegrityError:
        raise Conflict("A chosen notifier was deleted in the meantime. Choose again.") from None
    return Listed(after.version, standby)


def choices(project: ProjectRef) -> dict[Channel, list[Choice]]:
    """The notifiers of each channel that may stand by: the valid ones, and those that do, but not the one in force."""
    settings = settings_service.get_notification_settings(project)
    in_force = {notifier.id for channel in Channel if (notifier := settings.notifier(channel))}
    standing_by = [notifier.id for listed in get_standby(project).standby.values() for notifier in listed]
    offered = settings_service.choices(project, standing_by)
    return {channel: [choice for choice in offered[channel] if choice.id not in in_force] for channel in Channel}


def as_ids(standby: Standby) -> dict[str, list[int]]:
    """The ids of each channel's, as JSON has them."""
    return {channel.value: [notifier.id for notifier in standby[channel]] for channel in Channel}


def _read(connection: Connection, project_id: int) -> Standby:
    return _standby_of(connection.execute(_LISTED.where(_standby.project_id == project_id)))


def _standby_of(rows: Iterable[Any]) -> Standby:
    found: Standby = no_standby()
    for row in rows:
        found[Channel(row.channel)] += (NotifierRef(row.id, row.name),)
    return found


def _parse(lists: Mapping[str, object]) -> tuple[dict[Channel, Any], FieldErrors]:
    """The ids of each channel that is named; unknown names are ignored."""
    errors = FieldErrors()
    wanted: dict[Channel, Any] = {}
    for channel in Channel:
        if channel.value in lists:
            with errors.of(channel.value):
                wanted[channel] = _ids(lists[channel.value])
    return wanted, errors


def _ids(value: object) -> list[int]:
    if not isinstance(value, list):
        raise ValueError(f'Expected a list of items but got type "{type(value).__name__}".')
    for each in value:
        if not isinstance(each, int) or isinstance(each, bool):
            message = f"Incorrect type. Expected pk value, received {type(each).__name__}."
            raise ValueError(FieldMessage(message, on_page="Choose notifiers from the list."))
    if len(set(value)) < len(value):
        raise ValueError("Each notifier can be listed only once.")
    if len(value) > MOST:
        raise ValueError(f"At most {MOST} notifiers can stand by.")
    return value


def _chosen(
    connection: Connection, project: ProjectRef, channel: Channel, ids: list[int], before: Settings
) -> tuple[NotifierRef, ...]:
    """The notifiers with these ids. Those listed before may stay, even if they are disabled.

    Raise `ValueError` for one that may not be chosen, and for the one in force.
    """
    in_force = before.notifier(channel)
    if in_force and in_force.id in ids:
        raise ValueError(f"{in_force.name} is the notifier in force. Choose others to stand by.")
    kept = {notifier.id: notifier for notifier in before.standby[channel]}
    is_theirs = (
        _notifier.project_id == project.id,
        _notifier.channel == channel.value,
        _notifier.id.in_([each for each in ids if 0 < each <= MAX_ID]),
        is_valid(requires_proof=false()),
    )
    requires_proof = select(_settings.requires_proof).where(_settings.project_id == project.id).scalar_subquery()
    columns = _notifier.id, _notifier.name, is_proven_enough(requires_proof).label("is_proven_enough")
    found = {row.id: row for row in connection.execute(select(*columns).where(*is_theirs))}
    known = {row.id: NotifierRef(row.id, row.name) for row in found.values() if row.is_proven_enough} | kept
    for each in ids:
        if each not in known:
            raise ValueError(unproven() if each in found else no_such_notifier(each))
    return tuple(known[each] for each in ids)


def _write(connection: Connection, project: ProjectRef, lists: Mapping[Channel, tuple[NotifierRef, ...]]) -> None:
    for channel, notifiers in lists.items():
        its = _standby.project_id == project.id, _standby.channel == channel.value
        connection.execute(delete(_table).where(*its))
        rows = [
            {"project_id": project.id, "channel": channel.value, "position": position, "notifier_id": notifier.id}
            for position, notifier in enumerate(notifiers, 1)
        ]
        if rows:
            connection.execute(insert(_table), rows)
