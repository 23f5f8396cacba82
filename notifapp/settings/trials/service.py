"""Starts a trial, keeps what is tried, and changes it back. The changes are made by `update_notification_settings`.

Both ends of a trial delete its row on the condition that it is still there, in the transaction that does the rest: of
a person and several workers only one ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, select
from sqlalchemy.engine import Connection

from notifapp import clock, inputs, wording
from notifapp.access import Principal, ProjectRef
from notifapp.access.archived import keep_open
from notifapp.access.models import Project
from notifapp.audit.revisions import MAX_REASON_LENGTH
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import Statement, reading, table_of, upsert, writing
from notifapp.errors import Conflict, NotFound, StaleVersion, ValidationFailed
from notifapp.inputs import FieldErrors
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.service import is_valid
from notifapp.settings.history import settings_at
from notifapp.settings.models import NotificationSettings
from notifapp.settings.service import Update, plan_notification_settings, update_notification_settings
from notifapp.settings.trials.models import SettingsTrial
from notifapp.settings.values import NOTIFIER_FIELDS, Settings, fields_to

MINUTES = "minutes"  # the field beside those of the settings
MIN_MINUTES, MAX_MINUTES, DEFAULT_MINUTES = 1, 1440, 15

_table = table_of(SettingsTrial)
_trial, _settings, _project = _table.c, table_of(NotificationSettings).c, table_of(Project).c
_notifier = table_of(Notifier).c
_is_in_force = and_(_settings.project_id == _trial.project_id, _settings.version == _trial.version)
_LIVING = select(_trial.version, _trial.reverts_to, _trial.started_at, _trial.reverts_at).join(
    table_of(NotificationSettings), _is_in_force
)
_OF_PROJECT = Statement(_LIVING.where(_trial.project_id == bindparam("project_id")))
_DUE = Statement(
    _LIVING.add_columns(_project.id, _project.slug, _project.name, _project.phone_region)
    .join(table_of(Project), _project.id == _trial.project_id)
    .where(_trial.reverts_at <= bindparam("now"), _project.archived_at.is_(None))
    .order_by(_trial.reverts_at)
)
_END = Statement(
    delete(_table).where(_trial.project_id == bindparam("project_id"), _trial.version == bindparam("version"))
)


def _begin(insert: Any) -> Any:
    """The row of a new trial, which takes the place of one that is over."""
    names = ("version", "reverts_to", "started_at", "reverts_at")
    return insert.values({name: bindparam(name) for name in ("project_id", *names)}).on_conflict_do_update(
        index_elements=["project_id"],
        set_={name: insert.excluded[name] for name in names},
        where=_trial.version != insert.excluded.reverts_to,
    )


_BEGIN = Statement(upsert(_table, _begin))


class TrialUnderWay(Conflict):
    """A project has one trial at a time."""

    detail = "A change is being tried already. Keep it or go back first."


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that lives: the version in force goes back to `reverts_to` at `reverts_at`, unless it is kept."""

    version: int
    reverts_to: int
    started_at: datetime
    reverts_at: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """A new trial, and the change that it tries."""

    trial: Trial
    update: Update


def get_trial(project: ProjectRef) -> Trial | None:
    """What is being tried in this project."""
    with reading() as connection:
        row = _OF_PROJECT.first(connection, project_id=project.id)
    return row and _trial_of(row)


def due_trials() -> list[tuple[ProjectRef, Trial]]:
    """The trials whose time is up, in projects that aren't archived: those wait until they are restored."""
    with reading() as connection:
        rows = _DUE.all(connection, now=clock.now())
    return [(ProjectRef(row.id, row.slug, row.name, phone_region=row.phone_region), _trial_of(row)) for row in rows]


def start_trial(
    project: ProjectRef,
    fields: Mapping[str, object],
    *,
    principal: Principal,
    expected_version: int | None = None,
    reason: str | None = None,
) -> Started:
    """Change the supplied fields for so many `minutes` (15 if absent).

    Raise what `update_notification_settings` raises, `TrialUnderWay`, and `ValidationFailed` if nothing differs.
    """
    minutes, note, errors = _terms(fields, reason)
    begun: list[Trial] = []

    def begin(connection: Connection, updated: Update) -> None:
        begun.append(_insert(connection, project, updated, minutes, principal))

    updated = update_notification_settings(
        project,
        fields,
        principal=principal,
        expected_version=expected_version,
        reason=note,
        more_errors=errors,
        then=begin,
    )
    return Started(begun[0], updated)


def plan_trial(
    project: ProjectRef, fields: Mapping[str, object], *, expected_version: int | None = None, reason: str | None = None
) -> Update:
    """What `start_trial` would change now, with its errors about the fields. Nothing is written."""
    _, note, errors = _terms(fields, reason)
    return plan_notification_settings(
        project, fields, expected_version=expected_version, reason=note, more_errors=errors
    )


def keep_trial(
    project: ProjectRef, *, principal: Principal, expected_version: int | None = None, why: str | None = None
) -> None:
    """Let what is tried stay. Raise `NotFound` without a trial, and `StaleVersion`."""
    with writing() as connection:
        keep_open(connection, project.id)
        trial = _living(_OF_PROJECT.first(connection, project_id=project.id), expected_version)
        _end(connection, project, trial, Action.TRIAL_KEPT, principal, why)


def revert_trial(
    project: ProjectRef, *, principal: Principal, expected_version: int | None = None, why: str | None = None
) -> Settings:
    """Change back what is tried, as a new version whose reason begins with `why`. Return the settings then.

    What can't be chosen any more isn't: that channel keeps the notifier that is tried, and the reason says so. Raise
    `NotFound` without a trial, and `StaleVersion`.
    """
    with reading() as connection:
        trial = _living(_OF_PROJECT.first(connection, project_id=project.id), expected_version)
    fields = fields_to(settings_at(project, trial.reverts_to), before=settings_at(project, trial.version))
    return _change_back(project, trial, fields, principal, why or "Changed back before its time.")


def stuck_channels(project: ProjectRef, former: Settings, tried: Settings) -> list[Channel]:
    """The channels whose former notifier can't be chosen any more: they would keep the one that is tried."""
    fields = fields_to(former, before=tried)
    wanted = {channel: fields[name] for channel, name in NOTIFIER_FIELDS.items() if fields.get(name)}
    requires_proof = select(_settings.requires_proof).where(_settings.project_id == project.id).scalar_subquery()
    may_be_chosen = _notifier.id.in_(wanted.values()), is_valid(requires_proof=requires_proof)
    valid = select(_notifier.id).where(_notifier.project_id == project.id, *may_be_chosen)
    with reading() as connection:
        found = set(connection.execute(valid).scalars()) if wanted else set()
    return [channel for channel, notifier_id in wanted.items() if notifier_id not in found]


def _terms(fields: Mapping[str, object], reason: str | None) -> tuple[int, str, FieldErrors]:
    """For how many minutes, the reason for the history, and what is wrong with the two."""
    minutes, errors = DEFAULT_MINUTES, FieldErrors()
    with errors.of(MINUTES):
        minutes = inputs.integer(fields.get(MINUTES, DEFAULT_MINUTES), least=MIN_MINUTES, most=MAX_MINUTES)
    note, reason = f"Tried for {wording.minutes(minutes)}.", (reason or "").strip()
    if len(f"{note} {reason}") > MAX_REASON_LENGTH:
        errors.messages["reason"] = [inputs.too_long(MAX_REASON_LENGTH - len(f"{note} "))]
        return minutes, note, errors
    return minutes, f"{note} {reason}", errors


def _insert(connection: Connection, project: ProjectRef, updated: Update, minutes: int, principal: Principal) -> Trial:
    if updated.before == updated.after:
        raise ValidationFailed({"non_field_errors": ["Nothing would change, so there is nothing to try."]})
    now = clock.now()
    trial = Trial(updated.after.version, updated.before.version, now, now + timedelta(minutes=minutes))
    values = {name: getattr(trial, name) for name in Trial.__slots__}
    if not _BEGIN.execute(connection, project_id=project.id, **values):
        raise TrialUnderWay
    detail = {"version": trial.version, "minutes": minutes, "reverts_to": trial.reverts_to}
    _record(connection, project, Action.TRIAL_STARTED, trial, detail, principal)
    return trial


def _change_back(
    project: ProjectRef, trial: Trial, fields: dict[str, object], principal: Principal, reason: str
) -> Settings:
    """Change back these fields; those that can't be, again without them."""
    try:
        return update_notification_settings(
            project,
            fields,
            principal=principal,
            expected_version=trial.version,
            reason=reason[:MAX_REASON_LENGTH],
            then=lambda connection, _: _end(connection, project, trial, Action.TRIAL_REVERTED, principal, reason),
            always=True,
        ).after
    except ValidationFailed as failed:
        stuck = [channel for channel, name in NOTIFIER_FIELDS.items() if name in failed.errors]
        if not stuck:
            raise
        rest = {name: value for name, value in fields.items() if name not in failed.errors}
    names = " and ".join(channel.sentence for channel in stuck)
    said = f" The former {names} notifier can't be chosen any more, so the tried one stays."
    return _change_back(project, trial, rest, principal, reason + said)


def _end(
    connection: Connection, project: ProjectRef, trial: Trial, action: Action, principal: Principal, why: str | None
) -> None:
    if not _END.execute(connection, project_id=project.id, version=trial.version):
        raise NotFound
    _record(connection, project, action, trial, {"version": trial.version, "reason": why}, principal)


def _record(
    connection: Connection,
    project: ProjectRef,
    action: Action,
    trial: Trial,
    detail: Mapping[str, object],
    principal: Principal,
) -> None:
    subject = f"version {trial.version}"
    record(connection, action, principal=principal, project_id=project.id, subject=subject, detail=detail)


def _living(row: Any, expected_version: int | None) -> Trial:
    if row is None:
        raise NotFound
    if expected_version not in (None, row.version):
        raise StaleVersion
    return _trial_of(row)


def _trial_of(row: Any) -> Trial:
    return Trial(row.version, row.reverts_to, row.started_at, row.reverts_at)
