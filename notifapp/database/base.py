"""The base of every model."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import MetaData, Row, Table
from sqlalchemy.orm import DeclarativeBase

MAX_ID = 2**31 - 1  # ids are PostgreSQL integers, so no row has a greater one

AnyRow = Row[*tuple[Any, ...]]

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of all models. Models only declare tables; queries are Core statements on `table_of(model)`."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


def table_of(model: type[Base]) -> Table:
    """A model's table."""
    return cast(Table, model.__table__)
