"""The backends' HTTP client: only over TLS, bounded in time and size, with verified certificates and no redirects.

Connections are kept for a while: a TLS handshake takes longer than everything else about a message.
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.names import Resolver
from notifapp.notifiers.gateway.network import KEEP_SECONDS, Call, tls_context

MAX_RESPONSE_BYTES = 64 * 1024
_POOL_SIZE = 64

# At DEBUG urllib3 logs the path of every request, and some gateways require the key in the path.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


@dataclass(frozen=True)
class GatewayResponse:
    """A gateway's response. `data` is its JSON object, or {} if the body was something else; it may quote messages."""

    status: int
    data: Mapping[str, Any] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx (RFC 9110, 15.3)."""
        return 200 <= self.status < 300

    def failure(self, reason: str = "", *, code: object = None) -> SendFailed:
        """The error for this response; `code` is the gateway's, by default the status."""
        retryable = self.status in {408, 425, 429} or self.status >= 500
        if not reason:
            reason = "The gateway is busy or out of order." if retryable else "The gateway refused the message."
        return SendFailed(reason, code=str(self.status if code is None else code), retryable=retryable)


@dataclass(frozen=True)
class HttpClient:
    """The configuration of calls. Times are in seconds; `total` bounds a whole call."""

    connect_timeout: float = 5
    read_timeout: float = 15
    total: float = 20
    tls_context: Callable[[], ssl.SSLContext] = tls_context
    resolve: Resolver = socket.getaddrinfo

    def post(self, url: str, **request: Any) -> GatewayResponse:
        """POST once, with the arguments of `requests.post`, and return the response, except for redirects.

        Raise `SendFailed` for a redirect or if there is no response. Causes are dropped on purpose: they quote the
        URL, and some gateways require the key in it.
        """
        return self._call("POST", url, request)

    def get(self, url: str, **request: Any) -> GatewayResponse:
        """GET once, as `post` posts."""
        return self._call("GET", url, request)

    def _call(self, method: str, url: str, request: Mapping[str, Any]) -> GatewayResponse:
        with Call(self.total, self.resolve) as call:
            _current.call = call
            try:
                return self._request(method, url, request)
            except requests.exceptions.RequestException as error:
                failure = _failure(requests.exceptions.Timeout() if call.is_cut else error)
            raise failure

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # a .netrc entry would replace our credentials
        session.cookies.set_policy(
            DefaultCookiePolicy(allowed_domains=[])
        )  # projects share this session, so keep no cookies
        session.mount("https://", _Adapter(self.tls_context()))
        return session

    def _request(self, method: str, url: str, request: Mapping[str, Any]) -> GatewayResponse:
        response = self._session.request(
            method,
            url,
            timeout=(self.connect_timeout, self.read_timeout),
            allow_redirects=False,
            stream=True,
            **request,
        )
        with response:
            body = _read(response)
        if 300 <= response.status_code < 400:
            raise SendFailed(
                "The gateway answered with a redirect, which is not followed.",
                code=str(response.status_code),
                retryable=False,
            )
        return GatewayResponse(response.status_code, _json_object(body))


class _Current(threading.local):
    """This thread's current call."""

    call: Call


class _Connection(HTTPSConnection):
    """A connection opened by one call, and held by each call that uses it."""

    _used_at = 0.0

    def _new_conn(self) -> socket.socket:
        try:
            return _current.call.connect(self._dns_host, self.port or 443, float(self.timeout or 0))
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, and reconnect first if the connection was idle for too long."""
        now = time.monotonic()
        if self._used_at and now - self._used_at > KEEP_SECONDS:
            self.close()
            self.connect()
        elif self.sock is not None:
            _current.call.hold(self.sock)
        self._used_at = now
        super().request(*args, **kwargs)


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


_current = _Current()


class _Adapter(HTTPAdapter):
    """Opens connections through calls, with one TLS context; `requests` would load all CAs for each connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=_POOL_SIZE, pool_maxsize=_POOL_SIZE)
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"


def _read(response: requests.Response) -> bytes:
    """The body, or its beginning if it is too large; a connection is kept only if its body was read to the end."""
    body = b""
    for piece in response.iter_content(MAX_RESPONSE_BYTES):
        body += piece
        if len(body) >= MAX_RESPONSE_BYTES:
            break
    return body


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
