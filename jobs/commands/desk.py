"""`collect`, `link`, `verify`: a certificate is taken, downloaded and checked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from factory.errors import NotFoundError, RevocationRefusedError
from factory.kinds.form_design import FIELDS
from factory.model import Format
from factory.seals import revocation
from factory.seals.revocation import Answer, RevocationList, Revocations
from factory.verify import MAKER_TRUST, MOST_BYTES, TRUST, VerdictWord
from jobs import desk
from jobs.asker import Asker
from jobs.commands import machine
from jobs.commands.asking import asking
from jobs.commands.exits import NOT_FOUND, NOT_IN_FORCE, REFUSED
from jobs.commands.files import read_file
from jobs.commands.options import IDENT, TEXT, TIME, Place, json_option
from jobs.commands.output import err, local_time, out, plain, print_json
from jobs.wording import KINDS, OWNERS

PARTIES = {field: party for party, field in FIELDS.items()}
DEMO_DATA = "var/demo/data"
Judged = desk.Finding | NotFoundError  #: what is said of a file, or why none could be read


@click.command()
@click.argument("number", type=TEXT)
@asking
@json_option
def collect(number: str, asker: Asker, as_json: bool) -> None:
    """The holder confirms and takes the current edition (领证); then link works."""
    edition = desk.collect(machine.plant(), number, who=machine.who(), asker=asker)
    if as_json:
        print_json(edition)
    else:
        label = "生成中" if edition.collected_at and not edition.made_at else "已领证"
        out.print(f"edition {edition.number:03d}: {edition.state} ({label})")


@click.command()
@click.argument("number", type=TEXT)
@click.option("--edition", type=IDENT, help="Another edition than the current one.")
@click.option(
    "--format",
    "fmt",
    type=click.Choice([each.value for each in Format], case_sensitive=False),
    help="As which kind of file, where there are several; else the first that the profile names.",
)
@asking
@json_option
def link(number: str, edition: int | None, fmt: str | None, asker: Asker, as_json: bool) -> None:
    """A signed link that downloads the certificate of registration NUMBER."""
    plant = machine.plant()
    chosen = Format(fmt) if fmt else None
    found = desk.link(plant, number, who=machine.who(), edition=edition, fmt=chosen, asker=asker)
    if as_json:
        print_json(found)
    else:
        click.echo(found.url)


@click.command()
@click.argument("files", nargs=-1, required=True, type=Place())
@click.option(
    "--crl",
    "lists",
    multiple=True,
    type=Place(),
    metavar="FILE",
    help="A revocation list (PEM, DER) or OCSP answer (DER) besides the keyring's; repeatable.",
)
@click.option(
    "--at",
    type=TIME,
    help="As of when its seal is judged, and whether it has expired, in China unless it says an"
    " offset; what has taken its place since is told as of now.  [default: now]",
)
@click.option("--fetch", is_flag=True, help="Ask the CAs for what they have revoked.")
@json_option
def verify(
    files: Sequence[Path], lists: Sequence[Path], at: datetime | None, fetch: bool, as_json: bool
) -> None:
    """Check files: ours or not, intact, which edition, in force or not, sealed by whom."""
    plant = machine.plant()
    known = plant.revocations(_given(lists), fetch=fetch)
    examine = partial(desk.examine, plant, at=at, revocations=known)
    judged = [(path, _judged(path, examine)) for path in files]
    if as_json:
        print_json([{"file": str(path)} | _told(each) for path, each in judged])
    else:
        for path, each in judged:
            _show(path, each)
        if any(isinstance(each, desk.Finding) and _lacks_root(each) for _, each in judged):
            _tell_roots(plant.settings.keyring_dir)
    sys.exit(_worst(each for _, each in judged))


def _judged(path: Path, examine: Callable[[bytes], desk.Finding]) -> Judged:
    """What is to be said of that file; one that is not there keeps no other from being judged."""
    try:
        return examine(read_file(path, MOST_BYTES))
    except NotFoundError as error:
        return error


def _worst(judged: Iterable[Judged]) -> int:
    """One that is not genuine weighs most, then one that is not there."""
    codes = set(map(_code, judged))
    return next((each for each in (REFUSED, NOT_FOUND, NOT_IN_FORCE) if each in codes), 0)


def _code(judged: Judged) -> int:
    if isinstance(judged, NotFoundError):
        return NOT_FOUND
    if not judged.genuine:
        return REFUSED
    return 0 if judged.in_force else NOT_IN_FORCE


def _told(judged: Judged) -> dict[str, object]:
    if isinstance(judged, NotFoundError):
        unknown = dict.fromkeys(each.name for each in fields(desk.Finding))
        return unknown | {"word": "not_found", "reasons": [str(judged)], "on_record": False}
    said: dict[str, object] = plain(judged)
    return said


def _given(lists: Sequence[Path]) -> Revocations:
    """What the files hold.  BadParameter: one of them cannot be used, and why."""
    found: list[RevocationList | Answer] = []
    for path in lists:
        try:
            found.extend(revocation.read(read_file(path, revocation.MOST_BYTES)))
        except RevocationRefusedError as error:
            raise click.BadParameter(f"{path}: {error}", param_hint="--crl") from error
    return Revocations(tuple(found))


def _show(path: Path, judged: Judged) -> None:
    if isinstance(judged, NotFoundError):
        out.print("[bold red]not found[/] ", end="")
        out.print(str(judged), markup=False)
    else:
        _show_finding(path, judged)


def _show_finding(path: Path, finding: desk.Finding) -> None:
    colour = "green" if finding.in_force else "yellow" if finding.genuine else "red"
    state = f" {finding.state}" if finding.genuine and finding.state else ""
    out.print(f"[bold {colour}]{finding.word}[/]{state} ", end="")
    out.print(str(path), markup=False)
    if finding.kind is not None:
        out.print(f"  {KINDS[finding.kind]}: {_subject(finding)}", markup=False)
        if not finding.genuine:
            out.print(f"  {_record(finding)}", markup=False)
    if finding.verdict.signer:
        at = finding.verdict.signed_at
        when = f" at {local_time(at)}" if at else ""
        proved = finding.verdict.verdict is VerdictWord.VALID
        said = "sealed by" if proved else "says it was sealed by"
        out.print(f"  {said} {finding.verdict.signer}{when}", markup=False)
    if finding.verdict.signed_by:
        parties = ", ".join(OWNERS[PARTIES[name]] for name in finding.verdict.signed_by)
        at = finding.verdict.signed_at
        when = f", the last at {local_time(at)}" if at else ""
        out.print(f"  signed by {parties}{when}", markup=False)
    for check in finding.verdict.checks:
        mark = "✓" if check.ok else "✗" if check.was_asked else "–"
        out.print(f"  {mark} {check.name}: {check.detail}", markup=False)
    for reason in finding.reasons:
        out.print(f"  {reason}", markup=False)


def _record(finding: desk.Finding) -> str:
    """What the register says beside a verdict that does not come from it."""
    if finding.on_record:
        return f"this very file is on record: {finding.state}"
    return (
        "it only names that certificate: it is NOT the file on record;"
        f" the certificate on record is: {finding.state}"
    )


def _lacks_root(finding: desk.Finding) -> bool:
    """Whether the seal may be right, but under a root that this keyring does not have."""
    past = finding.verdict.distrusted_since is not None
    return (
        not past
        and finding.word == VerdictWord.UNTRUSTED
        and any(
            each.name in {TRUST, MAKER_TRUST} and not each.ok and each.was_asked
            for each in finding.verdict.checks
        )
    )


def _tell_roots(keyring: Path) -> None:
    """Which trust roots were asked, and how to ask others."""
    err.print(f"The trust roots are those of {keyring}.", markup=False, soft_wrap=True)
    err.print(
        "A root goes into its roots/ as PEM, and a CA between it and seals for OFD, which do not"
        " hold it, into its issuers/.",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    err.print(
        "For a file that another factory sealed, name its data with FACTORY_DATA_DIR or its keyring"
        f" with FACTORY_KEYRING_DIR; the demonstration's is FACTORY_DATA_DIR={DEMO_DATA}.",
        markup=False, soft_wrap=True,
    )  # fmt: skip


def _subject(finding: desk.Finding) -> str:
    """What the file is about."""
    if finding.application is not None:
        revision = f", revision {finding.revision}" if finding.revision else ""
        return f"application {finding.application}{revision}"
    if finding.batch is not None:
        return f"batch {finding.batch}"
    return f"registration {finding.registration}, edition {finding.edition or 0:03d}"
