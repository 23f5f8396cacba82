"""Existing installations are upgraded without a code being refused that was sent before."""

from __future__ import annotations

from pathlib import Path

from flask_migrate import downgrade, upgrade
from sqlalchemy import select

from notifapp import create_app
from notifapp.database import reading, table_of
from notifapp.extensions import db
from notifapp.otp.models import OtpChallenge
from notifapp.traffic.limits import get_limits
from tests.conftest import Databases, config_for
from tests.traffic.caller import iranian, make_counted_caller
from tests.world import World

BEFORE = "0008"


def test_an_existing_project_sends_everywhere_until_an_admin_chooses(
    database: str, databases: Databases, tmp_path: Path
) -> None:
    app = create_app(config_for(databases.make(database), tmp_path))
    caller = make_counted_caller(app, World(app))
    caller.send(iranian(1))
    with app.app_context():
        db.session.remove()
        downgrade(revision=BEFORE)
        upgrade()
        limits = get_limits(caller.project)
        assert (limits.countries, limits.mobile_only, limits.codes_per_hour) == ("", False, 10_000)
    caller.set_phone_region("IR")
    assert caller.send("+14155552671").status_code == 201
    assert caller.send(iranian(1)).get_json()["code"] == "too_soon"
    challenge = table_of(OtpChallenge).c
    with app.app_context(), reading() as connection:
        for row in connection.execute(select(challenge.counted_as, challenge.recipient_digest)):
            assert row.counted_as == row.recipient_digest
    with app.app_context():
        db.engine.dispose()
