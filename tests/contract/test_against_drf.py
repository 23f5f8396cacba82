"""Our endpoint and the same endpoint on Django REST Framework, request by request.

Status, error keys and messages, and the settings afterwards must agree, but for the cases in otherwise.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from notifapp import create_app
from notifapp.extensions import db
from tests.conftest import Databases, config_for, hasten
from tests.contract.drf_app import drf_client
from tests.contract.field_cases import form_cases, json_cases, multipart_cases
from tests.contract.otherwise import OTHERWISE
from tests.contract.request_cases import accept_cases, body_cases, credential_cases, media_type_cases, method_cases
from tests.contract.side import IN_FORCE, Case, Outcome, Side

pytestmark = pytest.mark.slow

CASES = list(
    chain(
        json_cases(),
        form_cases(),
        multipart_cases(),
        body_cases(),
        media_type_cases(),
        credential_cases(),
        method_cases(),
        accept_cases(),
    )
)


@pytest.fixture(scope="module")
def theirs(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    url = databases.make("sqlite")
    yield from _side(url, tmp_path_factory.mktemp("theirs"), drf=True)


@pytest.fixture(scope="module")
def ours(database: str, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    yield from _side(databases.make(database), tmp_path_factory.mktemp("ours"))


def _side(url: str, folder: Path, *, drf: bool = False) -> Iterator[Side]:
    app = create_app(config_for(url, folder))
    if url.startswith("sqlite"):
        hasten(app)
    client = drf_client(url) if drf else app.test_client(use_cookies=False)
    yield Side(client, app)
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in OTHERWISE], ids=lambda case: case.name)
def test_answers_as_django_rest_framework_does(case: Case, ours: Side, theirs: Side) -> None:
    assert _comparable(ours.outcome(case)) == _comparable(theirs.outcome(case))


@pytest.mark.parametrize("case", [case for case in CASES if case.name in OTHERWISE], ids=lambda case: case.name)
def test_answers_otherwise_only_where_it_says_why(case: Case, ours: Side, theirs: Side) -> None:
    status, why = OTHERWISE[case.name]
    outcome = ours.outcome(case)
    assert outcome.status == status, why
    assert outcome != theirs.outcome(case), "the list of differences holds one that is none"
    if status >= 400:
        assert set(outcome.body) <= {"detail"} or all(isinstance(messages, list) for messages in outcome.body.values())
        assert (outcome.settings, outcome.revisions) == ((0, *IN_FORCE.values()), 0)


def test_every_difference_on_the_list_is_a_case_of_the_table() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) > 500
    assert OTHERWISE.keys() <= set(names)


def _comparable(outcome: Outcome) -> Outcome:
    """Without the wording of what a decoder found wrong, which is that of its library."""
    detail = outcome.body.get("detail", "") if isinstance(outcome.body, dict) else ""
    if isinstance(detail, str) and " parse error - " in detail:
        return replace(outcome, body={"detail": detail.partition(" - ")[0]})
    return outcome
