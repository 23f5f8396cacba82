"""The API's document, assembled from what each feature says of its own endpoints."""

from __future__ import annotations

import hashlib
import json
from functools import cache

from notifapp.notifiers.openapi import PARTS as NOTIFIERS
from notifapp.otp.openapi import PART as OTP
from notifapp.settings.openapi import PART as SETTINGS
from notifapp.web import openapi
from notifapp.web.openapi import Json

# In the order of the reference. A new feature with endpoints adds its part here.
PARTS = (SETTINGS, *NOTIFIERS, OTP)
VERSION = "1.0.0"  # of the API: the first number changes when a client that follows this document would break

_DESCRIPTION = " ".join(
    (
        "Read and change a project's notification settings and the notifiers that they choose from; send and verify",
        "one-time codes as those settings say.",
        "Every request carries a token in the `Authorization` header. It was issued for one user in one project, and",
        "that project is the one that the request is about.",
        "Every answer, errors included, is JSON in UTF-8.",
        "A path answers the same with a slash at its end. GET operations answer HEAD too, and OPTIONS tells a path's",
        "methods in `Allow`. The checks run in this order: 401, 403, 405, then 412, 413, 415 or 400.",
    )
)


@cache
def document() -> Json:
    """The document as OpenAPI 3.1 has it. Shared: don't change it."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "notifapp API",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "This server."}],
        "tags": [{"name": part.title, "description": part.description} for part in PARTS],
        "paths": _paths(),
        "components": openapi.COMPONENTS
        | {"schemas": openapi.COMPONENTS["schemas"] | {k: v for part in PARTS for k, v in part.schemas.items()}},
    }


@cache
def serialized() -> tuple[bytes, str]:
    """The document as JSON, and the tag of these bytes."""
    data = json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()
    return data, hashlib.sha256(data).hexdigest()[:32]


def _paths() -> Json:
    """Every path of every part; each operation gets its part's title as its tag."""
    return {
        path: {key: value | {"tags": [part.title]} if isinstance(value, dict) else value for key, value in item.items()}
        for part in PARTS
        for path, item in part.paths.items()
    }
