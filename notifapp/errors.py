"""Typed errors, raised anywhere and rendered by web/error_responses.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from math import ceil
from typing import NamedTuple


class ErrorCode(StrEnum):
    """What went wrong, for programs: a part of the API, so a code never changes its meaning."""

    INVALID = "invalid"
    INVALID_KEY = "invalid_idempotency_key"
    KEY_REUSED = "idempotency_key_reused"
    UNDER_WAY = "request_under_way"
    PARSE_ERROR = "parse_error"
    INVALID_CODE = "invalid_code"
    EXPIRED_CODE = "expired_code"
    USED_CODE = "used_code"
    INCOMPLETE_CODE = "incomplete_code"
    NOT_AUTHENTICATED = "not_authenticated"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    CONFLICT = "conflict"
    CHALLENGE_CLOSED = "challenge_closed"
    NO_NOTIFIER = "no_notifier"
    NOTIFIER_DISABLED = "notifier_disabled"
    STALE_VERSION = "stale_version"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    TOO_MANY_REQUESTS = "too_many_requests"
    TOO_SOON = "too_soon"
    TOO_MANY_CODES = "too_many_codes"
    HOURLY_LIMIT = "hourly_limit"
    DAILY_LIMIT = "daily_limit"
    TOO_MANY_WRONG_CODES = "too_many_wrong_codes"
    RECIPIENT_BLOCKED = "recipient_blocked"
    PROJECT_LIMIT = "project_limit"
    TOKEN_LIMIT = "token_limit"  # noqa: S105
    CLIENT_LIMIT = "client_limit"
    GUESSING_SUSPECTED = "guessing_suspected"
    UNUSUAL_TRAFFIC = "unusual_traffic"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"


class FieldMessage(str):
    """A message of the API about a field; `on_page` says the same to a person who fills in a form."""

    on_page: str

    def __new__(cls, text: str, *, on_page: str) -> FieldMessage:
        """The API's text, which this equals, and the page's."""
        message = super().__new__(cls, text)
        message.on_page = on_page
        return message


class DomainError(Exception):
    """A request that can't be carried out.

    `status` is its HTTP status, `detail` a message for people, and `code` says the same to programs.
    """

    status = 400
    detail = "The request could not be carried out."
    code = ErrorCode.INVALID

    def __init__(self, detail: str | None = None, *, code: ErrorCode | None = None) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail
        self.code = code or self.code

    def body(self) -> Mapping[str, object]:
        """The JSON body of this error, as the contract defines it."""
        return {"detail": self.detail}

    def headers(self) -> Mapping[str, str]:
        """Response headers that belong to this error."""
        return {}


class ValidationFailed(DomainError):
    """Invalid input. `errors` holds every failing field: {field: [message, …]}."""

    detail = "Some of the values can't be saved."

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__()
        self.errors = dict(errors)

    def body(self) -> Mapping[str, object]:
        """The failing fields and their messages."""
        return self.errors


class Unauthenticated(DomainError):
    """No credentials, or invalid ones (RFC 9110, 15.5.2)."""

    status = 401
    detail = "Authentication credentials were not provided."
    code = ErrorCode.NOT_AUTHENTICATED

    def headers(self) -> Mapping[str, str]:
        """The challenge that a 401 must carry."""
        return {"WWW-Authenticate": "Token"}


class Forbidden(DomainError):
    """The caller is known but may not do this."""

    status = 403
    detail = "You do not have permission to perform this action."
    code = ErrorCode.PERMISSION_DENIED


class ProofRequired(DomainError):
    """The person at this session proved who they are too long ago (OWASP ASVS 5, 7.5.3)."""

    status = 403
    detail = "Confirm that it is you first."
    code = ErrorCode.PERMISSION_DENIED


class SecondFactorDue(DomainError):
    """The caller has to set up a second factor before anything else (OWASP ASVS 5, 6.3.3)."""

    status = 403
    detail = "Set up a second step first."
    code = ErrorCode.PERMISSION_DENIED


class NotFound(DomainError):
    """It doesn't exist, or the caller may not know that it does."""

    status = 404
    detail = "Not found."
    code = ErrorCode.NOT_FOUND


class Conflict(DomainError):
    """The change conflicts with the current state."""

    status = 409
    detail = "This conflicts with the current state."
    code = ErrorCode.CONFLICT


class StaleVersion(DomainError):
    """The settings have changed since the version that the caller has seen (RFC 9110, 13.1.1)."""

    status = 412
    detail = "The settings have changed since you read them. Read them again before you save."
    code = ErrorCode.STALE_VERSION


class Quota(NamedTuple):
    """A limit of sending: so many codes within a window, how many of them are left, and when there will be more.

    It is named after the error that it leads to. Where there is no window, it counts what is so now.
    """

    name: str
    most: int
    window: timedelta | None
    left: int
    grows_in: timedelta


def rate_limit_headers(quotas: Sequence[Quota]) -> dict[str, str]:
    """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10); none without quotas."""
    if not quotas:
        return {}
    policies = [
        f'"{quota.name}";q={quota.most}{f";w={ceil(quota.window.total_seconds())}" if quota.window else ""}'
        for quota in quotas
    ]
    states = [f'"{quota.name}";r={quota.left};t={ceil(quota.grows_in.total_seconds())}' for quota in quotas]
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}


class TooManyRequests(DomainError):
    """A limit was reached: `retry_after` is how many seconds to wait, `quotas` what is left of limits of sending."""

    status = 429
    code = ErrorCode.TOO_MANY_REQUESTS

    def __init__(
        self,
        retry_after: int,
        detail: str | None = None,
        *,
        code: ErrorCode | None = None,
        quotas: Sequence[Quota] = (),
    ) -> None:
        super().__init__(detail or f"Too many attempts. Try again in {retry_after} seconds.", code=code)
        self.retry_after = retry_after
        self.quotas = quotas

    def headers(self) -> Mapping[str, str]:
        """How long to wait, in seconds, and what is left of each limit."""
        return {"Retry-After": str(self.retry_after), **rate_limit_headers(self.quotas)}


class Unavailable(DomainError):
    """The database can't be reached or is too busy to answer in time."""

    status = 503
    detail = "The database can't be reached right now. Try again in a moment."
    code = ErrorCode.UNAVAILABLE

    def headers(self) -> Mapping[str, str]:
        """When to try again, in seconds."""
        return {"Retry-After": "5"}
