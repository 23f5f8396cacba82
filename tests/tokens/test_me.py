"""`GET /api/me`: what a token can do, told to the program that holds it."""

from __future__ import annotations

from datetime import timedelta

from notifapp import clock
from notifapp.access import Permission
from tests.client import ApiClient
from tests.world import World

ME = "/api/me"


def test_a_token_learns_its_project_user_permissions_and_expiry(api: ApiClient, world: World) -> None:
    project = world.project("shop", "My Shop")
    user = world.member(project, Permission.OTP_VERIFY, Permission.OTP_SEND, email="backend@example.org")
    expires_at = clock.now() + timedelta(days=30)
    answer = api.call("GET", ME, world.token(user, project, name="Checkout", expires_at=expires_at))
    assert answer.status_code == 200
    assert answer.json == {
        "project": {"slug": "shop", "name": "My Shop"},
        "user": {"email": "backend@example.org"},
        "permissions": [9001, 9002],
        "token": {"name": "Checkout", "expires_at": clock.iso(expires_at)},
    }


def test_a_token_without_any_permission_may_ask(api: ApiClient, world: World) -> None:
    answer = api.call("GET", ME, world.staff_token(world.project()))
    assert (answer.status_code, answer.get_json()["permissions"]) == (200, [])
    assert answer.get_json()["token"]["expires_at"] is None


def test_an_admins_token_has_every_permission(api: ApiClient, world: World) -> None:
    answer = api.call("GET", ME, world.token(world.admin(), world.project()))
    assert answer.get_json()["permissions"] == sorted(int(permission) for permission in Permission)


def test_without_a_valid_token_nothing_is_told(api: ApiClient, world: World) -> None:
    token = world.staff_token(world.project())
    assert api.call("GET", ME).status_code == 401
    assert api.call("GET", ME, token + "x").status_code == 401
    assert api.call("POST", ME, token).status_code == 405
