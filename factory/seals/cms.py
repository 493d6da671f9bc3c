"""The signature container (CMS SignedData) as a template, made once a signing certificate.

Of two containers under one certificate only the document's digest and the signature differ.
pyHanko builds the container for a marker digest; its bytes are then cut at the marker, which
turns 9 ms a document into microseconds.  RFC 5652; profile: ETSI EN 319 142-1, 6.3, B-B level.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar, cast

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.signers import ExternalSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from factory.errors import SealRefusedError, SelfCheckError

DIGEST = "sha256"
SHORTEST = 8  #: bytes of an ECDSA value
MOST_GROWTH = 8  #: bytes by which lengths around a longer signature become longer themselves
DIGEST_DIGITS = 2 * sha256().digest_size
LONG_HEADER = 4  #: bytes of tag and length of a DER value of 256 to 65 535 bytes

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

    def fill(self, document_digest: bytes, signature: bytes) -> bytes:
        """The whole container in DER.

        document_digest: SHA-256 over the byte range, 32 bytes.
        signature:       over signed_attributes(document_digest).
        """
        before, between, after = _container_template(self, len(signature))
        return b"".join((before, document_digest, between, signature, after))

    @property
    def longest_der(self) -> int:
        """Bytes of the longest container this key can give."""
        return len(self.fill(_MARKER, bytes(_longest_signature(self.signing_cert))))


Cut = tuple[bytes, bytes, bytes]  #: before, between and after digest and signature


class Stencil:
    """A container as it stands in documents: in hex digits, cut at what differs.

    digits: of the hole between ``<`` and ``>``.
    """

    def __init__(self, container: Container, digits: int) -> None:
        self._container, self._digits = container, digits
        self._before, self._after = _attributes_template(container)
        self._cuts: dict[int, Cut] = {}  # by the signature's length
        self._lengths: dict[int, int] = {}  # of a signature, by the container's

    @property
    def blank(self) -> bytes:
        """Everything of a container that does not differ."""
        return b"".join((self._before, self._after, *self._cut(SHORTEST)))

    def digest(self, document_digest: bytes) -> bytes:
        """What the signer signs: SHA-256 of the signed attributes."""
        return sha256(self._before + document_digest + self._after).digest()

    def fill(self, document_digest: bytes, signature: bytes) -> bytes:
        """All digits of the hole.  SealRefusedError: the signature is longer than its room."""
        before, between, after = self._cut(len(signature))
        digits = b"".join(
            (
                before,
                document_digest.hex().encode("ascii"),
                between,
                signature.hex().encode("ascii"),
                after,
            )
        )
        if len(digits) > self._digits:
            raise SealRefusedError("the signature needs more room than the template has")
        return digits.ljust(self._digits, b"0")

    def read(self, digits: bytes) -> tuple[bytes, bytes]:
        """The document's digest and the signature that stand in a hole.

        SelfCheckError: anything else in it is not what it would be filled with.
        """
        try:
            return self._read(digits)
        except (ValueError, IndexError, KeyError) as error:
            raise SelfCheckError("signature container: is not the template's") from error

    def _read(self, digits: bytes) -> tuple[bytes, bytes]:
        size = self._size(2 * (int(digits[4:8], 16) + LONG_HEADER))
        before, between, after = self._cut(size)
        first = len(before)
        second = first + DIGEST_DIGITS
        third = second + len(between)
        rest = third + 2 * size
        around = (digits[:first], digits[second:third], digits[rest:])
        if around != (before, between, after.ljust(self._digits - rest, b"0")):
            raise ValueError("other digits")
        digest, signature = digits[first:second], digits[third:rest]
        if digest != digest.lower() or signature != signature.lower():
            raise ValueError("digits of another writer")
        return bytes.fromhex(digest.decode("ascii")), bytes.fromhex(signature.decode("ascii"))

    def _size(self, whole: int) -> int:
        """Of the signature in a container of so many digits; others may have filled it."""
        if whole > self._digits:
            raise ValueError("longer than the hole")
        if whole not in self._lengths:
            longest = _longest_signature(self._container.signing_cert)
            fitting = SHORTEST + (whole - self._whole(SHORTEST)) // 2
            for size in range(min(fitting, longest), max(fitting - MOST_GROWTH, SHORTEST) - 1, -1):
                if self._whole(size) == whole:
                    break
        return self._lengths[whole]

    def _whole(self, size: int) -> int:
        """Digits of the container of a signature of that length."""
        return sum(map(len, self._cut(size))) + 2 * (sha256().digest_size + size)

    def _cut(self, size: int) -> Cut:
        found = self._cuts.get(size)
        if found is None:
            found = self._cuts[size] = self._hex(_container_template(self._container, size))
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
def _container_template(container: Container, signature_size: int) -> tuple[bytes, bytes, bytes]:
    stand_in = (b"signature" * 128)[:signature_size]
    der = run_to_end(_container(container, stand_in))
    before, rest = der.split(_MARKER)
    between, _, after = rest.rpartition(stand_in)
    return before, between, after


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
