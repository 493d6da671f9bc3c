"""A seal's signature around what differs of it.  GB/T 38540-2020, 7 (SES_Signature).

Between the documents of one seal differ the time, the digest of the description, the signature
itself and the time stamp over it, all at known places: the seal before them, ten thousand bytes, is
digested once.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache

from factory.errors import PressUnableError, SelfCheckError
from factory.seals import der, ses, sm2
from factory.seals.ofd import Prepared
from factory.seals.ofd_selfcheck import check_stamp
from factory.seals.signer import SesIdentity
from factory.writers.ofd_press_package import SUMS, Body

MOST_SIGNATURE_BYTES = 72  #: DER of r and s
MOST_SIZES = 256  #: of signatures with their time stamps, for which headers are kept
BITS_HEADER = 3  #: of a BIT STRING so short, with the octet that counts unused bits


class SealTemplate:
    """What is signed with one seal by one certificate, and the signature's container."""

    def __init__(
        self, prepared: Prepared, identity: SesIdentity, time: bytes, data_hash: bytes
    ) -> None:
        """prepared: a document of this seal.  time, data_hash: as they stand in it."""
        point = sm2.public_point(identity.signing_cert)
        whole = prepared.to_sign
        behind_seal = whole.find(identity.seal) + len(identity.seal)
        at, hash_at = whole.find(time, behind_seal), whole.find(data_hash, behind_seal)
        if point is None or behind_seal < len(identity.seal) or not behind_seal < at < hash_at:
            raise PressUnableError("what is signed has another form than is known")
        self._start = whole[:at]
        self._between = whole[at + len(time) : hash_at]
        self._end = whole[hash_at + len(data_hash) :]
        self._time_size = len(time)
        self._hash_place = len(time) + len(self._between)
        self._certificate = prepared.signing_cert
        self._begun = sm2.sm3_begun(sm2.identity_digest(point) + self._start)
        self._judge: Callable[[bytes, bytes], bool] = sm2.judge_of(point)
        self._around = lru_cache(maxsize=MOST_SIZES)(self._framed)
        self._signer_size = len(self._around(0, None)[1]) - BITS_HEADER
        if self.digest(self.signed(time, data_hash)) != prepared.digest:
            raise PressUnableError("what is signed has another form than is known")

    def signed(self, time: bytes, data_hash: bytes) -> bytes:
        """What is signed (TBS_Sign), from the time on."""
        return b"".join((time, self._between, data_hash, self._end))

    def digest(self, signed: bytes) -> bytes:
        """What the signer signs: e = SM3(Z || TBS_Sign)."""
        digest = self._begun.copy()
        digest.update(signed)
        return bytes(digest.digest())

    def body(self, signed: bytes, signature: bytes, token: bytes | None = None) -> Body:
        """SignedValue.dat as it goes into the package.

        token: a time stamp over the signature; None: none.
        """
        sizes = len(signature), None if token is None else len(token)
        header, before, behind, known = self._around(*sizes)
        rest = b"".join((signed, before, signature, behind, token or b""))
        value = b"".join((header, self._start, rest))
        size = len(value)
        return SUMS.pack(zlib.crc32(rest, known), size, size), value

    def check(self, body: Body, time: bytes, data_hash: bytes) -> None:
        """SelfCheckError unless SignedValue.dat signs that description at that time."""
        signed = self.signed(time, data_hash)
        signature, token = self._split(body[1], len(signed))
        if not 0 < len(signature) <= MOST_SIGNATURE_BYTES:
            raise SelfCheckError("signature value: is not a seal's signature in DER")
        if self.body(signed, signature, token) != body:
            raise SelfCheckError("signature value: is not of this seal and this description")
        if not self._judge(self.digest(signed), signature):
            raise SelfCheckError("signature: does not fit the signing certificate's key")
        if token is not None:
            check_stamp(token, signature)

    def _split(self, value: bytes, signed_size: int) -> tuple[bytes, bytes | None]:
        """Where signature and time stamp stand in a value, whatever stands around them."""
        header = 2 + sum(size & 0x7F for size in value[1:2] if size & der.LONG_FORM)
        at = header + len(self._start) + signed_size + self._signer_size
        end = at + 2 + sum(value[at + 1 : at + 2])
        return value[at + BITS_HEADER : end], _token(value[end:])

    def _framed(self, size: int, token_size: int | None) -> tuple[bytes, bytes, bytes, int]:
        """What stands around signatures and tokens of such sizes.

        The value's header; what stands before the signature, and between it and the token; the
        CRC of all that stands before the time.
        """
        to_sign = self._start + bytes(self._hash_place + 32 + len(self._end))
        whole = ses.signature_value(to_sign, self._certificate, bytes(size))
        before = whole[whole.index(to_sign) + len(to_sign) : len(whole) - size]
        token = None if token_size is None else bytes(token_size)
        behind = b"" if token is None else ses.time_stamp(token)[: -len(token) or None]
        whole = ses.signature_value(to_sign, self._certificate, bytes(size), token)
        header = whole[: whole.index(to_sign)]
        return header, before, behind, zlib.crc32(header + self._start)


def _token(rest: bytes) -> bytes | None:
    """The time stamp that stands behind a signature; None: nothing does."""
    if not rest:
        return None
    try:
        [stamp] = der.read(rest).parts()
        return stamp.bits()
    except (der.DerError, ValueError) as error:
        raise SelfCheckError("signature value: ends with something other than DER") from error
