"""Kavenegar: the HTTP status is that of `return`, and a message may have failed in spite of a 200."""

from __future__ import annotations

import itertools
import re
from typing import Any

import trustme

from tests.gateways.stand_ins.server import Request, StandIn

_BLANKS = {"token": 0, "token2": 0, "token3": 0, "token10": 5, "token20": 8}


class KavenegarStandIn(StandIn):
    """Set `code` to the code of a refusal, `entry_status` to that of the message, or `has_id` to False.

    `status` is what becomes of messages that it took; it knows no others.

    A message whose `localid` it has already is not sent again: the answer is the first one's.
    """

    base = "/v1"
    key = "6F3A-key"

    def __init__(self, ca: trustme.CA | None = None) -> None:
        super().__init__(ca)
        self.code = 200
        self.has_status_of_code = True
        self.entry_status: Any = 1
        self.has_id = True
        self.status = 4
        self.is_debugging = False
        self.credit: Any = 450_000
        self.names: Any = ("name", "smsMessage", "approvalStatus")
        self._ids = itertools.count(8792343)
        self._known: dict[str, int] = {}

    def answer(self, request: Request) -> tuple[int, Any]:
        _, key, method = request.path.split("/", 2)
        if key != self.key:
            return self._refuse(403)
        if self.code != 200:
            return self._refuse(self.code)
        match method:
            case "sms/send.json":
                return self._send(request)
            case "verify/lookup.json":
                return self._look_up(request)
            case "sms/status.json":
                return self._accept([self._became(each) for each in request.query["messageid"].split(",")])
            case "account/info.json":
                return self._accept({"remaincredit": self.credit, "expiredate": 13548889, "type": "master"})
            case "account/config.json":
                return self._accept(
                    {"defaultsender": "10004346", "debugmode": "enabled" if self.is_debugging else "disabled"}
                )
            case "verify/templatelist.json":
                values = ("login", "Your code is %token for %token20", 1)
                return self._accept([{"id": 1, **dict(zip(self.names, values, strict=True))}])
        return self._refuse(404)

    def _send(self, request: Request) -> tuple[int, Any]:
        if not {"receptor", "message"} <= request.form.keys():
            return self._refuse(406)
        return self._take(request, request.form.get("localid", ""))

    def _look_up(self, request: Request) -> tuple[int, Any]:
        form = request.form
        if not re.fullmatch(r"[A-Za-z0-9-]+", form.get("template", "")):
            return self._refuse(424)
        if "token" not in form:
            return self._refuse(432)
        for name, blanks in _BLANKS.items():
            if form.get(name, "").count(" ") > blanks or len(form.get(name, "")) > 100:
                return self._refuse(431)
        return self._take(request, "")

    def _take(self, request: Request, local_id: str) -> tuple[int, Any]:
        if local_id not in self._known or not local_id:
            self._known[local_id] = next(self._ids)
            self.messages.append(request.form)
        entry: dict[str, Any] = {"messageid": self._known[local_id], "receptor": request.form["receptor"]}
        if self.entry_status is not None:
            entry["status"] = self.entry_status
        return self._accept([entry] if self.has_id else [])

    def _became(self, message: str) -> dict[str, Any]:
        status = self.status if int(message) in self._known.values() else 100
        return {"messageid": int(message), "status": status, "statustext": "…"}

    def _accept(self, entries: object) -> tuple[int, Any]:
        return 200, {"return": {"status": 200, "message": "تایید شد"}, "entries": entries}

    def _refuse(self, code: int) -> tuple[int, Any]:
        status = code if self.has_status_of_code else 200
        return status, {"return": {"status": code, "message": "… +989120000000"}, "entries": None}
