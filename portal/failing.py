"""Failures, to whoever asked: problem details to programs, pages to people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import Scope

from factory.errors import FactoryError
from portal import chosen, faults, pages, problems
from portal.accepting import prefers_json


def refusal(
    scope: Scope, status: int, said: str, *, request: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A request that is not taken."""
    if _reads_pages(scope):
        if (status, scope["path"]) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, chosen.FILES):
            return faults.too_large(headers)
        return pages.failure(status, request=request, headers=headers)
    return problems.problem(status, said, request=request, headers=headers)


def of_failure(scope: Scope, error: FactoryError, *, request: str) -> Response:
    """A failure of ours."""
    if _reads_pages(scope):
        status = problems.status_of(error)
        return pages.failure(status, request=request, headers=problems.headers_of(error, status))
    return problems.of_failure(error, request=request)


def unforeseen(scope: Scope, request: str) -> Response:
    """That it is our fault."""
    if _reads_pages(scope):
        return pages.failure(500, request=request)
    return problems.unforeseen(request)


async def failed(request: Request, error: Exception) -> Response:
    """A failure of ours, met while answering."""
    assert isinstance(error, FactoryError)  # noqa: S101 - what it is registered for
    return of_failure(request.scope, error, request=request.state.request)


async def invalid(request: Request, error: Exception) -> Response:
    """A request that does not have the shape of its model."""
    if _reads_pages(request.scope):
        assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
        ident = request.state.request
        return faults.of_request(request.url.path, error.errors(), request=ident)
    return await problems.invalid(request, error)


async def fault(request: Request, _: Exception) -> Response:
    """A failure nobody foresaw; the gate logs it."""
    return unforeseen(request.scope, request.state.request)


async def refused(request: Request, error: Exception) -> Response:
    """No such address, or no such method for it."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    if _reads_pages(request.scope):
        return pages.failure(
            error.status_code, request=request.state.request, headers=error.headers
        )
    return await problems.refused(request, error)


def _reads_pages(scope: Scope) -> bool:
    """Whether a person asks, and by no program that would rather have JSON."""
    return pages.is_page(scope["path"]) and not prefers_json(scope)
