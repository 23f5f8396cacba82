"""The OpenAPI description of the preview."""

from __future__ import annotations

from notifapp.access import Permission
from notifapp.channels import Channel
from notifapp.message_templates.rendering import preview
from notifapp.message_templates.values import Template
from notifapp.otp.limits.service import Limits
from notifapp.otp.preview import odds
from notifapp.otp.preview.api import PARAMETERS, PREVIEW_PATH, body
from notifapp.otp.preview.arrivals import MOST, Arrivals
from notifapp.otp.preview.clauses import clauses
from notifapp.otp.preview.service import Preview
from notifapp.settings.models import MAX_OTP_CODE_LEN, MAX_OTP_TTL, MIN_OTP_CODE_LEN, MIN_OTP_TTL
from notifapp.traffic.limits import TrafficLimits
from notifapp.web.openapi import MESSAGES, Json, Part, nullable, operation, ref, response


def _object(properties: Json, description: str = "") -> Json:
    described = {"description": description} if description else {}
    return {
        "type": "object",
        **described,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _count(description: str) -> Json:
    return {"type": "integer", "minimum": 0, "description": description}


_CODE_LEN: Json = {"type": "integer", "minimum": MIN_OTP_CODE_LEN, "maximum": MAX_OTP_CODE_LEN}
_TTL: Json = {"type": "integer", "minimum": MIN_OTP_TTL, "maximum": MAX_OTP_TTL}
_GUESSING = _object(
    {
        "probability": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "The most that a thief's chance within a day can be.",
        },
        "codes": _count("Codes that the thief can have sent in a day, at most."),
        "tries": _count("Wrong codes that are compared in a day, at most."),
        "codes_alive": _count("Codes of one challenge that can be valid at once: a try counts for each of them."),
    }
)
_SCHEMAS: Json = {
    "SettingsPreview": _object(
        {
            "otp_code_len": _CODE_LEN,
            "otp_ttl": _TTL,
            "odds": _object(
                {
                    "one_customer": _GUESSING | {"description": "Of getting into one customer's account."},
                    "all_customers": _GUESSING
                    | {"description": "Of getting into at least one account by trying all customers."},
                },
                "The odds that codes are guessed, under the project's limits.",
            ),
            "clauses": {
                "type": "array",
                "description": "What NIST SP 800-63B-4 and OWASP ASVS 5 ask of codes.",
                "items": _object(
                    {
                        "requirement": {"type": "string"},
                        "clauses": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                        "is_met": {"type": ["boolean", "null"], "description": "null if it is up to your backend."},
                        "why": {"type": "string"},
                    }
                ),
            },
            "arrivals": _object(
                {
                    "verified": {**_count(f"The last verified codes, at most {MOST:,}."), "maximum": MOST},
                    "too_late": _count("Those of them that this lifetime would have lost."),
                    "shortest_ttl": nullable(_TTL)
                    | {"description": "The shortest lifetime that would have lost 1 % of them; null without any."},
                    "percentile_95": {
                        "type": ["integer", "null"],
                        "minimum": 1,
                        "description": "Seconds within which 95 % of them were entered; null without any."
                        " The settings page asks before it saves a shorter lifetime.",
                    },
                },
                "How the last verified codes would have fared. Codes that came too late before aren't counted.",
            ),
            "sms": _object(
                {
                    "encoding": {"type": "string", "enum": ["GSM-7", "UCS-2"]},
                    "length": _count("Characters, in this encoding."),
                    "segments": _count("Messages that a gateway charges for each code."),
                },
                "A code's text as SMS.",
            ),
        }
    ),
    "SettingsPreviewErrors": {
        "type": "object",
        "description": "All invalid parameters and their messages.",
        "properties": dict.fromkeys(PARAMETERS, MESSAGES),
        "additionalProperties": False,
        "minProperties": 1,
    },
}


def _new_shop(length: int, ttl: int) -> Json:
    """What a new project with both notifiers gets to see."""
    limits, traffic = Limits(), TrafficLimits()
    return body(
        Preview(
            code_len=length,
            ttl=ttl,
            limits=limits,
            one_customer=odds.one_customer(length, ttl, limits, traffic),
            all_customers=odds.all_customers(length, limits, traffic),
            clauses=clauses(length, ttl, limits, list(Channel)),
            arrivals=Arrivals(0, 0, None, None),
            messages={
                channel: preview(Template(), channel, length=length, ttl=ttl, project_name="Shop")
                for channel in Channel
            },
        )
    )


def _parameter(name: str, schema: Json, description: str, example: int) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema, "example": example}


_PREVIEW = operation(
    "previewNotificationSettings",
    summary="See what a length and a lifetime mean",
    description="Tells, before anything is saved, how likely codes of this length and lifetime are to be guessed, what "
    "two standards say to them, how many of the last verified codes would have come too late, and how many SMS a code "
    "takes. A parameter that is missing stands for the setting in force.",
    permission=Permission.NOTIFICATIONS_SETTINGS_READ,
    parameters=[
        _parameter("otp_code_len", _CODE_LEN, "Digits in a code.", 6),
        _parameter("otp_ttl", _TTL, "Lifetime of a code in seconds.", 120),
    ],
    responses={
        "200": response("The figures.", ref("schemas", "SettingsPreview"), {"A new project": _new_shop(6, 120)}),
        "400": response(
            "Some parameters are invalid, each with its reasons.",
            ref("schemas", "SettingsPreviewErrors"),
            {
                "Two invalid parameters": {
                    "otp_code_len": [f"Ensure this value is greater than or equal to {MIN_OTP_CODE_LEN}."],
                    "otp_ttl": ["A valid integer is required."],
                }
            },
        ),
    },
)

PART = Part(
    title="Settings preview",
    description="What a length and a lifetime of codes mean, before they are saved.",
    schemas=_SCHEMAS,
    paths={PREVIEW_PATH: {"get": _PREVIEW}},
)
