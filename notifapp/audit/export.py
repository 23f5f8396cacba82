"""The audit trail as CSV (RFC 4180), safe for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from notifapp import clock
from notifapp.audit.queries import Event, Filters, every_event

HEADER = ["id", "time", "action", "actor", "source", "address", "token", "project", "subject", "details"]

_BYTE_ORDER_MARK = "\ufeff"  # without it, spreadsheets misread everything but ASCII
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_CHUNK = 64 * 1024  # characters


def lines(filters: Filters) -> Iterator[str]:
    """The CSV file, in chunks."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(_BYTE_ORDER_MARK)
    writer.writerow(HEADER)
    for event in every_event(filters):
        writer.writerow([_harmless(cell) for cell in _cells(event)])
        if buffer.tell() > _CHUNK:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cells(event: Event) -> list[str]:
    details = [f"{change.label}: {change.before} → {change.after}" for change in event.changes]
    details += [f"{label}: {value}" if label else value for label, value in event.facts]
    return [
        str(event.id),
        clock.iso(event.at),
        event.action.value,
        event.actor,
        event.source.value,
        event.address or "",
        event.token_prefix or "",
        event.project_slug or "",
        event.subject,
        "; ".join(details),
    ]


def _harmless(cell: str) -> str:
    """The cell, escaped so that no spreadsheet takes it for a formula (OWASP, CSV Injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
