"""The small world that kept files are judged in: roots, issuers and lists, public parts alone.

Everything is synthetic and was made once by ``python -m tests.fuzz.sow``; the private keys of it
were never written down, so nobody can make another good file.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509

from factory import verify
from factory.events import EVENT_TYPES, example
from factory.page.marks import APPLICANT_SIGN, ENTERPRISE_SEAL
from factory.seals.revocation import Revocations
from factory.verify import Verdict

HERE = Path(__file__).parent
WORLD, SEEDS, CORPUS, FOUND = (HERE / name for name in ("world", "seeds", "corpus", "found"))
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SOON = NOW + timedelta(days=30)
LONG_AFTER = NOW + timedelta(days=5 * 365)  #: only what archive stamps prove counts then
CONTENT = b"what parties sign in this world\n"
PARTIES = (APPLICANT_SIGN, ENTERPRISE_SEAL)
EXAMPLES = "events"

Certificates = tuple[x509.Certificate, ...]


@cache
def certificates(name: str) -> Certificates:
    """Those of one file of the world."""
    return tuple(x509.load_pem_x509_certificates((WORLD / f"{name}.pem").read_bytes()))


@cache
def lists() -> Revocations:
    """What is known of revoked certificates."""
    return Revocations.of([(WORLD / "lists.pem").read_bytes()])


def judged(data: bytes) -> Verdict:
    """The verdict in this world; a file with archive stamps is judged long after."""
    return verify.verify(
        data,
        certificates("roots"),
        {field: certificates(field) for field in PARTIES},
        issuers=certificates("issuers"),
        now=LONG_AFTER if b"/DocTimeStamp" in data else SOON,
        time_roots=certificates("clocks"),
        revocations=lists(),
    )


@cache
def seeds(target: str) -> tuple[bytes, ...]:
    """The good files of a target, in the order of their names; events are the examples."""
    if target == EXAMPLES:
        said = (json.dumps(example(kind), ensure_ascii=False) for kind in EVENT_TYPES)
        return tuple(each.encode() for each in said)
    return tuple(path.read_bytes() for path in sorted((SEEDS / target).glob("*")))


def kept(target: str) -> tuple[Path, ...]:
    """Files that a run of the fuzzer has kept, and those that were once found."""
    return tuple(path for folder in (CORPUS, FOUND) for path in sorted((folder / target).glob("*")))
