"""The application's one clock, stopped, for tests in which time passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from itsdangerous.timed import TimestampSigner

from notifapp import clock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Clock:
    """The time, as a test sets it, for the app and for the age of its cookies; until then it is the real one's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, time: datetime | None = None) -> None:
        self.time = time or clock.now()
        monkeypatch.setattr(clock, "now", lambda: self.time)
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _signer: int(self.time.timestamp()))

    def advance(self, seconds: float = 0, **duration: float) -> datetime:
        """Let this much time pass. Return the time."""
        self.time += timedelta(seconds=seconds, **duration)
        return self.time


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock, stopped at a certain noon; `time.advance(seconds)` moves it."""
    return Clock(monkeypatch, NOON)


def stop_first(request: pytest.FixtureRequest) -> None:
    """Stop the clock of a test that has one, for a fixture that makes things: the real date is another one."""
    if "time" in request.fixturenames:
        request.getfixturevalue("time")
