"""The OpenAPI description of one-time codes."""

from __future__ import annotations

from notifapp.access import Permission, ProjectArchived
from notifapp.channels import Channel
from notifapp.delivery.models import DeliveryStatus
from notifapp.errors import ErrorCode, NotFound
from notifapp.idempotency.service import KeyReused, UnderWay
from notifapp.otp import models
from notifapp.otp.api import CHALLENGES_PATH, POLICY_PATH
from notifapp.otp.blocked.api import RELEASE_PATH
from notifapp.otp.errors import ChallengeClosed, ExpiredCode, IncompleteCode, InvalidCode, UsedCode
from notifapp.otp.limits.service import MOST_ALIVE
from notifapp.otp.parsing import (
    CHANNEL,
    CLIENT,
    CODE,
    MAX_CLIENT_LENGTH,
    MAX_CODE_LENGTH,
    MAX_RECIPIENT_LENGTH,
    RECIPIENT,
)
from notifapp.settings.models import MAX_OTP_CODE_LEN, MAX_OTP_TTL, MIN_OTP_CODE_LEN, MIN_OTP_TTL
from notifapp.web.json_api import IDEMPOTENCY_KEY, REPLAYED, InvalidKey
from notifapp.web.openapi import (
    ERROR_CODE,
    MESSAGES,
    NOT_AN_OBJECT,
    Json,
    Part,
    body,
    example,
    no_content,
    nullable,
    operation,
    ref,
    response,
)

_EITHER = (Permission.OTP_SEND, Permission.OTP_VERIFY)
_ID = "9b2f61c0d3a84e57b6f0a1c2d3e4f506"
_MOMENT: Json = {"type": "string", "format": "date-time"}
_CHANNEL: Json = {"type": "string", "enum": [channel.value for channel in Channel], "description": "The channel used."}
_ATTEMPTS_LEFT: Json = {"type": "integer", "minimum": 0, "description": "How many wrong codes may still be tried."}

_CHALLENGE: Json = {
    "id": {"type": "string", "description": "The challenge's id, for the other operations."},
    CHANNEL: _CHANNEL,
    RECIPIENT: {"type": "string", "description": "The recipient, masked."},
    "code_length": {
        "type": "integer",
        "minimum": MIN_OTP_CODE_LEN,
        "maximum": MAX_OTP_CODE_LEN,
        "description": "Digits in its newest code. Later changes of the settings don't affect it.",
    },
    "expires_at": _MOMENT | {"description": "When the last of its codes expires."},
    "resend_at": _MOMENT | {"description": "When another code may be sent at the earliest."},
    "attempts_left": _ATTEMPTS_LEFT | {"description": "How many wrong codes may still be tried, of all its codes."},
}
_STATES = {
    "pending": "waiting for its code",
    "approved": "the right code was given",
    "expired": "its code wasn't given in time",
    "replaced": "a newer challenge replaced it",
    "failed": "too many wrong codes",
}
_STATE: Json = {
    "status": {
        "type": "string",
        "enum": list(_STATES),
        "description": "; ".join(f"`{name}`: {meaning}" for name, meaning in _STATES.items()) + ".",
    },
    "approved_at": nullable(_MOMENT) | {"description": "When it was approved, or null."},
    "codes_alive": {
        "type": "integer",
        "minimum": 0,
        "maximum": MOST_ALIVE,
        "description": "How many of its codes would be accepted now.",
    },
    "deliveries": {
        "type": "array",
        "items": ref("schemas", "OtpDelivery"),
        "description": "Its messages, oldest first, for as long as they are kept.",
    },
}
_DELIVERY: Json = {
    "notifier": {"type": "string", "description": "The notifier's name when the message was queued."},
    "status": {
        "type": "string",
        "enum": [status.value for status in DeliveryStatus],
        "description": "Where it is; `sent` means that the gateway has accepted it.",
    },
    "reason": nullable({"type": "string"}) | {"description": "Why it has failed, or is tried again; null otherwise."},
    "updated_at": _MOMENT | {"description": "Since when it is known to be there."},
}
_NEW_EXAMPLE = {
    "id": _ID,
    CHANNEL: "sms",
    RECIPIENT: "+98••••••••67",
    "code_length": 6,
    "expires_at": "2026-11-23T12:17:05.235667Z",
    "resend_at": "2026-11-23T12:15:05.235667Z",
    "attempts_left": models.MAX_ATTEMPTS,
}
_SENT = {
    "notifier": "ippanel_one",
    "status": "sent",
    "reason": None,
    "updated_at": "2026-11-23T12:14:06.102934Z",
}
_OPEN_EXAMPLE = _NEW_EXAMPLE | {"status": "pending", "approved_at": None, "codes_alive": 1, "deliveries": [_SENT]}
_RESENT_EXAMPLE = _OPEN_EXAMPLE | {
    "expires_at": "2026-11-23T12:18:09.482013Z",
    "resend_at": "2026-11-23T12:16:09.482013Z",
    "codes_alive": 2,
    "deliveries": [_SENT, _SENT | {"status": "queued", "updated_at": "2026-11-23T12:15:09.482013Z"}],
}
_POLICY_EXAMPLE = {
    "code_length": 6,
    "ttl": 180,
    "channels": ["sms", "email"],
    "limits": {
        "attempts_per_challenge": models.MAX_ATTEMPTS,
        "seconds_between_sends": models.RESEND_SECONDS,
        "sends_per_hour": models.SENDS_PER_HOUR,
        "sends_per_day": models.SENDS_PER_DAY,
        "failures_until_stopped": models.MAX_FAILURES,
    },
}


def _object(properties: Json, description: str = "", *, required: bool = True) -> Json:
    described: Json = {"type": "object", "properties": properties}
    if required:
        described |= {"required": list(properties), "additionalProperties": False}
    return described | ({"description": description} if description else {})


def _count(description: str) -> Json:
    return {"type": "integer", "minimum": 1, "description": description}


_CLIENT: Json = {
    "type": "string",
    "maxLength": MAX_CLIENT_LENGTH,
    "description": "Who asks you for the code: the end user's IP address, or the id of their device. It has limits of "
    "its own, so that a stranger can't use up a recipient's. Kept as an HMAC only.",
}
_REFUSALS = (InvalidCode, IncompleteCode, ExpiredCode, UsedCode)
_INVALID: Json = {"type": "string", "const": ErrorCode.INVALID.value}
_SCHEMAS: Json = {
    "NewOtpChallenge": _object(
        {
            CHANNEL: _CHANNEL,
            RECIPIENT: {
                "type": "string",
                "maxLength": MAX_RECIPIENT_LENGTH,
                "description": "For `sms` a phone number, with + and the country's code unless it is one of "
                "the project's phone region; for `email` an email address.",
            },
            CLIENT: _CLIENT,
        },
        required=False,
    )
    | {"required": [CHANNEL, RECIPIENT]},
    "OtpChallengeErrors": _object(
        dict.fromkeys((CHANNEL, RECIPIENT, CLIENT, "non_field_errors"), MESSAGES) | {"code": _INVALID},
        "All invalid fields and their messages.",
        required=False,
    )
    | {"required": ["code"], "additionalProperties": False},
    "OtpChallenge": _object(_CHALLENGE),
    "OtpResend": _object({CLIENT: _CLIENT}, required=False),
    "OtpResendErrors": _object(
        dict.fromkeys((CLIENT, "non_field_errors"), MESSAGES) | {"code": _INVALID},
        "What is wrong with the client, or with the body as a whole.",
        required=False,
    )
    | {"required": ["code"], "additionalProperties": False},
    "OtpDelivery": _object(_DELIVERY),
    "OtpChallengeState": _object(_CHALLENGE | _STATE),
    "OtpCode": _object(
        {
            CODE: {
                "type": "string",
                "maxLength": MAX_CODE_LENGTH,
                "description": "The code as the customer typed it: Persian and Arabic-Indic digits are accepted, "
                "blanks and hyphens are ignored.",
            },
            RECIPIENT: {
                "type": "string",
                "maxLength": MAX_RECIPIENT_LENGTH,
                "description": "Whom the code must have been sent to. If the challenge is another recipient's, even "
                "the right code counts as a wrong one. Give it wherever you know it.",
            },
        },
        required=False,
    )
    | {"required": [CODE]},
    "OtpApproval": _object(
        {
            "id": _CHALLENGE["id"],
            "status": {"type": "string", "const": "approved"},
            CHANNEL: _CHANNEL,
            RECIPIENT: _CHALLENGE[RECIPIENT],
        }
    ),
    "OtpRefusal": _object(
        {
            CODE: MESSAGES,
            "error_code": ERROR_CODE | {"enum": [error.code.value for error in _REFUSALS]},
            "attempts_left": _ATTEMPTS_LEFT,
            "status": {
                "type": "string",
                "enum": ["expired", "approved", "pending"],
                "description": "The challenge's status, only for `expired_code` and `used_code`: `pending` if a later "
                "code of it may still be given.",
            },
        },
        "The code is invalid. The error doesn't tell whether it is wrong, replaced or unknown.",
        required=False,
    )
    | {"required": [CODE, "error_code", "attempts_left"], "additionalProperties": False},
    "OtpCodeErrors": _object(
        {CODE: MESSAGES, RECIPIENT: MESSAGES, "error_code": _INVALID},
        "What is wrong with the field `code`, and perhaps with `recipient`. The messages take the key `code`, so the "
        "error's code is in `error_code`.",
        required=False,
    )
    | {"required": [CODE, "error_code"], "additionalProperties": False},
    "OtpBodyErrors": _object(
        {"non_field_errors": MESSAGES, RECIPIENT: MESSAGES, "code": _INVALID},
        "What is wrong with the body as a whole, or with just the recipient.",
        required=False,
    )
    | {"required": ["code"], "minProperties": 2, "additionalProperties": False},
    "OtpRelease": _object(
        {
            RECIPIENT: {
                "type": "string",
                "maxLength": MAX_RECIPIENT_LENGTH,
                "description": "A phone number, with + and the country's code unless it is one of the project's phone "
                "region, or an email address.",
            },
            CHANNEL: nullable(_CHANNEL)
            | {"description": "The channel. By default `email` for an address with an @, otherwise `sms`."},
        },
        required=False,
    )
    | {"required": [RECIPIENT]},
    "OtpPolicy": _object(
        {
            "code_length": _CHALLENGE["code_length"] | {"description": "Digits in a new code."},
            "ttl": {
                "type": "integer",
                "minimum": MIN_OTP_TTL,
                "maximum": MAX_OTP_TTL,
                "description": "Lifetime of a new code in seconds.",
            },
            "channels": {"type": "array", "items": _CHANNEL, "description": "The channels with an enabled notifier."},
            "limits": _object(
                {
                    "attempts_per_challenge": _count("Wrong codes after which a challenge fails."),
                    "seconds_between_sends": _count("Seconds between two codes to one recipient."),
                    "sends_per_hour": _count("Codes to one recipient in an hour."),
                    "sends_per_day": _count("Codes to one recipient in a day."),
                    "failures_until_stopped": _count(
                        "Wrong codes in a row, across challenges, after which no more codes are sent to a recipient "
                        "for a day, or until released. Before that, the wait for the next code grows with each."
                    ),
                }
            ),
        }
    ),
}


def _refusal(error: InvalidCode) -> Json:
    return {**error.body(), "error_code": error.code.value}


def _error(code: ErrorCode, detail: str) -> Json:
    return {"detail": detail, "code": code.value}


_NOT_JSON = _error(ErrorCode.PARSE_ERROR, "JSON parse error - Expecting value: line 1 column 1 (char 0)")
_NOT_AN_OBJECT = NOT_AN_OBJECT | {"code": ErrorCode.INVALID.value}
_TOO_SOON = {"Too soon": _error(ErrorCode.TOO_SOON, "A code was sent just now. Try again in 42 seconds.")}
_PROJECT_LIMIT = {
    "Too many for the project": _error(
        ErrorCode.PROJECT_LIMIT, "This project has reached its limit of codes in an hour. Try again in 12 minutes."
    )
}
_WRONG_CODES = {
    "Too many wrong codes": _error(
        ErrorCode.TOO_MANY_WRONG_CODES, "Too many wrong codes for this recipient. Try again in 4 minutes."
    )
}


_RATE_LIMIT = ("RateLimit-Policy", "RateLimit")
_KEY = ref("parameters", IDEMPOTENCY_KEY)
_UNDER_WAY = {"Under way": _error(ErrorCode.UNDER_WAY, UnderWay.detail)}
_REUSED = response(
    "The `Idempotency-Key` came with another body before.",
    ref("schemas", "Error"),
    {"Another body": _error(ErrorCode.KEY_REUSED, KeyReused.detail)},
)
_BAD_KEY = _error(ErrorCode.INVALID_KEY, InvalidKey.detail)


def _too_many(examples: Json) -> Json:
    text = "A limit was reached. `detail` says which, and `Retry-After` when to try again."
    return response(text, ref("schemas", "Error"), examples, "Retry-After", *_RATE_LIMIT)


_NO_NOTIFIER = {
    "None chosen": _error(ErrorCode.NO_NOTIFIER, "No SMS notifier is chosen in this project's notification settings.")
}
_TOO_MANY_CODES = {
    "Three codes are valid": _error(ErrorCode.TOO_MANY_CODES, "3 codes are still valid. Try again in 34 seconds.")
}

_CREATE = operation(
    "createOtpChallenge",
    summary="Send a code",
    description="Creates a code under the settings in force and queues its message. The response doesn't wait for the "
    "gateway. An open challenge of the same recipient and channel is replaced.",
    permission=Permission.OTP_SEND,
    parameters=[_KEY],
    body=body(
        "NewOtpChallenge",
        {
            "sms": example("To a phone", {CHANNEL: "sms", RECIPIENT: "+989121234567"}),
            "email": example("To an email address", {CHANNEL: "email", RECIPIENT: "customer@example.com"}),
            "client": example(
                "On behalf of a client", {CHANNEL: "sms", RECIPIENT: "+989121234567", CLIENT: "203.0.113.9"}
            ),
        },
        required=True,
    ),
    responses={
        "201": response(
            "The new challenge.",
            ref("schemas", "OtpChallenge"),
            {"A code is on its way": _NEW_EXAMPLE},
            *_RATE_LIMIT,
            REPLAYED,
        ),
        "400": response(
            "Some values are invalid, each with its reasons, or the body can't be read. No code was sent.",
            {"anyOf": [ref("schemas", "OtpChallengeErrors"), ref("schemas", "Error")]},
            {
                "Not a number": {
                    RECIPIENT: ["Enter a valid phone number, such as +989121234567."],
                    "code": ErrorCode.INVALID.value,
                },
                "Not one of the project's countries": {
                    RECIPIENT: ["Codes are not sent to this country."],
                    "code": ErrorCode.INVALID.value,
                },
                "Not JSON": _NOT_JSON,
                "JSON, but not an object": _NOT_AN_OBJECT,
                "Malformed key": _BAD_KEY,
            },
            REPLAYED,
        ),
        "409": response(
            "The settings name no notifier for this channel, or a disabled one. The project was archived in that very "
            "moment. No code was sent. Or the first request with this `Idempotency-Key` is still under way.",
            ref("schemas", "Error"),
            _NO_NOTIFIER | _UNDER_WAY,
        ),
        "422": _REUSED,
        "429": _too_many(_TOO_SOON | _PROJECT_LIMIT | _WRONG_CODES),
    },
)

_RESEND = operation(
    "resendOtpChallenge",
    summary="Send another code",
    description="Sends one more code for an open challenge, by the notifier and the settings now in force. The codes "
    "before it stay good until they expire, so whichever message comes first can be used; three may be valid at once. "
    "They share the challenge's attempts. All limits of sending count it as a new code.",
    permission=Permission.OTP_SEND,
    parameters=[_KEY],
    body=body(
        "OtpResend",
        {
            "plain": example("As it was sent before", {}),
            "client": example("On behalf of a client", {CLIENT: "203.0.113.9"}),
        },
        required=False,
    ),
    responses={
        "200": response(
            "The challenge, with one more code.",
            ref("schemas", "OtpChallengeState"),
            {"Another code is on its way": _RESENT_EXAMPLE},
            *_RATE_LIMIT,
            REPLAYED,
        ),
        "400": response(
            "The client is invalid, codes are no longer sent to this recipient, or the body can't be read. No code was "
            "sent.",
            {"anyOf": [ref("schemas", name) for name in ("OtpResendErrors", "OtpChallengeErrors", "Error")]},
            {
                "Not a text": {CLIENT: ["Not a valid string."], "code": ErrorCode.INVALID.value},
                "Not JSON": _NOT_JSON,
                "JSON, but not an object": _NOT_AN_OBJECT,
                "Malformed key": _BAD_KEY,
            },
            REPLAYED,
        ),
        "404": response(
            "There is no such challenge in the token's project.",
            ref("schemas", "Error"),
            {"Unknown": _error(ErrorCode.NOT_FOUND, NotFound.detail)},
            REPLAYED,
        ),
        "409": response(
            "The challenge is approved, expired, replaced or failed, or no code can be sent as for a new challenge: no "
            "code was sent. Or the first request with this `Idempotency-Key` is still under way.",
            ref("schemas", "Error"),
            {"Over": _error(ErrorCode.CHALLENGE_CLOSED, ChallengeClosed.detail)} | _NO_NOTIFIER | _UNDER_WAY,
        ),
        "422": _REUSED,
        "429": _too_many(_TOO_SOON | _PROJECT_LIMIT | _WRONG_CODES | _TOO_MANY_CODES),
    },
)

_VERIFY = operation(
    "verifyOtpChallenge",
    summary="Verify a code",
    description="Approves the challenge if the code is right and hasn't expired. A right code is accepted only once, "
    "even if several requests send it at the same time. A wrong code uses up an attempt; one with too few or too many "
    "digits doesn't. While there are attempts left, the right code is accepted even if the recipient has to wait for "
    "the next one.",
    permission=Permission.OTP_VERIFY,
    parameters=[_KEY],
    body=body(
        "OtpCode",
        {
            "code": example("As typed", {CODE: "048213"}),
            "bound": example("For one recipient only", {CODE: "048213", RECIPIENT: "+989121234567"}),
        },
        required=True,
    ),
    responses={
        "200": response(
            "The code is right.",
            ref("schemas", "OtpApproval"),
            {"Approved": {"id": _ID, "status": "approved", CHANNEL: "sms", RECIPIENT: "+98••••••••67"}},
            REPLAYED,
        ),
        "400": response(
            "The code is wrong, used or expired, or the body can't be read.",
            {"anyOf": [ref("schemas", name) for name in ("OtpRefusal", "OtpCodeErrors", "OtpBodyErrors", "Error")]},
            {
                "Wrong, replaced or unknown": _refusal(InvalidCode(attempts_left=4)),
                "Too few digits": _refusal(IncompleteCode(attempts_left=5, lengths=[6])),
                "Too late": _refusal(ExpiredCode(attempts_left=0)),
                "Already used": _refusal(UsedCode(attempts_left=0)),
                "No code": {CODE: ["This field is required."], "error_code": ErrorCode.INVALID.value},
                "Not JSON": _NOT_JSON,
                "JSON, but not an object": _NOT_AN_OBJECT,
                "Malformed key": _BAD_KEY,
            },
            REPLAYED,
        ),
        "409": response(
            "The project was archived in that very moment, or the first request with this `Idempotency-Key` is still "
            "under way.",
            ref("schemas", "Error"),
            {"Archived": _error(ErrorCode.CONFLICT, ProjectArchived.detail)} | _UNDER_WAY,
        ),
        "422": _REUSED,
    },
)

_RELEASE = operation(
    "releaseRecipient",
    summary="Release a recipient",
    description="Ends the wait or the block that wrong codes have led to, and counts them from zero, so that a code "
    "can be sent to the recipient at once. Codes an hour and a day stay limited. The response is the same for a "
    "recipient that was free, or never had a code.",
    permission=Permission.OTP_RELEASE,
    body=body(
        "OtpRelease",
        {
            "phone": example("A phone", {RECIPIENT: "+989121234567"}),
            "email": example("An email address", {RECIPIENT: "customer@example.com", CHANNEL: "email"}),
        },
        required=True,
    ),
    responses={
        "204": no_content("The recipient is free."),
        "400": response(
            "Some values are invalid, each with its reasons, or the body can't be read. Nothing was changed.",
            {"anyOf": [ref("schemas", "OtpChallengeErrors"), ref("schemas", "Error")]},
            {
                "Not a number": {
                    RECIPIENT: ["Enter a valid phone number, such as +989121234567."],
                    "code": ErrorCode.INVALID.value,
                },
                "Not JSON": _NOT_JSON,
                "JSON, but not an object": _NOT_AN_OBJECT,
            },
        ),
    },
)

_READ = operation(
    "readOtpChallenge",
    summary="Read a challenge",
    description="Returns the state of a challenge and of its messages, without its codes.",
    permission=_EITHER,
    responses={
        "200": response(
            "The challenge.",
            ref("schemas", "OtpChallengeState"),
            {
                "Open": _OPEN_EXAMPLE,
                "Not sent": _OPEN_EXAMPLE
                | {"deliveries": [_SENT | {"status": "failed", "reason": "The gateway rejected the number."}]},
                "Sent again": _RESENT_EXAMPLE,
            },
        ),
        "404": ref("responses", "NotFound"),
    },
)

_POLICY = operation(
    "readOtpPolicy",
    summary="Read the policy",
    description="Returns the length and lifetime of a new code, the usable channels, and the limits.",
    permission=_EITHER,
    responses={"200": response("The policy.", ref("schemas", "OtpPolicy"), {"Both channels": _POLICY_EXAMPLE})},
)

_THE_ID: Json = {
    "name": "challenge_id",
    "in": "path",
    "required": True,
    "description": "The challenge's id.",
    "schema": {"type": "string"},
    "example": _ID,
}

PART = Part(
    title="One-time codes",
    description="Codes for customers, sent under the project's settings and verified once.",
    schemas=_SCHEMAS,
    paths={
        CHALLENGES_PATH: {"post": _CREATE},
        f"{CHALLENGES_PATH}/{{challenge_id}}": {"parameters": [_THE_ID], "get": _READ},
        f"{CHALLENGES_PATH}/{{challenge_id}}/resend": {"parameters": [_THE_ID], "post": _RESEND},
        f"{CHALLENGES_PATH}/{{challenge_id}}/verify": {"parameters": [_THE_ID], "post": _VERIFY},
        POLICY_PATH: {"get": _POLICY},
        RELEASE_PATH: {"post": _RELEASE},
    },
)
