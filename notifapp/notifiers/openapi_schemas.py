"""The OpenAPI schemas of notifiers, derived from the settings that each backend declares."""

from __future__ import annotations

from typing import Any

from notifapp.channels import Channel
from notifapp.inputs import LINE_NUMBER, MAX_NAME_LENGTH
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.gateway.base import Backend, Kind, Setting
from notifapp.notifiers.gateway.patterns import VALUES
from notifapp.web.openapi import MESSAGES, Json, field_errors, nullable, ref
from notifapp.web.paging import MAX_LIMIT

_SMTP = BACKENDS["smtp"]


def _backends_for(channel: Channel) -> list[Backend[Any]]:
    """All backends for this channel, switched on or not: the description is the same for every server."""
    return [backend for backend in BACKENDS.values() if channel in backend.channels]


_TYPES: dict[Kind, Json] = {
    Kind.TEXT: {"type": "string"},
    Kind.SECRET: {"type": "string", "format": "password"},
    Kind.INTEGER: {"type": "integer"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.URL: {"type": "string", "format": "uri"},
    Kind.EMAIL: {"type": "string", "format": "email"},
    Kind.PHONE: {"type": "string"},
    Kind.VARIABLES: {"type": "string"},
}
_PATTERNS = {Kind.URL: "https://.*", Kind.PHONE: LINE_NUMBER}
_ID: Json = {"type": "integer", "description": "The notifier's id."}
_NAME: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME_LENGTH,
    "description": "Its display name, unique in the project and channel.",
}
_TIME: Json = {"type": "string", "format": "date-time"}


def schema_name(channel: Channel, suffix: str = "") -> str:
    """The name of a channel's schema, such as SmsNotifier or EmailNotifierChange."""
    return f"{channel.value.title()}Notifier{suffix}"


def schemas(channel: Channel) -> Json:
    """All schemas of a channel: a notifier, a page of them, the bodies that create and change one, and the errors."""
    written = _sms_written if channel is Channel.SMS else _email_written
    return {
        schema_name(channel): _notifier(channel),
        schema_name(channel, "Page"): _page(channel),
        schema_name(channel, "Creation"): written(partial=False),
        schema_name(channel, "Change"): written(partial=True),
        schema_name(channel, "Errors"): _errors(channel),
    }


def _notifier(channel: Channel) -> Json:
    if channel is Channel.SMS:
        choices = [_closed(_shown(backend)) | _title(backend) for backend in _backends_for(channel)]
        settings: Json = {"settings": {"description": "The backend's settings.", "anyOf": choices}}
    else:
        # An email notifier with another backend has null for smtp's settings.
        own = _SMTP.settings.keys() - _SMTP.secrets
        settings = {
            name: schema | {"type": [schema["type"], "null"]} if name in own else schema
            for name, schema in _shown(_SMTP).items()
        }
    head = {"id": _ID, "name": _NAME, "backend": _backend_key(channel)}
    times = {
        "proven_at": nullable(_TIME)
        | {"description": "When it last delivered a code that was typed back, in UTC; null if it was changed since."},
        "created_at": _TIME | {"description": "When it was created, in UTC."},
        "updated_at": _TIME | {"description": "When it last changed, in UTC."},
    }
    return _closed(head | settings | times)


def _page(channel: Channel) -> Json:
    link = nullable({"type": "string", "format": "uri"})
    return _closed(
        {
            "count": {"type": "integer", "minimum": 0, "description": "The total number of results."},
            "next": link | {"description": "The URL of the next page, or null."},
            "previous": link | {"description": "The URL of the previous page, or null."},
            "results": {"type": "array", "maxItems": MAX_LIMIT, "items": ref("schemas", schema_name(channel))},
        }
    )


def _sms_written(*, partial: bool) -> Json:
    choices = [_settings_written(backend, partial=partial) for backend in _backends_for(Channel.SMS)]
    text = "The backend's settings, as below. Unknown ones are refused."
    if partial:
        text += " Absent ones stay unchanged, but another backend starts without settings."
    settings: Json = {"description": text, "anyOf": choices} | ({} if partial else {"default": {}})
    return {
        "type": "object",
        "description": "Other keys are ignored.",
        "properties": {"name": _NAME, "backend": _backend_key(Channel.SMS), "settings": settings},
        "required": [] if partial else ["name", "backend"],
    }


def _email_written(*, partial: bool) -> Json:
    settings = _settings_written(_SMTP, partial=partial)
    return {
        "type": "object",
        "description": "Other keys are ignored.",
        "properties": {"name": _NAME, **settings["properties"]},
        "required": [] if partial else ["name", *settings["required"]],
    }


def _errors(channel: Channel) -> Json:
    if channel is Channel.SMS:
        schema = field_errors(["name", "backend"])
        of_settings = {"type": "object", "description": "By setting.", "additionalProperties": MESSAGES}
        schema["properties"]["settings"] = {"anyOf": [of_settings, MESSAGES]}
        return schema
    names = {name for backend in _backends_for(channel) for name in backend.settings}
    return field_errors(["name", *sorted(names)])


def _settings_written(backend: Backend[Any], *, partial: bool) -> Json:
    settings = backend.settings
    return _title(backend) | {
        "type": "object",
        "properties": {name: _written(about, partial=partial) for name, about in settings.items()},
        "required": [] if partial else [name for name, about in settings.items() if about.required],
        "additionalProperties": False,
    }


def _written(about: Setting, *, partial: bool) -> Json:
    """A setting in a request; in a change a secret may be null or empty, which keeps the stored one."""
    may_be_empty = not about.required or about.may_be_blank or (partial and about.secret)
    schema = dict(_TYPES[about.kind])
    if schema["type"] == "string" and about.kind is not Kind.PHONE:
        schema |= {"minLength": 0 if may_be_empty else 1, "maxLength": about.max_length}
    schema |= {key: bound for key, bound in _bounds(about).items() if bound is not None}
    pattern = _PATTERNS.get(about.kind) or _variables(about) or about.regex
    if pattern:
        schema["pattern"] = f"^(?:{pattern}){'?' if may_be_empty else ''}$"
    text = f"{about.label}. {about.help}".strip()
    if about.secret:
        schema["writeOnly"] = True
    if partial and about.secret:
        text += " If absent, null or empty, the stored one stays."
        schema["type"] = ["string", "null"]
    if not partial and not about.required:
        schema["default"] = about.default
    return schema | {"description": text}


def _variables(about: Setting) -> str:
    """The pattern of a setting of this kind: values, each of them alone or with the name of a place."""
    if about.kind is not Kind.VARIABLES:
        return ""
    entry = rf"\s*(?:{'|'.join(VALUES)})(?:\s*=\s*(?:{about.regex}))?\s*"
    return f"{entry}(?:,{entry})*"


def _bounds(about: Setting) -> dict[str, int | None]:
    return {"minimum": about.minimum, "maximum": about.maximum}


def _shown(backend: Backend[Any]) -> Json:
    """The settings in a response: a secret is null, with `has_<secret>` beside it."""
    properties: Json = {}
    for name, about in backend.settings.items():
        if about.secret:
            properties[name] = {"type": "null", "description": f"{about.label}. Never shown."}
            properties[f"has_{name}"] = {"type": "boolean", "description": "Whether one is stored."}
        else:
            properties[name] = _TYPES[about.kind] | {"description": f"{about.label}."}
    return properties


def _title(backend: Backend[Any]) -> Json:
    return {"title": backend.key, "description": backend.description}


def _closed(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _backend_key(channel: Channel) -> Json:
    keys = [backend.key for backend in _backends_for(channel)]
    return {"type": "string", "enum": keys, "description": "The gateway that sends the messages."}
