"""Seals taken into the keyring: for OFD as their makers issue them (.esl), for PDF by certificate;
what an .esl file says of itself.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509

from factory import pictures
from factory.errors import KeyBusyError, PictureError, SealRefusedError, UnknownSealError
from factory.seals import esl, keys, outside, ses
from factory.seals.ses import Seal
from storage import ofd_seals, pdf_seals
from storage.ofd_seals import Given, KeyFileGiven, ServiceGiven
from storage.token_key import TokenGiven

if TYPE_CHECKING:
    from jobs.wiring import Plant

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A seal's picture, without its bytes.

    fault: why it cannot be used; None: it can.
    """

    type: str
    width_mm: int
    height_mm: int
    size_bytes: int
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a seal says.

    maker_fits: whether its maker's signature fits; None: it cannot be judged here.
    signers:    those who may sign with it, by name, or by digest where it lists these.
    """

    code: str
    name: str
    version: int
    valid_from: datetime
    valid_until: datetime
    maker: str
    maker_fits: bool | None
    signers: tuple[str, ...]
    picture: Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A seal that the keyring has now.

    ends: the last moment at which seal, signer and maker are valid.
    """

    identity: str
    test: bool
    ends: datetime
    seal: Description


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPdf:
    """A seal for PDF that the keyring has now.

    ends: of its certificate.  held: where its key is.
    """

    identity: str
    test: bool
    ends: datetime
    subject: str
    algorithm: str
    held: str


def take(
    plant: Plant,
    name: str,
    *,
    seal: bytes,
    certificate: bytes,
    chain: bytes,
    key: KeyFileGiven | ServiceGiven | TokenGiven,
    test: bool,
    replace: bool,
) -> Imported:
    """Take an issued seal into the keyring, once everything of it is proved.

    certificate: the signer's, PEM or DER, with its issuers or alone.
    chain:       PEM of the CAs above signer and seal maker.
    FactoryError: it cannot be used, or its place is taken; nothing was changed.
    """
    signing_cert, *others = outside.certificates(certificate)
    above = (*others, *_certificates(chain))
    given = Given(seal=seal, signing_cert=signing_cert, chain=above, key=key, test=test)
    with _nothing_imported():
        found = plant.keyring.import_ofd_seal(name, given, now=datetime.now(UTC), replace=replace)
    read = ses.read_seal(found.seal)
    ends = ofd_seals.ends(read, found.signing_cert)
    return Imported(identity=name, test=test, ends=ends, seal=_described(read))


def take_pdf(
    plant: Plant,
    name: str,
    *,
    certificate: bytes,
    chain: bytes,
    picture: bytes,
    width_mm: float,
    key: KeyFileGiven | pdf_seals.Pkcs12Given | TokenGiven,
    test: bool,
    replace: bool,
) -> ImportedPdf:
    """Take a seal for PDF into the keyring, once everything of it is proved.

    certificate, chain: as in `take`; both empty with PKCS#12, which holds them.
    FactoryError: it cannot be used, or its place is taken; nothing was changed.
    """
    leaf = outside.certificates(certificate) if certificate else ()
    given = pdf_seals.Given(
        certificates=(*leaf, *(_certificates(chain) if chain else ())),
        picture=picture,
        width_mm=width_mm,
        key=key,
        test=test,
    )
    with _nothing_imported():
        plant.keyring.import_pdf_seal(name, given, now=datetime.now(UTC), replace=replace)
    found = plant.keyring.summary(name)
    return ImportedPdf(
        identity=name,
        test=test,
        ends=found.not_after,
        subject=found.subject,
        algorithm=found.algorithm,
        held=found.held,
    )


@contextmanager
def _nothing_imported() -> Iterator[None]:
    try:
        yield
    except KeyBusyError as error:
        raise KeyBusyError(f"{error}; nothing was imported: import it again later") from error


def describe(data: bytes) -> Description:
    """What a seal says; nothing of it is trusted.  SealRefusedError: it is none."""
    return _described(ses.read_seal(data))


def picture(data: bytes) -> bytes:
    """A seal's picture, PNG.  SealRefusedError: it cannot be drawn."""
    seal = ses.read_seal(data)
    esl.check_picture(seal)
    if seal.picture.startswith(PNG):
        return seal.picture
    drawn = io.BytesIO()
    try:
        with pictures.named("the electronic seal's picture"):
            pictures.opened(seal.picture, esl.MOST_PX).save(drawn, "PNG")
    except PictureError as error:
        raise SealRefusedError(str(error)) from error
    return drawn.getvalue()


def _certificates(data: bytes) -> Sequence[x509.Certificate]:
    try:
        return keys.certificates_of(data)
    except (ValueError, x509.InvalidVersion) as error:
        raise SealRefusedError("the chain is no PEM file of certificates") from error


def _described(seal: Seal) -> Description:
    return Description(
        code=seal.code,
        name=seal.name,
        version=seal.version,
        valid_from=seal.valid_from,
        valid_until=seal.valid_until,
        maker=_subject(seal.maker),
        maker_fits=_maker_fits(seal),
        signers=(*map(_subject, seal.certificates), *(f"SM3 {d.hex()}" for d in seal.digests)),
        picture=Picture(
            type=seal.picture_type,
            width_mm=seal.width_mm,
            height_mm=seal.height_mm,
            size_bytes=len(seal.picture),
            fault=_picture_fault(seal),
        ),
    )


def _subject(certificate: bytes) -> str:
    try:
        return ses.certificate(certificate).subject.rfc4514_string()
    except (SealRefusedError, ValueError):
        return "a certificate that cannot be read"


def _picture_fault(seal: Seal) -> str | None:
    try:
        esl.check_picture(seal)
    except SealRefusedError as error:
        return str(error)
    return None


def _maker_fits(seal: Seal) -> bool | None:
    try:
        return ses.maker_fits(seal)
    except UnknownSealError:
        return None
    except SealRefusedError:
        return False
