"""From what a form posts or JSON carries to clean settings, with the messages of Django REST Framework."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from notifapp.errors import ValidationFailed
from notifapp.notifiers.backends.base import Backend, Kind, Setting

TRUE = ("t", "y", "yes", "true", "on", "1")
FALSE = ("f", "n", "no", "false", "off", "0")
PHONE_SEPARATORS = re.compile(r"[\s().\-]")


def parse_settings(backend: Backend[Any], raw: Mapping[str, object]) -> dict[str, object]:
    """Clean values for every setting of `backend`, with defaults where `raw` is silent.

    Raises ValidationFailed with every failing setting at once; a key that the backend doesn't have is one.
    """
    known = ", ".join(backend.settings) or "none"
    errors = {key: [f"Unknown setting. Known settings: {known}."] for key in raw if key not in backend.settings}
    values: dict[str, object] = {}
    for name, about in backend.settings.items():
        try:
            values[name] = _parse(about, raw, name)
        except ValueError as error:
            errors[name] = [str(error)]
    for name, messages in backend.check(values).items():
        errors.setdefault(name, messages)
    if errors:
        raise ValidationFailed(errors)
    return values


def parse_text(value: object, *, max_length: int = 255) -> str:
    """A trimmed line of text; raises ValueError for what is too long or can't be stored or sent."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("Not a valid string.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("Not a valid string.")
    text = str(value).strip()
    categories = {unicodedata.category(character) for character in text}
    if "Cs" in categories:
        raise ValueError("Not a valid string.")
    if "\0" in text:
        raise ValueError("Null characters are not allowed.")
    if categories & {"Cc", "Zl", "Zp"}:
        raise ValueError("Line breaks and control characters are not allowed.")
    if len(text) > max_length:
        raise ValueError(f"Ensure this field has no more than {max_length} characters.")
    return text


def _parse(about: Setting, raw: Mapping[str, object], name: str) -> object:
    if name not in raw:
        if about.required:
            raise ValueError("This field is required.")
        return about.default
    value = raw[name]
    if value is None:
        raise ValueError("This field may not be null.")
    if about.kind is Kind.BOOLEAN:
        return _boolean(value)
    if about.kind is Kind.INTEGER:
        return _integer(value, about)
    text = parse_text(value, max_length=about.max_length)
    if not text:
        if about.required:
            raise ValueError("This field may not be blank.")
        return about.default
    return _TEXT_KINDS[about.kind](text, about)


def _boolean(value: object) -> bool:
    word = str(value).lower() if isinstance(value, str | int) else ""
    if word not in TRUE + FALSE:
        raise ValueError("Must be a valid boolean.")
    return word in TRUE


def _integer(value: object, about: Setting) -> int:
    whole = re.fullmatch(r"\s*([+-]?\d{1,18})(?:\.0*)?\s*", str(value))
    if whole is None or isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("A valid integer is required.")
    number = int(whole[1])
    if about.minimum is not None and number < about.minimum:
        raise ValueError(f"Ensure this value is greater than or equal to {about.minimum}.")
    if about.maximum is not None and number > about.maximum:
        raise ValueError(f"Ensure this value is less than or equal to {about.maximum}.")
    return number


def _text(text: str, about: Setting) -> str:
    if about.pattern and not re.fullmatch(about.pattern, text):
        raise ValueError(about.pattern_error)
    return text


def _secret(text: str, about: Setting) -> str:
    # Secrets travel in HTTP headers and SMTP AUTH, which carry ASCII alone.
    if not text.isascii():
        raise ValueError("Use ASCII letters, digits and signs only.")
    return _text(text, about)


def _url(text: str, about: Setting) -> str:
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0 and not re.search(r"[\s\\<>\"]", text)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("Enter a valid URL.")
    if parts.scheme != "https":
        raise ValueError("Enter a valid URL. It must start with https://.")
    if "@" in parts.netloc:
        raise ValueError("Enter a valid URL, without a user name or password in it.")
    if parts.fragment:
        raise ValueError("Enter a valid URL, without a # part.")
    return text


def _email(text: str, about: Setting) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        raise ValueError("Enter a valid email address.") from None


def _phone(text: str, about: Setting) -> str:
    compact = PHONE_SEPARATORS.sub("", text)
    digits = "".join(str(unicodedata.digit(character, character)) for character in compact)
    if not re.fullmatch(r"\+[1-9][0-9]{4,14}", digits):
        raise ValueError("Enter a number with its country code, such as +983000505.")
    return digits


_TEXT_KINDS: dict[Kind, Callable[[str, Setting], str]] = {
    Kind.TEXT: _text,
    Kind.SECRET: _secret,
    Kind.URL: _url,
    Kind.EMAIL: _email,
    Kind.PHONE: _phone,
}
