"""The one tree of failures.

CertFactoryError
  ProblemError           the factory refused, and says why (RFC 9457)
    UnrecognisedError      401: the access key
    ForbiddenError         403: not for whoever asks
    NotFoundError          404: there is no such thing, or not in this key's registers
    ConflictError          409: its state does not allow this
    RefusedError           422: the request or the event breaks a rule
    TooManyError           429: too often
    UnavailableError       503: a neighbour of the factory gave no answer
  NoAnswerError          the factory cannot be reached, or its answer was lost
  AnswerError            what answers is not the factory, or of another version
  DamagedError           a downloaded file is not the one the factory made
  StillWaitingError      it is not done yet, and the time to wait is over
  NoticeError            a notice was not signed with this secret, or too long ago
"""

from __future__ import annotations

from collections.abc import Sequence


class CertFactoryError(Exception):
    """Any failure of this client."""


class ProblemError(CertFactoryError):
    """The factory refused.

    status:      of HTTP.
    reason:      a closed word, such as ``not_found`` or ``invalid_event``.
    detail:      what, which one and which rule; never personal data.
    problems:    (field, rule) of each field that breaks a rule.
    request:     stands in the factory's log beside this request; None: nobody said.
    retry_after: seconds to wait before trying again; None: nobody said.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        problems: Sequence[tuple[str, str]] = (),
        *,
        request: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}: {detail}")
        self.status, self.reason, self.detail = status, reason, detail
        self.problems, self.request = tuple(problems), request
        self.retry_after = retry_after


class UnrecognisedError(ProblemError):
    """401: the access key is missing, wrong, expired or revoked, or the signature does not fit."""


class ForbiddenError(ProblemError):
    """403: the key has not that scope, or whoever asks may not see or do this."""


class NotFoundError(ProblemError):
    """404: there is no such thing, or not in the registers of this key."""


class ConflictError(ProblemError):
    """409: its state does not allow this; `detail` says why."""


class RefusedError(ProblemError):
    """422: the request or the event breaks a rule; `problems` names each field."""


class TooManyError(ProblemError):
    """429: too many requests; `retry_after` says when to come again."""


class UnavailableError(ProblemError):
    """503: a neighbour of the factory gave no answer, also after the last try."""


class NoAnswerError(CertFactoryError):
    """The factory cannot be reached, or its answer was lost; it may have done what was asked."""


class AnswerError(CertFactoryError):
    """What answers is not the factory, or of another version."""


class DamagedError(CertFactoryError):
    """A downloaded file does not have the SHA-256 that the factory says."""


class StillWaitingError(CertFactoryError):
    """It is not done yet, and the time to wait is over."""


class NoticeError(CertFactoryError):
    """A notice was not signed with this secret, or too long ago: do not believe it."""


KINDS: dict[int, type[ProblemError]] = {
    401: UnrecognisedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    422: RefusedError,
    429: TooManyError,
    503: UnavailableError,
}
