"""How backends speak HTTP: TLS alone, bounded in time and size, certificates verified, redirects refused."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.network import Line, Resolver

MAX_ANSWER_BYTES = 64 * 1024

# At DEBUG urllib3 logs the path of every request, and some gateways want the key in the path.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


@dataclass(frozen=True)
class Answer:
    """A gateway's answer. `data` is its JSON object, or {} where the body was none."""

    status: int
    data: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        """Whether the status is one of success (RFC 9110, 15.3)."""
        return 200 <= self.status < 300

    def failure(self, reason: str = "", *, code: object = None) -> SendFailed:
        """The error that this answer stands for; `code` is the gateway's own, else the status is used."""
        retryable = self.status in {408, 425, 429} or self.status >= 500
        if not reason:
            reason = "The gateway is busy or out of order." if retryable else "The gateway refused the message."
        return SendFailed(reason, code=str(self.status if code is None else code), retryable=retryable)


@dataclass(frozen=True)
class HttpClient:
    """How to call out. Times are in seconds, `total` is for all of a call; `verify` may name a file of authorities."""

    connect_timeout: float = 5
    read_timeout: float = 15
    total: float = 20
    verify: bool | str = True
    resolve: Resolver = socket.getaddrinfo

    def post(self, url: str, **request: Any) -> Answer:
        """POST once, with `requests.post`'s own arguments; return the answer, whatever its status.

        Raises SendFailed where there is none. Causes are dropped on purpose: they quote the address, and some
        gateways want the key in it.
        """
        with Line(self.total, self.resolve) as line:
            try:
                return self._post(line, url, request)
            except requests.exceptions.RequestException as error:
                failure = _failure(requests.exceptions.Timeout() if line.is_cut else error)
            raise failure

    def _post(self, line: Line, url: str, request: Mapping[str, Any]) -> Answer:
        with requests.Session() as session:
            session.trust_env = False  # a .netrc entry would replace the credentials that we send
            session.mount("https://", _adapter(line))
            response = session.post(
                url,
                timeout=(self.connect_timeout, self.read_timeout),
                verify=self.verify,
                allow_redirects=False,
                stream=True,
                **request,
            )
            with response:
                body = next(response.iter_content(MAX_ANSWER_BYTES), b"")
        if 300 <= response.status_code < 400:
            raise SendFailed(
                "The gateway answered with a redirect, which is not followed.",
                code=str(response.status_code),
                retryable=False,
            )
        return Answer(response.status_code, _json_object(body))


def _adapter(line: Line) -> HTTPAdapter:
    """What makes `requests` connect by this line."""

    class Connection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            try:
                return line.connect(self._dns_host, self.port or 443, float(self.timeout or 0))
            except TimeoutError as error:
                raise ConnectTimeoutError(self, str(error)) from error
            except OSError as error:
                raise NewConnectionError(self, str(error)) from error

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    adapter = HTTPAdapter()
    adapter.poolmanager.pool_classes_by_scheme = {"https": Pool}
    return adapter


def _failure(error: requests.exceptions.RequestException) -> SendFailed:
    if isinstance(error, requests.exceptions.SSLError):
        return SendFailed("The gateway's certificate could not be verified.", code="tls", retryable=False)
    if isinstance(error, requests.exceptions.Timeout):
        return SendFailed("The gateway did not answer in time.", code="timeout", retryable=True)
    if isinstance(error, requests.exceptions.InvalidURL):
        return SendFailed("The gateway's address is not valid.", code="address", retryable=False)
    return SendFailed("The gateway could not be reached.", code="connection", retryable=True)


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


CLIENT = HttpClient()
