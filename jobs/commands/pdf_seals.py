"""`keys import`: seals for PDF: a signing certificate, its key wherever it is, and a picture."""

from __future__ import annotations

from typing import Any, BinaryIO

import click

from jobs import seals
from jobs.commands import machine
from jobs.commands.options import Finite, json_option
from jobs.commands.output import err, local_time, print_json, print_table
from jobs.commands.token_options import FILE, IDENTITY, SECRET_FILE, token_given, token_options
from storage.keyring import SEAL_WIDTH_MM, WIDEST_MM
from storage.ofd_seals import KeyFileGiven
from storage.pdf_seals import Pkcs12Given
from storage.token_key import TokenGiven

MOST_BYTES = 2_000_000  #: of any of these files
WIDTH = Finite(0, WIDEST_MM, min_open=True)


@click.command("import")
@click.option("--identity", "name", required=True, type=IDENTITY, help="How it is to be called.")
@click.option("--certificate", type=FILE, help="The signer's, PEM or DER; not with --pkcs12.")
@click.option(
    "--chain", type=FILE,
    help="The CAs above it, PEM.  [default: the root of the keyring that issued it]",
)  # fmt: skip
@click.option("--picture", required=True, type=FILE, help="The seal's picture, PNG.")
@click.option(
    "--width-mm", type=WIDTH, default=SEAL_WIDTH_MM, show_default=True, help="How wide it is drawn."
)
@click.option("--key", type=FILE, help="The signer's key: PKCS#8, PEM, encrypted.")
@click.option("--pkcs12", type=FILE, help="In place of key, certificate and chain: PKCS#12.")
@click.option("--passphrase-file", type=SECRET_FILE, help="What opens either.")
@token_options
@click.option("--test", is_flag=True, help="Mark it as a test seal.")
@click.option("--replace", is_flag=True, help="It takes the place of the identity's present one.")
@json_option
def import_pdf(
    name: str,
    certificate: BinaryIO | None,
    chain: BinaryIO | None,
    picture: BinaryIO,
    width_mm: float,
    key: BinaryIO | None,
    pkcs12: BinaryIO | None,
    passphrase_file: BinaryIO | None,
    test: bool,
    replace: bool,
    as_json: bool,
    **token: Any,
) -> None:
    """Take a signing certificate and its seal's picture into the keyring, for PDF.

    Proved first: validity, the chain up to a root of the keyring (roots/*.pem), the picture, and
    that the key, which may be in a PKCS#11 token, is the certificate's.
    """
    given = _key_given(key, pkcs12, passphrase_file, token_given(**token))
    bundled = isinstance(given, Pkcs12Given)
    if bundled == (certificate is not None) or (bundled and chain is not None):
        raise click.UsageError("give --certificate, and --chain; with --pkcs12 neither")
    imported = seals.take_pdf(
        machine.plant(),
        name,
        certificate=_read(certificate),
        chain=_read(chain),
        picture=_read(picture),
        width_mm=width_mm,
        key=given,
        test=test,
        replace=replace,
    )
    if as_json:
        print_json(imported)
        return
    rows = [
        ("identity", name),
        ("subject", imported.subject),
        ("algorithm", imported.algorithm),
        ("key", imported.held),
        ("usable until", local_time(imported.ends)),
    ]
    print_table(("", ""), rows)
    err.print("imported; workers that run take it when they are started again", markup=False)


def _key_given(
    key: BinaryIO | None,
    pkcs12: BinaryIO | None,
    passphrase_file: BinaryIO | None,
    in_token: TokenGiven | None,
) -> KeyFileGiven | Pkcs12Given | TokenGiven:
    """One of three, whole and without the others."""
    ways = sum(each is not None for each in (key, pkcs12, in_token))
    if ways == 1 and in_token and not passphrase_file:
        return in_token
    if ways == 1 and key and passphrase_file:
        return KeyFileGiven(key=_read(key), passphrase=_read(passphrase_file).strip())
    if ways == 1 and pkcs12 and passphrase_file:
        return Pkcs12Given(bundle=_read(pkcs12), passphrase=_read(passphrase_file).strip())
    raise click.UsageError(
        "give one of --key and --pkcs12, with --passphrase-file, or --pkcs11-module and its options"
    )


def _read(file: BinaryIO | None) -> bytes:
    """One byte more than any of these files has shows that it is none."""
    return b"" if file is None else file.read(MOST_BYTES + 1)
