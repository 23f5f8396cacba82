"""A public address and a gateway on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from tests.clock import time
from tests.conftest import LOOPBACK
from tests.receipts.shop import PUBLIC_URL

__all__ = ["public", "time"]


@pytest.fixture(autouse=True)
def public(app: Flask) -> Iterator[None]:
    before = app.config["NOTIFAPP"]
    app.config["NOTIFAPP"] = replace(before, public_url=PUBLIC_URL, private_destinations=LOOPBACK)
    yield
    app.config["NOTIFAPP"] = before
