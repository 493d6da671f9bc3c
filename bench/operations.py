"""The private key's operation alone, which is what no certificate can cost less than."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from factory.seals.sm2_soft import Sm2SoftSigner, backends
from factory.seals.soft import SoftKey
from storage import testca

DIGEST_BYTES = 32
SM2_SECRET = bytes(31) + b"\x07"  #: of nobody's: what is signed with it is thrown away
EACH, TIMES = 100, 9

Sign = Callable[[bytes], bytes]


def operation(key: SoftKey) -> Sign:
    """As fast as the library can; EC keys with a random number, which costs less than deriving."""
    digest = utils.Prehashed(hashes.SHA256())
    if isinstance(key, rsa.RSAPrivateKey):
        pkcs1 = padding.PKCS1v15()
        return lambda value: key.sign(value, pkcs1, digest)
    ecdsa = ec.ECDSA(digest)
    return lambda value: key.sign(value, ecdsa)


def sm2_operation(secret: bytes, backend: str) -> Sign:
    """Of SM2, by one of the libraries."""
    signer = Sm2SoftSigner.of(secret, backend=backend)
    return lambda digest: signer.sign_digests([digest])[0]


def operations(algorithm: str) -> Sequence[Sign]:
    """With a fresh key; of ``sm2`` those of all libraries, the fastest of which is the limit."""
    if algorithm == "sm2":
        return [sm2_operation(SM2_SECRET, backend) for backend in backends()]
    return [operation(testca.new_key(algorithm))]


class Limit:
    """The operation of one algorithm, measured a little at a time beside other work."""

    def __init__(self, algorithm: str) -> None:
        self._spent: dict[Sign, list[float]] = {sign: [] for sign in operations(algorithm)}
        self._digests = map(partial(int.to_bytes, length=DIGEST_BYTES, byteorder="big"), count())

    def look(self) -> None:
        """Some signatures by each library."""
        for sign, spent in self._spent.items():
            digests = [next(self._digests) for _ in range(EACH)]
            sign(digests[0])
            begun = time.process_time()
            for digest in digests:
                sign(digest)
            spent.append(1000 * (time.process_time() - begun) / EACH)

    @property
    def ms(self) -> float:
        """Median of the fastest."""
        return min(statistics.median(spent) for spent in self._spent.values())


def limit_ms(algorithm: str) -> float:
    """CPU ms of one operation, measured alone."""
    limit = Limit(algorithm)
    for _ in range(TIMES):
        limit.look()
    return limit.ms
