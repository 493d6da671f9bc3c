"""`keys import-seal`, `keys show-seal`: seals for OFD as their makers issue them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from factory.seals.ses import MOST_BYTES
from jobs import seals
from jobs.commands import machine
from jobs.commands.exits import REFUSED
from jobs.commands.options import TEXT, Place, json_option
from jobs.commands.output import err, local_time, print_json, print_table
from jobs.commands.token_options import FILE, IDENTITY, SECRET_FILE, token_given, token_options
from jobs.seals import Description
from storage.ofd_seals import ASYNCHRONOUS, SYNCHRONOUS, KeyFileGiven, ServiceGiven
from storage.token_key import TokenGiven

FITS = {True: "fits", False: "DOES NOT FIT", None: "cannot be judged here"}


@click.command("import-seal")
@click.argument("file", metavar="SEAL.esl", type=FILE)
@click.option(
    "--identity", "name", required=True, type=IDENTITY, help="Whose seal it is in the keyring."
)
@click.option("--certificate", required=True, type=FILE, help="The signer's, PEM or DER.")
@click.option("--chain", required=True, type=FILE, help="The CAs above signer and seal maker, PEM.")
@click.option("--key", type=FILE, help="The signer's key: encrypted PKCS#8.")
@click.option("--passphrase-file", type=SECRET_FILE, help="What opens the key.")
@click.option("--service", "url", type=TEXT, help="In place of a key: the seal service's address.")
@click.option("--service-key", type=TEXT, help="How the service calls the key.")
@click.option("--token-file", type=FILE, help="The service's token for us.")
@click.option("--ca-file", type=FILE, help="PEM of the service's own CA.  [default: the system's]")
@click.option("--later", is_flag=True, help="The service is asynchronous: it seals later.")
@token_options
@click.option("--test", is_flag=True, help="Mark it as a test seal.")
@click.option("--replace", is_flag=True, help="It takes the place of the identity's present one.")
@json_option
def import_seal(
    file: BinaryIO,
    name: str,
    certificate: BinaryIO,
    chain: BinaryIO,
    key: BinaryIO | None,
    passphrase_file: BinaryIO | None,
    url: str | None,
    service_key: str | None,
    token_file: BinaryIO | None,
    ca_file: BinaryIO | None,
    later: bool,
    test: bool,
    replace: bool,
    as_json: bool,
    **token: Any,
) -> None:
    """Take the issued seal SEAL.esl into the keyring, for certificates in OFD.

    Proved first: the maker's signature, both chains up to a root of the keyring (roots/*.pem),
    validity, that the seal lists the signer, and that the key is the signer's.
    """
    service = (url, service_key, token_file, ca_file, later)
    imported = seals.take(
        machine.plant(),
        name,
        seal=_read(file),
        certificate=_read(certificate),
        chain=_read(chain),
        key=_key_in_token(token_given(**token), key, passphrase_file, *service)
        or _key_given(key, passphrase_file, *service),
        test=test,
        replace=replace,
    )
    if as_json:
        print_json(imported)
        return
    ends = ("usable until", local_time(imported.ends))
    print_table(("", ""), [("identity", name), *_rows(imported.seal), ends])
    err.print("imported; workers that run take it when they are started again", markup=False)


@click.command("show-seal")
@click.argument("file", metavar="SEAL.esl", type=FILE)
@click.option(
    "--picture",
    type=Place(dir_okay=False),
    help="A new PNG file to write its picture to.",
)
@json_option
def show_seal(file: BinaryIO, picture: Path | None, as_json: bool) -> None:
    """What the seal SEAL.esl says; whether its maker is to be trusted is asked on import.

    No keyring is needed.  Ends with 1 where its maker's signature does not fit.
    """
    data = _read(file)
    found = seals.describe(data)
    if picture is not None:
        _write_new(picture, seals.picture(data))
    if as_json:
        print_json(found)
    else:
        print_table(("", ""), _rows(found))
    if not found.maker_fits:
        sys.exit(REFUSED)


def _key_in_token(given: TokenGiven | None, *others: object) -> TokenGiven | None:
    if given and any(others):
        raise click.UsageError("a key in a token, in a file or with a service: one of the three")
    return given


def _key_given(
    key: BinaryIO | None,
    passphrase_file: BinaryIO | None,
    url: str | None,
    service_key: str | None,
    token: BinaryIO | None,
    ca: BinaryIO | None,
    later: bool,
) -> KeyFileGiven | ServiceGiven:
    """A key file or a service, each whole and without the other."""
    if key and passphrase_file and not any((url, service_key, token, ca, later)):
        return KeyFileGiven(key=_read(key), passphrase=_read(passphrase_file).strip())
    if url and service_key and token and not any((key, passphrase_file)):
        return ServiceGiven(
            url=url,
            key=service_key,
            token=_read(token),
            ca=_read(ca) if ca else None,
            mode=ASYNCHRONOUS if later else SYNCHRONOUS,
        )
    if key and url:
        raise click.UsageError("a key or a service, not both: --key or --service")
    raise click.UsageError(
        "give --key with --passphrase-file, --service with --service-key and --token-file, or "
        "--pkcs11-module and its options"
    )


def _read(file: BinaryIO) -> bytes:
    """One byte more than any of these files has shows that it is none."""
    return file.read(MOST_BYTES + 1)


def _rows(seal: Description) -> Iterator[tuple[str, str]]:
    """For people."""
    picture = seal.picture
    yield "seal", seal.name
    yield "code", seal.code
    yield "version", str(seal.version)
    validity = f"{local_time(seal.valid_from)} to {local_time(seal.valid_until)}"
    yield "valid", validity + _when(seal)
    yield "maker", seal.maker
    yield "maker's signature", FITS[seal.maker_fits]
    for signer in seal.signers:
        yield "signer", signer
    size = f"{picture.width_mm} x {picture.height_mm} mm"
    yield "picture", f"{picture.type}, {size}, {picture.size_bytes} bytes"
    if picture.fault:
        yield "", picture.fault


def _when(seal: Description) -> str:
    """Whether it is valid now, where it is not."""
    now = datetime.now(UTC)
    if now > seal.valid_until:
        return ": HAS EXPIRED"
    return ": NOT VALID YET" if now < seal.valid_from else ""


def _write_new(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--picture") from error
    err.print(str(path), markup=False)
