"""`demo`: a project to look around in, made once, with nothing secret that anybody could know beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifapp.access.models import ApiToken, MembershipPermission, Project, User
from notifapp.account import service as account
from notifapp.account.devices import Device
from notifapp.channels import Channel
from notifapp.cli.demo import ADMIN, EDITOR, PEOPLE, READER, TOKEN
from notifapp.database import reading
from notifapp.delivery.models import Delivery
from notifapp.notifiers.asking import balances
from notifapp.notifiers.models import Notifier
from notifapp.settings.models import SettingsRevision
from tests.cli.conftest import Operator
from tests.client import ApiClient


def credentials(folder: Path) -> dict[str, str]:
    lines = (folder / "demo.txt").read_text().splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


def counts(app: Flask) -> dict[str, int]:
    models = (Project, User, Notifier, ApiToken, SettingsRevision)
    with app.app_context(), reading() as connection:
        return {
            model.__tablename__: connection.execute(select(func.count()).select_from(model)).scalar_one()
            for model in models
        }


def test_without_the_console_it_says_what_to_set(
    app: Flask, operator: Operator, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "NOTIFAPP", replace(app.config["NOTIFAPP"], console_backend=False))
    assert "set NOTIFAPP_DEBUG=1 or NOTIFAPP_CONSOLE_BACKEND=1" in refused("demo")
    assert counts(app)["project"] == 0


def test_it_prints_where_to_go_who_to_be_and_a_curl_line_that_works(
    operator: Operator, api: ApiClient, tmp_path: Path
) -> None:
    result = operator("demo", "--url", "http://127.0.0.1:8123")
    assert result.exit_code == 0
    known = credentials(tmp_path)
    assert "Open http://127.0.0.1:8123 and" in result.stdout
    for person in PEOPLE:
        assert [person.email, known[person.email]] in [line.split()[:2] for line in result.stdout.splitlines()]
    curl = f'curl -H "Authorization: Token {known[TOKEN]}" http://127.0.0.1:8123/api/settings/notifications'
    assert curl in result.stdout
    assert api.get_settings(known[TOKEN]).json == {
        "notifications_sms_notifier_data": {"id": 2, "name": "ippanel_one"},
        "notifications_email_notifier_data": {"id": 6, "name": "outbox_for_tests"},
        "notifications_otp_code_len": 6,
        "notifications_otp_ttl": 120,
    }
    assert api.patch_settings(known[TOKEN], {"notifications_otp_ttl": 90}).status_code == 200


def test_its_test_recipient_gets_in_by_the_fixed_code(operator: Operator, api: ApiClient, tmp_path: Path) -> None:
    operator("demo")
    token, path = credentials(tmp_path)[TOKEN], "/api/otp/challenges"
    made = api.call("POST", path, token, json={"channel": "email", "recipient": "reviewer@example.com"})
    assert made.status_code == 201
    right = api.call("POST", f"{path}/{made.get_json()['id']}/verify", token, json={"code": "314159"})
    assert right.get_json()["status"] == "approved"


def test_it_makes_six_notifiers_three_people_one_token_and_a_history(app: Flask, operator: Operator) -> None:
    operator("demo")
    assert counts(app) == {"project": 1, "user_account": 3, "notifier": 6, "api_token": 1, "settings_revision": 6}
    with app.app_context(), reading() as connection:
        backends = connection.execute(select(Notifier.channel, Notifier.backend)).all()
        codes = connection.execute(
            select(User.email, MembershipPermission.code)
            .join(MembershipPermission, MembershipPermission.user_id == User.id)
            .order_by(User.email, MembershipPermission.code)
        ).all()
        admins = connection.execute(select(User.email).where(User.is_admin)).scalars().all()
    assert len({backend for channel, backend in backends if channel == Channel.SMS}) == 3
    assert sorted(backend for channel, backend in backends if channel == Channel.EMAIL) == ["console", "smtp", "smtp"]
    assert codes == [*((EDITOR.email, code) for code in (1036, 1037, 9001, 9002)), (READER.email, 1036)]
    assert admins == [ADMIN.email]


def test_everybody_can_sign_in(app: Flask, operator: Operator, tmp_path: Path) -> None:
    operator("demo")
    known = credentials(tmp_path)
    with app.app_context():
        for person in PEOPLE:
            assert account.sign_in(person.email, known[person.email], device=Device(), lifetime=60)


def test_it_has_messages_and_a_balance_to_look_at(app: Flask, operator: Operator) -> None:
    for _ in range(2):
        operator("demo")
        with app.app_context(), reading() as connection:
            statuses = connection.execute(select(Delivery.status)).scalars().all()
            chart = balances.chart(2, ZoneInfo("Asia/Tehran"))
        assert (len(statuses), set(statuses)) == (60, {"sent", "delivered", "undelivered", "failed"})
        assert chart is not None
        assert (chart.currency, len(chart.days) >= 6) == ("IRR", True)


def test_started_again_it_goes_on_with_the_same_data(app: Flask, operator: Operator, api: ApiClient) -> None:
    first = operator("demo")
    token = first.stdout.split("Token ")[1].split('"')[0]
    api.patch_settings(token, {"notifications_otp_ttl": 77})
    before = counts(app)
    second = operator("demo")
    assert (second.exit_code, second.stdout) == (0, first.stdout)
    assert counts(app) == before
    assert api.get_settings(token).json["notifications_otp_ttl"] == 77  # type: ignore[index]


def test_the_credentials_are_their_owners_alone(operator: Operator, tmp_path: Path) -> None:
    operator("demo")
    file = tmp_path / "demo.txt"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    result = operator("demo")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "may be read by others" in result.stderr


def test_no_two_demos_share_a_credential(app: Flask, operator: Operator, tmp_path: Path) -> None:
    operator("demo")
    first = credentials(tmp_path)
    assert len(set(first.values())) == len(PEOPLE) + 1
    (tmp_path / "demo.txt").unlink()
    operator("demo")
    assert set(first.values()).isdisjoint(credentials(tmp_path).values())


def test_a_lost_file_is_replaced_and_the_old_credentials_end(
    app: Flask, operator: Operator, api: ApiClient, tmp_path: Path
) -> None:
    operator("demo")
    old = credentials(tmp_path)
    (tmp_path / "demo.txt").unlink()
    assert operator("demo").exit_code == 0
    new = credentials(tmp_path)
    assert api.get_settings(old[TOKEN]).status_code == 401
    assert api.get_settings(new[TOKEN]).status_code == 200
    with app.app_context():
        assert account.sign_in(ADMIN.email, new[ADMIN.email], device=Device(), lifetime=60)
    assert counts(app) == {"project": 1, "user_account": 3, "notifier": 6, "api_token": 2, "settings_revision": 6}


def test_a_demo_that_was_cut_off_is_completed(app: Flask, done: Callable[..., str], operator: Operator) -> None:
    done("project", "create", "demo", "--name", "Demo")
    done("user", "create", ADMIN.email, "--name", ADMIN.name, "--admin", "--password-stdin", input="never written down")
    sms = ("--channel", "sms", "--backend", "console", "--name", "ippanel_one")
    done("notifier", "create", "demo", *sms)
    done("settings", "set", "demo", "--otp-ttl", "60")
    assert operator("demo").exit_code == 0
    assert counts(app) == {"project": 1, "user_account": 3, "notifier": 6, "api_token": 1, "settings_revision": 6}
    assert '"id": 1, "name": "ippanel_one"' in done("settings", "show", "demo")
