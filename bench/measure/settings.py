"""GET and PATCH of the settings: notifapp beside a bare Flask view, the same with notifapp's duties, and DRF.

And GET as it costs notifapp when the token's last use is to be noted, which happens once a minute and no peer does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count

from bench import tables
from bench.load import Measured, by_token_of, drive, request
from bench.measure.alike import check_settings
from bench.seed import NOT_DUE, seed, set_last_use
from bench.servers import BARE_FLASK, DRF, DUTIFUL_FLASK, NOTIFAPP, Server
from bench.stand import KINDS, Place, Stand
from notifapp import clock
from notifapp.access.models import ApiToken
from notifapp.database import table_of
from notifapp.settings.models import SettingsRevision

PATH = "/api/settings/notifications"
TARGETS = {"notifapp": NOTIFAPP, "bare Flask": BARE_FLASK, "same duties": DUTIFUL_FLASK, "DRF": DRF}
DUTIFUL = ("notifapp", "same duties")
DUE = "GET, notifapp noting the token's use"
LENGTHS = 7  # different values of otp_code_len, from 4
LIFETIMES = 3_571  # different values of otp_ttl, from 30
LONG_AGO = timedelta(days=1)
SOON = timedelta(minutes=1)  # after the answer a use is noted

_revision, _token = table_of(SettingsRevision), table_of(ApiToken)
_runs = count()  # each run's PATCHes set other values than those of the runs before it


def measure(stand: Stand) -> None:
    """Print a table for each database, number of projects and number of workers."""
    for kind in KINDS:
        for projects in sorted({1, stand.projects}):
            place = stand.place(kind, f"settings_{projects}")
            seed(place.app, projects)
            for workers in stand.workers:
                print(f"### {kind}, {projects:,} project(s), {workers} worker(s)\n", flush=True)
                with place.serve(TARGETS, workers=workers, threads=stand.threads) as servers:
                    tables.compare(_measure(Desk(stand, place, servers, projects)), list(TARGETS))


@dataclass(frozen=True)
class Desk:
    """The settings of many projects, served by every target."""

    stand: Stand
    place: Place
    servers: Mapping[str, Server]
    projects: int

    def load(self, target: str, method: str) -> Measured:
        """Load one target; what it is to write, and to log, is counted."""
        server = self.servers[target]
        revisions, lines = self.place.count(_revision), _lines(server)
        streams = self._streams(method)
        measured = tables.checked(f"{target}, {method}", drive(server.port, streams, seconds=self.stand.seconds))
        self._check(f"{target}, {method}", measured, method, self.place.count(_revision) - revisions)
        if target in DUTIFUL:
            tables.checked(f"{target}, lines logged", measured, written=_lines(server) - lines)
        return measured

    def load_due(self) -> Measured:
        """GET with each token once, whose use is then noted."""
        began = clock.now()
        set_last_use(self.place.app, began - LONG_AGO)
        streams = [_once(own) for own in self._shares()]
        measured = drive(self.servers["notifapp"].port, streams, seconds=self.stand.seconds)
        is_noted = _token.c.last_used_at.between(began, clock.now() + SOON)
        noted = self.place.count_at_last(measured.requests, _token, is_noted)
        set_last_use(self.place.app, clock.now() + NOT_DUE)
        return tables.checked("GET, a use to be noted", measured, written=noted)

    def _streams(self, method: str) -> list[Iterator[bytes]]:
        nth_run, step = next(_runs), self.stand.connections
        return [_requests(method, own, nth_run + index, step) for index, own in enumerate(self._shares())]

    def _shares(self) -> list[range]:
        """The projects of each connection. With many, no two connections share one; with one, they all meet there."""
        connections, projects = self.stand.connections, self.projects
        if projects < connections:
            return [range(1, projects + 1)] * connections
        return [range(1 + index, projects + 1, connections) for index in range(connections)]

    def _check(self, what: str, measured: Measured, method: str, revisions: int) -> None:
        expected = measured.requests if method == "PATCH" else 0
        # The first requests of a run may happen to find the very values that they set.
        if not expected - self.stand.connections <= revisions <= expected:
            raise SystemExit(f"{what}: {measured}, but {revisions} revisions")


def _measure(desk: Desk) -> tables.Table:
    check_settings(desk.servers.values(), [desk.servers[target] for target in DUTIFUL])
    loads = {
        method: {target: partial(desk.load, target, method) for target in desk.servers} for method in ("GET", "PATCH")
    }
    if desk.projects <= desk.stand.connections:
        return tables.interleaved(desk.stand.rounds, loads)
    medians = tables.interleaved(desk.stand.rounds, {**loads, DUE: {"notifapp": desk.load_due}})
    medians[DUE] = medians["GET"] | medians[DUE]  # no peer notes a use, so what it does then is what it always does
    return medians


def _requests(method: str, projects: range, start: int, step: int) -> Iterator[bytes]:
    """Endless requests, one project after the other; each PATCH sets values unlike those it finds there."""
    number = start
    while True:
        for project in projects:
            body = b""
            if method == "PATCH":
                length, lifetime = 4 + number % LENGTHS, 30 + number % LIFETIMES
                body = b'{"notifications_otp_code_len": %d, "notifications_otp_ttl": %d}' % (length, lifetime)
            yield request(method, PATH, by_token_of(project), body)
            number += step


def _once(projects: range) -> Iterator[bytes]:
    return (request("GET", PATH, by_token_of(project)) for project in projects)


def _lines(server: Server) -> int:
    """How many lines of JSON a server has logged about the settings."""
    return server.log.read_text().count(f'"route": "{PATH}"')
