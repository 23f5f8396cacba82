"""Errors of one-time codes, each with a code for programs."""

from __future__ import annotations

from math import ceil
from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler


class Conflict(APIException):
    """The settings don't allow it."""

    status_code = 409

    def __init__(self, detail: str, code: str) -> None:
        super().__init__(detail)
        self.default_code = code


class TooManyRequests(APIException):
    """A limit is reached; DRF makes `wait` the Retry-After header."""

    status_code = 429

    def __init__(self, wait: float, why: str, code: str) -> None:
        self.wait = max(ceil(wait), 1)
        self.default_code = code
        super().__init__(f"{why} Try again in {_in_words(self.wait)}.")


class Stopped(APIException):
    """The recipient must be released by an admin first."""

    status_code = 429
    wait = 86400
    default_code = "recipient_blocked"
    default_detail = "Too many wrong codes for this recipient. An admin must unblock them first."


class InvalidCode(APIException):
    """A code that doesn't count."""

    status_code = 400
    default_code = "invalid_code"
    message = "Invalid code."
    status: str | None = None

    def __init__(self, attempts_left: int = 0, message: str | None = None) -> None:
        self.detail = {"code": [message or self.message], "attempts_left": attempts_left}
        if self.status:
            self.detail["status"] = self.status


class ExpiredCode(InvalidCode):
    """A code that came too late."""

    default_code = "expired_code"
    message = "This code has expired."
    status = "expired"


class UsedCode(InvalidCode):
    """A right code that was accepted before."""

    default_code = "used_code"
    message = "This code has already been used."
    status = "approved"


class IncompleteCode(InvalidCode):
    """A code of the wrong length, which costs no attempt."""

    default_code = "incomplete_code"


def with_code(error: Exception, context: Any) -> Response | None:
    """DRF's own response, and under /api/otp/ the error's code."""
    response: Response | None = exception_handler(error, context)
    if response is not None and context["request"].path.startswith("/api/otp/"):
        key = "error_code" if "code" in response.data else "code"
        response.data[key] = getattr(error, "default_code", "not_found")
    return response


def _in_words(seconds: int) -> str:
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{ceil(seconds / size)} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
