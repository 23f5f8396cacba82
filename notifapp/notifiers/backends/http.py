"""How backends speak HTTP: bounded in time and size, certificates verified, redirects refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from notifapp.notifiers.backends.base import SendFailed

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
    """How to call out. Timeouts are in seconds; `verify` may name a file of authorities."""

    connect_timeout: float = 5
    read_timeout: float = 15
    verify: bool | str = True

    def post(self, url: str, **request: Any) -> Answer:
        """POST once, with `requests.post`'s own arguments; return the answer, whatever its status.

        Raises SendFailed where there is none. Causes are dropped on purpose: they quote the address, and some
        gateways want the key in it.
        """
        try:
            return self._post(url, **request)
        except requests.exceptions.SSLError:
            raise SendFailed("The gateway's certificate could not be verified.", code="tls", retryable=False) from None
        except requests.exceptions.Timeout:
            raise SendFailed("The gateway did not answer in time.", code="timeout", retryable=True) from None
        except requests.exceptions.InvalidURL:
            raise SendFailed("The gateway's address is not valid.", code="address", retryable=False) from None
        except requests.exceptions.RequestException:
            raise SendFailed("The gateway could not be reached.", code="connection", retryable=True) from None

    def _post(self, url: str, **request: Any) -> Answer:
        with requests.Session() as session:
            session.trust_env = False  # a .netrc entry would replace the credentials that we send
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


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


CLIENT = HttpClient()
