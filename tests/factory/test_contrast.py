"""The contrast of two editions: every field that is printed otherwise, and nothing else."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.contrast import DESIGN_NAMES, Change, Side, Sort, contrast, of_sort
from factory.kinds.certificate import DESIGNS
from factory.model import Format
from factory.numbering import licence_id
from factory.profile import Profile
from factory.versions import Versions

Face = dict[str, object]
NewFace = Callable[..., Face]
Side_ = Callable[..., Side]

OTHER_PHOTO, A_SIGNATURE = "f" * 64, "e" * 64
#: path in the face -> another value, and the field it is told as
OTHERWISE: dict[tuple[str, ...], tuple[object, str]] = {
    ("name",): ("欧阳建造", "holder.name"),
    ("sex",): ("男", "holder.sex"),
    ("birth_date",): ("1971-01-02", "holder.birth_date"),
    ("number",): ("沪231999999999", "number"),
    ("employer_label",): ("受聘单位", "employer_label"),
    ("employer", "name"): ("示例更名建设有限公司", "enterprise.name"),
    ("employer", "credit_code"): ("91310000MA1FL00012", "enterprise.credit_code"),
    ("professions",): (
        [{"name": "矿业工程", "first": "2025-01-02", "last": "2028-01-01"}],
        "professions",
    ),
    ("authority", "name"): ("示例省住房和城乡建设厅", "authority.name"),
    ("authority", "lines"): (["示 例 省", "住房和城乡建设厅"], "authority"),
    ("title",): ("中华人民共和国示例证书", "title"),
    ("query_address",): ("https://query.example/", "query_address"),
    ("verify_url",): ("https://other.example/v/", "verify_url"),
    ("photo",): (OTHER_PHOTO, "photo"),
    ("signature",): (A_SIGNATURE, "signature"),
}  # fmt: skip
#: what follows by itself
WITH_IT = {"verify_url": "code"}


@pytest.fixture
def side(shanghai: Profile, new_face: NewFace) -> Side_:
    """One edition; its face changed as asked."""

    def make(*changed: tuple[str, ...], **also: object) -> Side:
        face = copy.deepcopy(new_face()) | {"licence_id": numbered(1)}
        for path in changed:
            *outer, last = path
            inside = face
            for name in outer:
                inside = inside[name]  # type: ignore[assignment]
            inside[last] = OTHERWISE[path][0]
        return Side(
            profile=shanghai, face=face | also, formats=(Format.PDF,), seal="shanghai-constructor"
        )

    return make


def numbered(version: int, serial: str = "2312016201800057") -> str:
    """An identifier (证照标识) of that certificate."""
    return licence_id(
        "1.2.156.3005.2", "11100000000013338W001", "11310000MB0F000013", serial, version
    )


def fields(changes: tuple[Change, ...]) -> list[str]:
    return [each.field for each in changes]


def test_equal_editions_have_no_contrast(side: Side_) -> None:
    assert contrast(side(), side()) == ()


def test_a_rename_is_told_under_the_label_of_the_page(side: Side_) -> None:
    [change] = contrast(side(), side(("employer", "name")))

    assert (change.field, change.label) == ("enterprise.name", "聘用企业")
    assert change.now != change.then == "示例更名建设有限公司"
    assert change.sort is Sort.PRINTED
    assert not change.is_own


def test_what_every_edition_has_anew_is_told_apart(side: Side_) -> None:
    anew = side(
        edition=2,
        licence_id=numbered(2),
        verification_code="ABCDE12345FGHJK67890",
        issued_on="2026-11-21",
    )

    found = contrast(side(), anew)

    assert {each.sort for each in found} == {Sort.ANEW}
    assert set(fields(found)) == {
        "edition", "licence_id", "verification_code", "code", "issued_on",
    }  # fmt: skip


def test_a_licence_id_of_another_certificate_is_a_change_of_its_own(side: Side_) -> None:
    [change] = contrast(side(), side(licence_id=numbered(2, "4711")))

    assert (change.field, change.label, change.sort) == (
        "licence_id", "电子证照标识", Sort.PRINTED,
    )  # fmt: skip


def test_another_spelling_of_a_number_says_so(side: Side_) -> None:
    old, new = side(number="沪231181903002"), side(number="沪2312018201903002")

    [change] = contrast(old, new)

    assert change.note == "同一编号，写法不同"


def test_a_later_version_of_the_design_format_and_seal_are_told(
    engineers: Versions, shanghai: Profile, new_face: NewFace
) -> None:
    old, new = engineers.all[0], engineers.all[-1]
    faces = [new_face(profile=each) for each in (old, new)]
    now = Side(profile=old, face=faces[0], formats=(Format.PDF,), seal="old")
    then = Side(profile=new, face=faces[1], formats=(Format.PDF, Format.OFD), seal="new")

    found = {each.field: each for each in of_sort(contrast(now, then), Sort.DESIGN)}

    assert found["design"].now == "造价工程师 2021 版"
    assert found["design"].then == "造价工程师 2024 版"
    assert (found["formats"].now, found["formats"].then) == ("PDF", "PDF、OFD")
    assert (found["seal"].now, found["seal"].then) == ("old", "new")
    assert found["version"].then == new.version
    assert found["labels"].now == "注册专业、注册编号、有效期至"
    assert found["labels"].then == "专业、证书编号、有效期"
    assert found["employer_label"].then == new.certificate.employer_label


def test_every_design_has_its_name() -> None:
    assert DESIGN_NAMES.keys() == DESIGNS.keys()


def test_professions_that_the_page_words_alike_differ_in_the_twin(
    engineers: Versions, new_face: NewFace
) -> None:
    """Only the last day is printed in the design of 2021."""
    profile, given = engineers.all[0], {"name": "土木建筑工程", "last": "2028-01-01"}
    faces = [
        new_face(profile=profile) | {"professions": [given | {"first": first}]}
        for first in ("2024-01-02", "2024-02-03")
    ]
    now, then = (Side(profile=profile, face=f, formats=(Format.PDF,), seal="s") for f in faces)

    [change] = contrast(now, then)

    assert (change.field, change.sort, change.is_own) == ("professions", Sort.TWIN, True)


@pytest.mark.parametrize("path", OTHERWISE)
def test_holders_data_is_known_as_such(path: tuple[str, ...], side: Side_) -> None:
    own = {"name", "sex", "birth_date", "professions", "photo", "signature"}

    found = contrast(side(), side(path))

    assert {each.is_own for each in found} == {path[0] in own}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changed=st.sets(st.sampled_from(sorted(OTHERWISE))))
def test_every_changed_field_is_told_and_nothing_else(
    side: Side_, changed: set[tuple[str, ...]]
) -> None:
    found = contrast(side(), side(*changed))

    wanted = {OTHERWISE[path][1] for path in changed}
    assert set(fields(found)) == wanted | {WITH_IT[name] for name in wanted & WITH_IT.keys()}
    assert len(found) == len(set(fields(found)))


@given(changed=st.sets(st.sampled_from(sorted(OTHERWISE))))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_other_way_round_the_same_fields_are_told(
    side: Side_, changed: set[tuple[str, ...]]
) -> None:
    there, back = side(*changed), side()

    assert fields(contrast(there, back)) == fields(contrast(back, there))


def test_a_profile_of_another_version_alone_is_told(side: Side_, shanghai: Profile) -> None:
    later = replace(side(), profile=shanghai.model_copy(update={"version": "2027-01"}))

    [change] = contrast(side(), later)

    assert (change.label, change.then) == ("发证方案版本", "2027-01")
