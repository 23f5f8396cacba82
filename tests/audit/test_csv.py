"""The audit trail as a file for spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from flask import Flask

from notifapp import clock
from notifapp.audit import queries
from tests.audit.test_audit import happen
from tests.people import People
from tests.statements import sent

FORMULA_STARTS = "=+-@\t\r"


def rows(answer_text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer_text.removeprefix("\ufeff"), newline="")))


def test_the_file_holds_what_the_page_shows(app: Flask, people: People) -> None:
    people.admin.post("/projects/shop/rename", {"name": "کتاب‌فروشی, “Grand”"})
    (row,) = rows(people.admin.get("/audit.csv").text)
    assert row | {"time": "", "id": ""} == {
        "id": "",
        "time": "",
        "action": "project_renamed",
        "actor": "admin@example.org",
        "source": "page",
        "address": "127.0.0.1",
        "token": "",
        "project": "shop",
        "subject": "shop",
        "details": "Name: Corner Shop → کتاب‌فروشی, “Grand”",
    }
    assert datetime.fromisoformat(row["time"]).tzinfo == UTC


def test_the_file_is_offered_under_the_name_of_its_day(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    day = clock.now().replace(hour=0, minute=0)
    monkeypatch.setattr(clock, "now", lambda: day)
    answer = people.admin.get("/audit.csv")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f"attachment; filename=audit-{day:%Y-%m-%d}.csv"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_cell_can_be_taken_for_a_formula(app: Flask, people: People, start: str) -> None:
    evil = f"{start}HYPERLINK(1)"
    happen(app, evil, actor=evil, detail={evil: evil, "changes": [[evil, evil, evil]]})
    happen(app, "x", actor=f"a{evil}")
    found = rows(people.admin.get("/audit.csv").text)
    assert not [cell for row in found for cell in row.values() if cell.startswith(tuple(FORMULA_STARTS))]
    assert found[1]["subject"] == f"'{evil}"
    assert found[0]["actor"] == f"a{evil}"


def test_a_long_trail_is_streamed_in_batches_and_complete(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "CSV_BATCH", 100)
    happen(app, *(f"e-{number:04}" for number in range(1050)), detail={"text": "x" * 200})
    with sent() as statements:
        answer = people.admin.client.get("/audit.csv", buffered=False)
        pieces = list(answer.iter_encoded())
    found = [row["subject"] for row in rows(b"".join(pieces).decode())]
    assert found == [f"e-{number:04}" for number in reversed(range(1050))]
    assert len(pieces) > 2
    looks = [statement for statement, _parameters in statements if "FROM audit_event" in statement]
    assert len(looks) == 11
    assert all("LIMIT" in look for look in looks)
