"""The OpenAPI description of the settings."""

from __future__ import annotations

from notifapp.access import Permission
from notifapp.settings import models, values
from notifapp.settings.api import PATH
from notifapp.web.openapi import (
    Json,
    Part,
    bad_request,
    body,
    example,
    field_errors,
    nullable,
    operation,
    ref,
    response,
)
from notifapp.web.openapi import not_modified as _not_modified

_CODE_LEN: Json = {
    "type": "integer",
    "minimum": models.MIN_OTP_CODE_LEN,
    "maximum": models.MAX_OTP_CODE_LEN,
    "description": f"Digits in a one-time code. The default is {models.DEFAULT_OTP_CODE_LEN}.",
}
_TTL: Json = {
    "type": "integer",
    "minimum": models.MIN_OTP_TTL,
    "maximum": models.MAX_OTP_TTL,
    "description": f"Lifetime of a one-time code in seconds. The default is {models.DEFAULT_OTP_TTL}.",
}


def _notifier_id(channel: str) -> Json:
    text = f"The id of an enabled {channel} notifier of this project. `null` clears it."
    return {"type": ["integer", "null"], "description": text}


def _notifier_data(channel: str) -> Json:
    return nullable(ref("schemas", "NotifierReference")) | {
        "description": f"The {channel} notifier in force, or null if none is chosen."
    }


_EXAMPLE = {
    "notifications_sms_notifier_data": {"id": 2, "name": "ippanel_one"},
    "notifications_email_notifier_data": {"id": 3, "name": "moeinmail"},
    values.OTP_CODE_LEN: 6,
    values.OTP_TTL: 180,
}
_UNTOUCHED = {
    "notifications_sms_notifier_data": None,
    "notifications_email_notifier_data": None,
    values.OTP_CODE_LEN: models.DEFAULT_OTP_CODE_LEN,
    values.OTP_TTL: models.DEFAULT_OTP_TTL,
}
_CHANGES = {
    "everything": example(
        "Everything",
        {values.SMS_NOTIFIER: 2, values.EMAIL_NOTIFIER: 3, values.OTP_CODE_LEN: 6, values.OTP_TTL: 180},
    ),
    "one_field": example("One field, the others unchanged", {values.OTP_CODE_LEN: 6}),
    "clear": example("Clear the SMS notifier", {values.SMS_NOTIFIER: None}),
}
_REFUSED = {
    values.SMS_NOTIFIER: [values.no_such_notifier(99)],
    values.OTP_CODE_LEN: [f"Ensure this value is greater than or equal to {models.MIN_OTP_CODE_LEN}."],
}

_SCHEMAS: Json = {
    "NotificationSettings": {
        "type": "object",
        "properties": {
            "notifications_sms_notifier_data": _notifier_data("SMS"),
            "notifications_email_notifier_data": _notifier_data("email"),
            values.OTP_CODE_LEN: _CODE_LEN,
            values.OTP_TTL: _TTL,
        },
        "required": list(_UNTOUCHED),
        "additionalProperties": False,
    },
    "NotificationSettingsChange": {
        "type": "object",
        "description": "All fields are optional; absent ones stay unchanged. Unknown keys are ignored.",
        "properties": {
            values.SMS_NOTIFIER: _notifier_id("SMS"),
            values.EMAIL_NOTIFIER: _notifier_id("email"),
            values.OTP_CODE_LEN: _CODE_LEN,
            values.OTP_TTL: _TTL,
        },
    },
    "NotificationSettingsErrors": field_errors(values.FIELDS),
    "NotifierReference": {
        "type": "object",
        "properties": {
            "id": {"type": "integer", "description": "The notifier's id."},
            "name": {"type": "string", "description": "Its display name."},
        },
        "required": ["id", "name"],
        "additionalProperties": False,
    },
}

_READ = operation(
    "readNotificationSettings",
    summary="Read the settings",
    description="Returns the notification settings in force in the token's project.",
    permission=Permission.NOTIFICATIONS_SETTINGS_READ,
    parameters=[ref("parameters", "If-None-Match")],
    responses={
        "200": response(
            "The settings in force.",
            ref("schemas", "NotificationSettings"),
            {"Both notifiers chosen": _EXAMPLE, "Never changed": _UNTOUCHED},
            "ETag",
        ),
        "304": _not_modified(),
    },
)

_UPDATE = operation(
    "updateNotificationSettings",
    summary="Update the settings",
    description="Changes the supplied fields and returns the resulting settings. Every change is recorded in the "
    "history; unchanged values, or no fields, change nothing.\n\n"
    'Numbers may be strings, as forms send them: `"6"` is read as `6`; an empty notifier id clears it. If any field '
    "is invalid, nothing is changed.",
    permission=Permission.NOTIFICATIONS_SETTINGS_UPDATE,
    parameters=[ref("parameters", "If-Match")],
    body=body("NotificationSettingsChange", _CHANGES, required=False),
    responses={
        "200": response(
            "The settings after the change.",
            ref("schemas", "NotificationSettings"),
            {"After the example request": _EXAMPLE},
            "ETag",
        ),
        "400": bad_request("NotificationSettingsErrors", {"Two invalid fields": _REFUSED}),
        "409": response(
            "A chosen notifier was deleted in the meantime. The project was archived in that very moment. Nothing was "
            "changed.",
            ref("schemas", "Error"),
            {"Deleted meanwhile": {"detail": "A chosen notifier was deleted in the meantime. Choose again."}},
        ),
        "412": ref("responses", "PreconditionFailed"),
    },
)

PART = Part(
    title="Settings",
    description="The notifiers that send a project's messages, and the length and lifetime of its one-time codes.",
    schemas=_SCHEMAS,
    paths={PATH: {"get": _READ, "patch": _UPDATE}},
)
