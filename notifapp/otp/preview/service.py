"""What a length and a lifetime of a project's codes mean, under its limits, messages and last verified codes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam

from notifapp.access import ProjectRef
from notifapp.channels import Channel
from notifapp.database import Statement, reading
from notifapp.message_templates.rendering import Preview as Message
from notifapp.message_templates.service import previews
from notifapp.otp.limits import service as limits
from notifapp.otp.limits.service import Limits
from notifapp.otp.preview import odds
from notifapp.otp.preview.arrivals import Arrivals, arrivals
from notifapp.otp.preview.clauses import Clause, clauses
from notifapp.otp.preview.odds import Guessing
from notifapp.settings.service import SELECT_POLICY, policy_of
from notifapp.traffic.limits import limits_columns, limits_table
from notifapp.traffic.limits import limits_of as traffic_limits_of

_PROJECT = bindparam("project_id", type_=limits_table.c.project_id.type)
_RULES = Statement(
    limits.with_limits(SELECT_POLICY, _PROJECT)
    .add_columns(*limits_columns)
    .outerjoin(limits_table, limits_table.c.project_id == _PROJECT)
)


@dataclass(frozen=True, slots=True)
class Preview:
    """What codes of `code_len` digits that live `ttl` seconds mean. `messages` are those that would bring them."""

    code_len: int
    ttl: int
    limits: Limits
    one_customer: Guessing
    all_customers: Guessing
    clauses: list[Clause]
    arrivals: Arrivals
    messages: dict[Channel, Message]


def get_preview(project: ProjectRef, *, code_len: int | None = None, ttl: int | None = None) -> Preview:
    """What this length in digits and lifetime in seconds would mean; those in force stand for what isn't given."""
    with reading() as connection:
        row = _RULES.first(connection, project_id=project.id)
        policy, allowed, traffic = policy_of(row), limits.limits_of(row), traffic_limits_of(row)
        code_len, ttl = code_len or policy.code_length, ttl or policy.ttl
        seen = arrivals(connection, project.id, ttl)
    return Preview(
        code_len=code_len,
        ttl=ttl,
        limits=allowed,
        one_customer=odds.one_customer(code_len, ttl, allowed, traffic),
        all_customers=odds.all_customers(code_len, allowed, traffic),
        clauses=clauses(code_len, ttl, allowed, policy.notifiers),
        arrivals=seen,
        messages=previews(project, length=code_len, ttl=ttl),
    )
