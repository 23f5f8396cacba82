"""The settings as values: parsed from raw fields, as the contract's JSON, and compared in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from notifapp import inputs
from notifapp.audit.service import Change
from notifapp.channels import Channel
from notifapp.errors import FieldMessage
from notifapp.inputs import FieldErrors
from notifapp.settings.models import MAX_OTP_CODE_LEN, MAX_OTP_TTL, MIN_OTP_CODE_LEN, MIN_OTP_TTL

SMS_NOTIFIER = "notifications_sms_notifier"
EMAIL_NOTIFIER = "notifications_email_notifier"
OTP_CODE_LEN = "notifications_otp_code_len"
OTP_TTL = "notifications_otp_ttl"
NOTIFIER_FIELDS = {Channel.SMS: SMS_NOTIFIER, Channel.EMAIL: EMAIL_NOTIFIER}
FIELDS = (SMS_NOTIFIER, EMAIL_NOTIFIER, OTP_CODE_LEN, OTP_TTL)


@dataclass(frozen=True, slots=True)
class NotifierRef:
    """A notifier as the settings show it."""

    id: int
    name: str


Standby = dict[Channel, tuple[NotifierRef, ...]]


def no_standby() -> Standby:
    """No notifier stands by on any channel."""
    return dict.fromkeys(Channel, ())


@dataclass(frozen=True, slots=True)
class Settings:
    """A project's notification settings at one version. `otp_code_len` is in digits, `otp_ttl` in seconds.

    `standby` is known where they were read from the history; those in force stand in standby/service.py.
    """

    version: int
    sms_notifier: NotifierRef | None
    email_notifier: NotifierRef | None
    otp_code_len: int
    otp_ttl: int
    standby: Standby = field(default_factory=no_standby)

    def notifier(self, channel: Channel) -> NotifierRef | None:
        """The notifier in force on a channel."""
        return {Channel.SMS: self.sms_notifier, Channel.EMAIL: self.email_notifier}[channel]


def settings_of(row: Any) -> Settings:
    """The settings in a row with the column names of `SettingsRevision`."""
    sms, email = row.sms_notifier_id, row.email_notifier_id
    return Settings(
        row.version,
        None if sms is None else NotifierRef(sms, row.sms_notifier_name),
        None if email is None else NotifierRef(email, row.email_notifier_name),
        row.otp_code_len,
        row.otp_ttl,
        _standby_of(getattr(row, "standby", None)),
    )


def standby_as_stored(settings: Settings) -> dict[str, list[list[object]]]:
    """The standby notifiers as a revision holds them, with their names at that time."""
    return {channel.value: [[each.id, each.name] for each in settings.standby[channel]] for channel in Channel}


def body(settings: Settings) -> dict[str, object]:
    """The settings as the contract's JSON, with exactly these four keys."""
    return {
        f"{SMS_NOTIFIER}_data": _notifier_body(settings.sms_notifier),
        f"{EMAIL_NOTIFIER}_data": _notifier_body(settings.email_notifier),
        OTP_CODE_LEN: settings.otp_code_len,
        OTP_TTL: settings.otp_ttl,
    }


def fields_to(after: Settings, *, before: Settings) -> dict[str, object]:
    """The fields that make `after` of `before`, as JSON has them."""
    old, new = _fields(before), _fields(after)
    return {name: value for name, value in new.items() if value != old[name]}


def differences(before: Settings, after: Settings) -> list[Change]:
    """The values that differ; empty if none does."""
    of_fields = [
        Change(label, old, new)
        for (label, old, old_value), (_, new, new_value) in zip(_in_words(before), _in_words(after), strict=True)
        if old_value != new_value
    ]
    return of_fields + differences_of_standby(before.standby, after.standby)


def differences_of_standby(before: Standby, after: Standby) -> list[Change]:
    """The channels whose standby notifiers differ; empty if none does."""
    return [
        Change(f"{channel.label} standby", names(before[channel]), names(after[channel]))
        for channel in Channel
        if before[channel] != after[channel]
    ]


def names(notifiers: Iterable[NotifierRef]) -> str:
    """The names of notifiers in their order, or "None"."""
    return ", ".join(notifier.name for notifier in notifiers) or "None"


def parse(changes: Mapping[str, object]) -> tuple[dict[str, int | None], FieldErrors]:
    """Parse the known fields of `changes`; unknown ones are ignored.

    Return the values (ids, digits, seconds) of the valid fields, and the errors of the others.
    """
    parsed: dict[str, int | None] = {}
    errors = FieldErrors()
    for name, parser in _PARSERS.items():
        if name in changes:
            with errors.of(name):
                parsed[name] = parser(changes[name])
    return parsed, errors


def no_such_notifier(value: object) -> FieldMessage:
    """The message for an id that names no valid notifier of this project and channel."""
    return FieldMessage(
        f'Invalid pk "{value}" - object does not exist.',
        on_page="This notifier can't be chosen: it has been disabled or deleted. Choose another.",
    )


def unproven() -> FieldMessage:
    """The message for a notifier that isn't proven where that is required."""
    message = "This notifier has not been proven since its last change."
    return FieldMessage(message, on_page=f"{message} Prove it on its page, or choose another.")


def _notifier_body(notifier: NotifierRef | None) -> dict[str, object] | None:
    return None if notifier is None else {"id": notifier.id, "name": notifier.name}


_PARSERS: Mapping[str, Callable[[object], int | None]] = {
    SMS_NOTIFIER: inputs.primary_key,
    EMAIL_NOTIFIER: inputs.primary_key,
    OTP_CODE_LEN: partial(inputs.integer, least=MIN_OTP_CODE_LEN, most=MAX_OTP_CODE_LEN),
    OTP_TTL: partial(inputs.integer, least=MIN_OTP_TTL, most=MAX_OTP_TTL),
}


def _standby_of(stored: Mapping[str, list[Any]] | None) -> Standby:
    return no_standby() | {
        Channel(channel): tuple(NotifierRef(*each) for each in listed) for channel, listed in (stored or {}).items()
    }


def _fields(settings: Settings) -> dict[str, object]:
    sms, email = settings.sms_notifier, settings.email_notifier
    return {
        SMS_NOTIFIER: sms and sms.id,
        EMAIL_NOTIFIER: email and email.id,
        OTP_CODE_LEN: settings.otp_code_len,
        OTP_TTL: settings.otp_ttl,
    }


def _in_words(settings: Settings) -> list[tuple[str, str, object]]:
    sms, email = settings.sms_notifier, settings.email_notifier
    return [
        ("SMS notifier", sms.name if sms else "None", sms and sms.id),
        ("Email notifier", email.name if email else "None", email and email.id),
        ("Code length", f"{settings.otp_code_len} digits", settings.otp_code_len),
        ("Code lifetime", f"{settings.otp_ttl} seconds", settings.otp_ttl),
    ]
