"""The Flask extensions, created here and bound to the app in `create_app()`."""

import hashlib
from pathlib import Path

from flask import Response
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from itsdangerous import Signer

from notifapp.database import Base

MIGRATIONS = Path(__file__).parent / "migrations"


class SessionLogins(LoginManager):  # type: ignore[misc]
    """Flask-Login without its remember-me cookie, which isn't used but would be checked after every request."""

    def _update_remember_cookie(self, response: Response) -> Response:
        return response


db = SQLAlchemy(
    model_class=Base,
    disable_autonaming=True,
)
migrate = Migrate(compare_type=True, render_as_batch=True)
login_manager = SessionLogins()
csrf = CSRFProtect()
Signer.default_digest_method = staticmethod(hashlib.sha256)  # Flask-WTF's tokens take no other way to it
