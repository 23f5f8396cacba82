"""There is always an admin left, whatever happens at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifapp.access import Principal, Source
from notifapp.access.models import User
from notifapp.errors import Conflict, ValidationFailed
from notifapp.extensions import db
from notifapp.users import service
from tests.world import World

ADMINS = 4


def demote(user_id: int) -> None:
    service.update_user(
        user_id,
        name="Former",
        email=f"admin{user_id}@example.org",
        is_admin=False,
        principal=Principal.operator(),
    )


def deactivate(user_id: int) -> None:
    service.deactivate_user(user_id, principal=Principal.operator())


def live_admins(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).where(User.is_admin, User.is_active)) or 0


@pytest.mark.parametrize("remove", [demote, deactivate])
def test_the_last_active_admin_stays(app: Flask, world: World, remove: Callable[[int], None]) -> None:
    world.admin("admin1@example.org")
    world.user("former@example.org", admin=True, active=False)
    with app.app_context(), pytest.raises((Conflict, ValidationFailed)) as refused:
        remove(1)
    error = refused.value
    assert "This is the last active admin." in str(error.body())
    assert live_admins(app) == 1


@pytest.mark.parametrize("attempt", range(3))
def test_of_all_admins_demoted_and_deactivated_at_once_one_stays(app: Flask, world: World, attempt: int) -> None:
    for number in range(1, ADMINS + 1):
        world.admin(f"admin{number}@example.org")
    barrier = Barrier(ADMINS)

    def remove(user_id: int) -> bool:
        with app.app_context():
            barrier.wait()
            try:
                (demote if user_id % 2 else deactivate)(user_id)
            except (Conflict, ValidationFailed):
                return False
            return True

    with ThreadPoolExecutor(ADMINS) as pool:
        removed = list(pool.map(remove, range(1, ADMINS + 1)))
    assert sum(removed) == ADMINS - 1
    assert live_admins(app) == 1


def test_two_admins_may_work_on_one_person_at_once(app: Flask, world: World) -> None:
    admins = [world.admin(f"admin{number}@example.org") for number in (1, 2)]
    person, shop = world.user(), world.project()
    callers = [Principal(Source.PAGE, "", "", is_admin=True, user_id=user_id) for user_id in admins]

    def work(number: int) -> None:
        caller = callers[number % 2]
        with app.app_context():
            if number % 3:
                service.set_membership(person, shop.id, [1036] if number % 4 else [], principal=caller)
            else:
                service.update_user(
                    person, name=f"Staff {number}", email="staff@example.org", is_admin=False, principal=caller
                )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
