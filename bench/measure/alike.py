"""What is compared must answer alike: stop before anything is measured that doesn't."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from bench.load import Answer, by_token_of, call
from bench.servers import Server

SETTINGS = "/api/settings/notifications"
CHALLENGES = "/api/otp/challenges"
NEW_CODES: tuple[dict[str, str], ...] = (  # posted one after the other
    {"channel": "email", "recipient": "Somebody.{}@Example.COM"},
    {"channel": "email", "recipient": "somebody.{}@example.com"},  # the same one, too soon
    {"channel": "sms", "recipient": "+98 912 {}67"},
    {"channel": "sms", "recipient": "12"},
    {"channel": "fax"},
    {"channel": "email", "recipient": " "},
)
_caller = by_token_of(1)
_CHANGING = re.compile(r'"[0-9a-f]{32}"|"\d{4}-\d\d-\d\dT[\d:.]+Z"')  # ids and times


def check_settings(servers: Iterable[Server], dutiful: Iterable[Server]) -> None:
    """All answer the same body; those with the same duties also the same headers and 304, and log the same fields."""
    _check_same(json.loads(call(server.port, "GET", SETTINGS, _caller).text) for server in servers)
    _check_same(_duties(server) for server in dutiful)


def check_codes(challenges: dict[int, str], wrong: str, right: str) -> None:
    """All answer alike to new codes, good and bad, to a wrong code, to the right one, and to that a second time.

    `challenges` has an open one for the server at each port.
    """
    _check_same(
        _answers(port, f"{port:05}", challenge, (wrong, right, right)) for port, challenge in challenges.items()
    )


def _duties(server: Server) -> Any:
    answer = call(server.port, "GET", SETTINGS, _caller)
    tag, own_id = answer.headers["ETag"], "a-credible-id"
    again = call(server.port, "GET", SETTINGS, _caller, If_None_Match=tag, X_Request_ID=own_id)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    line = json.loads(server.log.read_text().splitlines()[-1])
    kept = {name: value for name, value in headers.items() if name not in ("date", "x-request-id")}
    logged = {name: value for name, value in line.items() if name not in ("time", "ms")}
    return kept, again.status, again.text, again.headers["X-Request-ID"], logged, line.keys()


def _answers(port: int, somebody: str, challenge: str, codes: tuple[str, ...]) -> list[Any]:
    fields = [{name: text.format(somebody) for name, text in asked.items()} for asked in NEW_CODES]
    answers = [call(port, "POST", CHALLENGES, _caller, asked) for asked in fields]
    tries = [(json.loads(answers[0].text)["id"], codes[0]), *((challenge, code) for code in codes)]
    answers += [call(port, "POST", f"{CHALLENGES}/{tried}/verify", _caller, {"code": code}) for tried, code in tries]
    return [_comparable(answer) for answer in answers]


def _comparable(answer: Answer) -> Any:
    """An answer without what differs from call to call."""
    body = json.dumps(json.loads(answer.text), ensure_ascii=False)
    return answer.status, answer.headers["Retry-After"], json.loads(_CHANGING.sub('"…"', body))


def _check_same(answers: Iterable[Any]) -> None:
    first, *others = answers
    for other in others:
        if other != first:
            raise SystemExit(f"the targets don't answer alike:\n{first}\n{other}")
