"""Millions of codes of one project, spread evenly over a year, made by PostgreSQL itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

CODES_OF_A_RECIPIENT = 10
MASKED = "c•••@example.com"  # every recipient, here and in what is issued afterwards
_SETTINGS = {
    "session_replication_role": "replica",  # what the foreign keys ask for is so by construction
    "synchronous_commit": "off",
    "maintenance_work_mem": "1GB",
}
_TIMES = """SELECT n, now() - interval '365 days' * (1 - n::float / %(number)s) AS at
    FROM generate_series(1, %(number)s) AS n"""
_DELIVERIES = f"""
INSERT INTO delivery (id, project_id, notifier_id, notifier_name, backend, channel, recipient, purpose, status,
    attempts, next_attempt_at, expires_at, provider_id, created_at, started_at, finished_at)
SELECT %(after)s + n, 1, 2, 'email_one', 'console', 'email', '{MASKED}', 'otp',
    CASE WHEN n %% 20 = 0 THEN 'failed' ELSE 'sent' END, 1,
    at, at + interval '2 minutes', md5(n::text), at, at, at + interval '1 second'
FROM ({_TIMES}) AS codes"""
_CHALLENGES = f"""
INSERT INTO otp_challenge (id, project_id, channel, recipient_digest, counted_as, recipient, settings_version,
    code_length, ttl, code_mac, status, attempts_left, created_at, expires_at, resend_at, approved_at, delivery_id)
SELECT md5('challenge ' || n), 1, 'email', encode(sha256(('recipient ' || n %% %(recipients)s)::bytea), 'hex'),
    encode(sha256(('recipient ' || n %% %(recipients)s)::bytea), 'hex'), '{MASKED}',
    1, 5, 120, encode(sha256(('code ' || n)::bytea), 'hex'),
    CASE WHEN n %% 10 = 0 THEN 'replaced' ELSE 'approved' END, 5,
    at, at + interval '2 minutes', at + interval '1 minute',
    CASE WHEN n %% 10 = 0 THEN NULL ELSE at + interval '30 seconds' END, %(after)s + n
FROM ({_TIMES}) AS codes"""
_RECIPIENTS = f"""
INSERT INTO otp_recipient (project_id, channel, digest, masked)
SELECT 1, 'email', encode(sha256(('recipient ' || n)::bytea), 'hex'), '{MASKED}'
FROM generate_series(0, %(recipients)s - 1) AS n"""
_TABLES = ("delivery", "otp_challenge", "otp_recipient")
# How to drop each index and to make it again: what refers to one comes before it, and is made after it. The deliveries'
# primary key stays: the challenges refer to it.
_INDEXES = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
    format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid)),
    contype = 'f' AS refers
FROM pg_constraint
WHERE coalesce(nullif(confrelid, 0), conrelid)::regclass::text = ANY(%(tables)s) AND contype IN ('p', 'u', 'f')
    AND coalesce(nullif(confrelid, 0), conrelid) <> 'delivery'::regclass
UNION ALL
SELECT format('DROP INDEX %%I', indexname), indexdef, false
FROM pg_indexes WHERE tablename = ANY(%(tables)s) AND indexname NOT IN (SELECT conname FROM pg_constraint)
ORDER BY refers DESC"""


def fill(url: str, number: int) -> None:
    """Add so many challenges to project 1, each with its delivery, and their recipients."""
    with psycopg.connect(url, autocommit=True) as database:
        for name, value in _SETTINGS.items():
            database.execute(f"SET {name} = '{value}'")
        [(after,)] = database.execute("SELECT max(id) FROM delivery")
        values = {"number": number, "recipients": max(number // CODES_OF_A_RECIPIENT, 1), "after": after}
        with _without_indexes(database):
            for statement in (_DELIVERIES, _CHALLENGES, _RECIPIENTS):
                database.execute(statement, values)
        database.execute("SELECT setval(pg_get_serial_sequence('delivery', 'id'), max(id)) FROM delivery")
        database.execute(f"VACUUM ANALYZE {', '.join(_TABLES)}")
        database.execute("CHECKPOINT")  # so that none falls due because of this


@contextmanager
def _without_indexes(database: psycopg.Connection[Any]) -> Iterator[None]:
    """Make the indexes after the rows, which takes a fraction of the time."""
    indexes = database.execute(_INDEXES, {"tables": list(_TABLES)}).fetchall()
    for drop, _, _ in indexes:
        database.execute(drop)
    yield
    for _, create, _ in reversed(indexes):
        database.execute(create)
