"""The app as people meet it: a live server on a port of its own over a database of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright._impl._api_structures import SetCookieParam
from werkzeug.serving import make_server

from notifapp import create_app
from notifapp.access import passwords
from notifapp.extensions import db
from tests.client import Browser
from tests.conftest import config_for
from tests.world import World


class LiveServer:
    """A running server; `url` is where, `world` makes things in its database."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.app = create_app(config_for(database_url, folder))
        self.app.extensions["password_hasher"] = passwords.make_hasher(cheap=True)
        self.world = World(self.app)
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator[LiveServer]:
        """Serve until the end of the block."""
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
            with self.app.app_context():
                db.engine.dispose()

    def cookie_of(self, user_id: int) -> SetCookieParam:
        """The cookie of a browser in which this user is signed in, as Playwright takes it."""
        cookie = Browser(self.app).sign_in(user_id).client.get_cookie(self.app.config["SESSION_COOKIE_NAME"])
        assert cookie is not None
        return {"name": cookie.key, "value": cookie.value, "url": self.url}
