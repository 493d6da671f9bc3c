"""An issued seal (.esl) before it is put to use: everything that can be known of it beforehand.

GB/T 38540-2020, 6.4 (what is checked of a seal).  Reading is in ses.py, chains in chain.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from factory import pictures
from factory.errors import PictureError, SealRefusedError, SignatureRefusedError
from factory.model import SHANGHAI
from factory.seals import chain, ses
from factory.seals.ses import Seal

PICTURES = frozenset({"PNG", "JPG", "JPEG"})
SMALLEST_MM, LARGEST_MM = 5, 120
MOST_PX = 4096  #: of a JPEG's sides that are looked at
MOST_DISTORTION = 1.1  #: sides are whole millimetres


def check_issued(
    seal: Seal,
    signing_cert: x509.Certificate,
    maker_roots: Sequence[x509.Certificate],
    now: datetime,
    *,
    others: Sequence[x509.Certificate] = (),
) -> None:
    """SealRefusedError unless this certificate's holder may sign with this seal, today.

    maker_roots: the CAs that are trusted to certify seal makers.
    others:      from which the certificates between may be taken; none of them is trusted.
    """
    if not ses.maker_fits(seal):
        raise SealRefusedError(
            "the electronic seal is not as its maker issued it: the maker's signature does not fit"
        )
    _check_maker(seal, maker_roots, now, others)
    if ses.maker_signs(seal, signing_cert.public_bytes(Encoding.DER)):
        raise SealRefusedError(
            "the electronic seal was made by one who may sign with it: its maker (制章者) must be "
            "another than its signers (GB/T 38540-2020)"
        )
    check_use(seal, signing_cert, now)
    check_picture(seal)


def check_use(seal: Seal, signing_cert: x509.Certificate, moment: datetime) -> None:
    """SealRefusedError unless the seal is valid then and lists the certificate."""
    if not seal.valid_from <= moment <= seal.valid_until:
        raise SealRefusedError(
            "the electronic seal is not valid at that time: its validity is "
            f"{seal.valid_from.astimezone(SHANGHAI):%Y-%m-%d} to"
            f" {seal.valid_until.astimezone(SHANGHAI):%Y-%m-%d} (GB/T 38540-2020)"
        )
    if not seal.lists(signing_cert.public_bytes(Encoding.DER)):
        raise SealRefusedError(
            "the electronic seal does not list the signing certificate among those who may use "
            "it (GB/T 38540-2020, certList)"
        )


def check_picture(seal: Seal) -> None:
    """SealRefusedError unless the picture can be drawn, at a size that seals have."""
    for side in (seal.width_mm, seal.height_mm):
        if not SMALLEST_MM <= side <= LARGEST_MM:
            raise SealRefusedError(
                f"the electronic seal has a side that is not between {SMALLEST_MM} and "
                f"{LARGEST_MM} mm"
            )
    width, height = _pixels(seal)
    distortion = (width * seal.height_mm) / (height * seal.width_mm)
    if not 1 / MOST_DISTORTION <= distortion <= MOST_DISTORTION:
        raise SealRefusedError(
            "the electronic seal's picture has another shape than its width and height say"
        )


def _check_maker(
    seal: Seal,
    roots: Sequence[x509.Certificate],
    now: datetime,
    others: Sequence[x509.Certificate],
) -> None:
    maker = ses.certificate(seal.maker)
    try:
        with ses.foreign("certificate of the seal's maker"):
            chain.refuse_unfit_signer(maker, now)
            chain.refuse_untrusted(maker, others, roots, now)
    except SignatureRefusedError as error:
        raise SealRefusedError(f"the electronic seal's maker is not trusted: {error}") from error


def _pixels(seal: Seal) -> tuple[int, int]:
    """Width and height of the picture, once all of it is read."""
    if seal.picture_type.upper() not in PICTURES:
        raise SealRefusedError("the electronic seal's picture is neither PNG nor JPG")
    try:
        with pictures.named("the electronic seal's picture"):
            return pictures.opened(seal.picture, MOST_PX).size
    except PictureError as error:
        raise SealRefusedError(str(error)) from error
