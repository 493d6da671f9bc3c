"""The certificate's face: what is printed, how it is worded, and how it looks."""

import json
from collections.abc import Callable, Mapping

import pytest

from factory.errors import FieldError
from factory.kinds import KINDS, certificate
from factory.lint import check
from factory.marks import ASCENT, MM_PER_PT
from factory.model import Kind
from factory.profile import Profile
from factory.sheet import PictureSlot, Placed, Run, SignatureSlot, TextSlot, Value

Face = dict[str, object]
NewFace = Callable[..., Face]
Place = Callable[[Face], Placed]

LONG_NAME = "阿卜杜热合曼·买买提吐尔逊·阿卜杜克里木江"
LONG_ENTERPRISE = "上海市浦东新区" + "超长名称测试建设工程" * 4 + "集团股份有限公司第一分公司"


@pytest.fixture
def printed(shanghai: Profile, new_face: NewFace) -> Mapping[str, Value]:
    return certificate.values(shanghai, new_face())


def slots_of(profile: Profile, face: Face) -> dict[str, TextSlot]:
    slots = certificate.sheet(profile, face).slots
    return {slot.name: slot for slot in slots if isinstance(slot, TextSlot)}


def test_the_certificate_is_a_registered_kind() -> None:
    assert KINDS[Kind.CERTIFICATE] is certificate


def test_a_face_is_plain_json_of_one_version(new_face: NewFace) -> None:
    face = new_face()

    assert json.loads(json.dumps(face)) == face
    assert face["version"] == certificate.FACE_VERSION


def test_a_face_lists_what_is_printed_in_the_order_of_the_page(new_face: NewFace) -> None:
    assert list(new_face()) == [
        "version", "name", "sex", "birth_date", "number", "employer_label", "employer",
        "professions", "authority", "title", "edition", "licence_id", "verification_code",
        "verify_url", "query_address", "issued_on", "design", "photo", "signature",
    ]  # fmt: skip


def test_the_identity_number_is_not_on_the_face(new_face: NewFace) -> None:
    assert "310101199001010008" not in json.dumps(new_face())


def test_a_face_of_another_version_is_refused(shanghai: Profile, new_face: NewFace) -> None:
    with pytest.raises(FieldError, match=r"face\.version"):
        certificate.values(shanghai, {**new_face(), "version": 2})


def test_a_face_without_a_field_is_refused_by_its_name(
    shanghai: Profile, new_face: NewFace
) -> None:
    face = new_face()
    del face["number"]

    with pytest.raises(FieldError, match=r"^face\.number: missing"):
        certificate.values(shanghai, face)


def test_an_unknown_design_is_refused(shanghai: Profile, new_face: NewFace) -> None:
    with pytest.raises(FieldError, match=r"face\.design"):
        certificate.sheet(shanghai, {**new_face(), "design": "constructor-1999"})


def test_a_profession_is_printed_with_its_validity(printed: Mapping[str, Value]) -> None:
    assert printed["professions"] == ("建筑工程（有效期：2024-11-30至2027-11-29）",)


def test_months_and_days_of_a_validity_have_no_leading_zero(
    shanghai: Profile, new_face: NewFace
) -> None:
    face = new_face()
    face["professions"] = [{"name": "矿业工程", "first": "2024-02-09", "last": "2027-02-08"}]

    assert certificate.values(shanghai, face)["professions"] == (
        "矿业工程（有效期：2024-2-9至2027-2-8）",
    )


@pytest.mark.parametrize(
    ("slot", "text"),
    [
        ("holder.sex", "女"),
        ("holder.birth_date", "1990-01-01"),
        ("number", "沪2312016201800057"),
        ("issued_on", "2024年11月30日"),
        ("verification_code", "K7QF2 M9XTR 4B8HW N3CVD"),
        ("code", "https://verify.example/v/K7QF2M9XTR4B8HWN3CVD"),
        ("edition", "001"),
    ],
)
def test_values_are_worded_as_the_national_layout_words_them(
    printed: Mapping[str, Value], slot: str, text: str
) -> None:
    assert printed[slot] == text


def test_six_professions_fit_at_a_readable_size(new_face: NewFace, place: Place) -> None:
    placed = place(new_face(professions=6))

    lines = [mark for mark in placed.pages[0].filled if isinstance(mark, Run)]
    sizes = {run.size_pt for run in lines if run.slot == "professions"}
    baselines = {run.y_mm for run in lines if run.slot == "professions"}
    assert min(sizes) >= 12
    assert len(baselines) == 6


def test_an_enterprise_of_sixty_characters_fits(new_face: NewFace, place: Place) -> None:
    assert len(LONG_ENTERPRISE) == 60

    assert place(new_face(enterprise=LONG_ENTERPRISE)).text("enterprise.name") == LONG_ENTERPRISE


def test_a_long_name_is_printed_whole(new_face: NewFace, place: Place) -> None:
    assert place(new_face(name=LONG_NAME)).text("holder.name") == LONG_NAME


def test_a_value_stands_level_with_its_label(
    shanghai: Profile, new_face: NewFace, place: Place
) -> None:
    face = new_face()

    labels = [mark for mark in place(face).pages[0].fixed if isinstance(mark, Run)]
    for first_of_label, slot in {"姓": "holder.name", "聘": "enterprise.name"}.items():
        box = slots_of(shanghai, face)[slot]
        label = next(run for run in labels if run.text.startswith(first_of_label))
        assert label.y_mm == pytest.approx(box.y_mm + ASCENT * box.size_pt * MM_PER_PT)


def test_the_authority_gives_title_and_lines(new_face: NewFace, place: Place) -> None:
    fixed = place(new_face()).pages[0].fixed
    text = "".join(mark.text for mark in fixed if isinstance(mark, Run))

    for words in ("中华人民共和国二级建造师注册证书", "上 海 市", "住房和城乡建设管理委员会"):
        assert words in text


def test_the_seal_is_round_and_centred_over_the_authority(
    shanghai: Profile, new_face: NewFace, place: Place
) -> None:
    face = new_face()
    fixed = place(face).pages[0].fixed
    (seal,) = (s for s in certificate.sheet(shanghai, face).slots if isinstance(s, SignatureSlot))

    lines = [m for m in fixed if isinstance(m, Run) and m.text == "住房和城乡建设管理委员会"]
    assert (seal.width_mm, seal.height_mm) == (42, 42)
    assert seal.x_mm + 21 == pytest.approx(lines[0].x_mm + lines[0].width_mm / 2)
    assert seal.y_mm < lines[0].y_mm < seal.y_mm + 42


def test_the_photo_has_the_national_size(shanghai: Profile, new_face: NewFace) -> None:
    slots = certificate.sheet(shanghai, new_face()).slots

    (photo,) = (s for s in slots if isinstance(s, PictureSlot) and s.role == "photo")
    assert photo.width_mm == pytest.approx(110 * MM_PER_PT)
    assert photo.height_mm == pytest.approx(140 * MM_PER_PT)


def test_faces_of_one_design_share_one_sheet(shanghai: Profile, new_face: NewFace) -> None:
    one, other = new_face(name="张三丰"), new_face(name="欧阳𬭎")

    assert certificate.sheet(shanghai, one) is certificate.sheet(shanghai, other)


def placed_as_text(placed: Placed) -> list[str]:
    """Every run with its face, place and size, as one line each."""
    runs = (mark for mark in placed.pages[0].marks if isinstance(mark, Run))
    return [
        f"{run.x_mm:8.3f} {run.y_mm:8.3f} {run.width_mm:8.3f} {run.size_pt:5.2f} "
        f"{run.face.name:14} {run.text}"
        for run in runs
    ]


@pytest.mark.parametrize("name", ["one-profession", "everything-long"])
def test_texts_and_boxes_are_as_agreed(
    new_face: NewFace, place: Place, golden: Callable[[str, str], None], name: str
) -> None:
    """Golden: ``pytest --renew-golden`` writes it anew."""
    faces = {
        "one-profession": new_face(),
        "everything-long": new_face(name=LONG_NAME, professions=6, enterprise=LONG_ENTERPRISE),
    }

    golden(f"certificate-{name}.txt", "\n".join(placed_as_text(place(faces[name]))) + "\n")


@pytest.mark.parametrize("code", ["W" * 20, "M" * 20, "1" * 20, "WM" * 10])
def test_every_verification_code_has_room(
    new_face: NewFace, place: Callable[[dict[str, object]], Placed], shanghai: Profile, code: str
) -> None:
    given = new_face() | {"verification_code": code}
    kind = KINDS[Kind.CERTIFICATE]

    placed = place(given)

    check(kind.sheet(shanghai, given), placed, kind.values(shanghai, given))
    assert placed.text("verification_code").replace(" ", "") == code
