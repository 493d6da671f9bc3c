"""`form`: person and enterprise sign the application form with keys of their own."""

from __future__ import annotations

import binascii
import sys
from base64 import b64decode, b64encode
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click

from factory.errors import FieldError
from factory.model import Party
from factory.seals import outside
from jobs import completing, outsiders, signing
from jobs.asker import Asker
from jobs.commands import machine
from jobs.commands.asking import asking
from jobs.commands.exits import code_of_fault
from jobs.commands.options import TEXT, Place, json_option
from jobs.commands.output import err, local_time, out, print_json, print_table
from jobs.intake import Status
from jobs.signing import Waiting
from storage import keyfiles

MOST_BYTES = 20 * 1024 * 1024  #: a photograph of a signature is the largest
KEY, CERTIFICATE, ISSUER = "key.pem", "certificate.pem", "issuer.pem"

party_option = click.option(
    "--party", "signer", required=True, type=click.Choice([each.value for each in Party]),
    help="Who signs: the applicant (申请人) or the enterprise (聘用企业).",
)  # fmt: skip
profile_option = click.option(
    "--profile", type=TEXT, help="Of which register, where several have that number."
)


@click.group("form")
def form_group() -> None:
    """Person and enterprise sign the application form with keys of their own.

    \b
    1. form prepare    gives what is to be signed, for some minutes;
    2. the party signs it outside, with a key that never comes here;
    3. form complete   takes the signature, checks it and stores the signed form.
    """


@form_group.command()
@click.argument("number", type=TEXT)
@party_option
@click.option(
    "--certificate",
    type=click.File("rb"),
    help="The signer's certificate, then those above it: PEM, one after another; without it only"
    " a finished CMS is taken.",
)
@click.option(
    "--picture",
    type=click.File("rb"),
    help="Hand-written signature or enterprise seal to show, JPEG or PNG.  [default: the"
    " application's, or words]",
)
@click.option(
    "--attributes",
    type=click.File("wb", lazy=True),
    help="Write the signed attributes (DER) here: what a raw signature is over.",
)
@click.option(
    "--content",
    type=click.File("wb", lazy=True),
    help="Write the content here: what a detached CMS is over.",
)
@profile_option
@asking
@json_option
def prepare(
    number: str,
    signer: str,
    certificate: BinaryIO | None,
    picture: BinaryIO | None,
    attributes: BinaryIO | None,
    content: BinaryIO | None,
    profile: str | None,
    asker: Asker,
    as_json: bool,
) -> None:
    """Prepare the form of application NUMBER (受理编号) for a party's signature."""
    if attributes is not None and certificate is None:
        raise click.UsageError("--attributes needs --certificate: they name who signs")
    found = signing.prepare(
        machine.plant(),
        number,
        Party(signer),
        who=machine.who(),
        chain=outside.certificates(_read(certificate, "certificate")) if certificate else (),
        picture=_read(picture, "picture") if picture else None,
        profile=profile,
        asker=asker,
    )
    if attributes is not None and found.signed_attributes is not None:
        attributes.write(found.signed_attributes)
    if content is not None:
        content.write(found.content)
    _show_waiting(found, as_json=as_json)


def _show_waiting(found: Waiting, *, as_json: bool) -> None:
    attributes = found.signed_attributes
    if as_json:
        shown = {k: v for k, v in asdict(found).items() if k != "content"}
        encoded = b64encode(attributes).decode() if attributes is not None else None
        print_json(shown | {"signed_attributes": encoded})
        return
    over = "the signed attributes" if attributes is not None else "the content, by a CMS"
    print_table(
        ("", ""),
        [
            ("token", found.token),
            ("signature", f"{found.step} of {found.of}, by the {found.party}"),
            ("revision", found.revision),
            ("SHA-256 to sign", found.digest),
            ("is of", over),
            ("until", local_time(found.expires_at)),
        ],
    )


@form_group.command()
@click.argument("token", type=TEXT)
@click.option(
    "--signature",
    type=click.File("rb"),
    help="A raw signature over the signed attributes: PKCS #1 v1.5, or ECDSA in DER or as"
    " r and s; also in base64.",
)
@click.option(
    "--cms",
    type=click.File("rb"),
    help="A finished CMS over the content: detached SignedData, DER or PEM.",
)
@json_option
def complete(token: str, signature: BinaryIO | None, cms: BinaryIO | None, as_json: bool) -> None:
    """Take the signature of the form that was prepared under TOKEN; again changes nothing."""
    given = signature or cms
    if given is None or (signature is not None and cms is not None):
        raise click.UsageError("give --signature or --cms")
    outcome = completing.complete(
        machine.plant(),
        token,
        who=machine.who(),
        way="value" if signature is not None else "cms",
        signature=_bytes(_read(given, "signature")),
    )
    taken = outcome.status is not Status.REFUSED
    if as_json:
        print_json(outcome)
    elif outcome.status is Status.DUPLICATE:
        out.print("taken before; nothing changed")
    elif taken:
        out.print(f"signed: application {outcome.application}")
        for note in filter(None, (outcome.reason, *outcome.notes)):
            out.print(note)
    else:
        for _, why in outcome.problems:
            err.print(why, markup=False, soft_wrap=True)
    if not taken:
        sys.exit(code_of_fault(outcome.fault))


def _read(given: BinaryIO, what: str) -> bytes:
    """What a file holds.  FieldError: nothing, or more than any such file does."""
    found = given.read(MOST_BYTES + 1)
    if not found:
        raise FieldError(what, "form --help", "the file is empty")
    if len(found) > MOST_BYTES:
        raise FieldError(what, "form --help", f"the file is larger than {MOST_BYTES} bytes")
    return found


def _bytes(given: bytes) -> bytes:
    """What a file holds, taken out of base64 if it is in it."""
    try:
        return b64decode(b"".join(given.split()), validate=True) or given
    except binascii.Error:
        return given


@form_group.command("test-party")
@click.argument("number", type=TEXT)
@party_option
@click.option(
    "--algorithm",
    type=click.Choice(["p256", "rsa2048"]),
    default="p256",
    show_default=True,
    help="With what they sign.",
)
@click.option(
    "--out",
    "folder",
    required=True,
    type=Place(file_okay=False),
    help="The folder to write key.pem, certificate.pem and issuer.pem to.",
)
@profile_option
def test_party(number: str, signer: str, algorithm: str, folder: Path, profile: str | None) -> None:
    """A key and a test certificate of a party of application NUMBER, to try signing with.

    Only where the seals are tests: parties of real registers have keys of their own.
    """
    made = outsiders.party_of(
        machine.plant(), number, Party(signer), profile=profile, algorithm=algorithm
    )
    for name, data in (
        (KEY, made.key_pem),
        (CERTIFICATE, made.chain_pem),
        (ISSUER, made.issuer_pem),
    ):
        path = folder / name
        if path.exists():
            raise click.UsageError(f"{path} is there already; choose another folder")
        keyfiles.write(path, data)
        out.print(str(path))
