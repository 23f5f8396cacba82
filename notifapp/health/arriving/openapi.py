"""The OpenAPI description of a project's health."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from notifapp.access import Permission
from notifapp.channels import Channel
from notifapp.delivery.queries import CHART_HOURS, Chart, Hour
from notifapp.health.arriving.api import HEALTH_PATH, body
from notifapp.health.arriving.chosen import Chosen
from notifapp.health.arriving.judging import State, Verdict
from notifapp.health.arriving.service import HOUR, Health
from notifapp.health.arriving.tally import Tally
from notifapp.notifiers.asking.forecast import Forecast
from notifapp.settings.service import NotifierInForce
from notifapp.web.openapi import Json, Part, nullable, operation, ref, response

_STATES = {
    State.WORKS: "codes were verified or delivered in the last 24 hours",
    State.SLOW: "they arrive, but one in twenty takes most of its life to be verified",
    State.FAILING: "most fail, aren't delivered, or are never verified; or the notifier is disabled",
    State.UNTESTED: "codes were sent, and nothing says that any arrived",
    State.NOBODY_ASKED: "nobody asked for a code in the last 24 hours",
}


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _count(description: str) -> Json:
    return {"type": "integer", "minimum": 0, "description": description}


def _seconds(description: str) -> Json:
    return {"type": ["number", "null"], "minimum": 0, "description": description}


_TIME: Json = {"type": "string", "format": "date-time"}
_RESULTS: Json = {
    "sent": _count("Codes that the gateway accepted."),
    "failed": _count("Codes that could not be sent."),
    "delivered": _count("Of those sent, the ones that the carrier reported as delivered."),
    "undelivered": _count("Of those sent, the ones that the carrier reported as not delivered."),
}
_TALLY = _object(
    {
        "asked": _count("Codes that were asked for in this time."),
        **_RESULTS,
        "verified": _count("Codes that were verified; one that was sent again counts once."),
        "median_seconds": _seconds("From the call to the right code, for half of the verified ones at most; null "
                                   "without any. It is off by 1 % at most."),
        "p95_seconds": _seconds("The same for 95 % of them."),
    }
)  # fmt: skip
_BALANCE = _object(
    {
        "amount": {"type": "number"},
        "currency": {"type": "string"},
        "read_at": _TIME | {"description": "The hour in which it was read."},
        "runs_out_at": nullable(_TIME)
        | {"description": "When the account is empty at the pace of the last 24 hours; null if that is unknown or more "
                          "than a year off."},
        "give_or_take_days": _count("By how many days that may be off, either way."),
    }
)  # fmt: skip
_SCHEMAS: Json = {
    "NotifierHealth": _object(
        {
            "notifier": ref("schemas", "NotifierReference"),
            "state": {
                "type": "string",
                "enum": list(State),
                "description": "; ".join(f"`{state.value}`: {meaning}" for state, meaning in _STATES.items()) + ".",
            },
            "reason": {"type": "string", "description": "The state in a sentence."},
            "last_hour": _TALLY,
            "last_day": _TALLY,
            "hours": {
                "type": "array",
                "description": "The last 24 hours, the current one last.",
                "minItems": CHART_HOURS,
                "maxItems": CHART_HOURS,
                "items": _object({"starts_at": _TIME, **_RESULTS}),
            },
            "balance": nullable(_BALANCE)
            | {"description": "What is left on the account; null if it wasn't read in the last day."},
        }
    ),
    "Health": _object({channel.value: nullable(ref("schemas", "NotifierHealth")) for channel in Channel}),
}


def _shop() -> Json:
    """A shop with one notifier that has had a slow evening."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    hours = [Hour(noon + HOUR * number, sent=4, delivered=4) for number in range(CHART_HOURS)]
    tally = Tally(4, sent=4, delivered=4, verified=4, times=Counter({8120: 3, 30080: 1}))
    day = Tally(96, sent=96, delivered=96, verified=91, times=Counter({8120: 80, 30080: 11}))
    runs_out_at = noon + timedelta(days=9, hours=4)
    shown = Health(
        Chosen(1, Channel.SMS, NotifierInForce(3, "kavenegar_main", "kavenegar", True), 120),
        Verdict(State.WORKS, "91 codes verified in the last 24 hours."),
        tally,
        day,
        Chart("kavenegar_main", hours),
        Forecast(125_000, "IRR", noon + HOUR * 23, runs_out_at, 2),
    )
    return body([shown])


PART = Part(
    title="Health",
    description="Whether codes arrive now.",
    schemas=_SCHEMAS,
    paths={
        HEALTH_PATH: {
            "get": operation(
                "readHealth",
                summary="See whether codes arrive",
                description="Tells for the notifier in force of each channel how sending goes, how many codes of the "
                "last hour and day were sent and verified, how long that took, and when the account runs out. An hour "
                "and a day are counted to five minutes. Codes for test recipients don't count.",
                permission=Permission.NOTIFICATIONS_SETTINGS_READ,
                responses={
                    "200": response(
                        "The channels; null for one without a notifier.",
                        ref("schemas", "Health"),
                        {"A shop without email": _shop()},
                    )
                },
            )
        }
    },
)
