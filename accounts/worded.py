"""Queries that every request makes, worded once: Django takes longer to word one than the database to answer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Expression, Model, QuerySet

Row = TypeVar("Row", bound=Model)
Value = TypeVar("Value", bound=str | int)


@dataclass(frozen=True, slots=True)
class _Statement:
    sql: str
    before: tuple[Any, ...]  # the parameters before the value, and after it
    after: tuple[Any, ...]
    annotations: Mapping[str, Expression]


class Worded(Generic[Row, Value]):
    """A query that differs by one value only, with its annotations. `sample` is any value that it has nowhere else."""

    def __init__(self, query: Callable[[Value], QuerySet[Row]], *, sample: Value) -> None:
        self._query = query
        self._sample = sample

    def rows(self, value: Value) -> list[Row]:
        """Return what the query finds for a value. One statement."""
        statement = self._statement
        found = self._model.objects.raw(  # type: ignore[attr-defined]  # every model of ours has `objects`
            statement.sql, (*statement.before, value, *statement.after)
        )
        rows = list(found)
        for name, expression in statement.annotations.items():
            for row in rows:  # which Django converts for fields only
                setattr(row, name, _converted(getattr(row, name), expression))
        return rows

    @cached_property
    def _model(self) -> type[Row]:
        model: type[Row] = self._query(self._sample).model
        return model

    @cached_property
    def _statement(self) -> _Statement:
        query = self._query(self._sample).query
        sql, parameters = query.sql_with_params()
        (at,) = (number for number, given in enumerate(parameters) if given == self._sample)
        return _Statement(sql, parameters[:at], parameters[at + 1 :], query.annotation_select)


def _converted(value: Any, expression: Expression) -> Any:
    for convert in (
        *connection.ops.get_db_converters(expression),
        *expression.get_db_converters(connection),
    ):
        value = convert(value, expression, connection)
    return value
