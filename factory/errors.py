"""The one tree of failures; the branch says what becomes of the work.

    FactoryError
      PermanentError               the same input fails the same way: hold it for a person
        InvalidEventError          the event breaks its schema
        FieldError                 a field is missing or breaks its clause
        ProfileError               a profile is missing or contradicts itself
        PictureError               a photo or signature picture cannot be used
        MaterialError              an uploaded material cannot be taken as it is
        UnprintableError           no installed face has a glyph for a character
        LintError                  the drawn document breaks its kind
        PressUnableError           no compiled template can make it: the reference writer does
        SealRefusedError           this seal may not be put on this document
          SealRetiredError         an identity that is out of use for good
          UnknownSealError         of a version or algorithm that cannot be judged here
          SealDeclinedError        an outside seal service will not seal this document
          SealOverdueError         an outside seal service was waited for long enough
          SealPolicyError          the signer process does not sign for that purpose
        SignatureRefusedError      a party's signature is not taken: wrong, or not theirs
        RevocationRefusedError     a revocation list or an OCSP answer cannot be used
        PackageError               an OFD package, or XML in it, breaks the rules of its container
        SelfCheckError             the finished document does not verify: a fault of ours
        SecondReadingError         a second program reads the finished document otherwise
        ConflictError              the state of the thing does not allow this
        AwaitsError                something that must come first has not come yet
          BatchRunningError        a bulk event of the same people is under way
        NotFoundError              there is no such thing
        ForbiddenError             whoever asks may not see or do this
        UnrecognisedError          whoever calls does not prove who they are
        SealedDataError            a sealed value does not open under its key
          ErasedError              the person's data has been erased: nothing opens any more
        DigestMismatchError        stored bytes are not those that were recorded
        UnreadableRowError         a row of the ledger holds what cannot stand there
      TransientError               may pass by itself: try again, later each time
        KeyBusyError               the signing device is busy or away
        TimestampUnavailableError  the time-stamping authority is away or answers wrongly
        ClockError                 the ledger's clock is ahead of the time-stamping authority's
        SealPendingError           an outside seal service has not sealed yet: no failure
          SigningStoppedError      somebody has stopped the signer process
          SigningPacedError        the batch has had its signatures of this second
        StoreUnavailableError      the object store or the database gave no answer
        ReaderUnavailableError     the second program gave no answer
        TooManyError               whoever calls does so too often
      SettingsError                the machine is not set up for this: says what to set

Every message says what, which one and where the rule is from.  None carries a name, an
identity number, a phone number, a picture or a key; a character is named by its code point.
"""

from collections.abc import Mapping
from datetime import timedelta


class FactoryError(Exception):
    """Any failure the factory foresees."""

    @property
    def reason(self) -> str:
        """A short closed word for metrics and hold lists, e.g. ``unprintable``."""
        return REASONS.get(type(self), "fault")


class PermanentError(FactoryError):
    """The same input fails the same way: hold it for a person."""


class TransientError(FactoryError):
    """May pass by itself: the ledger tries again, later each time."""


class SettingsError(FactoryError):
    """The machine is not set up for this; the message names the variable or command."""


class InvalidEventError(PermanentError):
    """The event breaks its schema; ``problems`` lists each as (field, rule)."""

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{field}: {rule}" for field, rule in problems))
        self.problems = problems


class FieldError(PermanentError):
    """A field is missing or breaks its clause.

    field: its path, e.g. ``enterprise.credit_code``.
    rule:  the standard or rule it breaks, e.g. ``GB 32100-2015``.
    detail: what is wrong, without the value itself.
    """

    def __init__(self, field: str, rule: str, detail: str) -> None:
        super().__init__(f"{field}: {detail} ({rule})")
        self.field, self.rule, self.detail = field, rule, detail


class ProfileError(PermanentError):
    """A profile is missing or contradicts itself."""


class PictureError(PermanentError):
    """A photo or signature picture cannot be used."""


class MaterialError(PermanentError):
    """An uploaded material (申报材料) cannot be taken as it is; says what a clerk can do."""


class UnprintableError(PermanentError):
    """No installed face has a glyph; ``code_points`` such as ``("U+E0C5",)``."""

    def __init__(self, field: str, code_points: tuple[str, ...]) -> None:
        super().__init__(f"{field}: no installed face prints {', '.join(code_points)}")
        self.field, self.code_points = field, code_points


class RefusedCharacterError(UnprintableError):
    """Characters that are never printed, whatever font there is; each with its reason.

    why: code point -> in words for a clerk.
    """

    def __init__(self, field: str, why: Mapping[str, str]) -> None:
        super().__init__(field, tuple(why))
        said = "; ".join(f"{point} is {words}" for point, words in why.items())
        self.args = (f"{field}: {said}",)


class LintError(PermanentError):
    """The drawn document breaks its kind."""


class PressUnableError(PermanentError):
    """No compiled template can make the document: the reference writer does; says why."""


class SealRefusedError(PermanentError):
    """This seal may not be put on this document."""


class SealRevokedError(SealRefusedError):
    """The certificate of a seal, or one above it, is known to be revoked (吊销)."""


class SealRetiredError(SealRefusedError):
    """A signing identity is retired (停用): nothing is sealed with it any more; says which."""


class UnknownSealError(SealRefusedError):
    """A seal of a version or algorithm unknown here: it cannot be judged, so it never counts."""


class SealChangedError(PermanentError):
    """A batch began with another seal: it does not go on under this one."""


class SealDeclinedError(SealRefusedError):
    """An outside seal service (签章服务) will not seal this document."""


class SealOverdueError(SealRefusedError):
    """An outside seal service was waited for as long as its seal's patience lasts."""


class SealPolicyError(SealRefusedError):
    """The signer process (签名进程) does not sign for that purpose; says whose seal for what."""


class SignatureRefusedError(PermanentError):
    """A party's signature is not taken: it does not fit, or is not that party's."""


class RevocationRefusedError(PermanentError):
    """A revocation list (CRL) or an OCSP answer is none, or of a kind that is not used here."""


class PackageError(PermanentError):
    """An OFD package, or XML in it, breaks the rules of its container; says which, in closed words.

    rule: that rule alone, e.g. ``twice the same name``.
    """

    def __init__(self, rule: str) -> None:
        super().__init__(f"package: {rule} (GB/T 33190-2016)")
        self.rule = rule


class SelfCheckError(PermanentError):
    """The finished document does not verify: a fault of ours, never released."""


class SecondReadingError(PermanentError):
    """A second program reads the finished document otherwise than it was placed."""


class ConflictError(PermanentError):
    """The state of the thing does not allow this; the message says why."""


class AwaitsError(PermanentError):
    """Something that must come first has not come yet: it is taken up by itself when it has."""


class BatchRunningError(AwaitsError):
    """A bulk event of the same people is under way: taken up by itself when it has ended.

    batch: its number.
    """

    def __init__(self, message: str, batch: int = 0) -> None:
        super().__init__(message)
        self.batch = batch


class NotFoundError(PermanentError):
    """There is no such thing."""


class ForbiddenError(PermanentError):
    """Whoever asks may not see or do this; the message says which rule."""


class UnrecognisedError(PermanentError):
    """Whoever calls does not prove who they are; of no key is said whether there is one."""


class SealedDataError(PermanentError):
    """A sealed value does not open under its key."""


class ErasedError(SealedDataError):
    """The data of that person has been erased (信息已删除): no key opens it any more."""


class DigestMismatchError(PermanentError):
    """Stored bytes are not those that were recorded."""


class UnreadableRowError(PermanentError):
    """A row of the ledger holds what nothing here has written; says where, never what."""


class KeyBusyError(TransientError):
    """The signing device is busy or away."""


class SealPendingError(TransientError):
    """An outside seal service has not sealed yet; it is asked again after ``again_after``.

    No failure: nothing is mended by trying, so it is no try.
    """

    def __init__(self, message: str, *, again_after: timedelta) -> None:
        super().__init__(message)
        self.again_after = again_after


class TimestampUnavailableError(TransientError):
    """The time-stamping authority (时间戳服务) is busy or away, or gave a wrong answer."""


class ClockError(TransientError):
    """The ledger's clock is ahead of the time-stamping authority's.

    A file would say that it was made later than its time stamp proves that it was there.
    """


class SigningStoppedError(SealPendingError):
    """Somebody has stopped the signer process: what it is asked for waits until they start it."""


class SigningPacedError(SealPendingError):
    """The batch has had as many signatures as the signer process gives it in that time."""


class LongTermUnavailableError(TransientError):
    """What a file for the long term (B-LT) must bring is not to be had, or no longer fresh."""


class StoreUnavailableError(TransientError):
    """The object store, the database or the broker gave no answer."""


class ReaderUnavailableError(TransientError):
    """The program that reads finished documents again hung, broke down or grew too large."""


class TooManyError(TransientError):
    """Whoever calls does so too often; they are let in again after ``again_after``."""

    def __init__(self, message: str, *, again_after: timedelta) -> None:
        super().__init__(message)
        self.again_after = again_after


REASONS: dict[type[FactoryError], str] = {
    InvalidEventError: "invalid_event",
    FieldError: "field",
    ProfileError: "profile",
    PictureError: "picture",
    MaterialError: "material",
    UnprintableError: "unprintable",
    RefusedCharacterError: "character",
    LintError: "lint",
    PressUnableError: "press_unable",
    SealRefusedError: "seal_refused",
    SealRevokedError: "seal_revoked",
    SealRetiredError: "seal_retired",
    UnknownSealError: "seal_unknown",
    SealChangedError: "seal_changed",
    SealDeclinedError: "seal_declined",
    SealOverdueError: "seal_overdue",
    SealPolicyError: "seal_policy",
    SignatureRefusedError: "signature_refused",
    RevocationRefusedError: "revocation_refused",
    PackageError: "package",
    SelfCheckError: "self_check",
    SecondReadingError: "second_reading",
    ConflictError: "conflict",
    AwaitsError: "awaits",
    BatchRunningError: "batch_running",
    NotFoundError: "not_found",
    ForbiddenError: "forbidden",
    UnrecognisedError: "unrecognised",
    SealedDataError: "sealed_data",
    ErasedError: "erased",
    DigestMismatchError: "digest_mismatch",
    UnreadableRowError: "unreadable_row",
    KeyBusyError: "key_busy",
    SealPendingError: "seal_pending",
    TimestampUnavailableError: "timestamp_unavailable",
    ClockError: "clock",
    SigningStoppedError: "signing_stopped",
    SigningPacedError: "signing_paced",
    LongTermUnavailableError: "longterm_unavailable",
    StoreUnavailableError: "store_unavailable",
    ReaderUnavailableError: "reader_unavailable",
    TooManyError: "too_many",
    SettingsError: "settings",
}
