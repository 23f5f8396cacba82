"""Melipayamak's console: refusals have status 200 or 400, and say what is wrong in a number or in words."""

from __future__ import annotations

from typing import Any

import trustme

from tests.gateways.stand_ins.server import Request, StandIn

BAD_KEY = {"status": "کلید کنسول معتبر نیست"}


class MelipayamakStandIn(StandIn):
    """Set `code` to what `recId` shall be, or `words` to what `status` shall say; `became` to a message's status."""

    base = "/api"
    key = "0123456789abcdef0123456789abcdef"

    def __init__(self, ca: trustme.CA | None = None) -> None:
        super().__init__(ca)
        self.code: Any = 3741437414
        self.words = ""
        self.credit: Any = 84_000
        self.became = 0

    def answer(self, request: Request) -> tuple[int, Any]:
        *_, verb, method, key = request.path.split("/")
        if key != self.key:
            return 400, BAD_KEY
        match request.method, verb, method:
            case "POST", "send", "simple":
                return self._send(request, {"from", "to", "text"})
            case "POST", "send", "shared":
                return self._send(request, {"bodyId", "to", "args"})
            case "POST", "receive", "status":
                results = [self.became for each in request.json["recIds"] if isinstance(each, int)]
                return 200, {"results": ["…"] * len(results), "resultsAsCode": results, "status": ""}
            case "GET", "receive", "credit":
                return 200, {"amount": self.credit, "status": ""}
        return 404, {"title": "Not Found", "status": 404}

    def _send(self, request: Request, wanted: set[str]) -> tuple[int, Any]:
        if missing := wanted - request.json.keys():
            errors = {name: ["The field is required."] for name in missing}
            return 400, {"title": "One or more validation errors occurred.", "status": 400, "errors": errors}
        if isinstance(self.code, int) and self.code > 1000:
            self.messages.append(request.json)
        return 200, {"recId": self.code, "status": self.words}
