"""The OpenAPI description of the notifiers: the same four operations for each channel."""

from __future__ import annotations

from notifapp.access import NOTIFIER_PERMISSIONS
from notifapp.channels import Channel
from notifapp.notifiers.api import PATH
from notifapp.notifiers.openapi_schemas import schema_name, schemas
from notifapp.notifiers.service import ORDERINGS
from notifapp.web.openapi import Json, Part, bad_request, body, example, operation, ref, response
from notifapp.web.paging import DEFAULT_LIMIT, MAX_LIMIT

_TIMES = {
    "proven_at": "2026-11-23T12:16:31.508912Z",
    "created_at": "2026-11-23T12:14:05.235667Z",
    "updated_at": "2026-11-23T12:14:05.235667Z",
}
_UNPROVEN = {"proven_at": None}
_WITHOUT_PATTERN = {"pattern_code": "", "pattern_variables": "code"}
_READ_EXAMPLE: dict[Channel, Json] = {
    Channel.SMS: {
        "id": 2,
        "name": "ippanel_one",
        "backend": "ippanel",
        "settings": {"token": None, "has_token": True, "from_number": "+983000505", **_WITHOUT_PATTERN},
        **_TIMES,
    },
    Channel.EMAIL: {
        "id": 3,
        "name": "moeinmail",
        "backend": "smtp",
        "host": "smtp.example.com",
        "port": 587,
        "username": "shop@example.com",
        "password": None,
        "has_password": True,
        "from_email": "shop@example.com",
        "use_tls": True,
        "use_ssl": False,
        "fail_silently": False,
        **_TIMES,
    },
}
_UPDATED_EXAMPLE: dict[Channel, Json] = {
    Channel.SMS: _READ_EXAMPLE[Channel.SMS]
    | {"settings": {"token": None, "has_token": True, "from_number": "+983000606", **_WITHOUT_PATTERN}, **_UNPROVEN},
    Channel.EMAIL: _READ_EXAMPLE[Channel.EMAIL] | {"from_email": "codes@example.com", **_UNPROVEN},
}
_CREATED_EXAMPLE: dict[Channel, Json] = {
    Channel.SMS: _READ_EXAMPLE[Channel.SMS] | {"id": 4, "name": "ippanel_two", **_UNPROVEN},
    Channel.EMAIL: _READ_EXAMPLE[Channel.EMAIL] | {"id": 5, "name": "newsletter", **_UNPROVEN},
}
_CREATIONS: dict[Channel, Json] = {
    Channel.SMS: {
        "ippanel": example(
            "IPPanel",
            {
                "name": "ippanel_two",
                "backend": "ippanel",
                "settings": {"token": "the key from the panel", "from_number": "+983000505"},
            },
        ),
        "melipayamak": example(
            "Melipayamak, with a pattern from the gateway's own line",
            {
                "name": "melipayamak_one",
                "backend": "melipayamak",
                "settings": {"token": "the token from the console", "pattern_code": "94012"},
            },
        ),
        "console": example("For development", {"name": "outbox", "backend": "console"}),
    },
    Channel.EMAIL: {
        "smtp": example(
            "A mail server with STARTTLS",
            {
                "name": "newsletter",
                "host": "smtp.example.com",
                "port": 587,
                "username": "shop@example.com",
                "password": "the mail account password",
                "from_email": "shop@example.com",
            },
        ),
    },
}
_CHANGES: dict[Channel, Json] = {
    Channel.SMS: {
        "line": example("Another line, the same stored token", {"settings": {"from_number": "+983000606"}}),
        "name": example("Another name", {"name": "ippanel_main"}),
    },
    Channel.EMAIL: {
        "sender": example("Another sender, the same stored password", {"from_email": "codes@example.com"}),
        "server": example(
            "Another server, which needs the password again",
            {"host": "mail.example.net", "password": "the password there"},
        ),
    },
}
_REQUIRED = ["This field is required."]
_REFUSED_CREATION: dict[Channel, Json] = {
    Channel.SMS: {"name": ["A notifier with this name already exists."], "settings": {"from_number": _REQUIRED}},
    Channel.EMAIL: {"host": _REQUIRED, "from_email": ["Enter a valid email address."]},
}
_REFUSED_CHANGE: dict[Channel, Json] = {
    Channel.SMS: {"settings": {"from_number": ["Enter a number with its country code, such as +983000505."]}},
    Channel.EMAIL: {"password": ["Give this again: Host changed, and a stored secret stays with its destination."]},
}


def _query(name: str, description: str, schema: Json, **rest: object) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema, **rest}


_COLUMNS = ", ".join(f"`{name}`" for name in ORDERINGS)
_LIST_PARAMETERS = [
    _query(
        "limit",
        "The maximum number of results.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        example=20,
    ),
    _query("offset", "The number of results to skip.", {"type": "integer", "minimum": 0, "default": 0}),
    _query("search", "Words that the name must contain, all of them, ignoring case.", {"type": "string"}),
    _query(
        "ordering",
        f"The field to sort by: {_COLUMNS}. Prefix it with `-` for descending order; separate several with commas.",
        {"type": "string", "default": "id"},
        example="name",
    ),
]


def _list(channel: Channel) -> Json:
    page = {"count": 1, "next": None, "previous": None, "results": [_READ_EXAMPLE[channel]]}
    return operation(
        f"list{schema_name(channel)}s",
        summary=f"List {channel.sentence} notifiers",
        description=f"Returns the project's valid {channel.sentence} notifiers: the enabled ones, which the settings "
        "may choose. Where the project requires proof of receipt, unproven ones are left out. Invalid parameters are "
        "ignored.",
        permission=NOTIFIER_PERMISSIONS[channel].read,
        parameters=_LIST_PARAMETERS,
        responses={
            "200": response("One page of the list.", ref("schemas", schema_name(channel, "Page")), {"One": page})
        },
    )


def _create(channel: Channel) -> Json:
    return operation(
        f"create{schema_name(channel)}",
        summary=f"Create an {channel.sentence} notifier",
        description="Creates an enabled notifier. Its secrets are stored encrypted and never returned.",
        permission=NOTIFIER_PERMISSIONS[channel].create,
        body=body(schema_name(channel, "Creation"), _CREATIONS[channel], required=True, forms=channel is Channel.EMAIL),
        responses={
            "201": response(
                "The new notifier.",
                ref("schemas", schema_name(channel)),
                {"After the example request": _CREATED_EXAMPLE[channel]},
            ),
            "400": bad_request(schema_name(channel, "Errors"), {"Two invalid fields": _REFUSED_CREATION[channel]}),
        },
    )


def _read(channel: Channel) -> Json:
    return operation(
        f"read{schema_name(channel)}",
        summary=f"Read an {channel.sentence} notifier",
        description="Returns one of the project's notifiers, enabled or not.",
        permission=NOTIFIER_PERMISSIONS[channel].read,
        responses={
            "200": response("The notifier.", ref("schemas", schema_name(channel)), {"One": _READ_EXAMPLE[channel]}),
            "404": ref("responses", "NotFound"),
        },
    )


def _update(channel: Channel) -> Json:
    return operation(
        f"update{schema_name(channel)}",
        summary=f"Update an {channel.sentence} notifier",
        description="Changes the supplied fields; absent ones stay unchanged. A stored secret is never sent to a new "
        "destination: a change of the destination (host, port, account, URL) must include the secret.",
        permission=NOTIFIER_PERMISSIONS[channel].update,
        body=body(schema_name(channel, "Change"), _CHANGES[channel], required=False, forms=channel is Channel.EMAIL),
        responses={
            "200": response(
                "The notifier after the change.",
                ref("schemas", schema_name(channel)),
                {"After the example request": _UPDATED_EXAMPLE[channel]},
            ),
            "400": bad_request(schema_name(channel, "Errors"), {"An invalid field": _REFUSED_CHANGE[channel]}),
            "404": ref("responses", "NotFound"),
        },
    )


def _paths(channel: Channel) -> Json:
    the_id = {
        "name": "notifier_id",
        "in": "path",
        "required": True,
        "description": "The notifier's id.",
        "schema": {"type": "integer", "minimum": 1},
        "example": _READ_EXAMPLE[channel]["id"],
    }
    return {
        f"{PATH}/{channel}": {"get": _list(channel), "post": _create(channel)},
        f"{PATH}/{channel}/{{notifier_id}}": {
            "parameters": [the_id],
            "get": _read(channel),
            "patch": _update(channel),
        },
    }


PARTS = [
    Part(
        title="SMS notifiers",
        description="A project's SMS gateways, which its settings choose from.",
        schemas=schemas(Channel.SMS),
        paths=_paths(Channel.SMS),
    ),
    Part(
        title="Email notifiers",
        description="A project's mail servers, which its settings choose from. The API creates email notifiers with "
        "the `smtp` backend; one with another backend, created on the page, has null for smtp's settings and accepts "
        "its own in a change.",
        schemas=schemas(Channel.EMAIL),
        paths=_paths(Channel.EMAIL),
    ),
]
