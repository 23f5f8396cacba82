"""What `flask --app app` and the server import."""

from notifapp import create_app
from notifapp.config import ConfigError
from notifapp.front import Front

try:
    app = create_app()
except ConfigError as error:
    raise SystemExit(f"notifapp: {error}") from None
front = Front(app)
