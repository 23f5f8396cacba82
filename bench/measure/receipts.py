"""Receipts that pour in: how long codes take to be issued and verified meanwhile, and whether each receipt counts.

They are Twilio's, signed, from a process of their own with as many connections as issue and verify codes.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from urllib.parse import urlencode

from sqlalchemy import insert, update

from bench import tables
from bench.load import Measured, drive, request
from bench.measure.codes import Codes
from bench.seed import notifiers_of, seed
from bench.servers import NOTIFAPP
from bench.stand import KINDS, Place, Stand
from notifapp import clock
from notifapp.access import credentials
from notifapp.database import seal, table_of
from notifapp.delivery.models import Delivery
from notifapp.extensions import db
from notifapp.notifiers.backends.twilio import signature
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.sending import RECEIPTS_PATH

TOKEN, KEY = "the token of the bench", "the-key-of-the-bench"
_BATCH = 5_000  # rows an INSERT
_delivery = table_of(Delivery)


def measure(stand: Stand) -> None:
    """Print a table for each database: what codes take while nothing else goes on, and while receipts pour in."""
    for kind in KINDS:
        print(f"### {kind}, {stand.workers[0]} worker(s)\n", flush=True)
        place = stand.place(kind, "receipts")
        seed(place.app, 1)
        _send(place, stand.receipts)
        with place.serve({"notifapp": NOTIFAPP}, workers=stand.workers[0], threads=stand.threads) as servers:
            port = servers["notifapp"].port
            codes = Codes(stand, place)
            _measure_codes(codes, port)  # warms up
            quiet = [_measure_codes(codes, port) for _ in range(stand.rounds)]
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                burst = pool.submit(push, port, stand.receipts, stand.connections)
                meanwhile = [_measure_codes(codes, port)]
                while not burst.done():
                    meanwhile.append(_measure_codes(codes, port))
            pushed = tables.checked("pushing receipts", burst.result())
            _check(place, stand.receipts)
        _show(quiet, meanwhile[:-1] or meanwhile)  # the last one saw the burst end
        print(
            f"\n{pushed.requests:,} receipts, {pushed.per_second:,.0f} a second: each was written down.\n", flush=True
        )


def push(port: int, number: int, connections: int) -> Measured:
    """Push the receipts of so many messages."""
    return drive(port, [_receipts(range(index, number, connections)) for index in range(connections)])


def _receipts(numbers: Sequence[int]) -> Iterator[bytes]:
    path = f"{RECEIPTS_PATH}{KEY}"
    for number in numbers:
        fields = [("MessageSid", _sid(number)), ("MessageStatus", "delivered")]
        signed = signature(TOKEN, f"http://127.0.0.1{path}", fields)
        yield request("POST", path, f"X-Twilio-Signature: {signed}", urlencode(fields).encode())


def _sid(number: int) -> str:
    return f"SM{number:032x}"


def _measure_codes(codes: Codes, port: int) -> dict[str, Measured]:
    return {"issue a code": codes.issue(port), "verify a right code": codes.verify_right(port)}


def _send(place: Place, number: int) -> None:
    """Let the project's SMS notifier have sent so many messages through Twilio, of which nothing is known yet."""
    notifier = table_of(Notifier)
    sms, _ = notifiers_of(1)
    values = {"backend": "twilio", "settings": {"account_sid": "AC" + "0" * 32, "from_number": "Shop"}}
    sent_at = clock.now() - timedelta(minutes=1)
    with place.app.app_context(), db.engine.begin() as connection:
        secrets = seal(notifier.c.secrets, {"auth_token": TOKEN}, **values, project_id=1, id=sms)
        digest = credentials.digest(KEY)
        changed = update(notifier).where(notifier.c.id == sms)
        connection.execute(changed.values(**values, secrets=secrets, receipt_key_digest=digest))
        row = {
            "project_id": 1, "notifier_id": sms, "notifier_name": "sms", "backend": "twilio", "channel": "sms",
            "recipient": "+1•••", "purpose": "otp", "status": "sent", "attempts": 1, "next_attempt_at": sent_at,
            "created_at": sent_at, "started_at": sent_at, "finished_at": sent_at,
            "expires_at": sent_at + timedelta(minutes=10),
        }  # fmt: skip
        for start in range(0, number, _BATCH):
            numbers = range(start, min(start + _BATCH, number))
            connection.execute(insert(_delivery), [{**row, "provider_id": _sid(each)} for each in numbers])


def _check(place: Place, number: int) -> None:
    delivered = place.count(_delivery, _delivery.c.status == "delivered")
    if delivered != number:
        raise SystemExit(f"of {number:,} receipts {delivered:,} were written down")


def _show(quiet: Sequence[dict[str, Measured]], meanwhile: Sequence[dict[str, Measured]]) -> None:
    rows = []
    for what, before in _medians(quiet).items():
        during = _medians(meanwhile)[what]
        rows.append([what, _cell(before), _cell(during), f"{during[1] / before[1]:.2f}"])
    tables.show(["ms: p50 / p99", "quiet", "while receipts pour in", "p99 to quiet"], rows)


def _medians(rounds: Sequence[dict[str, Measured]]) -> dict[str, tuple[float, float]]:
    found: dict[str, list[Measured]] = defaultdict(list)
    for each in rounds:
        for what, measured in each.items():
            found[what].append(measured)
    return {
        what: (statistics.median(each.p50 for each in all_), statistics.median(each.p99 for each in all_))
        for what, all_ in found.items()
    }


def _cell(times: tuple[float, float]) -> str:
    return f"{times[0]:.2f} / {times[1]:.2f}"
