"""Searches and orderings without end, which SQLite refuses to parse, are no errors of ours."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.client import ApiClient, Browser
from tests.world import World


@pytest.mark.parametrize("query", ["search=" + "a" * 51_000, "search=" + "a+" * 5_000, "ordering=" + "id," * 3_000])
def test_an_endless_search_or_ordering_is_no_error_at_the_api(app: Flask, world: World, query: str) -> None:
    token = world.staff_token(world.project(), 2812)
    assert ApiClient(app).call("GET", f"/api/notifications/notifiers/sms?{query}", token).status_code == 200


@pytest.mark.parametrize("path", ["/projects", "/users", "/tokens", "/users/{}/memberships"])
def test_an_endless_search_is_no_error_on_a_page(world: World, browser: Browser, path: str) -> None:
    admin = world.admin()
    page = browser.sign_in(admin).get(f"{path.format(admin)}?q={'a' * 51_000}")
    assert page.status_code == 200
