"""Every route that there is, walked: none is open by mistake."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from notifapp.access import Permission, guard
from tests.access.walk import UNSAFE, is_api, methods, path_of, rules
from tests.client import Browser
from tests.world import World

PUBLIC = {
    "account.home",
    "account.passkey",
    "account.passkey_options",
    "account.second_step",
    "account.sign_in",
    "account.password_link",
    "account.set_password",
    "apidocs.page",
    "apidocs.openapi",
    "health.healthz",
    "health.metrics",
    "health.readyz",
    "health.security_txt",
    "receipts.receive",
    "static",
}
HOOKS = {"receipts.receive"}  # for programs without a session, which prove by other means who they are


def test_every_route_declares_who_may_call_it(app: Flask) -> None:
    with app.test_request_context():
        undeclared = [rule.endpoint for rule in rules(app) if guard.declared_check(rule.endpoint) is None]
    assert undeclared == []


def test_a_route_that_declares_nothing_is_refused_even_to_an_admin(app: Flask, world: World, browser: Browser) -> None:
    endpoint, view = "account.home", app.view_functions["account.home"]
    app.view_functions[endpoint] = lambda: "open by mistake"
    try:
        assert browser.sign_in(world.admin()).get("/").status_code == 403
    finally:
        app.view_functions[endpoint] = view


def test_the_public_routes_are_these_alone(app: Flask) -> None:
    client = app.test_client()
    reachable = set()
    for rule in rules(app):
        for method in methods(rule, ("GET",)):
            answer = client.open(path_of(rule), method=method)
            assert answer.status_code < 500, rule
            asks_to_sign_in = answer.status_code == 302 and "/sign-in?" in answer.headers["Location"]
            if not (asks_to_sign_in or answer.status_code == 401):
                reachable.add(rule.endpoint)
    assert reachable == PUBLIC - {"static", "account.passkey", "account.passkey_options"}  # those two take only forms


@pytest.mark.parametrize("method", ["GET", *UNSAFE])
def test_a_stranger_is_asked_to_sign_in_on_every_page(app: Flask, browser: Browser, method: str) -> None:
    for rule in rules(app):
        if is_api(rule) or rule.endpoint in PUBLIC or method not in (rule.methods or ()):
            continue
        headers = {} if method == "GET" else {"X-CSRFToken": browser.csrf_token()}
        answer = browser.client.open(path_of(rule), method=method, headers=headers)
        assert answer.status_code in ((302,) if method == "GET" else (303, 401)), (method, rule)
        leads_to = answer.headers.get("Location") or answer.text.partition('<form method="post" action="')[2]
        assert leads_to.startswith("/sign-in"), (method, rule)


def test_a_stranger_gets_401_from_every_api_route(app: Flask) -> None:
    client = app.test_client()
    for rule in rules(app):
        if is_api(rule) and rule.endpoint not in PUBLIC:
            for method in methods(rule, ("GET", *UNSAFE)):
                answer = client.open(path_of(rule), method=method)
                assert answer.status_code == 401, (method, rule)
                assert answer.headers["WWW-Authenticate"] == "Token"
                assert answer.json is not None
                assert answer.json["detail"]


def test_a_session_is_no_credential_at_the_api(app: Flask, world: World, browser: Browser) -> None:
    browser.sign_in(world.admin())
    for rule in rules(app):
        if is_api(rule) and rule.endpoint not in PUBLIC:
            for method in methods(rule, ("GET", *UNSAFE)):
                assert browser.client.open(path_of(rule), method=method).status_code == 401, (method, rule)


def test_every_page_that_changes_something_refuses_a_form_without_its_csrf_token(
    app: Flask, world: World, browser: Browser
) -> None:
    world.project("x1")
    browser.sign_in(world.admin())
    walked = 0
    for rule in rules(app):
        if not is_api(rule) and rule.endpoint not in HOOKS:
            for method in methods(rule, UNSAFE):
                for data in ({}, {"csrf_token": "forged"}):
                    assert browser.client.open(path_of(rule), method=method, data=data).status_code == 400, rule
                    walked += 1
    assert walked > 20


def test_staff_get_403_or_404_on_every_page_for_admins(app: Flask, world: World, browser: Browser) -> None:
    world.project("x1")
    browser.sign_in(world.user())
    for rule in rules(app):
        if rule.rule.startswith(("/users", "/tokens", "/audit", "/projects/new", "/projects/<project_slug>")):
            for method in methods(rule, ("GET", *UNSAFE)):
                headers = {} if method == "GET" else {"X-CSRFToken": browser.csrf_token()}
                answer = browser.client.open(path_of(rule), method=method, headers=headers)
                assert answer.status_code in (403, 404), (method, rule)


def test_a_member_of_one_project_finds_nothing_of_another(app: Flask, world: World, browser: Browser) -> None:
    """The second project has a notifier with id 1, a revision and a token: known ids, yet all is 404."""
    theirs = world.project("x1")
    world.notifier(theirs)
    browser.sign_in(world.member(world.project("mine"), *Permission))
    walked = 0
    for rule in rules(app):
        if "<project_slug>" in rule.rule:
            for method in methods(rule, ("GET", *UNSAFE)):
                headers = {} if method == "GET" else {"X-CSRFToken": browser.csrf_token()}
                answer = browser.client.open(path_of(rule), method=method, headers=headers)
                assert answer.status_code in (403, 404), (method, rule)  # 403: only for admins
                walked += 1
    assert walked > 15


def test_a_token_of_one_project_reaches_nothing_of_another_by_its_id(app: Flask, world: World) -> None:
    for channel in ("sms", "email"):
        assert world.notifier(world.project(f"x{channel}"), channel) in (1, 2)
    token = world.staff_token(world.project("mine"), *Permission)
    client = app.test_client(use_cookies=False)
    walked = 0
    for rule in rules(app):
        if is_api(rule) and "<" in rule.rule:
            for method in methods(rule, ("GET", "PATCH", "DELETE")):
                for id_ in ("1", "2"):
                    path = re.sub(r"<[^>]*>", id_, rule.rule)
                    answer = client.open(path, method=method, headers={"Authorization": f"Token {token}"}, json={})
                    assert answer.status_code == 404, (method, path)
                    walked += 1
    assert walked >= 8


def test_no_address_however_odd_is_an_error_of_ours(app: Flask, world: World, browser: Browser) -> None:
    world.project("x1")
    browser.sign_in(world.admin())
    odd = ("%00", "%ff", "x" * 3000, "99999999999999999999")
    for rule in rules(app):
        for path in {re.sub(r"<[^>]*>", part, rule.rule) for part in odd}:
            for query in ("", "?q=%00&after=%00&project=%00&actor=%00&version=%00"):
                if "GET" in (rule.methods or ()):
                    with browser.client.get(path + query, buffered=True) as answer:
                        assert answer.status_code < 500, path
