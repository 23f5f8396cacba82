"""A notifier's values, and how they are parsed from raw fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from notifapp import inputs, wording
from notifapp.access import ProjectRef
from notifapp.audit.service import Change
from notifapp.channels import Channel
from notifapp.database import AnyRow, Unreadable, table_of, unseal
from notifapp.errors import ValidationFailed
from notifapp.inputs import MAX_NAME_LENGTH, FieldErrors
from notifapp.notifiers.backends import backends_for, find_backend
from notifapp.notifiers.gateway.base import Backend
from notifapp.notifiers.gateway.parsing import parse_credentials, parse_settings
from notifapp.notifiers.models import Notifier


@dataclass(frozen=True)
class NotifierValues:
    """A notifier's values, with its settings split into readable and secret ones."""

    name: str
    backend: Backend[Any]
    settings: Mapping[str, object]
    secrets: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, notifier: AnyRow) -> NotifierValues:
        """The values in a row of the notifier table; without its secrets if they can't be decrypted any more."""
        try:
            secrets = unseal(table_of(Notifier).c.secrets, notifier)
        except Unreadable:
            secrets = {}
        return cls(notifier.name, find_backend(notifier.backend), notifier.settings, secrets)

    def differences(self, after: NotifierValues) -> list[Change]:
        """The values that differ; for a secret only that it was replaced."""
        changes = [
            Change("Name", self.name, after.name),
            Change("Backend", self.backend.label, after.backend.label),
        ]
        for name, about in after.backend.settings.items():
            if about.secret:
                is_same = self.secrets.get(name, "") == after.secrets[name]
                became = "stored" if is_same else "replaced" if after.secrets[name] else "removed"
                changes.append(Change(about.label, "stored", became))
            else:
                changes.append(
                    Change(about.label, wording.value(self.settings.get(name)), wording.value(after.settings[name]))
                )
        return [change for change in changes if change.before != change.after]


def parse_new(project: ProjectRef, channel: Channel, fields: Mapping[str, object]) -> NotifierValues:
    """The values of a new notifier. Raise `ValidationFailed` with every failing field."""
    return _parse(project, channel, fields, None)


def parse_update(
    project: ProjectRef, channel: Channel, before: NotifierValues, fields: Mapping[str, object]
) -> NotifierValues:
    """The values after a change; those missing from `fields` are taken from `before`.

    Another backend starts without settings. Raise `ValidationFailed` with every failing field.
    """
    return _parse(project, channel, fields, before)


def _parse(
    project: ProjectRef, channel: Channel, fields: Mapping[str, object], before: NotifierValues | None
) -> NotifierValues:
    errors = FieldErrors()
    name = before.name if before else ""
    backend = before.backend if before else None
    values: Mapping[str, object] = {}
    with errors.of("name"):
        name = _name(fields) if "name" in fields or not before else name
    with errors.of("backend"):
        backend = _backend(channel, fields) if "backend" in fields or not before else backend
    with errors.of("settings"):
        given = _given_settings(fields)
        if backend and "backend" not in errors.messages:
            values = _settings(backend, given, before if before and before.backend is backend else None)
            errors.messages.update(backend.check_project_name(values, project.name))
    errors.raise_any()
    assert backend is not None  # noqa: S101 - or there would have been an error
    plain = {key: value for key, value in values.items() if key not in backend.secrets}
    return NotifierValues(name, backend, plain, {key: values[key] for key in backend.secrets})


def _name(fields: Mapping[str, object]) -> str:
    return inputs.line(inputs.required(fields, "name"), max_length=MAX_NAME_LENGTH)


def _backend(channel: Channel, fields: Mapping[str, object]) -> Backend[Any]:
    given = inputs.required(fields, "backend")
    known = [backend.key for backend in backends_for(channel)]
    return find_backend(inputs.choice(given, known, hint=f" Choose one of: {', '.join(known)}."))


def _given_settings(fields: Mapping[str, object]) -> Mapping[str, object]:
    settings = fields.get("settings", {})
    inputs.not_null(settings)
    if not isinstance(settings, Mapping):
        raise ValueError(f'Expected a dictionary of items but got type "{type(settings).__name__}".')
    return settings


def credentials(
    backend: Backend[Any], given: Mapping[str, object], stored: NotifierValues | None = None
) -> Mapping[str, object]:
    """The valid credentials among raw settings, as those of an update, with the defaults of all else.

    Raise `ValidationFailed` with the failing ones.
    """
    return _settings(backend, given, stored, parse_credentials)


def _settings(
    backend: Backend[Any],
    given: Mapping[str, object],
    stored: NotifierValues | None,
    parse: Callable[[Backend[Any], Mapping[str, object]], Mapping[str, object]] = parse_settings,
) -> Mapping[str, object]:
    read_only = {f"has_{name}" for name in backend.secrets}
    raw = {inputs.printable(key): value for key, value in given.items() if key not in read_only}
    if stored is None:
        return parse(backend, raw)
    merged = {**stored.settings, **raw}
    blank = [name for name in backend.secrets if is_blank(raw.get(name))]
    needless = {name: "" for name in blank if not backend.has_secret(name, merged)}
    kept = {name: stored.secrets[name] for name in blank if name not in needless and stored.secrets.get(name)}
    values = parse(backend, {**merged, **needless, **kept})
    moved = [
        about.label
        for name, about in backend.settings.items()
        if about.destination and values[name] != stored.settings.get(name, about.default)
    ]
    if moved and kept:
        message = f"Give this again: {' and '.join(moved)} changed, and a stored secret stays with its destination."
        raise ValidationFailed({key: [message] for key in kept})
    return values


def is_blank(value: object) -> bool:
    """Whether a secret's value stands for "keep the stored one"."""
    return value is None or (isinstance(value, str) and not value.strip())
