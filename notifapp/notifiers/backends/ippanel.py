"""IPPanel Edge: https://ippanelcom.github.io/Edge-Document/docs/, sending by "webservice" and by "pattern".

Older generations of IPPanel have other hosts and other keys; they are not these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Kind, Message, SendFailed, fault_of, setting
from notifapp.notifiers.gateway.http_client import CLIENT, GatewayResponse, HttpClient, base_url
from notifapp.notifiers.gateway.patterns import CODE_HELP, NAMED_PLACE, PLACES_ERROR, PLACES_HELP, pattern_values
from notifapp.notifiers.gateway.questions import Account, Balance, Line, Template, amount, entries, shown
from notifapp.notifiers.gateway.receipts import Report, ReportOutcome

API = "https://edge.ippanel.com/v1"
# By the field with an error: the documentation lists no codes beyond 400-1 and 400-2.
REASONS = {
    "from_number": "The sender number was not accepted.",
    "message": "The text was not accepted.",
    "recipients": "The recipient's number was not accepted.",
    "code": "The pattern was not found.",
    "params": "The pattern has other variables.",
}
BAD_KEY = "The API key was not accepted."

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
        "Sender number",
        Kind.PHONE,
        choices="lines",
        help="A line of this account with its country code, such as +983000505 or +98PRO.",
    )
    pattern_code: str = setting("Pattern code", default="", max_length=64, choices="templates", help=CODE_HELP)
    pattern_variables: str = setting(
        "Variables of the pattern",
        Kind.VARIABLES,
        default="code",
        regex=NAMED_PLACE,
        regex_error=PLACES_ERROR,
        help=PLACES_HELP,
    )


class Ippanel(Backend[IppanelConfig]):
    """Patterns or free text from the account's own line."""

    key = "ippanel"
    label = "IPPanel"
    description = "SMS through IPPanel Edge (Iran)."
    channels = frozenset({Channel.SMS})
    config = IppanelConfig
    ids_at_once = 1

    def __init__(self, http: HttpClient = CLIENT, api: str = API) -> None:
        self._http = http
        self._api = api

    def send(self, config: IppanelConfig, message: Message) -> Accepted:
        """Send one message; its id is IPPanel's outbox id."""
        response = self._http.post(
            f"{base_url(self.key, self._api)}/api/send",
            headers={"Authorization": config.token},
            json=_body(config, message),
        )
        data = _data(response)
        ids = data.get("message_outbox_ids") if isinstance(data, dict) else None
        if not isinstance(ids, list) or not ids or not ids[0]:
            raise response.unclear()
        return Accepted(str(ids[0]))

    def check_key(self, config: IppanelConfig) -> Account:
        """The user of the key."""
        data = _data(
            self._http.post(
                f"{base_url(self.key, self._api)}/api/acl/auth/check_token", headers={"Authorization": config.token}
            )
        )
        name = data.get("user_name") if isinstance(data, dict) else None
        return Account((("User name", shown(name)),) if name else ())

    def balance(self, config: IppanelConfig) -> Balance:
        """The credit, in Rial."""
        response = self._get(config, "payment/credit/mine")
        data = _data(response)
        credit = amount(data.get("credit") if isinstance(data, dict) else None)
        if credit is None:
            raise response.unclear()
        return Balance(credit, "IRR")

    def lines(self, config: IppanelConfig) -> list[Line]:
        """The account's lines."""
        found = entries(_data(self._get(config, "number/numbers", page=1, per_page=100)))
        numbered = [each for each in found if each.get("number")]
        return [Line(_with_plus(shown(each["number"])), shown(each.get("alias"))) for each in numbered]

    def templates(self, config: IppanelConfig) -> list[Template]:
        """The account's active patterns."""
        active = {"page": 1, "per_page": 100, "filter[state]": "active"}
        found = entries(_data(self._get(config, "patterns", **active)))
        return [
            Template(
                value=shown(each["pattern_code"]),
                label=shown(each.get("title")),
                text=shown(each.get("pattern_message"), 500),
                places=tuple(shown(place["name"]) for place in entries(each.get("variable")) if place.get("name")),
            )
            for each in found
            if each.get("pattern_code")
        ]

    def status(self, config: IppanelConfig, provider_ids: Sequence[str]) -> list[Report]:
        """Ask report/recipients; where that lists nobody, ask report/by_bulk whether the message was stopped."""
        [bulk_id] = provider_ids
        listed = entries(_data(self._get(config, "report/recipients", bulk_id=bulk_id)))
        if listed:
            return _report(bulk_id, listed[0], "message_status", UNDELIVERED, DELIVERED)
        bulk = _data(self._get(config, "report/by_bulk", messages_outbox_id=bulk_id))
        return _report(bulk_id, bulk[0] if isinstance(bulk, list) and bulk else bulk, "state_id", STOPPED)

    def _get(self, config: IppanelConfig, path: str, **params: Any) -> GatewayResponse:
        url = f"{base_url(self.key, self._api)}/api/{path}"
        return self._http.get(url, headers={"Authorization": config.token}, params=params)


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


def _with_plus(number: str) -> str:
    return number if number.startswith("+") else f"+{number}"


def _data(response: GatewayResponse) -> object:
    """What a response of success holds. Raise `SendFailed` for any other."""
    meta = response.data.get("meta")
    if not isinstance(meta, dict):
        raise response.unclear() if response.ok else response.failure()
    if not response.ok or meta.get("status") is not True:
        raise _failure(response, meta)
    return response.data.get("data")


def _failure(response: GatewayResponse, meta: Mapping[str, object]) -> SendFailed:
    code = meta.get("message_code") or response.status
    if response.status in {401, 403}:
        return response.failure(BAD_KEY, code=code)
    errors = meta.get("errors")
    fields = [_field(str(key)) for key in errors] if isinstance(errors, dict) else []
    name = next((name for name in REASONS if name in fields), "")
    return response.failure(REASONS.get(name, ""), code=code, fault=fault_of(name, {"recipients"}))


def _field(key: str) -> str:
    """The field that a dotted key is about, such as `params.recipients.0`."""
    parts = key.split(".")
    return "recipients" if "recipients" in parts else parts[0]
