"""What can go wrong: typed errors, raised anywhere. web/error_responses.py renders every one of them."""

from __future__ import annotations

from collections.abc import Mapping


class DomainError(Exception):
    """A request that can't be carried out. `status` is its HTTP status, `detail` what a person may read."""

    status = 400
    detail = "The request could not be carried out."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail

    def body(self) -> Mapping[str, object]:
        """The JSON body of this error, as the contract has it."""
        return {"detail": self.detail}

    def headers(self) -> Mapping[str, str]:
        """Response headers that belong to this error."""
        return {}


class ValidationFailed(DomainError):
    """Input was refused. `errors` holds every failing field at once: {field: [message, …]}."""

    detail = "Some of the values can't be saved."

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__()
        self.errors = dict(errors)

    def body(self) -> Mapping[str, object]:
        """The failing fields with their messages."""
        return self.errors


class Unauthenticated(DomainError):
    """Nobody is calling, or with credentials that don't count (RFC 9110, 15.5.2)."""

    status = 401
    detail = "Authentication credentials were not provided."

    def headers(self) -> Mapping[str, str]:
        """The challenge that a 401 must carry."""
        return {"WWW-Authenticate": "Token"}


class Forbidden(DomainError):
    """The caller is known and may not do this."""

    status = 403
    detail = "You do not have permission to perform this action."


class NotFound(DomainError):
    """No such thing, or none that the caller may know of."""

    status = 404
    detail = "Not found."


class Conflict(DomainError):
    """The change doesn't fit what is there now."""

    status = 409
    detail = "This conflicts with the current state."


class StaleVersion(DomainError):
    """The settings have changed since the version that the caller had in hand (RFC 9110, 13.1.1)."""

    status = 412
    detail = "The settings have changed since you read them. Read them again before you save."


class TooManyRequests(DomainError):
    """A limit is reached; `retry_after` is the number of seconds to wait."""

    status = 429

    def __init__(self, retry_after: int, detail: str | None = None) -> None:
        super().__init__(detail or f"Too many attempts. Try again in {retry_after} seconds.")
        self.retry_after = retry_after

    def headers(self) -> Mapping[str, str]:
        """How long to wait, in seconds."""
        return {"Retry-After": str(self.retry_after)}


class Unavailable(DomainError):
    """The database can't be reached or is too busy to answer in time."""

    status = 503
    detail = "The database can't be reached right now. Try again in a moment."

    def headers(self) -> Mapping[str, str]:
        """When it is worth another try, in seconds."""
        return {"Retry-After": "5"}
