"""The OpenAPI description of the standby notifiers."""

from __future__ import annotations

from notifapp.access import Permission
from notifapp.settings.values import no_such_notifier
from notifapp.standby.api import PATH
from notifapp.standby.models import MOST
from notifapp.web.openapi import (
    Json,
    Part,
    bad_request,
    body,
    example,
    field_errors,
    not_modified,
    operation,
    ref,
    response,
)


def _list(channel: str) -> Json:
    return {
        "type": "array",
        "items": {"type": "integer", "description": f"The id of an enabled {channel} notifier of this project."},
        "maxItems": MOST,
        "uniqueItems": True,
        "description": f"The {channel} notifiers that stand by, the first to take over first.",
    }


_LISTS: Json = {"sms": _list("SMS"), "email": _list("email")}
_NOBODY: Json = {"sms": [], "email": []}
_TWO: Json = {"sms": [3, 4], "email": []}
_SCHEMAS: Json = {
    "StandbyNotifiers": {
        "type": "object",
        "properties": _LISTS,
        "required": list(_LISTS),
        "additionalProperties": False,
    },
    "StandbyNotifiersChange": {
        "type": "object",
        "description": "A channel that is left out stays as it is. Unknown keys are ignored.",
        "properties": _LISTS,
    },
    "StandbyNotifiersErrors": field_errors(("sms", "email")),
}

_CHANGES = {
    "nobody": example("Nobody stands by", _NOBODY),
    "two": example("Two for SMS, and email as it is", {"sms": [3, 4]}),
}

_READ = operation(
    "readStandbyNotifiers",
    summary="Read the standby notifiers",
    description="Returns, for each channel, the notifiers that take over where the one in force doesn't work, in their "
    "order. The ETag has the version of the settings.",
    permission=Permission.NOTIFICATIONS_SETTINGS_READ,
    parameters=[ref("parameters", "If-None-Match")],
    responses={
        "200": response(
            "The notifiers that stand by.",
            ref("schemas", "StandbyNotifiers"),
            {"Nobody stands by": _NOBODY, "Two for SMS": _TWO},
            "ETag",
        ),
        "304": not_modified(),
    },
)

_REPLACE = operation(
    "replaceStandbyNotifiers",
    summary="Replace the standby notifiers",
    description=f"Replaces the supplied lists, of at most {MOST} notifiers each, without the one in force. A change is "
    "a new version of the settings, and stands in their history.",
    permission=Permission.NOTIFICATIONS_SETTINGS_UPDATE,
    parameters=[ref("parameters", "If-Match")],
    body=body("StandbyNotifiersChange", _CHANGES, required=False),
    responses={
        "200": response(
            "The notifiers that stand by after the change.",
            ref("schemas", "StandbyNotifiers"),
            {"After the example request": _NOBODY},
            "ETag",
        ),
        "400": bad_request("StandbyNotifiersErrors", {"A notifier that isn't there": {"sms": [no_such_notifier(99)]}}),
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
    title="Standby notifiers",
    description="The notifiers that take over where the one in force doesn't work.",
    schemas=_SCHEMAS,
    paths={PATH: {"get": _READ, "put": _REPLACE}},
)
