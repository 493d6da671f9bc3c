"""Where a key to be imported is: options that name a PKCS#11 token's, and files with secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

import click

from jobs.commands.options import TEXT
from storage import passphrases
from storage.keyring import IDENTITY_NAME
from storage.token_key import DER, RAW, Place, TokenGiven, TokenKey, Vendor

FILE = click.File("rb")


class _SecretFile(click.File):
    """A file, or a descriptor that is open already: ``fd:3``; never the secret itself."""

    def __init__(self) -> None:
        super().__init__("rb")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> IO[Any]:
        """The file, open.  BadParameter: there is none; the message does not repeat the text."""
        place = passphrases.place(value) if value != "-" else value
        try:
            return super().convert(str(place), param, ctx)
        except click.BadParameter:
            self.fail("no such file or descriptor can be read", param, ctx)


class _Identity(click.ParamType[str]):
    """What a signing identity may be called."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name.  BadParameter: it is none."""
        if not IDENTITY_NAME.fullmatch(value):
            self.fail("small letters, digits and hyphens, 63 at most", param, ctx)
        return value


class _Number(click.ParamType[int]):
    """A number of 32 bits, decimal or hex."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number.  BadParameter: it is none."""
        try:
            number = int(value, 0)
        except ValueError:
            number = -1
        if not 0 <= number < 2**32:
            self.fail("a number such as 5 or 0x80008104", param, ctx)
        return number


SECRET_FILE, IDENTITY, NUMBER = _SecretFile(), _Identity(), _Number()
MODULE = click.Path(path_type=Path, exists=True, dir_okay=False)

OPTIONS = (
    click.option("--pkcs11-module", type=MODULE, help="In place of a key: the token's library."),
    click.option("--token", "token_label", type=TEXT, help="The token's label."),
    click.option("--slot", type=NUMBER, help="In place of a label: the slot the token is in."),
    click.option("--key-label", type=TEXT, help="The private key's label in the token."),
    click.option("--key-id", type=TEXT, help="Its CKA_ID, hex."),
    click.option("--pin-file", type=SECRET_FILE, help="The token's user PIN."),
    click.option("--pin-stays", is_flag=True, help="The keyring names the PIN's file, no copy."),
    click.option("--mechanism", type=NUMBER, help="A vendor's, for keys such as SM2."),
    click.option("--key-type", type=NUMBER, help="The vendor's type of such keys."),
    click.option(
        "--signature",
        type=click.Choice((RAW, DER)),
        help=f"What that mechanism gives.  [default: {RAW}]",
    ),
)


def token_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that may take a key in a token; see token_given."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def token_given(
    *,
    pkcs11_module: Path | None,
    token_label: str | None,
    slot: int | None,
    key_label: str | None,
    key_id: str | None,
    pin_file: BinaryIO | None,
    pin_stays: bool,
    mechanism: int | None,
    key_type: int | None,
    signature: str | None,
) -> TokenGiven | None:
    """The key that the options name; None: none of them was given.  UsageError: half of one."""
    chosen = (pkcs11_module, token_label, slot, key_label, key_id, pin_file, mechanism, key_type)
    if all(each is None for each in (*chosen, signature)) and not pin_stays:
        return None
    if pkcs11_module is None or pin_file is None or (token_label is None) == (slot is None):
        raise click.UsageError("a key in a token: --pkcs11-module, --token or --slot, --pin-file")
    if key_label is None and key_id is None:
        raise click.UsageError("give --key-label or --key-id, or both")
    if mechanism is None and (key_type is not None or signature is not None):
        raise click.UsageError("--key-type and --signature need --mechanism")
    place = Place(
        module=pkcs11_module.absolute(),
        token=token_label,
        slot=slot,
        pin_file=_where(pin_file, pin_stays),
    )
    vendor = mechanism is not None and Vendor(
        mechanism=mechanism, key_type=key_type, signature=signature or RAW
    )
    key = TokenKey(place=place, label=key_label, ident=_ident(key_id), vendor=vendor or None)
    return TokenGiven(key=key, pin=None if pin_stays else pin_file.read(1024).strip())


def _where(pin_file: BinaryIO, pin_stays: bool) -> Path:
    if pin_stays and not Path(str(pin_file.name)).is_absolute():
        raise click.UsageError("--pin-stays: give --pin-file as a file, or a descriptor: fd:3")
    return Path(str(pin_file.name))


def _ident(key_id: str | None) -> bytes | None:
    try:
        return None if key_id is None else bytes.fromhex(key_id)
    except ValueError:
        raise click.BadParameter("hex digits, two a byte", param_hint="--key-id") from None
