"""The OpenAPI document, assembled from each feature's description of its endpoints."""

from __future__ import annotations

import hashlib
import json
import tomllib
from functools import cache
from pathlib import Path

from notifapp.notifiers.openapi import PARTS as NOTIFIERS
from notifapp.otp.openapi import PART as OTP
from notifapp.otp.preview.openapi import PART as PREVIEW
from notifapp.settings.openapi import PART as SETTINGS
from notifapp.settings.trials.openapi import PART as TRIALS
from notifapp.standby.openapi import PART as STANDBY
from notifapp.timeline.openapi import PART as TIMELINE
from notifapp.tokens.openapi import PART as TOKENS
from notifapp.web import openapi
from notifapp.web.openapi import Json

# In the order of the reference. A new feature with endpoints adds its part here.
PARTS = (SETTINGS, TRIALS, STANDBY, PREVIEW, *NOTIFIERS, OTP, TIMELINE, TOKENS)
VERSION: str = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["version"]

_DESCRIPTION = " ".join(
    (
        "Read and change a project's notification settings and notifiers, and send and verify one-time codes under",
        "those settings.",
        "Every request needs a token in the `Authorization` header. A token is issued for one user in one project, and",
        "the request applies to that project.",
        "Every response, including errors, is JSON in UTF-8.",
        "A trailing slash makes no difference to a path. GET operations also support HEAD, and OPTIONS lists a path's",
        "methods in `Allow`. Checks run in this order: 406, 401, 403, 405, then 412, 413, 415 or 400.",
        "Errors change nothing, except that a wrong one-time code uses up an attempt. Under `/api/otp/` every error",
        "has a `code` for programs beside `detail` or the fields' messages; where a field of the same name takes that",
        "key, it is called `error_code`.",
    )
)


@cache
def document() -> Json:
    """The document, in OpenAPI 3.1. It is cached, so don't modify it."""
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
    """The document as JSON, and its ETag."""
    data = json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()
    return data, hashlib.sha256(data).hexdigest()[:32]


def _paths() -> Json:
    """The paths of all parts; each operation is tagged with its part's title."""
    return {
        path: {key: value | {"tags": [part.title]} if isinstance(value, dict) else value for key, value in item.items()}
        for part in PARTS
        for path, item in part.paths.items()
    }
