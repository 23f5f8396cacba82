"""Parses a backend's settings from a form's or JSON's raw values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from notifapp import inputs
from notifapp.inputs import FieldErrors
from notifapp.notifiers.gateway.base import Backend, Kind, Setting
from notifapp.notifiers.gateway.network import check_host
from notifapp.notifiers.gateway.patterns import parse_places


def parse_settings(backend: Backend[Any], raw: Mapping[str, object]) -> dict[str, object]:
    """The valid value of every setting of `backend`; missing ones get their defaults.

    Raise `ValidationFailed` with every failing setting, including unknown keys.
    """
    errors = FieldErrors()
    known = ", ".join(backend.settings) or "none"
    for key in raw:
        if key not in backend.settings:
            errors.messages[key] = [f"Unknown setting. Known settings: {known}."]
    values: dict[str, object] = {}
    for name, about in backend.settings.items():
        with errors.of(name):
            values[name] = _parse(about, raw, name)
    for name, messages in backend.check(values).items():
        errors.messages.setdefault(name, messages)
    errors.raise_any()
    return values


def parse_credentials(backend: Backend[Any], raw: Mapping[str, object]) -> dict[str, object]:
    """The valid credentials, with the defaults of all other settings: enough to ask the gateway something.

    Raise `ValidationFailed` with the failing ones.
    """
    errors = FieldErrors()
    values = {name: about.default for name, about in backend.settings.items()}
    for name in backend.credentials:
        with errors.of(name):
            values[name] = _parse(backend.settings[name], raw, name)
    errors.raise_any()
    return values


def _parse(about: Setting, raw: Mapping[str, object], name: str) -> object:
    if name not in raw and not about.required:
        return about.default
    value = inputs.required(raw, name)
    if about.kind is Kind.BOOLEAN:
        return inputs.boolean(value)
    if about.kind is Kind.INTEGER:
        return inputs.integer(value, least=about.minimum, most=about.maximum)
    text = inputs.line(value, max_length=about.max_length, may_be_blank=about.may_be_blank or not about.required)
    return _TEXT_KINDS[about.kind](text, about) if text else about.default


def destination_url(text: str) -> str:
    """A valid https URL that may be connected to, as every destination. Raise `ValueError`."""
    return _url(text, Setting("URL", Kind.URL))


def _text(text: str, about: Setting) -> str:
    if about.regex and not re.fullmatch(about.regex, text):
        raise ValueError(about.regex_error)
    return text


def _secret(text: str, about: Setting) -> str:
    # Secrets are sent in HTTP headers and SMTP AUTH, which allow only ASCII.
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
    check_host(parts.hostname or "", parts.port or 443)
    return text


_TEXT_KINDS: dict[Kind, Callable[[str, Setting], str]] = {
    Kind.TEXT: _text,
    Kind.SECRET: _secret,
    Kind.URL: _url,
    Kind.EMAIL: lambda text, _about: inputs.email_address(text),
    Kind.PHONE: lambda text, _about: inputs.line_number(text),
    Kind.VARIABLES: lambda text, about: parse_places(text, about.regex, about.regex_error),
}
