"""The routes held against the document by schemathesis: odd requests, real answers."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from flask import Flask
from openapi_schema_validator import OAS31Validator
from schemathesis.core import NotSet

from notifapp.apidocs.document import document
from notifapp.apidocs.schemas import resolve
from notifapp.inputs import FALSE, TRUE
from tests.client import ApiClient

pytestmark = pytest.mark.slow

CONFIG = {
    "generation": {"deterministic": True, "database": "none"},
    "checks": {
        # Good data by its shape may still name a notifier that isn't there, or a name that is taken.
        "positive_data_acceptance": {"enabled": False},
        # A list's parameter that can't be read counts as absent, and values are coerced as Django REST Framework
        # does: bad_bodies_are_refused knows of that.
        "negative_data_rejection": {"enabled": False},
    },
}
WORDS_FOR_BOOLEANS = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)


@schemathesis.check
def bad_bodies_are_refused(ctx: schemathesis.CheckContext, response: schemathesis.Response, case: Any) -> None:
    """A JSON body that doesn't fit its schema, even when it is read as leniently as the contract says, is refused."""
    if (
        not case.meta.generation.mode.is_negative
        or case.media_type != "application/json"
        or response.status_code >= 300
    ):
        return
    described = case.operation.definition.raw["requestBody"]["content"]["application/json"]["schema"]
    validator = OAS31Validator(resolve(described) | {"components": document()["components"]})
    body = {} if isinstance(case.body, NotSet) else coerced(case.body, resolve(described))
    problems = [f"{problem.json_path}: {problem.message}" for problem in validator.iter_errors(body)]
    assert not problems, f"{response.status_code} for {case.body!r}, though {problems}"


def coerced(value: Any, described: dict[str, Any]) -> Any:
    """The value as Django REST Framework would read it for this schema, where it would."""
    if "anyOf" in described:
        readings = [coerced(value, choice) for choice in described["anyOf"]]
        fitting = [
            reading for reading, choice in zip(readings, described["anyOf"], strict=True) if fits(reading, choice)
        ]
        return [*fitting, value][0]
    kinds = described["type"] if isinstance(described["type"], list) else [described["type"]]
    if isinstance(value, dict) and "object" in kinds:
        return {key: coerced(item, described["properties"].get(key, {"type": "any"})) for key, item in value.items()}
    if "boolean" in kinds and isinstance(value, int | str):
        return WORDS_FOR_BOOLEANS.get(str(value).lower(), value)
    if isinstance(value, bool):
        return value
    if "integer" in kinds and isinstance(value, str):
        return (
            int(value) if value.strip().lstrip("+-").isdecimal() else None if value == "" and "null" in kinds else value
        )
    if "string" in kinds and isinstance(value, int | float | str):
        return str(value).strip()
    return value


def fits(value: Any, described: dict[str, Any]) -> bool:
    return bool(OAS31Validator(described).is_valid(value))


class Served:
    """The WSGI application that schemathesis calls: the one of the test that is running."""

    app: Flask

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self.app(environ, start_response)


served = Served()
schema = schemathesis.openapi.from_dict(document(), config=schemathesis.Config.from_dict(CONFIG))
schema.app = served


@pytest.fixture(autouse=True)
def serve(app: Flask) -> None:
    served.app = app


settings = hypothesis.settings(
    max_examples=10,
    deadline=None,
    # One project for all the examples of an operation: what they leave behind is part of the test.
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


@schema.parametrize()
@settings
def test_the_routes_do_what_the_document_says(case: Any, token: str) -> None:
    case.call_and_validate(headers={"Authorization": f"Token {token}"})


@schema.include(operation_id="updateNotificationSettings").parametrize()
@settings
def test_so_does_a_change_without_if_match_which_would_mostly_be_stale(case: Any, token: str) -> None:
    (case.headers or {}).pop("If-Match", None)
    case.call_and_validate(headers={"Authorization": f"Token {token}"})


def test_an_empty_tag_in_if_match_is_stale(api: ApiClient, token: str) -> None:
    answer = api.patch_settings(token, {"notifications_otp_ttl": 60}, headers={"If-Match": '""'})
    assert answer.status_code == 412
