"""The signer of a key in a PKCS#11 token: RSA, EC, and SM2 by the vendor's own mechanism.

The session behind it is the process's, see pkcs11_session.py; which key it is, see token_key.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import utils
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, Session
from pkcs11.exceptions import AttributeSensitive, AttributeTypeInvalid

from factory.errors import KeyBusyError, SettingsError
from factory.seals import keys
from storage import keyfiles, pkcs11_session
from storage.pkcs11_session import LostError
from storage.token_key import DER, TokenKey, Vendor

#: DigestInfo of a SHA-256 value, before the value itself (RFC 8017, 9.2)
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class Pkcs11Signer:
    """A Signer whose key never leaves its token; threads and forked children may share it.

    certificate: the key's; each time that the token is opened the key is proved with it.
    """

    def __init__(self, key: TokenKey, certificate: x509.Certificate) -> None:
        self._key, self._certificate = key, certificate
        self._found: tuple[Session, Callable[[bytes], bytes]] | None = None

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """One raw signature a digest (32 bytes), in order; see Signer.

        A session that was lost is opened once more.  KeyBusyError: the token is busy or away.
        SettingsError: it has no such key, or does not let us in.
        """
        module = pkcs11_session.module(self._key.place.module)
        with module.lock:
            try:
                return self._signed(module, digests)
            except LostError:
                module.lose()
            try:
                return self._signed(module, digests)
            except LostError as error:
                module.lose()
                raise KeyBusyError(f"{self._key.place} gives no answer ({error})") from error

    def prove(self) -> None:
        """SettingsError: the key is missing, not the certificate's, or cannot be used."""
        self.sign_digests([keyfiles.SELF_TEST])

    def _signed(self, module: pkcs11_session.Module, digests: Sequence[bytes]) -> list[bytes]:
        session = module.session(self._key.place)
        with pkcs11_session.calls(self._key.place):
            if self._found is None or self._found[0] is not session:
                self._found = (session, self._proved(_signature_maker(session, self._key)))
            _, sign = self._found
            return [sign(digest) for digest in digests]

    def _proved(self, sign: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        """SettingsError: a token that was taken for another one has another key."""
        signature = sign(keyfiles.SELF_TEST)
        if not keys.fits_digest(self._certificate, signature, keyfiles.SELF_TEST):
            raise SettingsError(
                f"{self._key} does not belong to the certificate: check key, and for a vendor's "
                "mechanism that it takes a digest and what signature says"
            )
        return sign


def log_in(key: TokenKey) -> None:
    """What a person does once after a wrong PIN; see pkcs11_session.  SettingsError: refused."""
    module = pkcs11_session.module(key.place.module)
    with module.lock:
        try:
            module.log_in(key.place)
        except LostError as error:
            raise KeyBusyError(f"{key.place} gives no answer ({error})") from error


def _signature_maker(session: Session, key: TokenKey) -> Callable[[bytes], bytes]:
    """SettingsError: there is no such key, or none that can sign here."""
    found = _private_key(session, key)
    kind = _usable(found, key)
    if key.vendor is not None:
        return _by_vendor(found, key, key.vendor, kind)
    if kind == KeyType.RSA:
        return lambda digest: _sign(found, DIGEST_INFO + digest, Mechanism.RSA_PKCS)
    if kind == KeyType.EC:
        return lambda digest: _der(_sign(found, digest, Mechanism.ECDSA), key)
    raise SettingsError(
        f"{key} is of type {kind:#x}, neither RSA nor EC: say the vendor's mechanism in [pkcs11]"
    )


def _private_key(session: Session, key: TokenKey) -> Any:
    wanted: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    wanted |= {Attribute.LABEL: key.label} if key.label is not None else {}
    wanted |= {Attribute.ID: key.ident} if key.ident is not None else {}
    found = list(session.get_objects(wanted))
    if not found:
        raise SettingsError(f"there is no {key}: check key or key_id in [pkcs11]")
    if len(found) > 1:
        raise SettingsError(f"there is more than one {key}: say key and key_id in [pkcs11]")
    return found[0]


def _usable(found: Any, key: TokenKey) -> int:
    """The key's type.  SettingsError: it does not sign by itself."""
    if not hasattr(found, "sign"):
        raise SettingsError(f"{key} is not for signing (CKA_SIGN): make one that is")
    if _asks_each_time(found):
        raise SettingsError(
            f"{key} asks for the PIN at every signature (CKA_ALWAYS_AUTHENTICATE), which is not "
            "supported: make one that does not"
        )
    return int(found.key_type)


def _asks_each_time(found: Any) -> bool:
    """An older token does not know of it."""
    try:
        return bool(found[Attribute.ALWAYS_AUTHENTICATE])
    except (AttributeTypeInvalid, AttributeSensitive):
        return False


def _by_vendor(found: Any, key: TokenKey, vendor: Vendor, kind: int) -> Callable[[bytes], bytes]:
    if vendor.key_type not in (None, kind):
        raise SettingsError(
            f"{key} is of type {kind:#x}, not {vendor.key_type:#x}: check key_type in [pkcs11]"
        )
    mechanism = _mechanism(vendor.mechanism)
    if vendor.signature == DER:
        return lambda digest: _sign(found, digest, mechanism)
    return lambda digest: _der(_sign(found, digest, mechanism), key)


def _sign(found: Any, data: bytes, mechanism: Mechanism) -> bytes:
    return bytes(found.sign(data, mechanism=mechanism))


def _mechanism(number: int) -> Mechanism:
    """python-pkcs11 takes members of its own enumeration, in which vendors' numbers are missing."""
    try:
        return Mechanism(number)
    except ValueError:
        made = int.__new__(Mechanism, number)
        made._name_, made._value_ = f"VENDOR_{number:#x}", number
        return made


def _der(raw: bytes, key: TokenKey) -> bytes:
    """r and s in equal halves (PKCS #11 2.40, 2.3.1) as RFC 3279, 2.2.3 wants them."""
    half = len(raw) // 2
    if not raw or len(raw) % 2:
        raise SettingsError(f"{key} does not give r and s in equal halves: check signature")
    r, s = int.from_bytes(raw[:half]), int.from_bytes(raw[half:])
    return utils.encode_dss_signature(r, s)
