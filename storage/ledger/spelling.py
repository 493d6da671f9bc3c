"""What the two databases spell differently, so that a statement is written once for both.

A list is one parameter, however long it is: so a statement has one text, which is compiled once
here and planned once there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    bindparam,
    cast,
    column,
    literal,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType

from storage.tables import Json


class _Among(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()

    def self_group(self, against: OperatorType | None = None) -> Self:  # noqa: ARG002
        """As it is: compared with a truth value, no index would be used for it."""
        return self


class _Object(FunctionElement[Any]):
    inherit_cache = True
    type = Json


class _Elements(FunctionElement[Any]):
    inherit_cache = True


def among(expression: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether it is one of the values that are given under that name, as a list."""
    return _Among(expression, bindparam(name, type_=Json))


def json_object(members: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    """A JSON object that the database makes."""
    return _Object(*(part for name, value in members.items() for part in (literal(name), value)))


def given_rows(
    name: str, columns: Sequence[Column[Any]]
) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """Rows that are given under that name, as lists of what these columns hold.

    What to select from, and the values of a row in that order.
    """
    each = _Elements(bindparam(name, type_=Json)).table_valued(column("value", JSON))
    values = (each.c.value[place].as_string() for place in range(len(columns)))
    return each, [cast(value, of.type) for value, of in zip(values, columns, strict=True)]


@compiles(_Among)
def _among(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    expression, values = (compiler.process(part, **how) for part in element.clauses)
    return f"{expression} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - of the compiler


@compiles(_Among, "postgresql")
def _among_on_postgresql(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    expression, values = element.clauses
    of = compiler.dialect.type_compiler_instance.process(expression.type)
    each = f"CAST(jsonb_array_elements_text({compiler.process(values, **how)}) AS {of})"
    return f"{compiler.process(expression, **how)} = ANY (ARRAY(SELECT {each}))"


@compiles(_Object)
def _object(element: _Object, compiler: SQLCompiler, **how: Any) -> str:
    return f"json_object({compiler.process(element.clauses, **how)})"


@compiles(_Object, "postgresql")
def _object_on_postgresql(element: _Object, compiler: SQLCompiler, **how: Any) -> str:
    return f"jsonb_build_object({compiler.process(element.clauses, **how)})"


@compiles(_Elements)
def _elements(element: _Elements, compiler: SQLCompiler, **how: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **how)})"


@compiles(_Elements, "postgresql")
def _elements_on_postgresql(element: _Elements, compiler: SQLCompiler, **how: Any) -> str:
    return f"jsonb_array_elements({compiler.process(element.clauses, **how)})"
