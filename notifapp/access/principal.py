"""Who is calling: a person at a page, a token at the API, the operator at the command line, or the worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from notifapp.errors import Conflict


class Source(StrEnum):
    """Where a change came from."""

    PAGE = "page"
    API = "api"
    CLI = "cli"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """The project of a request, loaded by the permission check.

    `phone_region` is the country whose phone numbers may be given without + and the country's code, such as "IR".
    """

    id: int
    slug: str
    name: str
    archived_at: datetime | None = None
    phone_region: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a service, as recorded in the history and the audit trail.

    `address` is the IP address, if any, and `time_zone` the one chosen in the account.
    """

    source: Source
    email: str
    name: str
    is_admin: bool
    user_id: int | None = None
    token_id: int | None = None
    address: str | None = None
    time_zone: str | None = None

    @classmethod
    def operator(cls) -> Principal:
        """The operator at the command line, who may do everything."""
        return cls(source=Source.CLI, email="command line", name="Command line", is_admin=True)

    @classmethod
    def automatic(cls) -> Principal:
        """The worker, where it changes something that people change otherwise."""
        return cls(source=Source.AUTOMATIC, email="notifapp", name="notifapp", is_admin=True)


class ProjectArchived(Conflict):
    """An archived project can be viewed but not changed."""

    detail = "This project is archived: nothing in it can be changed until it is restored."
