"""Random certificates of both registers that give out OFD, dozens here and thousands in
``make soak``: every one that is made is sealed and accepted by all judges.

The judges are openssl for both signatures, ofd-cli for form, digests and pages, ofdkit for the
words; beside them our own verifier.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from factory.courses import Case
from factory.errors import InvalidEventError, LintError, UnprintableError
from factory.making import MAKINGS
from factory.model import Format, Kind
from factory.ofd.package import Member, opened, packed
from factory.page.marks import Run
from factory.page.proof import plain
from factory.seals.signer import SesIdentity
from factory.verify import VerdictWord, verify
from jobs.preview import Drawn, Studio
from tests import judges, ofd_judges
from tests.random_cases import cases, draw
from tests.seal_making import NOW, authority_ca, identity
from tests.studios import TODAY

ORDERS = int(os.environ.get("TEST_OFD_ORDERS", "60"))
SEEN_EVERY = 20  #: of so many one is drawn by ofd-cli
AT_ONCE = 50  #: files one ofd-cli checks
REGISTERS = ("gansu-constructor", "shanghai-cost-engineer")
DPI = 50
MANY_GREYS = 50  #: of a page with a photo; a blank one has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A certificate, drawn and sealed."""

    drawn: Drawn
    data: bytes


@pytest.mark.parametrize("register", REGISTERS)
def test_all_judges_accept_every_certificate(
    register: str, rooms: Studio, absent: Callable[[str], None], tmp_path: Path
) -> None:
    if not judges.OFD_CLI.exists():
        absent("ofd-cli: make setup-test")
    seal, waiting = identity(), list[Made]()
    done = 0

    @settings(
        max_examples=ORDERS,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(rooms, Kind.CERTIFICATE, register))
    def each(case: Case) -> None:
        nonlocal done
        if done + len(waiting) == ORDERS // 2:
            return
        try:
            waiting.append(sealed(draw(rooms, Kind.CERTIFICATE, case), seal))
        except (UnprintableError, LintError, InvalidEventError) as error:
            assert case.also["name"] not in str(error)
        if len(waiting) == AT_ONCE:
            judged(waiting, tmp_path)
            done += len(waiting)
            waiting.clear()

    each()
    judged(waiting, tmp_path)
    assert done + len(waiting) == ORDERS // 2, "too many were held"


def sealed(drawn: Drawn, seal: SesIdentity) -> Made:
    """As the line does it, on a day when the seal is valid."""
    making = MAKINGS[Format.OFD]
    awaiting = making.sealed(replace(drawn.laid, created=NOW), seal)
    [signature] = seal.signer.sign_digests([awaiting.digest])
    data = awaiting.finish(signature)
    making.self_check(data, seal)
    return Made(drawn=drawn, data=data)


def judged(some: list[Made], folder: Path) -> None:
    """Every judge looks at all of them, and ofd-cli draws a few."""
    ca = authority_ca()
    for number, made in enumerate(some):
        (folder / f"{number}.ofd").write_bytes(made.data)
        verdict = verify(made.data, [ca.root.certificate], issuers=[ca.issuing.certificate])
        assert (verdict.verdict, verdict.reasons) == (VerdictWord.VALID, ())
        assert verdict.licence_id == made.drawn.laid.licence_id
        assert ofd_judges.openssl_accepts(made.data)
        read = plain(judges.ofd_text(made.data))
        assert all(plain(words) in read for words in printed(made.drawn))
    assert judges.ofd_faults(*sorted(folder.glob("*.ofd"))) == ""
    for path in sorted(folder.glob("*.ofd"))[::SEEN_EVERY]:
        [page] = judges.ofd_pictures(path, DPI)
        assert len(page.convert("L").getcolors() or ()) > MANY_GREYS
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def printed(drawn: Drawn) -> Iterator[str]:
    """Every line of the page, labels too."""
    return (
        mark.text for page in drawn.placed.pages for mark in page.marks if isinstance(mark, Run)
    )


def test_what_was_changed_after_sealing_is_refused_by_those_who_look_at_digests(
    rooms: Studio, tmp_path: Path
) -> None:
    profile = rooms.installed[REGISTERS[0]].on(TODAY)
    made = sealed(rooms.draw(Kind.CERTIFICATE, rooms.specimen(Kind.CERTIFICATE, profile, None)),
                  identity())  # fmt: skip
    members = dict(opened(made.data))
    content = members["Doc_0/Pages/Page_0/Content.xml"]
    members["Doc_0/Pages/Page_0/Content.xml"] = content.replace(
        b"</ofd:TextCode>", b".</ofd:TextCode>", 1
    )
    changed = packed([Member(name=name, data=data) for name, data in members.items()])
    path = tmp_path / "changed.ofd"
    path.write_bytes(changed)
    ca = authority_ca()

    assert verify(changed, [ca.root.certificate]).verdict is VerdictWord.ALTERED
    assert judges.ofd_faults(path) != ""
