"""The stand-ins, and each backend ready to send to its own."""

from __future__ import annotations

from tests.notifiers.conftest import authorities, http, loopback_allowed

__all__ = ["authorities", "http", "loopback_allowed"]
