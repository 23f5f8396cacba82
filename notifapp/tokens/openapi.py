"""The OpenAPI description of `/api/me`."""

from __future__ import annotations

from notifapp.access import Permission
from notifapp.tokens.api import PATH
from notifapp.web.openapi import Json, Part, nullable, operation, ref, response


def _object(properties: Json, description: str = "") -> Json:
    described: Json = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return described | ({"description": description} if description else {})


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


_EXPIRES_AT = nullable({"type": "string", "format": "date-time"}) | {
    "description": "When it expires, or null for a token that never does."
}
_SCHEMAS: Json = {
    "Me": _object(
        {
            "project": _object(
                {"slug": _text("Its address, as in `/projects/<slug>`."), "name": _text("Its name.")},
                "The project that the token was issued for.",
            ),
            "user": _object({"email": _text("The email address.")}, "The user that the token acts for."),
            "permissions": {
                "type": "array",
                "items": {"type": "integer", "enum": [int(permission) for permission in Permission]},
                "description": "The permission codes that count now: those of its user, unless it is limited to fewer. "
                "An admin's token without such a limit has all of them.",
            },
            "token": _object({"name": _text("Its name."), "expires_at": _EXPIRES_AT}, "The token itself."),
        }
    )
}
_EXAMPLE = {
    "project": {"slug": "shop", "name": "Shop"},
    "user": {"email": "backend@example.com"},
    "permissions": [9001, 9002],
    "token": {"name": "Checkout backend", "expires_at": "2027-11-23T12:14:05.235667Z"},
}
_ME = operation(
    "readMe",
    summary="Read your token",
    description="Returns the token's project and user, the permission codes that it has now, and when it expires. Call "
    "it when your program starts, to find out early that a token is wrong or about to expire.",
    responses={
        "200": response("What the token can do.", ref("schemas", "Me"), {"A token that sends and verifies": _EXAMPLE})
    },
)

PART = Part(
    title="Your token",
    description="What the token of a request can do.",
    schemas=_SCHEMAS,
    paths={PATH: {"get": _ME}},
)
