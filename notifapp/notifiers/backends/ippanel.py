"""IPPanel Edge: https://ippanelcom.github.io/Edge-Document/docs/send/webservice, and …/send/pattern."""

from __future__ import annotations

from dataclasses import dataclass

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Kind, Message, SendFailed, setting
from notifapp.notifiers.gateway.http_client import CLIENT, GatewayResponse, HttpClient
from notifapp.notifiers.gateway.patterns import CODE_HELP, pattern_values, variables_setting

# By the field with an error: the documentation lists no codes beyond 400-1 and 400-2.
REASONS = {
    "from_number": "The sender number was not accepted.",
    "message": "The text was not accepted.",
    "recipients": "The recipient's number was not accepted.",
    "code": "The pattern was not found.",
    "params": "The pattern has other variables.",
}


@dataclass(frozen=True, kw_only=True)
class IppanelConfig:
    """An IPPanel account and one of its lines."""

    token: str = setting("API key", Kind.SECRET, max_length=512, help="From the panel: Developers, Access keys.")
    from_number: str = setting(
        "Sender number", Kind.PHONE, help="A line of this account with its country code, such as +983000505."
    )
    pattern_code: str = setting("Pattern code", default="", max_length=64, help=CODE_HELP)
    pattern_variables: str = variables_setting()


class Ippanel(Backend[IppanelConfig]):
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
