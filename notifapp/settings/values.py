"""The settings as values, the contract's input rules, and what a change amounts to in words.

The rules are those of Django REST Framework's `IntegerField` and `PrimaryKeyRelatedField`, tried for real: the
table of cases in tests/settings/ compares both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from notifapp.audit.service import Change
from notifapp.database import AnyRow
from notifapp.settings.models import MAX_OTP_CODE_LEN, MAX_OTP_TTL, MIN_OTP_CODE_LEN, MIN_OTP_TTL

SMS_NOTIFIER = "notifications_sms_notifier"
EMAIL_NOTIFIER = "notifications_email_notifier"
OTP_CODE_LEN = "notifications_otp_code_len"
OTP_TTL = "notifications_otp_ttl"
FIELDS = (SMS_NOTIFIER, EMAIL_NOTIFIER, OTP_CODE_LEN, OTP_TTL)

_MAX_DIGITS = 1000
_TRAILING_ZEROS = re.compile(r"\.0*\s*$")


@dataclass(frozen=True, slots=True)
class NotifierRef:
    """A notifier as the settings show it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The notification settings of a project at one version: digits in a code, seconds that it lives."""

    version: int
    sms_notifier: NotifierRef | None
    email_notifier: NotifierRef | None
    otp_code_len: int
    otp_ttl: int


def settings_of(row: AnyRow) -> Settings:
    """The settings in the first seven columns of a row, in this order."""
    version, sms, sms_name, email, email_name, otp_code_len, otp_ttl = row[:7]
    return Settings(
        version,
        None if sms is None else NotifierRef(sms, sms_name),
        None if email is None else NotifierRef(email, email_name),
        otp_code_len,
        otp_ttl,
    )


def body(settings: Settings) -> dict[str, object]:
    """The settings as the contract answers them: exactly these four keys."""
    return {
        f"{SMS_NOTIFIER}_data": _notifier_body(settings.sms_notifier),
        f"{EMAIL_NOTIFIER}_data": _notifier_body(settings.email_notifier),
        OTP_CODE_LEN: settings.otp_code_len,
        OTP_TTL: settings.otp_ttl,
    }


def differences(before: Settings, after: Settings) -> list[Change]:
    """What changed from what to what; empty when nothing did."""
    return [
        Change(label, old, new)
        for (label, old, old_value), (_, new, new_value) in zip(_in_words(before), _in_words(after), strict=True)
        if old_value != new_value
    ]


def parse(changes: Mapping[str, object]) -> tuple[dict[str, int | None], dict[str, list[str]]]:
    """Read the known fields of `changes`; unknown ones are ignored.

    Return the values (ids, digits, seconds) of those that could be read, and the messages of the others.
    """
    parsed: dict[str, int | None] = {}
    errors: dict[str, list[str]] = {}
    for name, parser in _PARSERS.items():
        if name in changes:
            try:
                parsed[name] = parser(changes[name])
            except ValueError as error:
                errors[name] = [str(error)]
    return parsed, errors


def no_such_notifier(value: object) -> str:
    """The message for an id that names no valid notifier of this project and channel."""
    return f'Invalid pk "{value}" - object does not exist.'


def _notifier_body(notifier: NotifierRef | None) -> dict[str, object] | None:
    return None if notifier is None else {"id": notifier.id, "name": notifier.name}


def _notifier_id(value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"Incorrect type. Expected pk value, received {type(value).__name__}.")


def _integer(least: int, most: int) -> Callable[[object], int]:
    def parse_integer(value: object) -> int:
        if value is None:
            raise ValueError("This field may not be null.")
        number = _whole_number(value)
        if number > most:
            raise ValueError(f"Ensure this value is less than or equal to {most}.")
        if number < least:
            raise ValueError(f"Ensure this value is greater than or equal to {least}.")
        return number

    return parse_integer


def _whole_number(value: object) -> int:
    if isinstance(value, str) and len(value) > _MAX_DIGITS:
        raise ValueError("String value too large.")
    try:
        return int(_TRAILING_ZEROS.sub("", str(value)))
    except ValueError:
        raise ValueError("A valid integer is required.") from None


_PARSERS: Mapping[str, Callable[[object], int | None]] = {
    SMS_NOTIFIER: _notifier_id,
    EMAIL_NOTIFIER: _notifier_id,
    OTP_CODE_LEN: _integer(MIN_OTP_CODE_LEN, MAX_OTP_CODE_LEN),
    OTP_TTL: _integer(MIN_OTP_TTL, MAX_OTP_TTL),
}


def _in_words(settings: Settings) -> list[tuple[str, str, object]]:
    sms, email = settings.sms_notifier, settings.email_notifier
    return [
        ("SMS notifier", sms.name if sms else "None", sms and sms.id),
        ("Email notifier", email.name if email else "None", email and email.id),
        ("Code length", f"{settings.otp_code_len} digits", settings.otp_code_len),
        ("Code lifetime", f"{settings.otp_ttl} seconds", settings.otp_ttl),
    ]
