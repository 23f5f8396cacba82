"""IPPanel Edge: https://ippanelcom.github.io/Edge-Document/docs/send/webservice, and …/send/pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import (
    Accepted,
    Backend,
    Kind,
    Message,
    Report,
    ReportOutcome,
    SendFailed,
    TellsStatus,
    setting,
)
from notifapp.notifiers.gateway.http_client import CLIENT, GatewayResponse, HttpClient
from notifapp.notifiers.gateway.patterns import CODE_HELP, VARIABLES, VARIABLES_ERROR, VARIABLES_HELP, pattern_values

# By the field with an error: the documentation lists no codes beyond 400-1 and 400-2.
REASONS = {
    "from_number": "The sender number was not accepted.",
    "message": "The text was not accepted.",
    "recipients": "The recipient's number was not accepted.",
    "code": "The pattern was not found.",
    "params": "The pattern has other variables.",
}

# What becomes of a message: message_status of report/recipients, and state_id of report/by_bulk.
DELIVERED = 2
UNDELIVERED = {
    3: "The message did not reach the phone.",
    4: "The recipient's number is on the carriers' blocklist.",
}
STOPPED = {3: "The gateway rejected the message.", 8: "No credit left.", 9: "The gateway could not send the message."}


@dataclass(frozen=True, kw_only=True)
class IppanelConfig:
    """An IPPanel account and one of its lines."""

    token: str = setting("API key", Kind.SECRET, max_length=512, help="From the panel: Developers, Access keys.")
    from_number: str = setting(
        "Sender number", Kind.PHONE, help="A line of this account with its country code, such as +983000505."
    )
    pattern_code: str = setting("Pattern code", default="", max_length=64, help=CODE_HELP)
    pattern_variables: str = setting(
        "Variables of the pattern",
        default="code",
        regex=VARIABLES,
        regex_error=VARIABLES_ERROR,
        help=VARIABLES_HELP,
    )


class Ippanel(Backend[IppanelConfig], TellsStatus[IppanelConfig]):
    """Patterns or free text from the account's own line."""

    key = "ippanel"
    label = "IPPanel"
    description = "SMS through IPPanel Edge (Iran)."
    channels = frozenset({Channel.SMS})
    config = IppanelConfig

    def __init__(self, http: HttpClient = CLIENT, base_url: str = "https://edge.ippanel.com/v1") -> None:
        self._http = http
        self._base_url = base_url

    def send(self, config: IppanelConfig, message: Message) -> Accepted:
        """Send one message; its id is IPPanel's outbox id."""
        response = self._http.post(
            f"{self._base_url}/api/send",
            headers={"Authorization": config.token},
            json=_body(config, message),
        )
        meta = response.data.get("meta")
        if not response.ok or not isinstance(meta, dict) or meta.get("status") is not True:
            raise _failure(response, meta if isinstance(meta, dict) else {})
        data = response.data.get("data")
        ids = data.get("message_outbox_ids") if isinstance(data, dict) else None
        return Accepted(str(ids[0]) if isinstance(ids, list) and ids else "")

    def status(self, config: IppanelConfig, provider_ids: Sequence[str]) -> list[Report]:
        """Ask report/recipients; where that lists nobody, ask report/by_bulk whether the message was stopped."""
        [bulk_id] = provider_ids
        listed = self._data(config, "recipients", {"bulk_id": bulk_id})
        if isinstance(listed, list) and listed:
            return _report(bulk_id, listed[0], "message_status", UNDELIVERED, DELIVERED)
        bulk = self._data(config, "by_bulk", {"messages_outbox_id": bulk_id})
        return _report(bulk_id, bulk[0] if isinstance(bulk, list) and bulk else bulk, "state_id", STOPPED)

    def _data(self, config: IppanelConfig, report: str, query: dict[str, str]) -> Any:
        url = f"{self._base_url}/api/report/{report}"
        response = self._http.get(url, headers={"Authorization": config.token}, params=query)
        meta = response.data.get("meta")
        if not response.ok or not isinstance(meta, dict) or meta.get("status") is not True:
            raise _failure(response, meta if isinstance(meta, dict) else {})
        return response.data.get("data")


def _report(
    provider_id: str, about: object, key: str, undelivered: dict[int, str], delivered: int | None = None
) -> list[Report]:
    found = str(about.get(key)) if isinstance(about, dict) else ""
    if found == str(delivered):
        return [Report(provider_id, ReportOutcome.DELIVERED)]
    reasons = {str(code): reason for code, reason in undelivered.items()}
    return [Report(provider_id, ReportOutcome.UNDELIVERED, reasons[found], found)] if found in reasons else []


def _body(config: IppanelConfig, message: Message) -> dict[str, object]:
    if config.pattern_code and message.variables:
        return {
            "sending_type": "pattern",
            "from_number": config.from_number,
            "code": config.pattern_code,
            "recipients": [message.recipient],
            "params": pattern_values(config.pattern_variables, message),
        }
    return {
        "sending_type": "webservice",
        "from_number": config.from_number,
        "message": message.body,
        "params": {"recipients": [message.recipient]},
    }


def _failure(response: GatewayResponse, meta: dict[str, object]) -> SendFailed:
    code = meta.get("message_code") or response.status
    if response.status in {401, 403}:
        return response.failure("The API key was not accepted.", code=code)
    fields = meta.get("errors")
    failing = next((name for name in REASONS if isinstance(fields, dict) and name in fields), "")
    return response.failure(REASONS.get(failing, ""), code=code)
