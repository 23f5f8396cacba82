"""`project`, `notifier`, `settings` and `secrets`: the services' rules, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import func, select, text

from notifapp.audit.models import AuditEvent
from notifapp.database import Vault, reading, table_of
from notifapp.settings.models import SettingsRevision
from tests.cli.conftest import Operator
from tests.client import ApiClient
from tests.conftest import ENCRYPTION_KEY
from tests.world import World
from tests.world import stored_secrets as decrypted

Run = Callable[..., str]
SMTP = ("--channel", "email", "--backend", "smtp", "--name", "mail")
SMTP_SETTINGS = ("--setting", "host=smtp.example.com", "--setting", "username=shop")
SENDER = ("--setting", "from_email=shop@example.com")
SECRET = "the-mail-password"


def last_event(app: Flask) -> tuple[str, str, str]:
    columns = table_of(AuditEvent).c
    statement = select(columns.action, columns.source, columns.actor).order_by(columns.id.desc()).limit(1)
    with app.app_context(), reading() as connection:
        row = connection.execute(statement).one()
    return row.action, row.source, row.actor


def stored_secrets(app: Flask) -> str:
    with app.app_context(), reading() as connection:
        return str(connection.execute(text("SELECT secrets FROM notifier")).scalar_one())


def test_a_new_project_has_the_default_settings(app: Flask, done: Run) -> None:
    assert done("project", "create", "shop", "--name", "Shop").isdigit()
    assert last_event(app) == ("project_created", "cli", "command line")
    assert json.loads(done("settings", "show", "shop")) == {
        "notifications_sms_notifier_data": None,
        "notifications_email_notifier_data": None,
        "notifications_otp_code_len": 5,
        "notifications_otp_ttl": 120,
    }


def test_a_projects_address_is_checked_and_unique(world: World, refused: Run) -> None:
    world.project("shop")
    assert refused("project", "create", "Not a slug", "--name", "Shop").startswith("slug: ")
    assert refused("project", "create", "shop", "--name", "Shop").startswith("slug: ")
    assert "no project" in refused("settings", "show", "nowhere")


def test_a_notifiers_secret_comes_from_standard_input_and_is_stored_encrypted(
    app: Flask, world: World, done: Run
) -> None:
    world.project("shop")
    secret = ("--secret-stdin", "password")
    created = done("notifier", "create", "shop", *SMTP, *SMTP_SETTINGS, *SENDER, *secret, input=SECRET + "\n")
    assert created.isdigit()
    assert decrypted(app) == [{"password": SECRET}]
    assert SECRET not in stored_secrets(app)
    assert last_event(app) == ("notifier_created", "cli", "command line")


def test_a_secret_on_the_command_line_is_refused_without_repeating_it(world: World, operator: Operator) -> None:
    world.project("shop")
    result = operator("notifier", "create", "shop", *SMTP, *SMTP_SETTINGS, "--setting", f"password={SECRET}")
    assert result.exit_code == 2
    assert "--secret-stdin password" in result.stderr
    assert SECRET not in result.output


def test_a_setting_needs_a_key_and_a_value(world: World, operator: Operator) -> None:
    world.project("shop")
    result = operator("notifier", "create", "shop", *SMTP, "--setting", "host")
    assert result.exit_code == 2
    assert "KEY=VALUE" in result.stderr


@pytest.mark.parametrize(
    ("args", "field"),
    [
        (("--channel", "sms", "--backend", "smtp", "--name", "x"), "backend"),
        (("--channel", "sms", "--backend", "nothing", "--name", "x"), "backend"),
        ((*SMTP, *SMTP_SETTINGS), "password"),
        ((*SMTP, *SMTP_SETTINGS, *SENDER, "--setting", "port=none", "--secret-stdin", "password"), "port"),
        ((*SMTP, *SMTP_SETTINGS, *SENDER, "--setting", "colour=red", "--secret-stdin", "password"), "colour"),
        (("--channel", "sms", "--backend", "console", "--name", " "), "name"),
        (("--channel", "sms", "--backend", "console", "--name", "taken"), "name"),
    ],
)
def test_a_notifier_that_fails_is_not_made(world: World, refused: Run, args: tuple[str, ...], field: str) -> None:
    world.notifier(world.project("shop"), name="taken")
    assert f"{field}: " in refused("notifier", "create", "shop", *args, input=SECRET)


def test_settings_are_shown_as_the_api_answers_them(world: World, api: ApiClient, done: Run) -> None:
    project = world.project("shop")
    notifier = world.notifier(project, name="درگاه")
    done("settings", "set", "shop", "--sms-notifier", str(notifier))
    assert done("settings", "show", "shop") == api.get_settings(world.staff_token(project, 1036)).text


def test_settings_are_changed_and_a_revision_is_kept(app: Flask, world: World, done: Run) -> None:
    project = world.project("shop")
    sms, email = world.notifier(project), world.notifier(project, "email", "mail")
    chosen = ("--sms-notifier", str(sms), "--email-notifier", str(email))
    shown = done("settings", "set", "shop", *chosen, "--otp-code-len", "6", "--otp-ttl", "180")
    assert json.loads(shown) == {
        "notifications_sms_notifier_data": {"id": sms, "name": "ippanel_one"},
        "notifications_email_notifier_data": {"id": email, "name": "mail"},
        "notifications_otp_code_len": 6,
        "notifications_otp_ttl": 180,
    }
    assert last_event(app) == ("settings_changed", "cli", "command line")
    after = json.loads(done("settings", "set", "shop", "--sms-notifier", "none"))
    assert after["notifications_sms_notifier_data"] is None
    assert after["notifications_email_notifier_data"] == {"id": email, "name": "mail"}
    with app.app_context(), reading() as connection:
        revisions = connection.execute(
            select(SettingsRevision.version, SettingsRevision.source).order_by(SettingsRevision.version)
        ).all()
    assert revisions == [(1, "cli"), (2, "cli")]


def test_setting_what_is_set_already_writes_nothing(app: Flask, world: World, done: Run) -> None:
    world.project("shop")
    done("settings", "set", "shop")
    done("settings", "set", "shop", "--otp-code-len", "5", "--sms-notifier", "none")
    with app.app_context(), reading() as connection:
        assert connection.execute(select(func.count()).select_from(SettingsRevision)).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(AuditEvent)).scalar_one() == 0


def test_every_bad_setting_is_named_and_nothing_is_changed(world: World, done: Run, refused: Run) -> None:
    world.project("shop")
    before = done("settings", "show", "shop")
    bad = ("--sms-notifier", "99", "--email-notifier", "mail", "--otp-code-len", "11", "--otp-ttl", "none")
    line = refused("settings", "set", "shop", *bad)
    assert dict(part.split(": ", 1) for part in line.split("; ")) == {
        "notifications_sms_notifier": 'Invalid pk "99" - object does not exist.',
        "notifications_email_notifier": "Incorrect type. Expected pk value, received str.",
        "notifications_otp_code_len": "Ensure this value is less than or equal to 10.",
        "notifications_otp_ttl": "A valid integer is required.",
    }
    assert done("settings", "show", "shop") == before


def test_another_projects_notifier_cannot_be_chosen(world: World, refused: Run) -> None:
    world.project("shop")
    foreign = world.notifier(world.project("other"))
    assert "does not exist" in refused("settings", "set", "shop", "--sms-notifier", str(foreign))


@pytest.mark.parametrize(
    "command",
    [
        ("settings", "set", "shop", "--otp-ttl", "60"),
        ("notifier", "create", "shop", "--channel", "sms", "--backend", "console", "--name", "x"),
        ("member", "set", "staff@example.org", "shop"),
        ("token", "create", "staff@example.org", "shop", "--name", "x"),
    ],
)
def test_nothing_is_changed_in_an_archived_project(world: World, refused: Run, command: tuple[str, ...]) -> None:
    project = world.project("shop")
    world.member(project, 1036)
    world.archive(project)
    assert "archived" in refused(*command)


def test_after_reencrypting_the_new_key_is_enough(
    app: Flask, world: World, done: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.notifier(world.project("shop"), "email", "mail", backend="smtp", secrets={"password": SECRET})
    new = Fernet.generate_key().decode()
    monkeypatch.setitem(app.extensions, "vault", Vault([new, ENCRYPTION_KEY]))
    assert done("secrets", "reencrypt") == "1"
    monkeypatch.setitem(app.extensions, "vault", Vault([new]))
    assert decrypted(app) == [{"password": SECRET}]
    assert last_event(app) == ("secrets_reencrypted", "cli", "command line")


def test_reencrypting_without_the_old_key_is_refused(
    app: Flask, world: World, refused: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.notifier(world.project("shop"), "email", "mail", backend="smtp", secrets={"password": SECRET})
    before = stored_secrets(app)
    monkeypatch.setitem(app.extensions, "vault", Vault([Fernet.generate_key().decode()]))
    assert refused("secrets", "reencrypt") == "Some secrets can't be read with any of the listed keys."
    assert stored_secrets(app) == before
