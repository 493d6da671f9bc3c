"""A seal's signature around what differs of it.  GB/T 38540-2020, 7 (SES_Signature).

Between the documents of one seal differ the time, the digest of the description, and the signature
itself, all at known places: the seal before them, ten thousand bytes, is digested once.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache

from factory.errors import PressUnableError, SelfCheckError
from factory.seals import ses, sm2
from factory.seals.ofd import Prepared
from factory.seals.signer import SesIdentity
from factory.writers.ofd_press_package import SUMS, Body

MOST_SIGNATURE_BYTES = 72  #: DER of r and s


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
        self._around = lru_cache(maxsize=MOST_SIGNATURE_BYTES)(self._framed)
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

    def body(self, signed: bytes, signature: bytes) -> Body:
        """SignedValue.dat as it goes into the package."""
        start, end, known = self._around(len(signature))
        rest = signed + end + signature
        value = start + rest
        size = len(value)
        return SUMS.pack(zlib.crc32(rest, known), size, size), value

    def check(self, body: Body, time: bytes, data_hash: bytes) -> None:
        """SelfCheckError unless SignedValue.dat signs that description at that time."""
        signed = self.signed(time, data_hash)
        start, end, _ = self._around(MOST_SIGNATURE_BYTES)
        signature = body[1][len(start) + len(signed) + len(end) :]
        if not 0 < len(signature) <= MOST_SIGNATURE_BYTES:
            raise SelfCheckError("signature value: is not a seal's signature in DER")
        if self.body(signed, signature) != body:
            raise SelfCheckError("signature value: is not of this seal and this description")
        if not self._judge(self.digest(signed), signature):
            raise SelfCheckError("signature: does not fit the signing certificate's key")

    def _framed(self, size: int) -> tuple[bytes, bytes, int]:
        """What stands before the time and before a signature of that size; the first's CRC."""
        signed = bytes(self._hash_place + 32 + len(self._end))
        to_sign = self._start + signed
        whole = ses.signature_value(to_sign, self._certificate, bytes(size))
        at = whole.index(to_sign)
        start = whole[:at] + self._start
        return start, whole[at + len(to_sign) : len(whole) - size], zlib.crc32(start)
