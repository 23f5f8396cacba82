"""IPPanel Edge: /api/send, and what can be asked beside it."""

from __future__ import annotations

from typing import Any

import trustme

from tests.gateways.stand_ins.server import Request, StandIn

# Errors by what is wrong: the fields that the answer names.
FIELDS = {
    "bad line": "from_number",
    "bad text": "message",
    "bad number": "params.recipients.0",
    "bad number of a pattern": "recipients.0",
    "unknown pattern": "code",
    "other variables": "params.verification-code",
    "another field": "something",
}


class IppanelStandIn(StandIn):
    """Set `error` to a key of `FIELDS`, or to "no id" or "refused"; `status` and `state` to what became of messages."""

    base = "/v1"
    key = "0123-key"

    def __init__(self, ca: trustme.CA | None = None) -> None:
        super().__init__(ca)
        self.error = ""
        self.credit: Any = 1_250_000
        self.status: int | None = None
        self.state = 6
        self.lines = [{"number": "+983000505", "alias": "Main"}, {"number": "+98PRO", "alias": None}]
        self.patterns: list[dict[str, Any]] = [
            {
                "pattern_code": "abc123",
                "title": "Login",
                "pattern_message": "Your code is %verification-code% for %shop%",
                "pattern_status": "active",
                "variable": [
                    {"name": "verification-code", "type": "string", "len": 6},
                    {"name": "shop", "type": "string", "len": 30},
                ],
            }
        ]

    def answer(self, request: Request) -> tuple[int, Any]:
        if request.headers.get("Authorization") != self.key:
            return 401, _refusal("400-1", {})
        match request.method, request.path:
            case "POST", "/api/send":
                return self._send(request)
            case "POST", "/api/acl/auth/check_token":
                return 200, _success({"user_name": "shop"})
            case "GET", "/api/payment/credit/mine":
                return 200, _success({"credit": self.credit})
            case "GET", "/api/number/numbers":
                return 200, _success(self.lines)
            case "GET", "/api/report/recipients":
                assert request.query["bulk_id"] == "1123544244"
                return 200, _success([{"message_status": self.status}] if self.status is not None else [])
            case "GET", "/api/report/by_bulk":
                assert request.query["messages_outbox_id"] == "1123544244"
                return 200, _success({"state_id": self.state})
            case "GET", "/api/patterns":
                assert request.query["filter[state]"] == "active"
                return 200, _success(self.patterns)
        return 404, _refusal("404-1", {})

    def _send(self, request: Request) -> tuple[int, Any]:
        if self.error in FIELDS:
            return 422, _refusal("400-2", {FIELDS[self.error]: ["…"]})
        if self.error == "refused":
            return 200, _refusal("400-9", {})
        wanted = {"sending_type", "from_number", "params"}
        wanted |= {"code", "recipients"} if request.json.get("sending_type") == "pattern" else {"message"}
        if missing := wanted - request.json.keys():
            return 422, _refusal("400-2", {name: ["…"] for name in missing})
        if request.json["sending_type"] == "pattern":
            known = {each["pattern_code"]: {v["name"] for v in each["variable"]} for each in self.patterns}
            if request.json["code"] not in known:
                return 422, _refusal("400-2", {"code": ["…"]})
            if known[request.json["code"]] != request.json["params"].keys():
                return 422, _refusal("400-2", {"params": ["…"]})
        self.messages.append(request.json)
        return 200, _success({"message_outbox_ids": [] if self.error == "no id" else [1123544244]})


def _success(data: object) -> Any:
    return {"data": data, "meta": {"status": True, "message": "انجام شد", "message_code": "200-1"}}


def _refusal(code: str, errors: object) -> Any:
    meta = {"status": False, "message": "… +989120000000", "message_code": code, "errors": errors}
    return {"data": None, "meta": meta}
