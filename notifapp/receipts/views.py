"""Where gateways tell what became of messages."""

from __future__ import annotations

from flask import Response, current_app, request

from notifapp.access import gateway_hook
from notifapp.notifiers.gateway.receipts import ReceiptRequest
from notifapp.receipts import service

MAX_BODY_BYTES = 16 * 1024


@gateway_hook
def receive(key: str) -> Response:
    """Take in a receipt. The answer is the same whatever it is, so that it tells nothing."""
    request.max_content_length = MAX_BODY_BYTES
    service.receive(
        ReceiptRequest(
            method=request.method,
            url=_url(),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.get_data(cache=False),
            key=key,
        )
    )
    return Response("OK\n", mimetype="text/plain")


def _url() -> str:
    """The address that the gateway was given, whatever name a proxy in between uses."""
    public_url = current_app.config["NOTIFAPP"].public_url or request.host_url.rstrip("/")
    query = request.query_string.decode("latin-1")
    return f"{public_url}{request.path}?{query}" if query else f"{public_url}{request.path}"
