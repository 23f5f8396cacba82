"""`GET /metrics`, for those whom the operator has named."""

from __future__ import annotations

import hmac
import ipaddress

from flask import Response, current_app, request
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from notifapp.access import public
from notifapp.config import Config
from notifapp.errors import NotFound
from notifapp.health.metrics.collector import Metrics
from notifapp.web.json_api import json_response


@public
def metrics() -> Response:
    """The figures, for a bearer of the token or from a listed address; 401 or 403 for others.

    Raise `NotFound` if the operator has configured neither.
    """
    config: Config = current_app.config["NOTIFAPP"]
    if not (config.metrics_token or config.metrics_addresses):
        raise NotFound
    if not (_has_token(config) or _is_listed(config)):
        return _refused(config)
    return Response(generate_latest(Metrics()), content_type=CONTENT_TYPE_LATEST)


def _has_token(config: Config) -> bool:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if config.metrics_token is None or kind.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), config.metrics_token.encode())


def _is_listed(config: Config) -> bool:
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:  # a Unix socket has none
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in config.metrics_addresses)


def _refused(config: Config) -> Response:
    if config.metrics_token:
        detail = "Send the token of NOTIFAPP_METRICS_TOKEN: Authorization: Bearer …"
        return json_response({"detail": detail}, status=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    return json_response({"detail": "Your address is not in NOTIFAPP_METRICS_ADDRESSES."}, status=403)
