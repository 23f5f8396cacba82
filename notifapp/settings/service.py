"""Reads and changes a project's notification settings, for the page, the API and the CLI alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, or_, select, true, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from notifapp import inputs
from notifapp.access import Principal, ProjectArchived, ProjectRef
from notifapp.access.archived import is_open, keep_open
from notifapp.audit.revisions import MAX_REASON_LENGTH, authorship
from notifapp.audit.service import Action, Change, record
from notifapp.channels import Channel
from notifapp.database import MAX_ID, Statement, reading, table_of, writing
from notifapp.errors import Conflict, StaleVersion
from notifapp.events.models import EventType
from notifapp.events.publishing import Event, is_told, publish
from notifapp.inputs import FieldErrors
from notifapp.notifiers.backends import find_backend, switched_off
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.proving.service import in_words, is_proven_enough, proof_of
from notifapp.notifiers.service import is_valid
from notifapp.settings.models import NotificationSettings, SettingsRevision
from notifapp.settings.values import (
    EMAIL_NOTIFIER,
    OTP_CODE_LEN,
    OTP_TTL,
    SMS_NOTIFIER,
    NotifierRef,
    Settings,
    body,
    differences,
    no_such_notifier,
    parse,
    settings_of,
    standby_as_stored,
    unproven,
)

_table = table_of(NotificationSettings)
_settings = _table.c
_sms, _email = table_of(Notifier).alias("sms"), table_of(Notifier).alias("email")
_new_sms, _new_email = table_of(Notifier).alias("new_sms"), table_of(Notifier).alias("new_email")

_SELECT = (
    select(
        _settings.version,
        _settings.sms_notifier_id,
        _sms.c.name.label("sms_notifier_name"),
        _settings.email_notifier_id,
        _email.c.name.label("email_notifier_name"),
        _settings.otp_code_len,
        _settings.otp_ttl,
    )
    .select_from(
        _table.outerjoin(_sms, _sms.c.id == _settings.sms_notifier_id).outerjoin(
            _email, _email.c.id == _settings.email_notifier_id
        )
    )
    .where(_settings.project_id == bindparam("project_id"))
)


def _valid(notifier: Any, channel: str) -> Any:
    """The notifier is of this project and channel, and enabled (the contract's "valid notifier")."""
    return and_(
        notifier.c.id == bindparam(f"{channel}_id"),
        notifier.c.project_id == _settings.project_id,
        notifier.c.channel == channel,
        notifier.c.is_enabled == true(),
    )


# The current settings, the requested notifiers, and whether the project is still open, in one query.
_SELECT_CHOICE = (
    _SELECT.add_columns(
        _new_sms.c.id.label("new_sms_id"),
        _new_sms.c.name.label("new_sms_name"),
        _new_sms.c.backend.label("new_sms_backend"),
        is_proven_enough(_settings.requires_proof, _new_sms.c).label("new_sms_is_proven_enough"),
        _new_email.c.id.label("new_email_id"),
        _new_email.c.name.label("new_email_name"),
        _new_email.c.backend.label("new_email_backend"),
        is_proven_enough(_settings.requires_proof, _new_email.c).label("new_email_is_proven_enough"),
        is_open(bindparam("project_id")).label("is_open"),
        is_told(bindparam("project_id"), EventType.SETTINGS_CHANGED).label("is_told"),
    )
    .outerjoin(_new_sms, _valid(_new_sms, "sms"))
    .outerjoin(_new_email, _valid(_new_email, "email"))
)
_CHOICE, _LOCKED_CHOICE = Statement(_SELECT_CHOICE), Statement(_SELECT_CHOICE.with_for_update(of=_table))
SELECT_POLICY = _SELECT.add_columns(
    _settings.requires_proof,
    _sms.c.backend.label("sms_backend"),
    _sms.c.is_enabled.label("sms_is_enabled"),
    _email.c.backend.label("email_backend"),
    _email.c.is_enabled.label("email_is_enabled"),
)
_CURRENT, _POLICY = Statement(_SELECT), Statement(SELECT_POLICY)
_WRITTEN = ("version", "sms_notifier_id", "email_notifier_id", "otp_code_len", "otp_ttl")
_UPDATE = Statement(
    update(_table)
    .where(_settings.project_id == bindparam("of_project"), _settings.version == bindparam("from_version"))
    .values({name: bindparam(name) for name in _WRITTEN})
)
_revisions = table_of(SettingsRevision)
_former = _revisions.alias("former").c
# The standby notifiers stay as they were in the revision before, unless they are given.
_FORMER_STANDBY = select(_former.standby).where(
    _former.project_id == bindparam("of_project"), _former.version == bindparam("from_version")
)
_INSERT_REVISION = Statement(
    insert(_revisions).values(
        {column.name: bindparam(column.name) for column in _revisions.c if column.name != "standby"}
        | {
            "standby": func.coalesce(
                bindparam("new_standby", type_=_former.standby.type), _FORMER_STANDBY.scalar_subquery()
            )
        }
    )
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A notifier that the settings page offers."""

    id: int
    label: str


@dataclass(frozen=True, slots=True)
class NotifierInForce:
    """A notifier chosen in the settings, with what is needed to send through it or show it."""

    id: int
    name: str
    backend: str
    is_enabled: bool

    @property
    def backend_label(self) -> str:
        """The backend's name to show."""
        return find_backend(self.backend).label

    @property
    def reaches_people(self) -> bool:
        """Whether what it takes is sent to anybody."""
        return find_backend(self.backend).reaches_people


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings in force mean for a code: its length in digits, lifetime in seconds, and notifiers.

    With `requires_proof`, only a proven notifier can be chosen.
    """

    version: int
    code_length: int
    ttl: int
    notifiers: dict[Channel, NotifierInForce]
    requires_proof: bool

    @property
    def usable(self) -> list[Channel]:
        """The channels by which codes can be sent."""
        return [channel for channel, notifier in self.notifiers.items() if notifier.is_enabled]


@dataclass(frozen=True, slots=True)
class Update:
    """The settings before and after an update; they are equal if nothing changed."""

    before: Settings
    after: Settings


def create_default_settings(connection: Connection, project_id: int) -> None:
    """Create a new project's settings: no notifiers, 5 digits, 120 seconds, version 0."""
    connection.execute(insert(_table).values(project_id=project_id))


def get_notification_settings(project: ProjectRef) -> Settings:
    """The settings in force."""
    with reading() as connection:
        return settings_of(_CURRENT.first(connection, project_id=project.id))


def get_policy(project: ProjectRef) -> Policy:
    """The settings in force, with what is needed to send codes."""
    with reading() as connection:
        return policy_of(_POLICY.first(connection, project_id=project.id))


def policy_of(row: Any) -> Policy:
    """The policy in a row of `SELECT_POLICY`."""
    notifiers = {
        Channel.SMS: (row.sms_notifier_id, row.sms_notifier_name, row.sms_backend, row.sms_is_enabled),
        Channel.EMAIL: (row.email_notifier_id, row.email_notifier_name, row.email_backend, row.email_is_enabled),
    }
    off = switched_off()
    chosen = {
        channel: NotifierInForce(id_, name, backend, is_enabled and backend not in off)
        for channel, (id_, name, backend, is_enabled) in notifiers.items()
        if id_ is not None
    }
    return Policy(row.version, row.otp_code_len, row.otp_ttl, chosen, row.requires_proof)


def set_requires_proof(project: ProjectRef, requires_proof: bool, *, principal: Principal) -> bool:
    """Choose whether only proven notifiers may be chosen from now on; one that is in force stays. Whether that is new.

    Raise `ProjectArchived`.
    """
    is_other = (_settings.project_id == project.id, _settings.requires_proof != requires_proof)
    with writing() as connection:
        keep_open(connection, project.id)
        changed = connection.execute(update(_table).where(*is_other).values(requires_proof=requires_proof)).rowcount
        if changed:
            before, after = ("not required", "required") if requires_proof else ("required", "not required")
            record(
                connection,
                Action.PROOF_REQUIREMENT_CHANGED,
                principal=principal,
                project_id=project.id,
                subject=project.slug,
                detail={"changes": [Change("Proof of receipt", before, after)]},
            )
    return changed > 0


def ids_in_force(project: ProjectRef) -> set[int]:
    """The ids of the notifiers chosen in the settings."""
    return {notifier.id for notifier in get_policy(project).notifiers.values()}


def notifier_choices(project: ProjectRef, settings: Settings) -> dict[Channel, list[Choice]]:
    """The notifiers of each channel: those in force first, even if not valid, then the valid ones sorted by name."""
    return choices(project, [chosen.id for chosen in (settings.sms_notifier, settings.email_notifier) if chosen])


def choices(project: ProjectRef, chosen: Collection[int]) -> dict[Channel, list[Choice]]:
    """The notifiers of each channel: the chosen ones first, even if not valid, then the valid ones sorted by name."""
    notifier = table_of(Notifier).c
    requires_proof = select(_settings.requires_proof).where(_settings.project_id == project.id).scalar_subquery()
    shown = ("id", "channel", "name", "backend", "is_enabled", "digest", "proven_digest", "proven_at")
    may_be_chosen = or_(is_valid(requires_proof=requires_proof), notifier.id.in_(chosen))
    statement = (
        select(*(notifier[name] for name in shown))
        .where(notifier.project_id == project.id, may_be_chosen)
        .order_by(notifier.id.not_in(chosen), notifier.name)
    )
    offered: dict[Channel, list[Choice]] = {channel: [] for channel in Channel}
    with reading() as connection:
        for row in connection.execute(statement):
            offered[Channel(row.channel)].append(Choice(row.id, _label(row)))
    return offered


def _label(notifier: Any) -> str:
    backend = find_backend(notifier.backend)
    about = [
        backend.label,
        *([] if backend.reaches_people else ["development only: nothing is sent"]),
        in_words(proof_of(notifier), notifier.proven_at),
        *([] if notifier.is_enabled else ["disabled"]),
    ]
    return f"{notifier.name} ({', '.join(about)})"


def update_notification_settings(
    project: ProjectRef,
    changes: Mapping[str, object],
    *,
    principal: Principal,
    expected_version: int | None = None,
    reason: str | None = None,
    more_errors: FieldErrors | None = None,
    then: Callable[[Connection, Update], None] | None = None,
    always: bool = False,
) -> Update:
    """Change the supplied fields, and record a revision.

    `changes` maps the contract's field names to raw values from a form or JSON; absent fields stay unchanged. If no
    value differs, nothing is written, unless it is `always` to be, for its reason. Raise `StaleVersion` if
    `expected_version` is no longer in force, `ValidationFailed` with every failing field, those of `more_errors`
    included, and `Conflict` if a chosen notifier is deleted or the project archived meanwhile; then nothing is changed.
    `then` writes what belongs to the change, in its transaction.
    """
    wanted = _Wanted.of(changes, expected_version, reason, more_errors)
    try:
        with writing() as connection:
            row = _lock(connection, _lookup(project, wanted.parsed))
            planned = _plan(row, wanted, always=always)
            before, after = planned.before, planned.after
            if after != before:
                write_revision(connection, project, before, after, principal, wanted.reason)
                if row.is_told:
                    data = {"version": after.version, "settings": body(after), "source": principal.source.value}
                    publish(connection, Event(project.id, EventType.SETTINGS_CHANGED, data))
            if then:
                then(connection, planned)
    except IntegrityError:
        raise Conflict("A chosen notifier was deleted in the meantime. Choose again.") from None
    return planned


def plan_notification_settings(
    project: ProjectRef,
    changes: Mapping[str, object],
    *,
    expected_version: int | None = None,
    reason: str | None = None,
    more_errors: FieldErrors | None = None,
) -> Update:
    """What `update_notification_settings` would change now; it raises the same. Nothing is written."""
    wanted = _Wanted.of(changes, expected_version, reason, more_errors)
    with reading() as connection:
        return _plan(_CHOICE.first(connection, **_lookup(project, wanted.parsed)), wanted)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An update that was asked for: the raw values, those that could be parsed, and what is wrong with the others."""

    changes: Mapping[str, object]
    parsed: Mapping[str, int | None]
    errors: FieldErrors
    expected_version: int | None
    reason: str | None

    @classmethod
    def of(
        cls,
        changes: Mapping[str, object],
        expected_version: int | None,
        reason: str | None,
        more_errors: FieldErrors | None = None,
    ) -> _Wanted:
        parsed, errors = parse(changes)
        errors.messages.update(more_errors.messages if more_errors else {})
        reason = (reason or "").strip() or None
        if reason and len(reason) > MAX_REASON_LENGTH:
            errors.messages["reason"] = [inputs.too_long(MAX_REASON_LENGTH)]
        return cls(changes, parsed, errors, expected_version, reason)


def _plan(row: Any, wanted: _Wanted, *, always: bool = False) -> Update:
    """What the update changes of the settings in this row of `_CHOICE`; with the next version, if anything."""
    if not row.is_open:
        raise ProjectArchived
    before = settings_of(row)
    if wanted.expected_version is not None and wanted.expected_version != before.version:
        raise StaleVersion
    chosen = _chosen(row, wanted.parsed, wanted.changes, wanted.errors.messages)
    wanted.errors.raise_any()
    after = _changed(before, wanted.parsed, chosen)
    return Update(before, replace(after, version=before.version + 1) if always or after != before else before)


def lock(connection: Connection, project: ProjectRef) -> tuple[Any, Settings]:
    """Keep the settings as they are until the transaction ends, for what is a part of them elsewhere.

    Return their row, with `is_open` and `is_told`, and the settings.
    """
    row = _lock(connection, _lookup(project, {}))
    return row, settings_of(row)


def write_revision(
    connection: Connection,
    project: ProjectRef,
    before: Settings,
    after: Settings,
    principal: Principal,
    reason: str | None,
) -> None:
    """Write locked settings with their revision and its audit event. Raise `StaleVersion`."""
    _write(connection, project, before, after, principal, reason)
    _record(connection, project, before, after, principal)


def _lock(connection: Connection, lookup: Mapping[str, int | None]) -> Any:
    """The current settings, locked until the transaction ends, and the requested notifiers."""
    row = _LOCKED_CHOICE.first(connection, **lookup)
    in_force = ((row.sms_notifier_id, row.sms_notifier_name), (row.email_notifier_id, row.email_notifier_name))
    if any(id_ is not None and name is None for id_, name in in_force):
        # PostgreSQL waited for a writer, and joined its new row with the old notifiers: query again.
        row = _LOCKED_CHOICE.first(connection, **lookup)
    return row


def _lookup(project: ProjectRef, parsed: Mapping[str, int | None]) -> dict[str, int | None]:
    ids = {"sms_id": parsed.get(SMS_NOTIFIER), "email_id": parsed.get(EMAIL_NOTIFIER)}
    in_range = {name: id_ if id_ is not None and 0 < id_ <= MAX_ID else None for name, id_ in ids.items()}
    return {"project_id": project.id, **in_range}


def _chosen(
    row: Any, parsed: Mapping[str, int | None], changes: Mapping[str, object], errors: dict[str, list[str]]
) -> dict[str, NotifierRef | None]:
    """The requested notifiers; one that may not be chosen becomes an error of its field."""
    found = {
        SMS_NOTIFIER: (row.new_sms_id, row.new_sms_name, row.new_sms_backend, row.new_sms_is_proven_enough),
        EMAIL_NOTIFIER: (row.new_email_id, row.new_email_name, row.new_email_backend, row.new_email_is_proven_enough),
    }
    chosen: dict[str, NotifierRef | None] = {}
    for field, (id_, name, backend, may_be_chosen) in found.items():
        if parsed.get(field) is None:
            chosen[field] = None
        elif id_ is None or backend in switched_off():
            errors[field] = [no_such_notifier(changes[field])]
        elif not may_be_chosen:
            errors[field] = [unproven()]
        else:
            chosen[field] = NotifierRef(id_, name)
    return chosen


def _changed(before: Settings, parsed: Mapping[str, int | None], chosen: Mapping[str, NotifierRef | None]) -> Settings:
    return Settings(
        version=before.version,
        sms_notifier=chosen[SMS_NOTIFIER] if SMS_NOTIFIER in parsed else before.sms_notifier,
        email_notifier=chosen[EMAIL_NOTIFIER] if EMAIL_NOTIFIER in parsed else before.email_notifier,
        otp_code_len=parsed.get(OTP_CODE_LEN) or before.otp_code_len,
        otp_ttl=parsed.get(OTP_TTL) or before.otp_ttl,
    )


def _write(
    connection: Connection,
    project: ProjectRef,
    before: Settings,
    after: Settings,
    principal: Principal,
    reason: str | None,
) -> None:
    sms, email = after.sms_notifier, after.email_notifier
    values = {
        "version": after.version,
        "sms_notifier_id": sms and sms.id,
        "email_notifier_id": email and email.id,
        "otp_code_len": after.otp_code_len,
        "otp_ttl": after.otp_ttl,
    }
    if _UPDATE.execute(connection, of_project=project.id, from_version=before.version, **values) != 1:
        raise StaleVersion
    revision = {
        **values,
        "project_id": project.id,
        "sms_notifier_name": sms and sms.name,
        "email_notifier_name": email and email.name,
        **authorship(principal, reason),
    }
    its = {"of_project": project.id, "from_version": before.version}
    standby = standby_as_stored(after) if after.standby != before.standby else None
    _INSERT_REVISION.execute(connection, **revision, **its, new_standby=standby)


def _record(
    connection: Connection, project: ProjectRef, before: Settings, after: Settings, principal: Principal
) -> None:
    record(
        connection,
        Action.SETTINGS_CHANGED,
        principal=principal,
        project_id=project.id,
        subject=f"version {after.version}",
        detail={"version": after.version, "changes": differences(before, after)},
    )
