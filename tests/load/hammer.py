"""Many threads that change one project's settings at once, each its own field, each time to another value."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

from notifapp.settings.values import EMAIL_NOTIFIER, OTP_CODE_LEN, OTP_TTL, SMS_NOTIFIER
from tests.client import ApiClient

THREADS = 20
NOTIFIERS = 10  # of each channel, so that five threads have two each


@dataclass(frozen=True)
class Answer:
    """A 200: the version that it speaks of, and the field and value that were sent."""

    version: int
    field: str
    value: int


@dataclass
class Hammer:
    """What the threads send, and what they were answered."""

    port: int
    token: str
    answers: list[Answer] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    losses: int = 0  # requests that the server took with it when it was killed

    def strike(self, sms: Sequence[int], email: Sequence[int], *, seconds: float) -> None:
        """Send for this long, or until the server is gone. No two threads ever set the same value."""
        values: list[tuple[str, Sequence[int]]] = [(OTP_CODE_LEN, pair) for pair in ((4, 5), (6, 7), (8, 9))]
        values += [(SMS_NOTIFIER, sms[n : n + 2]) for n in range(0, NOTIFIERS, 2)]
        values += [(EMAIL_NOTIFIER, email[n : n + 2]) for n in range(0, NOTIFIERS, 2)]
        values += [(OTP_TTL, (60 + n, 600 + n)) for n in range(THREADS - len(values))]
        deadline = time.monotonic() + seconds
        threads = [threading.Thread(target=self._send, args=(name, pair, deadline)) for name, pair in values]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self, name: str, pair: Sequence[int], deadline: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        for value in cycle(pair):
            if time.monotonic() > deadline:
                break
            try:
                connection.request("PATCH", ApiClient.PATH, json.dumps({name: value}), headers)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException):
                self.losses += 1
                break
            if response.status == 200:
                self.answers.append(Answer(int(response.headers["ETag"].strip('"').partition("-")[0]), name, value))
            else:
                self.refusals.append(response.status)
        connection.close()
