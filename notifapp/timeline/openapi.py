"""The OpenAPI description of the timeline."""

from __future__ import annotations

from notifapp.access import Permission
from notifapp.errors import ErrorCode
from notifapp.timeline.api import TIMELINE_PATH
from notifapp.timeline.events import Kind
from notifapp.timeline.parsing import BEFORE, LIMIT, MAX_RECIPIENT_LENGTH, MAX_TIME_LENGTH, RECIPIENT
from notifapp.timeline.service import DEFAULT_LIMIT, MAX_LIMIT
from notifapp.timeline.verdicts import Verdict
from notifapp.web.openapi import (
    MESSAGES,
    NOT_AN_OBJECT,
    Json,
    Part,
    body,
    example,
    nullable,
    operation,
    ref,
    response,
)

_TEXT: Json = {"type": "string"}
_EVENT: Json = {
    "at": {"type": "string", "format": "date-time", "description": "When it happened."},
    "kind": {"type": "string", "enum": [kind.value for kind in Kind], "description": "What happened."},
    "text": _TEXT | {"description": "The same in words."},
    "challenge": nullable(_TEXT) | {"description": "The challenge's id, if it is about one."},
    "notifier": nullable(_TEXT) | {"description": "The notifier's name, if it is about a message."},
    "code": nullable(_TEXT) | {"description": "The error's code: this API's, or the gateway's."},
    "reason": nullable(_TEXT) | {"description": "Why it failed, in words."},
}


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_SCHEMAS: Json = {
    "TimelineQuestion": {
        "type": "object",
        "properties": {
            RECIPIENT: {
                "type": "string",
                "maxLength": MAX_RECIPIENT_LENGTH,
                "description": "A phone number, with + and the country's code unless it is one of the project's phone "
                "region, or an email address.",
            },
            LIMIT: {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_LIMIT,
                "default": DEFAULT_LIMIT,
                "description": "How many events. There may be a few more, where some happened in the same moment.",
            },
            BEFORE: nullable({"type": "string", "format": "date-time", "maxLength": MAX_TIME_LENGTH})
            | {"description": "Only events before this time: for older ones the `at` of the last one that you have."},
        },
        "required": [RECIPIENT],
    },
    "Timeline": _object(
        {
            "diagnosis": _object(
                {
                    "code": {"type": "string", "enum": [verdict.value for verdict in Verdict]},
                    "text": _TEXT | {"description": "What is most likely, and what to do next."},
                }
            )
            | {"description": "Of all that is known, whichever events were asked for."},
            "events": {"type": "array", "items": ref("schemas", "TimelineEvent"), "description": "Newest first."},
        }
    ),
    "TimelineEvent": _object(_EVENT),
    "TimelineErrors": {
        "type": "object",
        "properties": dict.fromkeys((RECIPIENT, LIMIT, BEFORE, "non_field_errors"), MESSAGES)
        | {"code": {"type": "string", "const": ErrorCode.INVALID.value}},
        "required": ["code"],
        "additionalProperties": False,
    },
}
_EXAMPLE = {
    "diagnosis": {"code": Verdict.WORKER_MISSING.value, "text": Verdict.WORKER_MISSING.text},
    "events": [
        {
            "at": "2026-11-23T12:14:05.235667Z",
            "kind": Kind.REQUESTED.value,
            "text": "A code was made.",
            "challenge": "9b2f61c0d3a84e57b6f0a1c2d3e4f506",
            "notifier": None,
            "code": None,
            "reason": None,
        }
    ],
}

_LOOK = operation(
    "readTimeline",
    summary="Why didn't a code arrive?",
    description="Returns what is most likely the matter with a recipient's last code, and all that happened to this "
    "recipient, newest first. Each call is an event of the audit trail. It is a POST, because no address belongs in a "
    "URL; it changes nothing.",
    permission=Permission.OTP_RELEASE,
    body=body(
        "TimelineQuestion",
        {
            "phone": example("A phone", {RECIPIENT: "+989121234567"}),
            "older": example(
                "Older events", {RECIPIENT: "customer@example.com", LIMIT: 20, BEFORE: "2026-11-23T12:14:05.235667Z"}
            ),
        },
        required=True,
    ),
    responses={
        "200": response("The timeline.", ref("schemas", "Timeline"), {"No worker is running": _EXAMPLE}),
        "400": response(
            "Some values are invalid, each with its reasons, or the body can't be read.",
            {"anyOf": [ref("schemas", "TimelineErrors"), ref("schemas", "Error")]},
            {
                "Not a number": {
                    RECIPIENT: ["Enter a valid phone number, such as +989121234567."],
                    "code": ErrorCode.INVALID.value,
                },
                "JSON, but not an object": NOT_AN_OBJECT | {"code": ErrorCode.INVALID.value},
            },
        ),
    },
)

PART = Part(
    title="Timeline",
    description="What became of a recipient's codes.",
    schemas=_SCHEMAS,
    paths={TIMELINE_PATH: {"post": _LOOK}},
)
