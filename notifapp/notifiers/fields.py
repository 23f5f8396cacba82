"""A notifier's values, and the rules by which a form's or JSON's fields become them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from notifapp.audit.service import Change
from notifapp.errors import ValidationFailed
from notifapp.notifiers.backends import backends_for, find_backend
from notifapp.notifiers.backends.base import Backend
from notifapp.notifiers.backends.parsing import parse_settings, parse_text
from notifapp.notifiers.channels import Channel
from notifapp.notifiers.models import Notifier

MAX_NAME_LENGTH = 120


@dataclass(frozen=True)
class NotifierValues:
    """What can be set of a notifier: its settings in two parts, readable and secret."""

    name: str
    backend: Backend[Any]
    settings: Mapping[str, object]
    secrets: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, notifier: Notifier) -> NotifierValues:
        """The values of a stored notifier."""
        return cls(notifier.name, find_backend(notifier.backend), notifier.settings, notifier.secrets)

    def differences(self, after: NotifierValues) -> list[Change]:
        """What changed; of a secret no more than that it did."""
        changes = [
            Change("Name", self.name, after.name),
            Change("Backend", self.backend.label, after.backend.label),
        ]
        for name, about in after.backend.settings.items():
            if about.secret:
                replaced = self.secrets.get(name) != after.secrets[name]
                changes.append(Change(about.label, "stored", "replaced" if replaced else "stored"))
            else:
                changes.append(Change(about.label, _words(self.settings.get(name)), _words(after.settings[name])))
        return [change for change in changes if change.before != change.after]


def parse_new(channel: Channel, fields: Mapping[str, object]) -> NotifierValues:
    """The values of a new notifier. Raise `ValidationFailed` with every failing field."""
    return _parse(channel, fields, None)


def parse_update(channel: Channel, before: NotifierValues, fields: Mapping[str, object]) -> NotifierValues:
    """The values after a change: what `fields` lacks is taken from `before`.

    Another backend starts without settings. Raise `ValidationFailed` with every failing field.
    """
    return _parse(channel, fields, before)


def _parse(channel: Channel, fields: Mapping[str, object], before: NotifierValues | None) -> NotifierValues:
    errors: dict[str, list[str]] = {}
    name = before.name if before else ""
    backend = before.backend if before else None
    values: Mapping[str, object] = {}
    with _noting(errors, "name"):
        name = _name(fields) if "name" in fields or not before else name
    with _noting(errors, "backend"):
        backend = _backend(channel, fields) if "backend" in fields or not before else backend
    with _noting(errors, "settings"):
        given = _given_settings(fields)
        if backend and "backend" not in errors:
            values = _settings(backend, given, before if before and before.backend is backend else None)
    if errors or backend is None:
        raise ValidationFailed(errors)
    plain = {key: value for key, value in values.items() if key not in backend.secrets}
    return NotifierValues(name, backend, plain, {key: values[key] for key in backend.secrets})


@contextmanager
def _noting(errors: dict[str, list[str]], field_name: str) -> Iterator[None]:
    """Note what goes wrong in the block, so that every failing field is reported at once."""
    try:
        yield
    except ValueError as error:
        errors[field_name] = [str(error)]
    except ValidationFailed as failed:
        errors.update(failed.errors)


def _name(fields: Mapping[str, object]) -> str:
    if "name" not in fields:
        raise ValueError("This field is required.")
    if fields["name"] is None:
        raise ValueError("This field may not be null.")
    name = parse_text(fields["name"], max_length=MAX_NAME_LENGTH)
    if not name:
        raise ValueError("This field may not be blank.")
    return name


def _backend(channel: Channel, fields: Mapping[str, object]) -> Backend[Any]:
    if "backend" not in fields:
        raise ValueError("This field is required.")
    key = fields["backend"]
    if key is None:
        raise ValueError("This field may not be null.")
    known = backends_for(channel)
    for backend in known:
        if backend.key == key:
            return backend
    choices = ", ".join(backend.key for backend in known)
    raise ValueError(f'"{printable(str(key))}" is not a valid choice. Choose one of: {choices}.')


def _given_settings(fields: Mapping[str, object]) -> Mapping[str, object]:
    settings = fields.get("settings", {})
    if settings is None:
        raise ValueError("This field may not be null.")
    if not isinstance(settings, Mapping):
        raise ValueError(f'Expected a dictionary of items but got type "{type(settings).__name__}".')
    return settings


def _settings(
    backend: Backend[Any], given: Mapping[str, object], stored: NotifierValues | None
) -> Mapping[str, object]:
    read_only = {f"has_{name}" for name in backend.secrets}
    raw = {printable(key): value for key, value in given.items() if key not in read_only}
    if stored is None:
        return parse_settings(backend, raw)
    kept = {name: value for name, value in stored.secrets.items() if is_blank(raw.get(name))}
    merged = {**stored.settings, **raw, **kept}
    values = parse_settings(backend, merged)
    moved = [
        about.label
        for name, about in backend.settings.items()
        if about.destination and values[name] != stored.settings.get(name)
    ]
    if moved and kept:
        message = f"Give this again: {' and '.join(moved)} changed, and a stored secret stays with its destination."
        raise ValidationFailed({key: [message] for key in kept})
    return values


def is_blank(value: object) -> bool:
    """Whether a secret's value stands for "keep the stored one"."""
    return value is None or (isinstance(value, str) and not value.strip())


def printable(text: str) -> str:
    """The same text where it can be written as UTF-8; JSON can carry halves of a character, answers can't."""
    return text.encode(errors="backslashreplace").decode()


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
