"""Posts an event to an endpoint, signed by the Standard Webhooks specification 1.0.

The only place where the secrets of endpoints are opened to sign. Calls go through the gateways' client: over TLS, to
public addresses and those that the operator lists, bounded in time, without redirects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from standardwebhooks import Webhook

from notifapp import clock
from notifapp.access.models import Project
from notifapp.database import Statement, Unreadable, reading, table_of, unseal
from notifapp.events.models import EventEndpoint
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.http_client import CLIENT, GatewayResponse

FORMER_SECRET_LIFETIME = timedelta(hours=24)
GONE = 410  # "no longer interested", by the specification
# Without an answer these stay as they are, whenever it is tried again.
_HOPELESS = {"destination", "address"}

_endpoint, _project = table_of(EventEndpoint).c, table_of(Project).c
_ENDPOINT = Statement(
    select(
        _endpoint.project_id,
        _endpoint.id,
        _endpoint.url,
        _endpoint.secrets,
        _endpoint.rotated_at,
        _endpoint.is_enabled,
        _project.archived_at,
    )
    .join_from(table_of(EventEndpoint), table_of(Project), _project.id == _endpoint.project_id)
    .where(_endpoint.id == bindparam("endpoint_id"))
)
DISABLED = "The endpoint has been disabled."


def payload(type_: str, at: datetime, data: Mapping[str, Any]) -> str:
    """The body that tells an event: its type, when it happened, and what it is about."""
    event = {"type": type_, "timestamp": clock.iso(at), "data": dict(data)}
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)


def post(endpoint_id: int, event_id: str, body: str) -> int:
    """Post a body to an endpoint, and return the status of its 2xx answer.

    Raise `SendFailed` for any other, also if the endpoint is disabled or deleted or its project archived by now. All
    are tried again but those that say that nobody wants to be told, or that can't change.
    """
    with reading() as connection:
        row = _ENDPOINT.first(connection, endpoint_id=endpoint_id)
    if row is None or not row.is_enabled:
        raise SendFailed(DISABLED, code="stopped", retryable=False)
    if row.archived_at is not None:
        raise SendFailed("The project has been archived.", code="stopped", retryable=False)
    try:
        secrets = valid_secrets(row)
    except Unreadable:
        raise SendFailed("The endpoint's secret can't be decrypted. Rotate it.", code="key", retryable=False) from None
    response = _call(row.url, body, _headers(secrets, f"msg_{event_id}", body))
    if not response.ok:
        reason = "The receiver wants no more events." if response.status == GONE else "The receiver did not take it."
        raise SendFailed(reason, code=str(response.status), retryable=response.status != GONE)
    return response.status


def valid_secrets(row: Any) -> Sequence[str]:
    """The secrets that sign for an endpoint now, newest first. Raise `Unreadable`."""
    newest, *former = unseal(_endpoint.secrets, row)
    is_over = row.rotated_at is None or row.rotated_at + FORMER_SECRET_LIFETIME <= clock.now()
    return [newest] if is_over else [newest, *former]


def _headers(secrets: Sequence[str], message_id: str, body: str) -> dict[str, str]:
    now = clock.now().replace(microsecond=0)
    signatures = [Webhook(secret).sign(message_id, now, body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _call(url: str, body: str, headers: Mapping[str, str]) -> GatewayResponse:
    try:
        return CLIENT.post(url, data=body.encode(), headers=headers)
    except SendFailed as failed:
        reason = failed.reason.replace("gateway", "receiver")
        failure = SendFailed(reason, code=failed.code, retryable=failed.code not in _HOPELESS)
    raise failure
