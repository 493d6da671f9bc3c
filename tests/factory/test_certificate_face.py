"""The certificate's face: what is printed, how it is worded, and how it looks."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.kinds import KINDS, certificate
from factory.model import Kind
from factory.page.lint import check
from factory.page.marks import ASCENT, AUTHORITY_SEAL, MM_PER_PT
from factory.page.sheet import (
    Code,
    Picture,
    PictureSlot,
    Placed,
    Run,
    SignatureSlot,
    TextSlot,
    Value,
)
from factory.profile import DESIGNS_OF, Design, Profile
from factory.versions import Versions

Face = dict[str, object]
NewFace = Callable[..., Face]
Place = Callable[[Face], Placed]

LONG_NAME = "阿卜杜热合曼·买买提吐尔逊·阿卜杜克里木江"
LONGEST_NAME = "阿卜杜热合曼·买买提吐尔逊·阿卜杜克里木江·艾合买提江·依明"
NAMES = "阿卜杜热合曼·买买提欧阳建造𬭎鎏 ABCMWil"
FRAME_MM = 17.8  #: its inner line
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


def test_faces_of_one_design_share_one_sheet(shanghai: Profile, new_face: NewFace) -> None:
    one, other = new_face(name="张三丰"), new_face(name="欧阳𬭎")

    assert certificate.sheet(shanghai, one) is certificate.sheet(shanghai, other)


# --- every design -----------------------------------------------------------------------------


@pytest.fixture(params=sorted(certificate.DESIGNS))
def design(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def designed(shanghai: Profile, engineers: Versions, design: str) -> Profile:
    """The profile whose certificates are drawn so; a signature is printed on all of them."""
    known = (shanghai, *engineers.all)
    [found] = (each for each in known if each.certificate.design == design)
    rules = found.certificate.model_copy(update={"holder_signature": True})
    return found.model_copy(update={"certificate": rules})


def test_a_profile_names_every_design() -> None:
    assert set(get_args(Design)) == set(certificate.DESIGNS) == set().union(*DESIGNS_OF.values())


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(
    name=st.text(alphabet=NAMES, min_size=1, max_size=30).filter(str.strip),
    enterprise=st.text(alphabet=NAMES + "（）()-，.0123", min_size=1, max_size=60).filter(
        str.strip
    ),
    pictures=st.lists(st.sampled_from(["photo", "signature"]), unique=True),
)
def test_whoever_it_is_about_a_certificate_is_printed_whole(
    designed: Profile,
    new_face: NewFace,
    place: Place,
    name: str,
    enterprise: str,
    pictures: list[str],
) -> None:
    shown = {role: role if role in pictures else None for role in ("photo", "signature")}
    face = new_face(profile=designed, name=name, enterprise=enterprise, **shown)

    placed = place(face)

    check(certificate.sheet(designed, face), placed, certificate.values(designed, face))
    printed = {mark.role for mark in placed.pages[0].filled if isinstance(mark, Picture)}
    assert printed == set(certificate.pictures(face)) == set(pictures)


@pytest.mark.parametrize("name", ["王" * 30, LONGEST_NAME, "W" * 30, "Maximilian " * 5])
def test_the_longest_names_fit_every_design(
    designed: Profile, new_face: NewFace, place: Place, name: str
) -> None:
    face = new_face(profile=designed, name=name, enterprise="建" * 60)

    check(certificate.sheet(designed, face), place(face), certificate.values(designed, face))


def test_as_many_professions_as_there_are_fit_every_design(
    designed: Profile, shanghai: Profile, new_face: NewFace, place: Place
) -> None:
    names = designed.professions.model_copy(update={"names": shanghai.professions.names})
    face = new_face(
        profile=designed.model_copy(update={"professions": names}), professions=len(names.names)
    )

    check(certificate.sheet(designed, face), place(face), certificate.values(designed, face))


def test_professions_with_days_of_their_own_have_a_line_each(
    engineers: Versions, new_face: NewFace, place: Place
) -> None:
    face = new_face(profile=engineers.all[-1])
    face["professions"] = [
        {"name": "土木建筑工程", "first": "2024-02-09", "last": "2028-02-08"},
        {"name": "安装工程", "first": "2024-03-09", "last": "2028-03-08"},
    ]

    assert place(face).text("validity") == ("2024年2月9日-2028年2月8日2024年3月9日-2028年3月8日")
    assert place(face).text("professions") == "土木建筑工程、安装工程"


@pytest.mark.parametrize(
    "changed",
    [
        {"authority": {"name": "", "lines": ("兵 团 " * 8, "住房和城乡建设管理委员会" * 2)}},
        {"title": "中华人民共和国二级造价工程师执业资格注册证书（临时）"},
        {"employer_label": "工作单位全称"},
        {"query_address": "https://query.example/" + "certificates/" * 3},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_authoritys_own_words_stay_inside_the_frame(
    designed: Profile, new_face: NewFace, place: Place, changed: Face
) -> None:
    face = new_face(profile=designed) | changed

    placed = place(face)

    check(certificate.sheet(designed, face), placed, certificate.values(designed, face))
    runs = [mark for mark in placed.pages[0].marks if isinstance(mark, Run)]
    assert min(run.x_mm for run in runs) >= FRAME_MM
    assert max(run.x_mm + run.width_mm for run in runs) <= placed.width_mm - FRAME_MM


def test_the_seal_lies_over_both_lines_of_the_authority(
    designed: Profile, new_face: NewFace, place: Place
) -> None:
    placed = place(new_face(profile=designed))
    seal = placed.signature(AUTHORITY_SEAL)
    assert seal is not None

    lines = [m for m in placed.pages[0].fixed if isinstance(m, Run) and m.text[-1] in "市会"]
    assert len(lines) == 2
    for line in lines:
        middle = line.x_mm + line.width_mm / 2
        assert seal.x_mm + seal.width_mm / 2 == pytest.approx(middle)
        assert seal.y_mm < line.y_mm < seal.y_mm + seal.height_mm


def test_the_pictures_have_the_national_sizes(designed: Profile, new_face: NewFace) -> None:
    slots = certificate.sheet(designed, new_face(profile=designed)).slots

    sizes = {s.role: (s.width_mm, s.height_mm) for s in slots if isinstance(s, PictureSlot)}
    assert sizes["photo"] == pytest.approx((110 * MM_PER_PT, 140 * MM_PER_PT))
    assert sizes["signature"] == pytest.approx((99 * MM_PER_PT, 43 * MM_PER_PT))


def test_nothing_but_the_seal_lies_over_what_is_printed(
    designed: Profile, new_face: NewFace, place: Place
) -> None:
    face = new_face(profile=designed, name=LONGEST_NAME, enterprise="建" * 60)
    page = place(face).pages[0]

    runs = [mark for mark in page.marks if isinstance(mark, Run)]
    for blank in (mark for mark in page.filled if isinstance(mark, Picture | Code)):
        assert not [run.text for run in runs if overlap(run, blank)]


def overlap(run: Run, blank: Picture | Code) -> bool:
    width, height = (
        (blank.size_mm, blank.size_mm)
        if isinstance(blank, Code)
        else (blank.width_mm, blank.height_mm)
    )
    top = run.y_mm - ASCENT * run.size_pt * MM_PER_PT
    across = run.x_mm < blank.x_mm + width and blank.x_mm < run.x_mm + run.width_mm
    return across and top < blank.y_mm + height and blank.y_mm < run.y_mm


# --- the holder's signature -------------------------------------------------------------------


def test_the_signature_is_printed_where_the_profile_says_so(
    engineers: Versions, new_face: NewFace
) -> None:
    face = new_face(profile=engineers.all[-1], signature="signed")

    assert certificate.pictures(face) == {"photo": "digest", "signature": "signed"}


def test_a_register_that_does_not_print_signatures_leaves_it_to_the_pen(
    new_face: NewFace, place: Place
) -> None:
    face = new_face(signature="signed")

    assert certificate.pictures(face) == {"photo": "digest"}
    pictures = [mark.role for mark in place(face).pages[0].filled if isinstance(mark, Picture)]
    assert pictures == ["photo"]


def test_a_face_from_before_signatures_is_still_read(new_face: NewFace, place: Place) -> None:
    face = new_face()
    del face["signature"]

    assert place(face).text("holder.name") == "张三丰"


# --- cost engineers ---------------------------------------------------------------------------


def words(placed: Placed) -> str:
    return "".join(mark.text for mark in placed.pages[0].marks if isinstance(mark, Run))


@pytest.mark.parametrize("version", [0, 1])
def test_no_word_of_a_constructor_stands_on_a_cost_engineers_certificate(
    engineers: Versions, new_face: NewFace, place: Place, version: int
) -> None:
    printed = words(place(new_face(profile=engineers.all[version])))

    assert "建造师" not in printed
    assert "二级造价工程师注册证书" in printed


def test_what_is_issued_on_a_day_is_drawn_as_was_agreed_for_that_day(
    engineers: Versions, new_face: NewFace, place: Place
) -> None:
    last_day, next_day = date(2023, 12, 31), date(2024, 1, 1)

    old = place(new_face(profile=engineers.on(last_day)))
    new = place(new_face(profile=engineers.on(next_day)))

    assert (old.text("validity"), new.text("validity")) == (
        "2027年11月29日",
        "2024年11月30日-2027年11月29日",
    )
    for label in ("有效期至", "注册编号", "聘用企业"):
        assert label in words(old) and label not in words(new)
    for label in ("有效期", "证书编号", "聘用单位", "CLASS2COSTENGINEER"):
        assert label in words(new).replace(" ", "")


def test_the_version_of_today_is_the_national_layout(engineers: Versions) -> None:
    today = engineers.on(date(2026, 11, 21))

    assert (today.version, today.certificate.design) == ("2024-01", "cost-engineer-2024")
    assert today.certificate.employer_label == "聘用单位"


def placed_as_text(placed: Placed) -> list[str]:
    """Every run with its face, place and size, as one line each."""
    runs = (mark for mark in placed.pages[0].marks if isinstance(mark, Run))
    return [
        f"{run.x_mm:8.3f} {run.y_mm:8.3f} {run.width_mm:8.3f} {run.size_pt:5.2f} "
        f"{run.face.name:14} {run.text}"
        for run in runs
    ]


@pytest.mark.parametrize(
    "name", ["one-profession", "everything-long", "cost-engineer-2021", "cost-engineer-2024"]
)
def test_texts_and_boxes_are_as_agreed(
    new_face: NewFace,
    place: Place,
    golden: Callable[[str, str], None],
    engineers: Versions,
    name: str,
) -> None:
    """Golden: ``pytest --renew-golden`` writes it anew."""
    old, new = engineers.all
    faces = {
        "cost-engineer-2021": new_face(profile=old),
        "cost-engineer-2024": new_face(profile=new),
        "one-profession": new_face(),
        "everything-long": new_face(name=LONG_NAME, professions=6, enterprise=LONG_ENTERPRISE),
    }

    golden(f"certificate-{name}.txt", "\n".join(placed_as_text(place(faces[name]))) + "\n")


@pytest.mark.parametrize("code", ["W" * 20, "M" * 20, "1" * 20, "WM" * 10])
def test_every_verification_code_has_room(
    new_face: NewFace, place: Callable[[dict[str, object]], Placed], shanghai: Profile, code: str
) -> None:
    about = new_face() | {"verification_code": code}
    kind = KINDS[Kind.CERTIFICATE]

    placed = place(about)

    check(kind.sheet(shanghai, about), placed, kind.values(shanghai, about))
    assert placed.text("verification_code").replace(" ", "") == code
