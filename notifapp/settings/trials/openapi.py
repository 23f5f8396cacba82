"""The OpenAPI description of trials."""

from __future__ import annotations

from notifapp.access import Permission
from notifapp.channels import Channel
from notifapp.settings import values
from notifapp.settings.api import PATH as SETTINGS_PATH
from notifapp.settings.openapi import PART as SETTINGS
from notifapp.settings.trials.api import KEEP_PATH, PATH, REVERT_PATH
from notifapp.settings.trials.service import DEFAULT_MINUTES, MAX_MINUTES, MIN_MINUTES, MINUTES, TrialUnderWay
from notifapp.web.openapi import Json, Part, bad_request, body, example, field_errors, operation, ref, response

_CHANGE = SETTINGS.schemas["NotificationSettingsChange"]
_SETTINGS = SETTINGS.paths[SETTINGS_PATH]["patch"]["responses"]["200"]["content"]["application/json"]
_MINUTES: Json = {
    "type": "integer",
    "minimum": MIN_MINUTES,
    "maximum": MAX_MINUTES,
    "description": f"How long the change is tried. The default is {DEFAULT_MINUTES}.",
}
_TRIAL: Json = {
    "version": {"type": "integer", "description": "The version that is tried."},
    "reverts_at": {"type": "string", "format": "date-time", "description": "When its time is up."},
    "reverts_to": {"type": "integer", "description": "The version whose values come back then."},
}
_COUNTS: Json = {
    "type": "object",
    "properties": {
        "asked_for": {"type": "integer", "minimum": 0, "description": "Codes that were asked for."},
        "sent": {"type": "integer", "minimum": 0, "description": "Those that a gateway accepted."},
        "verified": {"type": "integer", "minimum": 0, "description": "Those that came back."},
    },
    "required": ["asked_for", "sent", "verified"],
    "additionalProperties": False,
}
_CHANNEL: Json = {"type": "string", "enum": [channel.value for channel in Channel]}
_PROGRESS: Json = {
    "is_enough": {"type": "boolean", "description": "Whether it would be kept if its time were up now."},
    "progress": {
        "type": "array",
        "description": "The last codes on each channel whose notifier is tried; if none is, on both together.",
        "items": {
            "type": "object",
            "properties": {
                "channel": {"anyOf": [_CHANNEL, {"type": "null"}]},
                "during": _COUNTS | {"description": "Since the trial began."},
                "before": _COUNTS | {"description": "In the day before it."},
            },
            "required": ["channel", "during", "before"],
            "additionalProperties": False,
        },
    },
    "stuck": {
        "type": "array",
        "description": "Channels whose former notifier has been disabled or deleted: they keep the one that is tried.",
        "items": _CHANNEL,
    },
}


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


_SCHEMAS: Json = {
    "SettingsTrialStart": _CHANGE | {"properties": _CHANGE["properties"] | {MINUTES: _MINUTES}},
    "SettingsTrial": _object(_TRIAL),
    "SettingsTrialProgress": _object(_TRIAL | _PROGRESS),
    "SettingsTrialErrors": field_errors((*values.FIELDS, MINUTES)),
}
_EXAMPLE = {"version": 4, "reverts_at": "2026-11-24T13:00:00.000000Z", "reverts_to": 3}
_GOING = {
    "is_enough": True,
    "progress": [
        {
            "channel": None,
            "during": {"asked_for": 14, "sent": 14, "verified": 11},
            "before": {"asked_for": 200, "sent": 199, "verified": 180},
        }
    ],
    "stuck": [],
}
_IF_MATCH, _STALE = [ref("parameters", "If-Match")], ref("responses", "PreconditionFailed")
_NONE = response("Nothing is being tried.", ref("schemas", "Error"), {"No trial": {"detail": "Not found."}})

_START = operation(
    "startSettingsTrial",
    summary="Try a change first",
    description="Changes the supplied fields as an update does, and changes them back when the time is up, unless the "
    "trial is kept by then: by a call, or by itself if at least 10 codes were sent and 70 % of those asked for came "
    "back, or as large a share as in the day before. Any later change ends the trial, and what is tried stays.",
    permission=Permission.NOTIFICATIONS_SETTINGS_UPDATE,
    parameters=_IF_MATCH,
    body=body(
        "SettingsTrialStart",
        {"lifetime": example("Another lifetime for an hour", {values.OTP_TTL: 75, MINUTES: 60})},
        required=False,
    ),
    responses={
        "201": response(
            "The trial; the ETag is that of the settings.", ref("schemas", "SettingsTrial"), {"Begun": _EXAMPLE}, "ETag"
        ),
        "400": bad_request(
            "SettingsTrialErrors",
            {
                "Too long": {MINUTES: [f"Ensure this value is less than or equal to {MAX_MINUTES}."]},
                "Nothing to try": {"non_field_errors": ["Nothing would change, so there is nothing to try."]},
            },
        ),
        "409": response(
            "Something is being tried already. A chosen notifier was deleted, or the project archived, in that very "
            "moment. Nothing was changed.",
            ref("schemas", "Error"),
            {"One at a time": {"detail": TrialUnderWay.detail}},
        ),
        "412": _STALE,
    },
)
_READ = operation(
    "readSettingsTrial",
    summary="See how a trial goes",
    description="Returns what is being tried, and how codes fare.",
    permission=Permission.NOTIFICATIONS_SETTINGS_READ,
    responses={
        "200": response("The trial.", ref("schemas", "SettingsTrialProgress"), {"Going well": _EXAMPLE | _GOING}),
        "404": _NONE,
    },
)
_AFTER = response(
    "The settings then.",
    ref("schemas", "NotificationSettings"),
    {"After the example": _SETTINGS["examples"]["example1"]["value"] | {values.OTP_TTL: 75}},
    "ETag",
)


def _end(operation_id: str, summary: str, description: str) -> Json:
    return operation(
        operation_id,
        summary=summary,
        description=description,
        permission=Permission.NOTIFICATIONS_SETTINGS_UPDATE,
        parameters=_IF_MATCH,
        responses={"200": _AFTER, "404": _NONE, "409": ref("responses", "Archived"), "412": _STALE},
    )


PART = Part(
    title="Trials",
    description="A change of the settings that goes back by itself unless it is kept.",
    schemas=_SCHEMAS,
    paths={
        PATH: {"post": _START, "get": _READ},
        KEEP_PATH: {"post": _end("keepSettingsTrial", "Keep what is tried", "Ends the trial: what is tried stays.")},
        REVERT_PATH: {
            "post": _end(
                "revertSettingsTrial",
                "Change back what is tried",
                "Ends the trial before its time. A channel whose former notifier has been disabled or deleted keeps "
                "the one that is tried.",
            )
        },
    },
)
