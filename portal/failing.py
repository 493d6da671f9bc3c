"""Failures, to whoever asked: problem details to programs, pages to people."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from factory.errors import FactoryError
from portal import pages, problems


def refusal(
    path: str, status: int, said: str, *, request: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A request that is not taken."""
    if pages.is_page(path):
        return pages.failure(status, request=request, headers=headers)
    return problems.problem(status, said, request=request, headers=headers)


def of_failure(path: str, error: FactoryError, *, request: str) -> Response:
    """A failure of ours."""
    if pages.is_page(path):
        status = problems.status_of(error)
        return pages.failure(status, request=request, headers=problems.headers_of(error, status))
    return problems.of_failure(error, request=request)


def unforeseen(path: str, request: str) -> Response:
    """That it is our fault."""
    return (
        pages.failure(500, request=request) if pages.is_page(path) else problems.unforeseen(request)
    )


async def failed(request: Request, error: Exception) -> Response:
    """A failure of ours, met while answering."""
    assert isinstance(error, FactoryError)  # noqa: S101 - what it is registered for
    return of_failure(request.url.path, error, request=request.state.request)


async def invalid(request: Request, error: Exception) -> Response:
    """A request that does not have the shape of its model."""
    if pages.is_page(request.url.path):
        return pages.failure(422, request=request.state.request)
    return await problems.invalid(request, error)


async def fault(request: Request, _: Exception) -> Response:
    """A failure nobody foresaw; the gate logs it."""
    return unforeseen(request.url.path, request.state.request)


async def refused(request: Request, error: Exception) -> Response:
    """No such address, or no such method for it."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    if pages.is_page(request.url.path):
        return pages.failure(error.status_code, request=request.state.request)
    return await problems.refused(request, error)
