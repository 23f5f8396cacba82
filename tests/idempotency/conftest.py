"""A backend that has codes sent, and a clock to set."""

from __future__ import annotations

from tests.otp.conftest import caller, time

__all__ = ["caller", "time"]
