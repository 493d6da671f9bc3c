"""The parsers of foreign bytes, each as a function that returns, or raises what it must not.

A reader may refuse with an error of ours; a verifier gives a verdict and never raises, and calls
nothing good that is not, but for what nobody signs, one of the files that were made good.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from cryptography import x509
from cryptography.x509 import ocsp

from factory import events, materials, pictures, verify
from factory.errors import (
    FactoryError,
    RevocationRefusedError,
    SealRefusedError,
    SignatureRefusedError,
    TimestampUnavailableError,
)
from factory.events import takeover
from factory.ofd import package
from factory.profile import Material
from factory.seals import esl, outside, revocation, ses, tsp
from factory.verify import VerdictWord
from tests.fuzz import mutations, world
from tests.fuzz.mutations import Mutate

GOOD = frozenset({VerdictWord.VALID, VerdictWord.SIGNED})
CONTAINER = re.compile(rb"<[0-9A-Fa-f]{256,}>")  #: nobody signs what lies beside a signature in it
REVISION = re.compile(rb"%%EOF\n?")
PROFILE = "gansu-constructor"
A_PDF = Material(id="scan", title="扫描件", formats=("pdf",))


class AcceptedError(AssertionError):
    """Something was called good that is not."""


def read_event(data: bytes) -> None:
    """An event, a stream of events, and an event's content in one spelling."""
    with suppress(FactoryError):
        events.canonical(events.parse(data).canonical)
    with suppress(FactoryError):
        events.canonical(data)
    with suppress(FactoryError):
        for _ in events.split_lines(BytesIO(data)):
            pass


def read_register(data: bytes) -> None:
    """A register that is taken over, as a table and as JSON Lines."""
    for form in takeover.Format:
        origin = takeover.Origin(format=form, source="register", profile=PROFILE)
        with suppress(FactoryError):
            for row in takeover.rows(BytesIO(data), origin):
                if (row.event is None) is not bool(row.problems):
                    raise AssertionError("a row has an event, or its problems are told")


def read_picture(data: bytes) -> None:
    """A photo and a signature: normalised, or refused."""
    for normalise in pictures.NORMALISE.values():
        with suppress(FactoryError):
            again = normalise(normalise(data))
            if not again.startswith(b"\xff\xd8"):
                raise AssertionError("no JPEG")


def read_material(data: bytes) -> None:
    """An uploaded PDF: taken, or refused."""
    with suppress(FactoryError):
        materials.check(data, A_PDF)


def judge_pdf(data: bytes) -> None:
    """A PDF, sealed or signed by parties."""
    if world.judged(data).verdict in GOOD and _unsigned_parts_out(data) not in _good_pdfs():
        raise AcceptedError("a PDF that nobody sealed")
    verify.twin(data)


def judge_ofd(data: bytes) -> None:
    """An OFD."""
    if world.judged(data).verdict in GOOD and _protected(data) not in _good_ofds():
        raise AcceptedError("an OFD that nobody sealed")
    verify.twin(data)


def read_container(data: bytes) -> None:
    """A signature made outside (CMS), over the content of the seeds; a certificate file too."""
    with suppress(SignatureRefusedError):
        signed = outside.read(data, world.CONTENT)
        outside.check_trust(signed, world.certificates("parties"), world.NOW)
        if signed.certificate not in _signers():
            raise AcceptedError("a container that nobody signed")
    with suppress(SignatureRefusedError):
        outside.certificates(data)


def read_token(data: bytes) -> None:
    """A time stamp, as it is asked for and as it is met in a file; an authority's answer too."""
    with suppress(TimestampUnavailableError):
        tsp.read(data)
    with suppress(SignatureRefusedError):
        signed, content = outside.read_stamp(data)
        outside.trusted_chain(signed, world.certificates("clocks"), world.NOW)
        if content not in _stamped():
            raise AcceptedError("a time stamp that no authority made")
    with suppress(FactoryError):
        tsp.token_of(data, tsp.Request(imprint=tsp.imprint_of(world.CONTENT), nonce=1))


def read_revocation(data: bytes) -> None:
    """A revocation list or an OCSP answer, asked about certificates of the world."""
    with suppress(RevocationRefusedError):
        source = revocation.Revocations(revocation.read(data))
        issuing, root = world.certificates("issuing")
        for pair in ((_some_seal(), issuing), (issuing, root)):
            if list(source.about(*pair)) and not _is_known(source):
                raise AcceptedError("a list that no CA signed")


def read_seal(data: bytes) -> None:
    """An electronic seal, and a signature with one."""
    with suppress(SealRefusedError):
        _judge_seal(ses.read_seal(data))
    with suppress(SealRefusedError):
        signature = ses.read_signature(data)
        _judge_seal(signature.seal)
        if ses.signer_fits(signature) and signature.to_sign not in _sealed():
            raise AcceptedError("a seal that nobody put")


def _judge_seal(seal: ses.Seal) -> None:
    if ses.maker_fits(seal) and seal.info not in _issued():
        raise AcceptedError("a seal that nobody issued")
    for each in seal.certificates:
        ses.maker_signs(seal, each)
        roots = world.certificates("roots")
        esl.check_issued(seal, ses.certificate(each), roots, world.NOW)


# --- what was made good


def _unsigned_parts_out(data: bytes) -> bytes:
    return CONTAINER.sub(b"<>", data)


@cache
def _good_pdfs() -> frozenset[bytes]:
    """The seeds, and what they were before something was put behind them."""
    ends = ((each, found.end()) for each in world.seeds("pdf") for found in REVISION.finditer(each))
    return frozenset(_unsigned_parts_out(each[:end]) for each, end in ends)


def _protected(data: bytes) -> frozenset[tuple[str, bytes]]:
    """Members but for signature values, beside which a stamp may be put."""
    return frozenset(
        each for each in package.opened(data).items() if not each[0].endswith("SignedValue.dat")
    )


@cache
def _good_ofds() -> frozenset[frozenset[tuple[str, bytes]]]:
    return frozenset(map(_protected, world.seeds("ofd")))


@cache
def _signers() -> frozenset[object]:
    return frozenset(outside.read(each, world.CONTENT).certificate for each in world.seeds("cms"))


@cache
def _stamped() -> frozenset[bytes]:
    return frozenset(outside.read_stamp(each)[1] for each in world.seeds("tsp"))


@cache
def _some_seal() -> object:
    return world.certificates("seal")[0]


@cache
def _lists() -> frozenset[bytes]:
    return frozenset(
        _signed_part(each) for seed in world.seeds("revocation") for each in revocation.read(seed)
    )


def _is_known(source: revocation.Revocations) -> bool:
    return any(_signed_part(each) in _lists() for each in source.given)


def _signed_part(each: revocation.RevocationList | revocation.Answer) -> bytes:
    if isinstance(each, revocation.RevocationList):
        return x509.load_der_x509_crl(each.encoded).tbs_certlist_bytes
    return ocsp.load_der_ocsp_response(each.encoded).tbs_response_bytes


@cache
def _sealed() -> frozenset[bytes]:
    found = set()
    for each in world.seeds("ses"):
        with suppress(SealRefusedError):
            found.add(ses.read_signature(each).to_sign)
    return frozenset(found)


@cache
def _issued() -> frozenset[bytes]:
    found = set()
    for each in world.seeds("ses"):
        with suppress(SealRefusedError):
            found.add(ses.read_seal(each).info)
        with suppress(SealRefusedError):
            found.add(ses.read_signature(each).seal.info)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Target:
    """A parser: what runs it, how its inputs are changed so that they get into it, their size."""

    run: Callable[[bytes], None]
    mutated: Callable[[bytes, Mutate], bytes]
    most_bytes: int


TARGETS: Mapping[str, Target] = {
    "events": Target(read_event, mutations.of_text, 1 << 16),
    "register": Target(read_register, mutations.of_text, 1 << 16),
    "photo": Target(read_picture, mutations.of_bytes, 1 << 16),
    "material": Target(read_material, mutations.of_pdf, 1 << 17),
    "pdf": Target(judge_pdf, mutations.of_pdf, 1 << 18),
    "ofd": Target(judge_ofd, mutations.of_package, 1 << 17),
    "cms": Target(read_container, mutations.of_der, 1 << 16),
    "tsp": Target(read_token, mutations.of_der, 1 << 16),
    "revocation": Target(read_revocation, mutations.of_der, 1 << 16),
    "ses": Target(read_seal, mutations.of_der, 1 << 16),
}
