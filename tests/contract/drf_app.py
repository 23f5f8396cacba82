"""The same endpoint on Django REST Framework (bench/drf/), in this process, on a database of its own."""

from __future__ import annotations

from importlib import import_module
from unittest.mock import patch

from werkzeug.test import Client


def drf_client(url: str) -> Client:
    """A client of the endpoint on the SQLite database at `url`. Django can be set up but once in a process."""
    with patch.dict("os.environ", NOTIFAPP_DATABASE_URL=url):
        return Client(import_module("bench.drf").app)
