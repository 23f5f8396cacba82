"""The backends' HTTP client: bounded in time and size, with verified certificates and no redirects.

Plain http goes only to private destinations that the operator lists; everything else needs TLS. Connections are kept
for a while: a TLS handshake takes longer than everything else about a message.
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
from flask import current_app
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from notifapp.notifiers.gateway.base import Fault, SendFailed
from notifapp.notifiers.gateway.names import Resolver
from notifapp.notifiers.gateway.network import KEEP_SECONDS, Call, tls_context

MAX_RESPONSE_BYTES = 64 * 1024
MAX_LIST_BYTES = 1024 * 1024  # of an answer that lists something, such as a hundred patterns with their texts
_POOL_SIZE = 64

# At DEBUG urllib3 logs the path of every request, and some gateways require the key in the path.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


_BUSY = "The gateway is busy or out of order."
_REFUSED = "The gateway refused the message."
_NOT_THE_GATEWAY = "The call was refused, but not in the gateway's words: by a proxy or a firewall on the way, perhaps."
_UNCLEAR = "The gateway's answer can't be understood."
_PROXY_TIMED_OUT = 504


@dataclass(frozen=True)
class GatewayResponse:
    """A gateway's response. `data` is its JSON object, or {} if the body was something else; `is_json` tells.

    It may quote messages, so it stays out of `repr`.
    """

    status: int
    data: Mapping[str, Any] = field(repr=False)
    is_json: bool = True

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx (RFC 9110, 15.3)."""
        return 200 <= self.status < 300

    def failure(self, reason: str = "", *, code: object = None, fault: Fault = Fault.NOTIFIER) -> SendFailed:
        """The error for this response; `code` is the gateway's, by default the status."""
        retryable = self.status in {408, 425, 429} or self.status >= 500
        if not reason:
            reason = _BUSY if retryable else _REFUSED if self.is_json else _NOT_THE_GATEWAY
        return SendFailed(
            reason,
            code=str(self.status if code is None else code),
            retryable=retryable,
            fault=fault,
            may_have_gone=self.status == _PROXY_TIMED_OUT,
        )

    def unclear(self) -> SendFailed:
        """The error for a response of success that can't be read, or lacks what it should say.

        A message that it answers isn't sent, and isn't tried again, as what a gateway refused isn't: unlike after a
        timeout, somebody answered and may have sent the message, and would most likely answer the same again, each
        time with one more message.
        """
        return SendFailed(_UNCLEAR, code=str(self.status), retryable=False, may_have_gone=True)


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
        return self._call("POST", url, MAX_RESPONSE_BYTES, request)

    def get(self, url: str, **request: Any) -> GatewayResponse:
        """GET once, as `post` does, a response of up to `MAX_LIST_BYTES`."""
        return self._call("GET", url, MAX_LIST_BYTES, request)

    def _call(self, method: str, url: str, max_bytes: int, request: Mapping[str, Any]) -> GatewayResponse:
        with Call(self.total, self.resolve) as call:
            _current.call = call
            try:
                return self._response(method, url, max_bytes, request)
            except requests.exceptions.RequestException as error:
                failure = _failure(requests.exceptions.Timeout() if call.is_cut else error)
                failure.may_have_gone = call.is_begun
            raise failure

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # a .netrc entry would replace our credentials
        session.cookies.set_policy(
            DefaultCookiePolicy(allowed_domains=[])
        )  # projects share this session, so keep no cookies
        adapter = _Adapter(self.tls_context())
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session

    def _response(self, method: str, url: str, max_bytes: int, request: Mapping[str, Any]) -> GatewayResponse:
        response = self._session.request(
            method,
            url,
            timeout=(self.connect_timeout, self.read_timeout),
            allow_redirects=False,
            stream=True,
            **request,
        )
        with response:
            body = _read(response, max_bytes)
        if 300 <= response.status_code < 400:
            raise SendFailed(
                "The gateway answered with a redirect, which is not followed.",
                code=str(response.status_code),
                retryable=False,
            )
        found = _json_object(body)
        return GatewayResponse(response.status_code, found or {}, is_json=found is not None)


def base_url(backend: str, default: str) -> str:
    """The beginning of a gateway's addresses: the provider's own, or what the operator has put in its place."""
    urls: Mapping[str, str] = current_app.config["NOTIFAPP"].gateway_urls if current_app else {}
    return urls.get(backend, default)


class _Current(threading.local):
    """This thread's current call."""

    call: Call


class _Held(HTTPConnection):
    """A connection opened by one call, and held by each call that uses it."""

    _used_at = 0.0
    _is_clear_text = False

    def _new_conn(self) -> socket.socket:
        try:
            return _current.call.connect(
                self._dns_host, self.port or 443, float(self.timeout or 0), clear_text=self._is_clear_text
            )
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

    def send(self, data: Any) -> None:
        """Send a part of a request, and note that it is out, whatever becomes of it."""
        super().send(data)
        _current.call.is_begun = True


class _PlainConnection(_Held):
    _is_clear_text = True


class _Connection(_Held, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


_current = _Current()


class _Adapter(HTTPAdapter):
    """Opens connections through calls, with one TLS context; `requests` would load all CAs for each connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=_POOL_SIZE, pool_maxsize=_POOL_SIZE)
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool, "http": _PlainPool}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"


def _read(response: requests.Response, max_bytes: int) -> bytes:
    """The body, or its beginning if it is too large; a connection is kept only if its body was read to the end."""
    body = b""
    for piece in response.iter_content(MAX_RESPONSE_BYTES):
        body += piece
        if len(body) >= max_bytes:
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


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


CLIENT = HttpClient()
