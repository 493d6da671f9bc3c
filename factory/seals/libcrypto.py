"""SM2 by OpenSSL 3's libcrypto, through ctypes: `cryptography` has no SM2 and plans none.

A digest (e) is signed and judged as it is: no digest algorithm is named to the library, so that
Z is not put before it a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CDLL, POINTER, byref, c_char_p, c_int, c_long, c_size_t, c_void_p
from ctypes import create_string_buffer as buffer
from functools import lru_cache
from typing import Any

from factory.errors import KeyBusyError
from factory.seals import pkcs8

NAMES = ("libcrypto.so.3", "libcrypto.3.dylib")
MOST_SIGNATURE_BYTES = 80  #: DER of r and s has at most 72
#: the curve's generator (GB/T 32918.5-2017, 2): any public key shows whether SM2 is known
SOME_POINT = bytes.fromhex(
    "04"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)

_SIZED = (c_char_p, c_size_t)
#: what a function gives, and what it takes; a pointer is never taken for a number
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "d2i_AutoPrivateKey": (c_void_p, (c_void_p, POINTER(c_char_p), c_long)),
    "d2i_PUBKEY": (c_void_p, (c_void_p, POINTER(c_char_p), c_long)),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_new": (c_void_p, (c_void_p, c_void_p)),
    "EVP_PKEY_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_sign_init": (c_int, (c_void_p,)),
    "EVP_PKEY_sign": (c_int, (c_void_p, c_char_p, POINTER(c_size_t), *_SIZED)),
    "EVP_PKEY_verify_init": (c_int, (c_void_p,)),
    "EVP_PKEY_verify": (c_int, (c_void_p, *_SIZED, *_SIZED)),
    "ERR_clear_error": (None, ()),
}


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether the library is here and knows SM2: some builds leave it out."""
    if _library() is None:
        return False
    try:
        _public_key(SOME_POINT)
    except KeyBusyError:
        return False
    return True


def signing(secret: bytes, point: bytes) -> Callable[[bytes], bytes]:
    """What signs digests (e, 32 bytes) with a private key (32 bytes); DER of r and s."""
    key = _Key("d2i_AutoPrivateKey", pkcs8.private_key_info(secret, point))
    return lambda digest: _signed(key, digest)


def fits(point: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether a signature over a digest (e) fits a point of the curve."""
    key, library = _public_key(point), _library()
    with _context(key, library.EVP_PKEY_verify_init) as context:
        judged = library.EVP_PKEY_verify(context, signature, len(signature), digest, len(digest))
    return bool(judged == 1)


class _Key:
    """A key inside the library, until this value is gone."""

    def __init__(self, function: str, info: bytes) -> None:
        self._free = _library().EVP_PKEY_free
        self.pointer = getattr(_library(), function)(None, byref(c_char_p(info)), len(info))
        _library().ERR_clear_error()
        if not self.pointer:
            raise KeyBusyError("libcrypto does not load an SM2 key")

    def __del__(self) -> None:
        self._free(self.pointer)


@lru_cache(maxsize=64)
def _public_key(point: bytes) -> _Key:
    return _Key("d2i_PUBKEY", pkcs8.public_key_info(point))


def _signed(key: _Key, digest: bytes) -> bytes:
    library, room = _library(), buffer(MOST_SIGNATURE_BYTES)
    size = c_size_t(MOST_SIGNATURE_BYTES)
    with _context(key, library.EVP_PKEY_sign_init) as context:
        done = library.EVP_PKEY_sign(context, room, byref(size), digest, len(digest))
    if done != 1:
        raise KeyBusyError("libcrypto does not sign with this SM2 key")
    return room.raw[: size.value]


@contextmanager
def _context(key: _Key, begin: Callable[[Any], int]) -> Iterator[Any]:
    """A context for one use of a key; what the library complains of is not left behind."""
    library = _library()
    context = c_void_p(library.EVP_PKEY_CTX_new(key.pointer, None))
    try:
        begin(context)
        yield context
    finally:
        library.EVP_PKEY_CTX_free(context)
        library.ERR_clear_error()


@lru_cache(maxsize=1)
def _library() -> Any:
    """The library, told what its functions take; None: there is none."""
    for name in NAMES:
        try:
            library = CDLL(name)
        except OSError:
            continue
        for function, (gives, takes) in _FUNCTIONS.items():
            getattr(library, function).restype = gives
            getattr(library, function).argtypes = takes
        return library
    return None
