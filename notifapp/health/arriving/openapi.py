"""The OpenAPI description of a project's health."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from notifapp.access import Permission
from notifapp.breakers.models import BreakerState, Cause
from notifapp.breakers.service import CLOSED
from notifapp.channels import Channel
from notifapp.delivery.queries import CHART_HOURS, Chart, Hour
from notifapp.health.arriving.api import HEALTH_PATH, body
from notifapp.health.arriving.chosen import Chosen
from notifapp.health.arriving.judging import State, Verdict
from notifapp.health.arriving.service import HOUR, Health
from notifapp.health.arriving.tally import Tally
from notifapp.notifiers.asking.forecast import Forecast
from notifapp.notifiers.proving.service import Proof
from notifapp.settings.service import NotifierInForce
from notifapp.web.openapi import Json, Part, nullable, operation, ref, response

_STATES = {
    State.WORKS: "codes were verified or delivered in the last 24 hours",
    State.SLOW: "they arrive, but one in twenty takes most of its life to be verified",
    State.FAILING: "most fail, aren't delivered, or are never verified; or the notifier is disabled",
    State.UNTESTED: "nothing says that any code arrived",
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
_BREAKER = _object(
    {
        "state": {
            "type": "string",
            "enum": list(BreakerState),
            "description": "`closed` while the notifier works. Messages avoid an `open` one if another stands by; of a "
                           "`half_open` one, a message tries whether it works again.",
        },
        "cause": {"type": ["string", "null"], "enum": [*Cause, None]},
        "since": nullable(_TIME) | {"description": "When the trouble began."},
        "retry_at": nullable(_TIME) | {"description": "When the next message may try it."},
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
            "channel": {"type": "string", "enum": list(Channel)},
            "in_force": {"type": "boolean", "description": "false for one that stands by."},
            "notifier": _object({"id": {"type": "integer"}, "name": {"type": "string"}}),
            "state": {
                "type": "string",
                "enum": list(State),
                "description": "; ".join(f"`{state.value}`: {meaning}" for state, meaning in _STATES.items()) + ".",
            },
            "reason": {"type": "string", "description": "The state in a sentence."},
            "proven_at": nullable(_TIME)
            | {"description": "When its present configuration was proven by a code; null if it wasn't."},
            "breaker": _BREAKER,
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
    "Health": _object({"notifiers": {"type": "array", "items": ref("schemas", "NotifierHealth")}}),
}


def _shop() -> Json:
    """A shop with one notifier that has had a slow evening."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    hours = [Hour(noon + HOUR * number, sent=4, delivered=4) for number in range(CHART_HOURS)]
    tally = Tally(4, sent=4, delivered=4, verified=4, times=Counter({"8080": 3, "30080": 1}))
    day = Tally(96, sent=96, delivered=96, verified=91, times=Counter({"8080": 80, "30080": 11}))
    runs_out_at = noon + timedelta(days=9, hours=4)
    shown = Health(
        Chosen(
            project_id=1,
            channel=Channel.SMS,
            notifier=NotifierInForce(3, "kavenegar_main", "kavenegar", True),
            ttl=120,
            position=0,
            proof=Proof.PROVEN,
            proven_at=noon,
            breaker=CLOSED,
        ),
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
                description="Tells how sending goes through each channel's notifier in force, and through those that "
                "stand by: how many codes of the last hour and day were sent and verified, how long that took, and "
                "when the account runs out. An hour and a day are counted to five minutes. Codes for test recipients "
                "don't count.",
                permission=Permission.NOTIFICATIONS_SETTINGS_READ,
                responses={
                    "200": response(
                        "SMS before email; the one in force first, then those that stand by, in their order.",
                        ref("schemas", "Health"),
                        {"A shop without email": _shop()},
                    )
                },
            )
        }
    },
)
