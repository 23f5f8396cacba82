"""notifapp: the settings desk for one-time codes and notifications."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.pool import NullPool
from werkzeug.middleware.proxy_fix import ProxyFix

from notifapp import cli, wording
from notifapp.access import Permission, guard, last_uses, passwords, sessions
from notifapp.account import routes as account
from notifapp.alerts import routes as alerts
from notifapp.apidocs import routes as apidocs
from notifapp.audit import routes as audit
from notifapp.channels import Channel
from notifapp.config import MAX_BODY_BYTES, Config
from notifapp.database import Vault, init_engine
from notifapp.delivery import routes as delivery
from notifapp.events import routes as events
from notifapp.extensions import MIGRATIONS, csrf, db, login_manager, migrate
from notifapp.health import routes as health
from notifapp.message_templates import routes as message_templates
from notifapp.notifiers import routes as notifiers
from notifapp.otp import routes as otp
from notifapp.projects import routes as projects
from notifapp.receipts import routes as receipts
from notifapp.second_factor import routes as second_factor
from notifapp.settings import routes as settings
from notifapp.standby import routes as standby
from notifapp.timeline import routes as timeline
from notifapp.tokens import routes as tokens
from notifapp.traffic import routes as traffic
from notifapp.users import routes as users
from notifapp.web import error_responses, headers, logs, navigation, times

ROOT = Path(__file__).resolve().parent.parent


class SyncFlask(Flask):
    """Flask that skips checking views and hooks for coroutines on every request, because we have none."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return `func` unchanged."""
        return func


def create_app(config: Config | None = None) -> Flask:
    """Create the application. Raise `ConfigError` if the configuration is invalid."""
    config = config or Config.from_environment()
    app = SyncFlask(
        __name__,
        root_path=str(ROOT),
        instance_path=str(config.instance_dir),
    )
    _configure(app, config)
    _extend(app, config)

    headers.init_app(app, config)
    guard.init_app(app)
    logs.init_app(app)
    error_responses.init_app(app)
    navigation.init_app(app)
    times.init_app(app)

    app.register_blueprint(health.blueprint)
    app.register_blueprint(account.blueprint)
    app.register_blueprint(second_factor.blueprint)
    app.register_blueprint(users.blueprint)
    app.register_blueprint(projects.blueprint)
    app.register_blueprint(tokens.blueprint)
    app.register_blueprint(audit.blueprint)
    app.register_blueprint(settings.blueprint)
    app.register_blueprint(standby.blueprint)
    app.register_blueprint(message_templates.blueprint)
    app.register_blueprint(notifiers.blueprint)
    app.register_blueprint(otp.blueprint)
    app.register_blueprint(timeline.blueprint)
    app.register_blueprint(traffic.blueprint)
    app.register_blueprint(delivery.blueprint)
    app.register_blueprint(receipts.blueprint)
    app.register_blueprint(events.blueprint)
    app.register_blueprint(alerts.blueprint)
    app.register_blueprint(apidocs.blueprint)
    cli.init_app(app)
    return app


def _configure(app: Flask, config: Config) -> None:
    app.config.update(
        NOTIFAPP=config,
        SECRET_KEY=config.secret_key,
        SQLALCHEMY_DATABASE_URI=config.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={"poolclass": NullPool},  # each thread keeps its own: see database/connections.py
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        SESSION_COOKIE_NAME="notifapp" if config.debug else "__Host-notifapp",
        SESSION_COOKIE_SECURE=not config.debug,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=config.session_idle),
        WTF_CSRF_CHECK_DEFAULT=False,  # access/guard.py checks it on every page
        WTF_CSRF_TIME_LIMIT=None,  # valid as long as its session
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(hours=1),
    )
    app.url_map.strict_slashes = False
    app.session_interface = sessions.PageSessions()
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    words = {"count": wording.count, "duration": wording.duration, "odds": wording.odds}
    app.jinja_env.globals.update(words, Channel=Channel, Permission=Permission)
    if config.trusted_proxy_hops:
        hops = config.trusted_proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def _extend(app: Flask, config: Config) -> None:
    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    csrf.init_app(app)
    login_manager.init_app(app)
    login_manager.session_protection = None  # the session's row decides, not the client's IP address
    login_manager.user_loader(sessions.load_session)
    app.extensions["vault"] = Vault(config.encryption_keys)
    app.extensions["password_hasher"] = passwords.make_hasher()
    last_uses.init_app(app)
    with app.app_context():
        init_engine(app, db.engine)
