"""Codes of the past, each a message and its challenge."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from flask import Flask
from sqlalchemy import insert
from sqlalchemy.engine import Connection

from notifapp.access import ProjectRef
from notifapp.database import table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.otp.models import OtpChallenge
from tests.otp.preview.rows import verified

_ids = count(1_000_000)
_NUMBERS = {
    "sqlite": "WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < {last}) ",
    "postgresql": "WITH number(n) AS (SELECT generate_series(0::bigint, {last})) ",
}


def message(project: ProjectRef, notifier_id: int, at: Any, **values: Any) -> dict[str, Any]:
    """A message with a code that its gateway accepted."""
    times = dict.fromkeys(("created_at", "next_attempt_at", "expires_at"), at)
    row = {"project_id": project.id, "notifier_id": notifier_id, "notifier_name": "gateway", "backend": "kavenegar"}
    return {
        **row,
        "channel": "sms",
        "recipient": "+98••••••••67",
        "purpose": "otp",
        "status": "sent",
        **times,
        **values,
    }


def ask(
    app: Flask, project: ProjectRef, notifier_id: int, at: datetime, number: int = 1, after: float = 0, **values: Any
) -> None:
    """Let so many codes have been asked for at a time, and with `after` verified so many seconds later."""
    ids = [next(_ids) for _ in range(number)]
    messages = [message(project, notifier_id, at, id=id_, **values) for id_ in ids]
    challenges = [verified(project.id, id_, at + timedelta(seconds=after), after) | {"delivery_id": id_} for id_ in ids]
    with app.app_context(), writing() as connection:
        connection.execute(insert(table_of(Delivery)), messages)
        if after:
            connection.execute(insert(table_of(OtpChallenge)), challenges)


def milliseconds_to_verified(number: int) -> int:
    """How long the customer of this one of many codes took: from 2 to 52 seconds, most of them less than the half."""
    return 2000 + (number * 7919 % 1000) ** 2 // 20


def ask_often(
    connection: Connection, project: ProjectRef, notifier_id: int, first: datetime, number: int, step: timedelta
) -> None:
    """Let `number` codes have been asked for from `first` on, one each `step`, all of them verified in the end."""
    kind = connection.dialect.name

    def at(milliseconds: str) -> str:
        if kind == "postgresql":
            return f"timestamptz '{first.isoformat()}' + ({milliseconds}) * interval '1 millisecond'"
        start = first.replace(tzinfo=None).isoformat(" ")
        return f"strftime('%Y-%m-%d %H:%M:%f000', '{start}', '+' || (({milliseconds}) / 1000.0) || ' seconds')"

    rest = "(n * 7919 - n * 7919 / 1000 * 1000)"  # psycopg takes a percent sign for something else
    shift = f"n * {step // timedelta(milliseconds=1)}"
    messages = message(project, notifier_id, None) | {"id": "n + 1"}
    challenges = verified(project.id, 0, first, 0) | {
        "id": "printf('%032x', n)" if kind == "sqlite" else "lpad(to_hex(n), 32, '0')",
        "approved_at": at(f"{shift} + 2000 + {rest} * {rest} / 20"),
        "delivery_id": "n + 1",
    }
    for model, row in ((Delivery, messages), (OtpChallenge, challenges)):
        times = dict.fromkeys({"created_at", "expires_at", "resend_at", "next_attempt_at"} & row.keys(), at(shift))
        sql = {name: text_ if name in _EXPRESSIONS else _literal(text_) for name, text_ in (row | times).items()}
        names, values = ", ".join(sql), ", ".join(sql.values())
        numbers = _NUMBERS[kind].format(last=number - 1)
        connection.exec_driver_sql(
            f"INSERT INTO {table_of(model).name} ({names}) {numbers} SELECT {values} FROM number"
        )


_EXPRESSIONS = {"id", "delivery_id", "created_at", "expires_at", "resend_at", "next_attempt_at", "approved_at"}


def _literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
