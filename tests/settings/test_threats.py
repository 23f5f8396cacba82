"""What a careless or hostile client does to the settings, and what must come of it."""

from __future__ import annotations

from io import BytesIO
from threading import Thread
from time import sleep

from flask import Flask
from sqlalchemy import text

from notifapp.database import writing
from notifapp.extensions import db
from tests.client import ApiClient, Browser
from tests.settings.conftest import Shop
from tests.world import World


def test_a_change_that_waited_for_another_one_knows_the_notifier_that_it_chose(
    app: Flask, world: World, shop: Shop
) -> None:
    """PostgreSQL gives a waiting writer the newest row, joined with what the statement saw before it waited."""
    token = world.token(shop.staff, shop.project)
    answers = []

    def patch() -> None:
        answers.append(ApiClient(app).patch_settings(token, {"notifications_otp_ttl": 300}))

    waiting = Thread(target=patch)
    with app.app_context(), writing() as connection:
        connection.execute(
            text("UPDATE notification_settings SET sms_notifier_id = :id, version = 1 WHERE project_id = :project"),
            {"id": shop.sms, "project": shop.project.id},
        )
        waiting.start()
        sleep(0.5)  # time for the other writer to come up against this one
    waiting.join()

    assert answers[0].get_json()["notifications_sms_notifier_data"] == {"id": shop.sms, "name": "ippanel_one"}
    with app.app_context(), db.engine.connect() as connection:
        names = connection.execute(text("SELECT sms_notifier_name FROM settings_revision WHERE version = 2")).all()
    assert [tuple(name) for name in names] == [("ippanel_one",)]


def test_a_deleted_notifiers_id_is_never_given_again_so_that_an_old_revision_cannot_restore_a_stranger(
    app: Flask, world: World, shop: Shop, staff: Browser
) -> None:
    token, api = world.token(shop.staff, shop.project), ApiClient(app)
    last = world.notifier(shop.project, "sms", "the last one")
    for chosen in (last, None):
        api.patch_settings(token, {"notifications_sms_notifier": chosen})
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("DELETE FROM notifier WHERE id = :id"), {"id": last})

    assert world.notifier(shop.project, "sms", "a stranger") != last
    assert staff.post(f"{shop.path}/history/1/restore", {"version": "2"}).status_code == 400
    assert api.patch_settings(token, {"notifications_sms_notifier": last}).status_code == 400


def test_a_chunked_body_over_the_limit_is_refused_and_not_cut_off(app: Flask, world: World, shop: Shop) -> None:
    token, api = world.token(shop.staff, shop.project), ApiClient(app)
    fields = b"notifications_otp_ttl=300&x="
    for size, status in ((64 * 1024, 200), (64 * 1024 + 1, 413)):
        answer = api.call(
            "PATCH",
            api.PATH,
            token,
            input_stream=BytesIO(fields + b"x" * (size - len(fields))),
            content_type="application/x-www-form-urlencoded",
            headers={"Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert answer.status_code == status
