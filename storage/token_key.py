"""Which key of which PKCS#11 token (密码机, USB key, SoftHSM): ``[pkcs11]`` of an identity.toml.

module     path of the vendor's library
token      the token's label; or slot: the number of the slot it is in
key        the private key's label; or key_id: its CKA_ID, hex; or both
pin_file   file with the user PIN, beside identity.toml or anywhere, or a descriptor (``fd:3``)
mechanism, key_type   the vendor's numbers for a key that PKCS#11 does not know, as those of SM2
signature  what that mechanism gives: "raw" (r and s in equal halves) or "der"

It takes the place of key.p8; signing.pem and chain.pem stay beside it.  See docs/pkcs11.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factory.errors import SettingsError
from storage import passphrases

TABLE, PIN = "pkcs11", "pin"
RAW, DER = "raw", "der"
MOST_NUMBER = 2**32 - 1
TEXTS = frozenset({"module", "token", "key", "key_id", "pin_file", "signature"})
NUMBERS = frozenset({"slot", "mechanism", "key_type"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A token and what it is opened with.

    module:   path of the vendor's library.
    token:    the token's label; or
    slot:     the number (CK_SLOT_ID) of the slot it is in.
    pin_file: a file or descriptor, see passphrases.  closed: see passphrases.read.
    """

    module: Path
    token: str | None
    slot: int | None
    pin_file: Path
    closed: bool = False

    def __str__(self) -> str:
        """Which one it is, in messages: no PIN is in it."""
        which = f'"{self.token}"' if self.token is not None else f"in slot {self.slot}"
        return f"token {which} ({self.module.name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """How a vendor's key signs that PKCS#11 has no number for.

    mechanism: CK_MECHANISM_TYPE; takes a digest of 32 bytes (for SM2: e), not the message.
    key_type:  CK_KEY_TYPE that the key must be of; None: any.
    signature: RAW or DER.
    """

    mechanism: int
    key_type: int | None = None
    signature: str = RAW


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """Which key of which token.

    label, ident: of the private key (CKA_LABEL, CKA_ID); at least one of them.
    """

    place: Place
    label: str | None
    ident: bytes | None
    vendor: Vendor | None = None

    def __str__(self) -> str:
        """Which one it is, in messages and lists."""
        said = [f'"{self.label}"'] if self.label is not None else []
        said += [f"with id {self.ident.hex()}"] if self.ident is not None else []
        return f"key {' '.join(said)} of {self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGiven:
    """A key in a token, handed in to be installed.

    pin: the keyring keeps it; None: it stays in the file that key.place names.
    """

    key: TokenKey
    pin: bytes | None = field(repr=False)


def held(home: Path, said: object) -> TokenKey:
    """What ``[pkcs11]`` of the identity.toml in a folder says.  SettingsError: what is wrong."""
    fields = said if isinstance(said, Mapping) else {}
    _refuse_unknown(fields)
    if ("token" in fields) == ("slot" in fields):
        raise SettingsError("[pkcs11] must say token, a label, or slot, a number: one of both")
    if not fields.keys() >= {"module", "pin_file"} or not fields.keys() & {"key", "key_id"}:
        raise SettingsError("[pkcs11] must say module, pin_file, and key or key_id")
    return TokenKey(
        place=_place(home, fields),
        label=fields.get("key"),
        ident=_ident(fields["key_id"]) if "key_id" in fields else None,
        vendor=_vendor(fields),
    )


def written(given: TokenGiven) -> list[str]:
    """The lines of an identity.toml that say the same; a basic string of TOML is one of JSON."""
    place, key, vendor = given.key.place, given.key, given.key.vendor
    said: dict[str, object] = {
        "module": str(place.module),
        "token": place.token,
        "slot": place.slot,
        "key": key.label,
        "key_id": key.ident.hex() if key.ident is not None else None,
        "pin_file": str(place.pin_file) if given.pin is None else PIN,
    }
    if vendor is not None:
        said |= {"mechanism": vendor.mechanism, "key_type": vendor.key_type}
        said |= {"signature": vendor.signature}
    lines = (f"{name} = {_toml(value)}" for name, value in said.items() if value is not None)
    return ["", f"[{TABLE}]", *lines]


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _refuse_unknown(fields: Mapping[str, object]) -> None:
    if unknown := sorted(fields.keys() - TEXTS - NUMBERS):
        raise SettingsError(f"[pkcs11] knows no {', '.join(unknown)}: see docs/pkcs11.md")
    if not all(isinstance(fields[name], str) and fields[name] for name in fields.keys() & TEXTS):
        raise SettingsError(f"[pkcs11]: {', '.join(sorted(TEXTS))} are texts, none of them empty")
    for name in fields.keys() & NUMBERS:
        number = fields[name]
        if type(number) is not int or not 0 <= number <= MOST_NUMBER:
            raise SettingsError(f"[pkcs11]: {name} must be a number such as 0x80008104")


def _place(home: Path, fields: Mapping[str, Any]) -> Place:
    """The PIN's file, where it is one of the keyring, must be closed to others."""
    module, pin_file = Path(fields["module"]), str(fields["pin_file"])
    if not module.is_absolute():
        raise SettingsError("[pkcs11]: module must be the whole path of the vendor's library")
    return Place(
        module=module,
        token=fields.get("token"),
        slot=fields.get("slot"),
        pin_file=passphrases.place(pin_file, home),
        closed=not Path(pin_file).is_absolute(),
    )


def _ident(said: str) -> bytes:
    try:
        return bytes.fromhex(said)
    except ValueError:
        raise SettingsError("[pkcs11]: key_id must be hex digits, two a byte") from None


def _vendor(fields: Mapping[str, Any]) -> Vendor | None:
    form = fields.get("signature", RAW)
    if form not in (RAW, DER):
        raise SettingsError(f'[pkcs11]: signature must be "{RAW}" or "{DER}"')
    if "mechanism" in fields:
        number = fields["mechanism"]
        return Vendor(mechanism=number, key_type=fields.get("key_type"), signature=form)
    if fields.keys() & {"key_type", "signature"}:
        raise SettingsError("[pkcs11]: key_type and signature need a mechanism beside them")
    return None
