"""The signature container (CMS SignedData) as a template, made once a signing certificate.

Of two containers under one certificate only the document's digest and the signature differ.
pyHanko builds the container for a marker digest; its bytes are then cut at the marker, which
turns 9 ms a document into microseconds.  A time-stamp token comes behind the signature, as the
one unsigned attribute.  RFC 5652; profile: ETSI EN 319 142-1, 6.3, B-B and B-T levels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Any, TypeVar, cast

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.signers import ExternalSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from factory.errors import SealRefusedError, SelfCheckError
from factory.seals import der

DIGEST = "sha256"
SHORTEST = 8  #: bytes of an ECDSA value
MOST_GROWTH = 8  #: bytes by which lengths around a longer signature become longer themselves
DIGEST_DIGITS = 2 * sha256().digest_size
MOST_CUTS = 4096
LEAST_TOKEN = 256  #: bytes; shorter than any, and its length has three bytes already
LONG_HEADER = 4  #: bytes of tag and length of a DER value of 256 to 65 535 bytes

SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"  #: id-aa-signatureTimeStampToken
UNSIGNED_ATTRIBUTES = 0xA1  #: [1] of a SignerInfo (RFC 5652, 5.3)

_MARKER = sha256(b"the digest of a document").digest()

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The CMS container of one signing certificate, but for digest and signature.

    signing_cert, chain: what is embedded; self-signed roots are left out.
    """

    signing_cert: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    def signed_attributes(self, document_digest: bytes) -> bytes:
        """DER of the signed attributes, as signed: a SET OF (RFC 5652, 5.4)."""
        before, after = _attributes_template(self)
        return before + document_digest + after

    def fill(self, document_digest: bytes, signature: bytes, token: bytes = b"") -> bytes:
        """The whole container in DER.

        document_digest: SHA-256 over the byte range, 32 bytes.
        signature:       over signed_attributes(document_digest).
        token:           TimeStampToken over the signature, in DER; empty: there is none.
        """
        before, between, after = _container_template(self, len(signature), len(token))
        return b"".join((before, document_digest, between, signature, after, token))

    @property
    def longest_der(self) -> int:
        """Bytes of the longest container this key can give."""
        return self.longest_with(0)

    def longest_with(self, token_room: int) -> int:
        """The same with a time-stamp token of so many bytes; 0: without one."""
        longest = bytes(_longest_signature(self.signing_cert))
        return len(self.fill(_MARKER, longest, bytes(token_room)))


Cut = tuple[bytes, bytes, bytes]  #: before, between and after digest and signature


class Stencil:
    """A container as it stands in documents: in hex digits, cut at what differs.

    digits:  of the hole between ``<`` and ``>``.
    stamped: a time-stamp token may stand in each.
    """

    def __init__(self, container: Container, digits: int, *, stamped: bool = False) -> None:
        self._container, self._digits, self._stamped = container, digits, stamped
        self._before, self._after = _attributes_template(container)
        self._longest = _longest_signature(container.signing_cert)
        self._cuts: dict[tuple[int, int], Cut] = {}  # by the lengths of signature and token
        self._lengths: dict[int, int] = {}  # of a signature, by the container's

    @property
    def blank(self) -> bytes:
        """Everything of a container that does not differ."""
        return b"".join((self._before, self._after, *self._cut(SHORTEST)))

    def digest(self, document_digest: bytes) -> bytes:
        """What the signer signs: SHA-256 of the signed attributes."""
        return sha256(self._before + document_digest + self._after).digest()

    def fill(self, document_digest: bytes, signature: bytes, token: bytes = b"") -> bytes:
        """All digits of the hole.  SealRefusedError: they are longer than their room."""
        before, between, after = self._cut(len(signature), len(token))
        digits = b"".join(
            (
                before,
                document_digest.hex().encode("ascii"),
                between,
                signature.hex().encode("ascii"),
                after,
                token.hex().encode("ascii"),
            )
        )
        if len(digits) > self._digits:
            raise SealRefusedError("signature and time stamp need more room than there is")
        return digits.ljust(self._digits, b"0")

    def read(self, digits: bytes) -> tuple[bytes, bytes, bytes]:
        """The document's digest, the signature and the token that stand in a hole.

        The token is empty where there is none.
        SelfCheckError: anything else in it is not what it would be filled with.
        """
        try:
            return self._read(digits)
        except (ValueError, IndexError, KeyError) as error:
            raise SelfCheckError("signature container: is not the template's") from error

    def _read(self, digits: bytes) -> tuple[bytes, bytes, bytes]:
        size, token_size = self._sizes(digits, 2 * (int(digits[4:8], 16) + LONG_HEADER))
        before, between, after = self._cut(size, token_size)
        first = len(before)
        second = first + DIGEST_DIGITS
        third = second + len(between)
        fourth = third + 2 * size
        fifth = fourth + len(after)
        rest = fifth + 2 * token_size
        around = (digits[:first], digits[second:third], digits[fourth:fifth], digits[rest:])
        if around != (before, between, after, b"0" * (self._digits - rest)):
            raise ValueError("other digits")
        found = (digits[first:second], digits[third:fourth], digits[fifth:rest])
        if any(each != each.lower() for each in found):
            raise ValueError("digits of another writer")
        digest, signature, token = (bytes.fromhex(each.decode("ascii")) for each in found)
        return digest, signature, token

    def _sizes(self, digits: bytes, whole: int) -> tuple[int, int]:
        """Of signature and token in a container of so many digits.

        Around a token every length has three bytes, so that the signature's own stands where it
        does in each of them.
        """
        if not self._stamped or whole < self._whole(SHORTEST, LEAST_TOKEN):
            return self._size(whole), 0
        size, usual = self._longest, LEAST_TOKEN
        if isinstance(self._container.signing_cert.public_key(), ec.EllipticCurvePublicKey):
            before, between, _ = self._cut(size, usual)
            place = len(before) + DIGEST_DIGITS + len(between)
            size = int(digits[place - 2 : place], 16)
        token_size = usual + (whole - self._whole(size, usual)) // 2
        if whole > self._digits or not SHORTEST <= size <= self._longest or token_size < usual:
            raise ValueError("no container with a token")
        return size, token_size

    def _size(self, whole: int) -> int:
        """Of the signature in a container of so many digits; others may have filled it."""
        if whole > self._digits:
            raise ValueError("longer than the hole")
        if whole not in self._lengths:
            longest = self._longest
            fitting = SHORTEST + (whole - self._whole(SHORTEST)) // 2
            for size in range(min(fitting, longest), max(fitting - MOST_GROWTH, SHORTEST) - 1, -1):
                if self._whole(size) == whole:
                    break
        return self._lengths[whole]

    def _whole(self, size: int, token_size: int = 0) -> int:
        """Digits of the container of a signature and a token of that length."""
        values = sha256().digest_size + size + token_size
        return sum(map(len, self._cut(size, token_size))) + 2 * values

    def _cut(self, size: int, token_size: int = 0) -> Cut:
        found = self._cuts.get((size, token_size))
        if found is None:
            if len(self._cuts) >= MOST_CUTS:
                self._cuts.clear()
            template = _container_template(self._container, size, token_size)
            found = self._cuts[size, token_size] = self._hex(template)
            if not token_size:
                self._lengths[self._whole(size)] = size
        return found

    @staticmethod
    def _hex(cut: Cut) -> Cut:
        before, between, after = (part.hex().encode("ascii") for part in cut)
        return before, between, after


def run_to_end(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a pyHanko coroutine, also when the caller runs inside an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(max_workers=1) as aside:
        return aside.submit(asyncio.run, coroutine).result()


@lru_cache(maxsize=64)
def _attributes_template(container: Container) -> tuple[bytes, bytes]:
    attributes = run_to_end(_signed_attributes(container))
    before, after = attributes.dump().split(_MARKER)
    return before, after


@lru_cache(maxsize=1024)  # an ECDSA value has 8 to 72 bytes: a template for each length met
def _container_template(
    container: Container, signature_size: int, token_size: int = 0
) -> tuple[bytes, bytes, bytes]:
    """Before and between digest and signature, and between that and the token."""
    if token_size:
        return _with_token(container, signature_size, token_size)
    stand_in = (b"signature" * 128)[:signature_size]
    der = run_to_end(_container(container, stand_in))
    before, rest = der.split(_MARKER)
    between, _, after = rest.rpartition(stand_in)
    return before, between, after


def with_token(container: bytes, token: bytes) -> bytes:
    """A container (DER, whatever follows it is left out) with a time-stamp token beside its one
    signature, which has none yet; nothing else of it differs.

    SealRefusedError: it is none of ours, or has unsigned attributes already.
    """
    try:
        container = _without_padding(container)
        signer = der.read(container)
        for _ in range(4):
            signer = signer.parts()[-1]
        if signer.parts()[-1].tag == UNSIGNED_ATTRIBUTES:
            raise SealRefusedError("the signature has a time stamp already")
        return _lengthened(container, _unsigned(token))
    except (der.DerError, IndexError) as error:
        raise SealRefusedError("the signature container cannot be read") from error


def _without_padding(container: bytes) -> bytes:
    """All that we make are of 256 to 65 535 bytes, and so is whatever is read here."""
    if container[1:2] != b"\x82":
        raise der.DerError("a container of that size")
    return container[: LONG_HEADER + int.from_bytes(container[2:LONG_HEADER])]


def _unsigned(token: bytes) -> bytes:
    attribute = der.sequence(der.oid(SIGNATURE_TIME_STAMP), der.element(der.SET, token))
    return der.element(UNSIGNED_ATTRIBUTES, attribute)


def _with_token(
    container: Container, signature_size: int, token_size: int
) -> tuple[bytes, bytes, bytes]:
    """The same with an unsigned attribute: every element around it grows (RFC 5652, 5.3)."""
    before, between, after = _container_template(container, signature_size)
    plain = b"".join((before, _MARKER, between, bytes(signature_size), after))
    token = (b"time stamp token" * (token_size // 16 + 1))[:token_size]
    longer = _lengthened(plain, _unsigned(token))
    head, tail = longer.split(_MARKER)
    return head, tail[: len(between)], tail[len(between) + signature_size : -token_size]


def _lengthened(encoded: bytes, further: bytes) -> bytes:
    """A ContentInfo whose one SignerInfo, which stands at its end, has a further element."""
    around = [der.read(encoded)]  # ContentInfo, [0], SignedData, SET OF SignerInfo, SignerInfo
    for _ in range(4):
        around.append(around[-1].parts()[-1])
    content = around[-1].content + further
    for inner, outer in pairwise(reversed(around)):
        element = der.element(inner.tag, content)
        content = encoded[outer.inside : inner.start] + element
    return der.element(around[0].tag, content)


async def _signed_attributes(container: Container) -> Any:
    return await _external_signer(container, b"").signed_attrs(_MARKER, DIGEST, use_pades=True)


async def _container(container: Container, signature: bytes) -> bytes:
    signer = _external_signer(container, signature)
    attributes = await signer.signed_attrs(_MARKER, DIGEST, use_pades=True)
    content = await signer.async_sign_prescribed_attributes(DIGEST, attributes)
    return cast(bytes, content.dump())


def _external_signer(container: Container, signature: bytes) -> ExternalSigner:
    store: Any = SimpleCertificateStore
    others = store.from_certs([asn1_certificate(c) for c in container.chain])
    return ExternalSigner(
        signing_cert=asn1_certificate(container.signing_cert),
        cert_registry=others,
        signature_value=signature,
        embed_roots=False,
    )


def asn1_certificate(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """The same certificate as pyHanko wants it."""
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _longest_signature(signing_cert: x509.Certificate) -> int:
    """RSA: the modulus' bytes; EC: two INTEGERs with a sign byte in a SEQUENCE (RFC 3279)."""
    key = signing_cert.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size // 8
    if isinstance(key, ec.EllipticCurvePublicKey):
        return 2 * ((key.key_size + 7) // 8 + 3) + 3
    raise SealRefusedError("the signing certificate's key is neither RSA nor EC")
