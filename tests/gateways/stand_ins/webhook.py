"""A receiver of the webhook that takes each message once, and only if its signature is right."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import trustme

from tests.gateways.stand_ins.server import Request, StandIn


class WebhookStandIn(StandIn):
    """Set `status` to what it shall answer."""

    key = "a secret of the shop"

    def __init__(self, ca: trustme.CA | None = None) -> None:
        super().__init__(ca)
        self.status = 204
        self._known: set[str] = set()

    def answer(self, request: Request) -> tuple[int, Any]:
        signed = dict(part.split("=", 1) for part in request.headers["Notifapp-Signature"].split(","))
        text = signed["t"].encode() + b"." + request.body
        if not hmac.compare_digest(hmac.new(self.key.encode(), text, hashlib.sha256).hexdigest(), signed["v1"]):
            return 401, {"error": "signature"}
        if self.status < 300 and request.json["id"] not in self._known:
            self._known.add(request.json["id"])
            self.messages.append(request.json)
        return self.status, {}
