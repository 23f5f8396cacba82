"""`GET /api/openapi.json`: valid, complete, and true to the routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from notifapp.access import Permission
from notifapp.apidocs.document import document
from notifapp.apidocs.reference import chapters
from notifapp.apidocs.schemas import resolve
from notifapp.channels import Channel
from notifapp.notifiers.backends import backends_for
from notifapp.settings import models, values
from tests.client import ApiClient
from tests.world import World

# The document and its page describe the API; they aren't part of it.
NOT_DESCRIBED = {("GET", "/api/openapi.json"), ("GET", "/api/docs")}
IMPLICIT_METHODS = {"HEAD", "OPTIONS"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method.upper(), path, operation


def test_the_document_is_valid_openapi_3_1(api: ApiClient) -> None:
    from openapi_spec_validator import validate  # takes two seconds, which runs without this test needn't spend

    answer = api.call("GET", "/api/openapi.json")
    assert answer.status_code == 200
    assert answer.get_json()["openapi"].startswith("3.1.")
    validate(answer.get_json())


def test_every_route_under_api_is_described_and_nothing_else_is(app: Flask) -> None:
    routes = set()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            path = rule.rule.replace("<int:", "{").replace("<", "{").replace(">", "}")
            routes |= {(method, path) for method in (rule.methods or set()) - IMPLICIT_METHODS}
    assert {(method, path) for method, path, _ in operations()} == routes - NOT_DESCRIBED


def test_each_operation_names_the_permission_that_its_route_asks_for(app: Flask, world: World, api: ApiClient) -> None:
    project = world.project()
    world.notifier(project, "sms")
    world.notifier(project, "sms", "two")
    world.notifier(project, "email", "three")
    for method, path, operation in operations():
        codes = [int(code) for choice in operation["security"] for code in choice["token"]]
        path = path.replace("{notifier_id}", "2" if "sms" in path else "3").replace("{challenge_id}", "x")
        others = [other for other in Permission if other not in codes]
        name = f"{method}{path}".replace("/", ".")
        holders = [world.staff_token(project, code, email=f"{code}{name}@example.org".lower()) for code in codes]
        everybody_else = world.staff_token(project, *others, email=f"else{name}@example.org".lower())
        for holder in holders:
            assert api.call(method, path, holder).status_code in (200, 400, 404), name
        refused = 403 if codes else 200
        assert api.call(method, path, everybody_else).status_code == refused, name


def test_the_document_has_a_strong_tag_and_answers_304(api: ApiClient) -> None:
    first = api.call("GET", "/api/openapi.json")
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    again = api.call("GET", "/api/openapi.json", headers={"If-None-Match": tag})
    assert again.status_code == 304
    assert not again.data


def test_bounds_and_defaults_are_those_of_the_settings() -> None:
    properties = document()["components"]["schemas"]["NotificationSettingsChange"]["properties"]
    assert set(properties) == set(values.FIELDS)
    length, ttl = properties[values.OTP_CODE_LEN], properties[values.OTP_TTL]
    assert (length["minimum"], length["maximum"]) == (models.MIN_OTP_CODE_LEN, models.MAX_OTP_CODE_LEN)
    assert (ttl["minimum"], ttl["maximum"]) == (models.MIN_OTP_TTL, models.MAX_OTP_TTL)


@pytest.mark.parametrize("suffix", ["Creation", "Change", ""])
def test_every_sms_backend_has_its_settings_in_the_document(suffix: str) -> None:
    schema = document()["components"]["schemas"][f"SmsNotifier{suffix}"]
    described = {choice["title"]: choice["properties"] for choice in schema["properties"]["settings"]["anyOf"]}
    backends = {backend.key: backend for backend in backends_for(Channel.SMS)}
    assert described.keys() == backends.keys()
    for key, backend in backends.items():
        shown = {f"has_{name}" for name in backend.secrets} if not suffix else set()
        assert described[key].keys() == backend.settings.keys() | shown


def test_every_answer_has_a_request_id_and_every_error_a_schema_and_an_example() -> None:
    for method, path, operation in operations():
        for status, described in operation["responses"].items():
            answer = resolve(described)
            where = f"{method} {path} {status}"
            assert "X-Request-ID" in answer["headers"], where
            if status not in ("204", "304"):
                content = answer["content"]["application/json"]
                assert content["schema"], where
                assert content["examples"], where


def test_every_example_fits_its_schema() -> None:
    from openapi_schema_validator import OAS31Validator, oas31_format_checker

    components = document()["components"]
    count = 0
    for where, content in contents():
        validator = OAS31Validator({**content["schema"], "components": components}, format_checker=oas31_format_checker)
        for example in content["examples"].values():
            problems = [problem.message for problem in validator.iter_errors(example["value"])]
            assert not problems, f"{where}, {example['summary']}: {problems}"
            count += 1
    assert count > 50


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every described JSON body."""
    for method, path, operation in operations():
        bodies = {"body": operation.get("requestBody"), **operation["responses"]}
        for name, described in bodies.items():
            content = resolve(described or {}).get("content", {}).get("application/json")
            if content:
                yield f"{method} {path} {name}", content


def test_nothing_that_is_described_is_left_unused() -> None:
    text = str(document())
    for kind in ("schemas", "responses", "headers", "parameters"):
        for name in document()["components"][kind]:
            assert f"#/components/{kind}/{name}'" in text, f"{kind}/{name}"


def test_every_chapter_has_operations() -> None:
    assert all(chapter.operations for chapter in chapters())
