"""Twilio, on all of its hosts: messages, balance, numbers, messaging services, content templates."""

from __future__ import annotations

import base64
import json
from typing import Any

import trustme

from tests.gateways.stand_ins.server import Request, StandIn

STATUSES = {20003: 401, 20005: 401, 20403: 403, 20404: 404, 20429: 429, 70051: 401}
SERVICE = "MG" + "1" * 32
TEMPLATE = "HX" + "2" * 32


class TwilioStandIn(StandIn):
    """Set `code` to that of a refusal, `taken` to the answer of a success, or `became` to what a message became."""

    base = "/2010-04-01"
    account = "AC" + "0" * 32
    api_key = "SK" + "3" * 32
    token = "t0ken"

    def __init__(self, ca: trustme.CA | None = None) -> None:
        super().__init__(ca)
        self.code = 0
        self.taken: Any = {"sid": "SM123", "status": "queued", "error_code": None}
        self.became: Any = {"sid": "SM123", "status": "sent", "error_code": None}
        self.left: Any = "17.2500"

    def answer(self, request: Request) -> tuple[int, Any]:
        if not self._is_signed_in(request):
            return _refuse(20003)
        if self.code:
            return _refuse(self.code)
        own = request.path.removeprefix(f"/Accounts/{self.account}")
        match request.method, own:
            case "POST", "/Messages.json":
                return self._send(request)
            case "GET", "/Messages/SM123.json":
                return 200, self.became
            case "GET", "/Balance.json":
                return 200, {"balance": self.left, "currency": "USD"}
            case "GET", "/IncomingPhoneNumbers.json":
                return 200, {
                    "incoming_phone_numbers": [
                        {"phone_number": "+15005550006", "friendly_name": "Shop", "capabilities": {"sms": True}},
                        {"phone_number": "+15005550007", "friendly_name": "Voice", "capabilities": {"sms": False}},
                    ]
                }
            case "GET", "/v1/Services":
                return 200, {"services": [{"sid": SERVICE, "friendly_name": "Codes"}]}
            case "GET", "/v1/ContentAndApprovals":
                types = {"twilio/text": {"body": "Your code is {{1}} for {{2}}"}}
                contents = {"sid": TEMPLATE, "friendly_name": "login", "variables": {"1": "code", "2": "shop"}}
                return 200, {"contents": [{**contents, "types": types}]}
        return _refuse(20404)

    def _is_signed_in(self, request: Request) -> bool:
        users = [base64.b64encode(f"{user}:{self.token}".encode()).decode() for user in (self.account, self.api_key)]
        return request.headers.get("Authorization", "").removeprefix("Basic ") in users

    def _send(self, request: Request) -> tuple[int, Any]:
        form = request.form
        if not (form.get("From") or form.get("MessagingServiceSid")) or not (
            form.get("Body") or form.get("ContentSid")
        ):
            return _refuse(21603)
        if "MG" in form.get("From", "")[:2]:
            return _refuse(21212)
        if "ContentVariables" in form and not isinstance(json.loads(form["ContentVariables"]), dict):
            return _refuse(21656)
        self.messages.append(form)
        return 201, self.taken


def _refuse(code: int) -> tuple[int, Any]:
    status = STATUSES.get(code, 400)
    return status, {"code": code, "message": "… +989120000000", "more_info": "…", "status": status}
