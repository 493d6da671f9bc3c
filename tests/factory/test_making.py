"""What each format makes of the same placed marks, sealed or not, and what it refuses."""

import re
from dataclasses import replace

import pytest

from factory.errors import FieldError, LintError, SealRefusedError, SelfCheckError
from factory.making import MAKINGS
from factory.model import Format, Kind
from factory.ofd.package import opened
from factory.ofd.proof import proof
from factory.page.fonts import FontBook
from factory.page.marks import Run
from factory.pressing import Laid
from factory.profile import OfdData, OfdRules
from factory.verify import verify
from factory.verify_verdict import VerdictWord
from factory.writers import ofd
from tests.seal_making import NOW, authority_ca, identity
from tests.studios import TODAY, studio

CUSTOM = re.compile(r'<ofd:CustomData Name="([^"]+)">([^<]*)</ofd:CustomData>')
GANSU = "gansu-constructor"


@pytest.fixture(scope="module")
def laid(fontbook: FontBook) -> Laid:
    """A certificate of Gansu, on a day when the test seal is valid."""
    rooms = studio(fontbook)
    rules = rooms.installed[GANSU].on(TODAY)
    drawn = rooms.draw(Kind.CERTIFICATE, rooms.specimen(Kind.CERTIFICATE, rules, None))
    return replace(drawn.laid, created=NOW)


def with_data(laid: Laid, *data: OfdData) -> Laid:
    profile = laid.profile.model_copy(update={"ofd": OfdRules(data=data)})
    return replace(laid, profile=profile)


def sealed(laid: Laid) -> bytes:
    seal = identity()
    awaiting = MAKINGS[Format.OFD].sealed(laid, seal)
    [signature] = seal.signer.sign_digests([awaiting.digest])
    return awaiting.finish(signature)


def test_a_sealed_ofd_passes_the_check_that_follows_and_the_verification(laid: Laid) -> None:
    data = sealed(laid)

    MAKINGS[Format.OFD].self_check(data, identity())
    ca = authority_ca()
    verdict = verify(data, [ca.root.certificate], issuers=[ca.issuing.certificate])
    assert verdict.verdict is VerdictWord.VALID


def test_without_the_ca_between_nothing_leads_to_the_root(laid: Laid) -> None:
    verdict = verify(sealed(laid), [authority_ca().root.certificate])

    assert verdict.verdict is VerdictWord.UNTRUSTED


def test_an_ofd_sealed_by_another_does_not_pass_the_check(laid: Laid) -> None:
    data = sealed(laid)

    with pytest.raises(SelfCheckError):
        MAKINGS[Format.OFD].self_check(data, identity("示例市另一机关"))


def test_an_ofd_that_nobody_seals_says_that_it_is_unsigned(laid: Laid) -> None:
    data = MAKINGS[Format.OFD].unsealed(laid)

    assert verify(data, []).verdict is VerdictWord.UNSIGNED


@pytest.mark.parametrize("fmt", Format)
def test_a_sheet_without_a_place_for_a_seal_is_not_sealed(laid: Laid, fmt: Format) -> None:
    bare = replace(laid, placed=replace(laid.placed, signatures=()))

    with pytest.raises(SealRefusedError, match="no place for a seal"):
        MAKINGS[fmt].sealed(bare, identity())


def test_the_register_says_what_stands_in_the_files_metadata(laid: Laid) -> None:
    entry = opened(sealed(laid))["OFD.xml"].decode()

    assert dict(CUSTOM.findall(entry)) == {
        "证照标识": laid.licence_id,
        "证照名称": laid.title,
        "证照编号": laid.values["number"],
        "颁发机构": laid.profile.authority.name,
        "颁发机构代码": laid.profile.authority.credit_code,
        "颁发日期": laid.values["issued_on"],
    }


def test_a_field_that_the_design_does_not_print_is_refused(laid: Laid) -> None:
    wanted = with_data(laid, OfdData(name="有效期", field="validity"))

    with pytest.raises(FieldError, match="nothing prints validity"):
        MAKINGS[Format.OFD].sealed(wanted, identity())


def members(laid: Laid) -> tuple[ofd.Member, ...]:
    return ofd.draw(
        laid.placed, laid.pictures, title=laid.title, created=laid.created, twin=laid.twin
    )


def test_what_was_drawn_is_what_was_placed(laid: Laid) -> None:
    proof(members(laid), laid.placed)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"text": "错"}, "its text is not what was placed"),
        ({"x_mm": 100.0}, "its text is not what was placed"),
        ({"y_mm": 100.0}, "its text is not what was placed"),
    ],
)
def test_a_run_that_is_drawn_otherwise_is_found(
    laid: Laid, change: dict[str, object], rule: str
) -> None:
    [page] = laid.placed.pages
    at = next(n for n, mark in enumerate(page.filled) if isinstance(mark, Run))
    run = page.filled[at]
    assert isinstance(run, Run)
    other = (*page.filled[:at], run._replace(**change), *page.filled[at + 1 :])  # type: ignore[arg-type]
    meant = replace(laid.placed, pages=(replace(page, filled=other),))

    with pytest.raises(LintError, match=rule) as caught:
        proof(members(laid), meant)

    assert run.text not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b'ResourceID="', b'ResourceID="9', "a picture is not there"),
        (b'<ofd:Page ID="1"', b'<ofd:Leaf ID="1"', "page: 0 instead of 1"),
        (b"<ofd:FontFile>", b"<ofd:FontFile>no-", "names a member that is not there"),
    ],
)
def test_what_does_not_lead_anywhere_is_found(
    laid: Laid, old: bytes, new: bytes, rule: str
) -> None:
    changed = [replace(each, data=each.data.replace(old, new)) for each in members(laid)]

    with pytest.raises(LintError, match=rule):
        proof(changed, laid.placed)


def test_a_character_that_its_font_lacks_is_found(laid: Laid) -> None:
    fonts = [each for each in members(laid) if each.name.endswith(".ttf")]
    other = {each.name: fonts[1 - n].data for n, each in enumerate(fonts[:2])}
    changed = [replace(each, data=other.get(each.name, each.data)) for each in members(laid)]

    with pytest.raises(LintError, match="a character is not in its font"):
        proof(changed, laid.placed)
