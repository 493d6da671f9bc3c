"""Logging: one JSON object a line on stderr; ids and figures, never personal data.

Whoever takes a piece of work up says of which course it is (`follow`): from then on every line
of that thread carries its correlation id, those of libraries too.  So one id, looked for in the
logs of all processes, tells the story of an event from intake to notice.
"""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars
from structlog.typing import Processor

SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)
AS_JSON = structlog.processors.JSONRenderer(ensure_ascii=False)


def configure(level: str) -> None:
    """Set up structlog and the libraries' loggers, which speak only when something is wrong."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*SHARED, AS_JSON],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*SHARED, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, AS_JSON],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # what is wrong is in the verdict
    logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)


def begin(**ids: int) -> None:
    """Another piece of work: nothing of the last one is said any more."""
    clear_contextvars()
    bind_contextvars(**ids)


def follow(correlation: str) -> None:
    """Whatever this thread says until its next piece of work is of that course."""
    bind_contextvars(correlation=correlation)


def course(correlation: str, **ids: object) -> AbstractContextManager[None]:
    """The same while a block runs."""
    return bound_contextvars(correlation=correlation, **ids)
