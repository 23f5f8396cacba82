"""One JSON line per request, with a request id that the answer carries too. Neither paths nor bodies are logged:
a path may hold a one-time link, a body a secret."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
import traceback
from datetime import UTC, datetime

from flask import Flask, Response, g, has_request_context, request

_log = logging.getLogger("notifapp.request")
_encode = json.JSONEncoder(ensure_ascii=False).encode
_CREDIBLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class JsonFormatter(logging.Formatter):
    """Each record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Render `record`; what was given as `extra={"fields": {…}}` becomes keys of its own."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if "request_id" not in line and has_request_context():
            line["request_id"] = g.get("request_id")
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _places(record.exc_info[1])
        return _encode(line)


def _places(error: BaseException) -> str:
    """The error's type and where it arose. Its text is left out: a database error quotes the values it was given."""
    frames = traceback.extract_tb(error.__traceback__)
    return type(error).__name__ + " at " + " < ".join(f"{f.filename}:{f.lineno}" for f in reversed(frames[-8:]))


def init_app(app: Flask) -> None:
    """Log to standard error, and give every request an id and a line."""
    # None of this is in a line, and finding it out costs as much as the rest (Python's logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logger = logging.getLogger("notifapp")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _CREDIBLE_ID.fullmatch(given) else secrets.token_hex(16)
    g.started = time.perf_counter()


def _end(response: Response) -> Response:
    request_id: str = g.request_id
    response.headers["X-Request-ID"] = request_id
    principal, project, rule = g.get("principal"), g.get("project"), request.url_rule
    fields = {
        "request_id": request_id,
        "method": request.method,
        "route": rule.rule if rule else None,
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.started) * 1000, 1),
        "address": request.remote_addr,
        "user_id": principal and principal.user_id,
        "token_id": principal and principal.token_id,
        "project": project and project.slug,
    }
    _log.info("request", extra={"fields": fields})
    return response
