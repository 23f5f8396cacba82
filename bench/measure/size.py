"""The same calls on a database that has seen next to nothing, and on one that has seen millions of codes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat

from sqlalchemy import update

from bench import tables
from bench.bulk import MASKED, fill
from bench.load import Measured, call, drive, request
from bench.measure.codes import Codes
from bench.seed import seed, session_of
from bench.servers import NOTIFAPP
from bench.stand import Place, Stand
from notifapp.access.models import User
from notifapp.access.sessions import PageSessions
from notifapp.database import table_of
from notifapp.extensions import db

PAGE = "/projects/shop-1/deliveries"
SMALL = 1  # code


def measure(stand: Stand) -> None:
    """Print one table: the big database beside the small one."""
    print(f"### PostgreSQL, {stand.workers[0]} worker(s)\n", flush=True)
    with ExitStack() as stack:
        archives = {}
        for number in (stand.challenges, SMALL):
            place = _place(stand, number)
            served = place.serve({"notifapp": NOTIFAPP}, workers=stand.workers[0], threads=stand.threads)
            server = stack.enter_context(served)["notifapp"]
            archives[f"{number:,} code(s)"] = Archive(Codes(stand, place), server.port)
        tables.compare(_measure(stand, archives), list(archives))


@dataclass(frozen=True)
class Archive:
    """A database of some size, and the server on it."""

    codes: Codes
    port: int

    def issue(self) -> Measured:
        """Issue codes."""
        return self.codes.issue(self.port)

    def verify(self) -> Measured:
        """Approve challenges."""
        return self.codes.verify_right(self.port)

    def open_page(self) -> Measured:
        """Open the first page of the deliveries."""
        stand = self.codes.stand
        streams = [repeat(request("GET", PAGE, self.cookie())) for _ in range(stand.connections)]
        return tables.checked("the page", drive(self.port, streams, seconds=stand.seconds))

    def shown(self) -> int:
        """How many deliveries the page shows."""
        return call(self.port, "GET", PAGE, self.cookie()).text.count(MASKED)

    def cookie(self) -> str:
        """The header by which project 1's member, an admin here, is signed in."""
        app = self.codes.place.app
        signer = PageSessions().get_signing_serializer(app)
        assert signer is not None
        value = signer.dumps({"_user_id": session_of(1), "_fresh": True, "_permanent": True})
        return f"Cookie: {app.config['SESSION_COOKIE_NAME']}={value}"


def _measure(stand: Stand, archives: dict[str, Archive]) -> tables.Table:
    measurements = {
        "issue a code": {name: archive.issue for name, archive in archives.items()},
        "verify a right code": {name: archive.verify for name, archive in archives.items()},
        "open the page of deliveries": {name: archive.open_page for name, archive in archives.items()},
    }
    medians = tables.interleaved(stand.rounds, measurements)
    shown = {name: archive.shown() for name, archive in archives.items()}
    if len(set(shown.values())) != 1 or 0 in shown.values():
        raise SystemExit(f"the pages show different numbers of deliveries: {shown}")
    return medians


def _place(stand: Stand, number: int) -> Place:
    place = stand.place("PostgreSQL", f"size_{number}")
    seed(place.app, 1)
    fill(stand.postgresql.format(f"size_{number}"), number)
    with place.app.app_context(), db.engine.begin() as connection:
        # An admin without a second factor would be led to set one up.
        connection.execute(update(table_of(User)).values(is_admin=True, has_second_factor=True))
    return place
