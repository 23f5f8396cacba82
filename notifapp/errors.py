"""Typed errors, raised anywhere and rendered by web/error_responses.py."""

from __future__ import annotations

from collections.abc import Mapping


class Message(str):
    """A message of the API about a field; `on_page` says the same to a person who fills in a form."""

    on_page: str

    def __new__(cls, text: str, *, on_page: str) -> Message:
        """The API's text, which this equals, and the page's."""
        message = super().__new__(cls, text)
        message.on_page = on_page
        return message


class DomainError(Exception):
    """A request that can't be carried out. `status` is its HTTP status, `detail` a message for people."""

    status = 400
    detail = "The request could not be carried out."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail

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

    def headers(self) -> Mapping[str, str]:
        """The challenge that a 401 must carry."""
        return {"WWW-Authenticate": "Token"}


class Forbidden(DomainError):
    """The caller is known but may not do this."""

    status = 403
    detail = "You do not have permission to perform this action."


class NotFound(DomainError):
    """It doesn't exist, or the caller may not know that it does."""

    status = 404
    detail = "Not found."


class Conflict(DomainError):
    """The change conflicts with the current state."""

    status = 409
    detail = "This conflicts with the current state."


class StaleVersion(DomainError):
    """The settings have changed since the version that the caller has seen (RFC 9110, 13.1.1)."""

    status = 412
    detail = "The settings have changed since you read them. Read them again before you save."


class TooManyRequests(DomainError):
    """A limit was reached; `retry_after` is the number of seconds to wait."""

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
        """When to try again, in seconds."""
        return {"Retry-After": "5"}
