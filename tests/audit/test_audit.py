"""The audit trail is read by admins: listed, filtered, leafed through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from notifapp.audit.models import AuditEvent
from notifapp.audit.service import Action
from notifapp.database import writing
from tests.audit.trail import events
from tests.client import Browser
from tests.lists import pager_link, rows
from tests.people import People
from tests.world import World

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def happen(app: Flask, *subjects: str, **values: Any) -> None:
    """Events about these subjects, an hour apart from START on."""
    defaults = {"action": "user_created", "actor": "boss@example.org", "source": "page", "detail": {}}
    rows = [
        {"subject": subject, "at": START + timedelta(hours=hour), "project_id": None, **defaults, **values}
        for hour, subject in enumerate(subjects)
    ]
    with app.app_context(), writing() as connection:
        connection.execute(insert(AuditEvent), rows)


def subjects(page: str) -> list[str]:
    return [row.small for row in rows(page)]


def test_what_people_do_is_listed_newest_first_and_readably(app: Flask, people: People) -> None:
    people.admin.post("/projects/shop/rename", {"name": "Grand Shop"})
    people.admin.post(
        "/tokens/new", {"owner": "staff@example.org", "project": "shop", "name": "Till", "expires_in_days": "30"}
    )
    page = people.admin.get("/audit").text
    created, renamed = (row.text for row in rows(page))
    for told in ("Token created", "ntf_", "Till", "staff@example.org", "30", "admin@example.org", "127.0.0.1", "shop"):
        assert told in created
    for told in ("Project renamed", "Corner Shop", "Grand Shop", "on this site"):
        assert told in renamed


def test_what_a_token_did_is_told_with_its_prefix(people: People, app: Flask, world: World) -> None:
    token = world.token(world.admin("second@example.org"), people.project)
    client = app.test_client()
    headers = {"Authorization": f"Token {token}"}
    assert (
        client.patch("/api/settings/notifications", json={"notifications_otp_ttl": 60}, headers=headers).status_code
        == 200
    )
    page = people.admin.get("/audit").text
    assert "Settings changed" in page
    assert "through the API" in page
    assert f"{token[:12]}…" in page
    assert "120 seconds" in page
    assert "60 seconds" in page


@pytest.mark.parametrize("action", list(Action))
def test_every_kind_of_event_can_be_shown(app: Flask, people: People, action: Action) -> None:
    detail = {
        "changes": [["Name", None, "<b>"]],
        "granted": [1036, 7],
        "taken": [],
        "is_admin": False,
        "list": ["a", 1],
        "nothing": None,
    }
    happen(app, "somebody", action=action.value, detail=detail)
    page = people.admin.get(f"/audit?action={action.value}").text
    assert subjects(page) == ["somebody"]
    assert action.label in page
    assert "1036 Read settings" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_what_people_typed_can_not_become_markup(app: Flask, people: People) -> None:
    happen(app, "<script>x</script>", actor="<i>@example.org", detail={"<u>": "<u>"})
    page = people.admin.get("/audit").text
    assert "<script>x" not in page
    assert "<i>" not in page
    assert "<u>" not in page


@pytest.fixture
def busy(app: Flask, people: People, world: World) -> People:
    other = world.project("bakery", "Bakery")
    happen(app, "by-api", source="api")
    happen(app, "by-cli", source="cli", actor="command line")
    happen(app, "by-staff", actor="staff@example.org")
    happen(app, "in-shop", project_id=people.project.id)
    happen(app, "in-bakery", project_id=other.id, action="token_revoked")
    happen(app, "day-before", at=datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC))
    happen(app, "day-after", at=datetime(2026, 3, 2, 0, 0, tzinfo=UTC))
    return people


ALL = ["day-after", "in-bakery", "in-shop", "by-staff", "by-cli", "by-api", "day-before"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL),
        ("action=token_revoked", ["in-bakery"]),
        ("action=password_changed", []),
        ("actor=Staff@example.org", ["by-staff"]),
        ("actor=command+line", ["by-cli"]),
        ("actor=staff", []),
        ("project=shop", ["in-shop"]),
        ("project=nowhere", []),
        ("source=api", ["by-api"]),
        ("source=cli", ["by-cli"]),
        ("since=2026-03-01", ALL[:-1]),
        ("until=2026-03-01", ALL[1:]),
        ("since=2026-03-01&until=2026-03-01", ALL[1:-1]),
        ("since=0001-01-01&until=9999-12-31", ALL),
        ("project=bakery&action=token_revoked&source=page&actor=boss@example.org&since=2026-01-01", ["in-bakery"]),
        ("project=bakery&source=api", []),
        ("q=anything&actor=%00", ALL),
    ],
)
def test_each_filter_narrows_the_trail_and_the_file_alike(busy: People, query: str, found: list[str]) -> None:
    page = busy.admin.get(f"/audit?{query}").text
    assert subjects(page) == found
    assert ("No event found" in page) == (not found)
    lines = busy.admin.get(f"/audit.csv?{query}").text.splitlines()
    assert [line.split(",")[8] for line in lines[1:]] == found


def test_the_filters_stay_in_the_form_and_in_the_link_to_the_file(busy: People) -> None:
    page = busy.admin.get("/audit?source=api&actor=boss@example.org&since=2026-01-01").text
    assert '<option selected value="api">' in page
    assert 'value="boss@example.org"' in page
    assert 'value="2026-01-01"' in page
    assert "/audit.csv?range=days&amp;since=2026-01-01&amp;actor=boss@example.org&amp;source=api" in page


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("action=slept", "action"),
        ("source=fax", "source"),
        ("since=yesterday", "since"),
        ("since=2026-02-30", "since"),
        ("until=1.1.2026", "until"),
        ("until=2026-01-01&since=2026-01-02", "until"),
    ],
)
def test_a_filter_that_can_not_be_read_is_named(busy: People, query: str, field: str) -> None:
    for path in ("/audit", "/audit.csv"):
        answer = busy.admin.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert f'id="{field}-error"' in answer.text
        assert subjects(answer.text) == []


def test_the_trail_is_paged_also_within_one_moment(app: Flask, people: People) -> None:
    happen(app, *(f"e-{number:03}" for number in range(60)), at=START, project_id=people.project.id)
    happen(app, *(f"f-{number:03}" for number in range(60)), project_id=people.project.id)
    happen(app, "elsewhere")
    seen: list[str] = []
    url = "/audit?project=shop"
    while url:
        page = people.admin.get(url).text
        seen += subjects(page)
        last, url = url, pager_link(page, "next")
    later = [f"f-{number:03}" for number in reversed(range(60))]
    assert seen == later[:-1] + ["f-000"] + [f"e-{number:03}" for number in reversed(range(60))]
    back = people.admin.get(pager_link(people.admin.get(last).text, "prev")).text
    assert subjects(back) == seen[50:100]


@pytest.mark.parametrize(
    "cursor",
    [
        "after=1",
        "after=x&after=1",
        "after=2026-03-01T12:00:00&after=1",
        "after=0001-01-01T00:00:00%2B14:00&after=1",
        "after=9999-12-31T23:59:59-14:00&after=1",
        "before=2026-03-01T12:00:00%2B00:00&before=99999999999999999999",
        "before=2026-03-01T12:00:00%2B00:00&before=%00",
    ],
)
def test_an_odd_cursor_is_not_found(busy: People, cursor: str) -> None:
    assert busy.admin.get(f"/audit?{cursor}").status_code == 404


def test_a_page_beyond_the_end_leads_back(busy: People) -> None:
    page = busy.admin.get("/audit?after=2001-01-01T00:00:00%2B00:00&after=1").text
    assert "This page of the list is empty." in page


def test_an_empty_trail_says_so(people: People) -> None:
    assert "No events yet" in people.admin.get("/audit").text


@pytest.mark.parametrize("path", ["/audit", "/audit.csv"])
def test_nobody_but_an_admin_reads_the_trail(busy: People, browser: Browser, path: str) -> None:
    for person in (busy.staff, busy.outsider):
        answer = person.get(f"{path}?project=shop")
        assert answer.status_code == 403
        assert "in-shop" not in answer.text
    assert browser.get(path).status_code in (302, 303)


@pytest.mark.parametrize("path", ["/audit", "/audit.csv"])
def test_nobody_writes_to_the_trail(app: Flask, busy: People, path: str) -> None:
    before = len(events(app))
    assert busy.admin.post(path).status_code == 405
    assert len(events(app)) == before


def test_events_are_told_in_plain_words(app: Flask, people: People) -> None:
    happen(app, "line", action="test_sent", detail={"id": 2, "backend": "kavenegar"})
    happen(app, "new", action="test_sent", detail={"id": None})
    happen(app, "a@example.org", action="membership_set", detail={"granted": [1036], "taken": [1037]})
    happen(app, "limits", action="otp_limits_changed")
    page = people.admin.get("/audit").text
    told = " ".join(row.text for row in rows(page))
    for words in ("Notifier #2", "Permissions changed", "Limits changed", "Added: 1036 Read settings", "Removed: 1037"):
        assert words in told
    for words in ("Id:", "Membership set", "Otp limits", "#None"):
        assert words not in page
    assert "Notifier #2; Backend: kavenegar" in people.admin.get("/audit.csv").text
