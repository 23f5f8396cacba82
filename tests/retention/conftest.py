"""A backend that has codes sent, a clock to set, and other numbers of days than the usual ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from notifapp.config import Retention
from tests.clock import time
from tests.otp.caller import caller

__all__ = ["caller", "keep", "time"]


@pytest.fixture
def keep(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Keep data for these numbers of days."""

    def set_days(**days: int | None) -> None:
        monkeypatch.setitem(app.config, "NOTIFAPP", replace(app.config["NOTIFAPP"], retention=Retention(**days)))

    return set_days
