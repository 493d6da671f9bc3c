"""Notice, slip and rename list: what each prints, and what it must never lack."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.kinds import KINDS, acceptance_notice, filing_slip, rename_list
from factory.model import ApplicationType, Kind
from factory.page.fonts import FontBook
from factory.page.lint import check
from factory.page.marks import AUTHORITY_SEAL
from factory.page.sheet import Placed, Run, Value, layout
from factory.profile import Profile
from tests.factory.documents import PROFILES, applied

SHANGHAI, COST = PROFILES["shanghai-constructor"], PROFILES["shanghai-cost-engineer"]
GANSU, ZHEJIANG = PROFILES["gansu-constructor"], PROFILES["zhejiang-constructor"]
NOON = datetime(2026, 3, 2, 16, 5, 6, tzinfo=UTC)  #: already 3 March in China

Face = Mapping[str, object]


def placed(kind: Kind, profile: Profile, face: Face, fontbook: FontBook) -> Placed:
    """Laid out and linted."""
    module = KINDS[kind]
    assert json.loads(json.dumps(face)) == face
    sheet, values = module.sheet(profile, face), module.values(profile, face)
    drawn = layout(sheet, values, fontbook)
    check(sheet, drawn, values)
    return drawn


def labels(drawn: Placed, page: int = 0) -> str:
    return "".join(mark.text for mark in drawn.pages[page].fixed if isinstance(mark, Run))


def notice(
    profile: Profile, kind: ApplicationType = ApplicationType.INITIAL, **given: object
) -> Face:
    return acceptance_notice.face(
        profile=profile,
        number=profile.documents.number(2026, 123),
        data=applied(profile, kind, **given),  # type: ignore[arg-type] # by name, as given
        accepted_at=NOON,
    )


def slip(profile: Profile = ZHEJIANG, **given: object) -> Face:
    return filing_slip.face(
        profile=profile,
        filing_number="3320260302000006J",
        query_code="ZW0FY07Z",
        data=applied(profile, ApplicationType.INITIAL, **given),  # type: ignore[arg-type]
        submitted_at=NOON,
    )


def renamed(*rows: rename_list.Row, name: str = "新名公司") -> Face:
    return rename_list.face(
        profile=SHANGHAI,
        credit_code="91310000MA1FL00004",
        old_name="旧名公司",
        new_name=name,
        batch=42,
        completed_at=NOON,
        rows=rows,
    )


def row(place: int, name: str = "张三丰", outcome: str = "已换发 未领证") -> rename_list.Row:
    number = f"沪23120162018{place:05d}"
    return rename_list.Row(number=number, name=name, edition=2, outcome=outcome)


def test_only_what_the_authority_vouches_for_is_sealed() -> None:
    assert {kind for kind, module in KINDS.items() if module.SEALED} == {
        Kind.CERTIFICATE,
        Kind.ACCEPTANCE_NOTICE,
        Kind.BATCH_REPORT,
    }


def test_every_kind_of_document_has_a_module() -> None:
    assert set(KINDS) == set(Kind)


# The acceptance notice.


def test_a_notice_says_what_was_accepted_and_when(fontbook: FontBook) -> None:
    drawn = placed(Kind.ACCEPTANCE_NOTICE, SHANGHAI, notice(SHANGHAI), fontbook)

    assert drawn.text("notice_number") == "沪建注受〔2026〕123号"
    assert drawn.text("phone") == "13900001234"
    assert drawn.text("statement").strip() == (
        "你于2026年3月3日提出的二级建造师初始注册申请，经审查，申请材料已齐全并符合法定形式，"
        "现予受理。"
    )
    assert drawn.text("legal_basis") == (
        "《中华人民共和国行政许可法》第三十二条、《注册建造师管理规定》"
    )
    assert "签收人" in labels(drawn) and "一式两份" in labels(drawn)


def test_the_seal_stands_over_the_authority_and_the_date(fontbook: FontBook) -> None:
    drawn = placed(Kind.ACCEPTANCE_NOTICE, SHANGHAI, notice(SHANGHAI), fontbook)

    box = drawn.signature(AUTHORITY_SEAL)
    assert box is not None
    lines = [
        mark
        for mark in drawn.pages[box.page].filled
        if isinstance(mark, Run) and mark.slot == "authority"
    ]
    assert "".join(line.text for line in lines).endswith("2026年3月3日")
    assert all(box.y_mm < line.y_mm < box.y_mm + box.height_mm for line in lines)
    assert box.x_mm > drawn.width_mm / 2


def test_a_time_limit_is_printed_where_it_is_known() -> None:
    rules = SHANGHAI.documents.model_copy(update={"notice_days": 20})
    limited = SHANGHAI.model_copy(update={"documents": rules})

    def statement(profile: Profile) -> Value:
        return acceptance_notice.values(profile, notice(profile))["statement"]

    assert len(statement(SHANGHAI)) == 1
    assert statement(limited)[1] == "本机关将自受理之日起20个工作日内作出行政许可决定。"


def test_a_forced_cancellation_is_the_enterprises_application() -> None:
    face = notice(GANSU, ApplicationType.FORCED_CANCELLATION)

    printed = acceptance_notice.values(GANSU, face)

    assert printed["applicant"] == "上海测试建设集团有限公司"
    assert printed["phone"] == "021-50000000"


def test_a_cost_engineers_notice_rests_on_their_own_regulation(fontbook: FontBook) -> None:
    drawn = placed(Kind.ACCEPTANCE_NOTICE, COST, notice(COST), fontbook)

    assert "《注册造价工程师管理办法》" in drawn.text("legal_basis")


@pytest.mark.parametrize("serial", [0, 1_000_000])
def test_a_notice_number_out_of_range_is_refused(serial: int) -> None:
    assert SHANGHAI.documents.number(2026, 999_999) == "沪建注受〔2026〕999999号"
    with pytest.raises(FieldError, match="out of range"):
        SHANGHAI.documents.number(2026, serial)


def test_a_notice_without_professions_has_no_row_for_them() -> None:
    change = notice(SHANGHAI, ApplicationType.CHANGE)

    assert "professions" not in acceptance_notice.values(SHANGHAI, change)
    assert "professions" not in acceptance_notice.sheet(SHANGHAI, change).wanted


# The filing slip.


def test_a_slip_prints_both_numbers_large_and_in_groups(fontbook: FontBook) -> None:
    drawn = placed(Kind.FILING_SLIP, ZHEJIANG, slip(), fontbook)

    assert drawn.text("filing_number") == "33 20260302 000006 J"
    assert drawn.text("query_code") == "ZW0F Y07Z"
    sizes = {mark.slot: mark.size_pt for mark in drawn.pages[0].filled if isinstance(mark, Run)}
    assert sizes["filing_number"] > sizes["applicant"]


def test_a_filing_number_of_another_form_goes_by_fours() -> None:
    face = {**slip(), "filing_number": "ABCDEF"}

    assert filing_slip.values(ZHEJIANG, face)["filing_number"] == "ABCD EF"


def test_a_slip_lists_the_materials_and_how_to_ask() -> None:
    printed = filing_slip.values(ZHEJIANG, slip())

    assert printed["materials"] == (
        "1. 身份证明（必交）",
        "2. 资格证书（必交）",
        "3. 劳动合同（如有）",
    )
    assert "“办事进度”" in printed["how_to_ask"][0]
    assert printed["submitted_at"] == "2026年3月3日 00:05:06"


def test_a_slip_is_not_sealed(fontbook: FontBook) -> None:
    assert placed(Kind.FILING_SLIP, ZHEJIANG, slip(), fontbook).signatures == ()


def test_a_register_without_materials_lists_none() -> None:
    assert "materials" not in filing_slip.values(SHANGHAI, slip(SHANGHAI))


# The rename list.


def test_a_list_of_hundreds_repeats_its_head_on_every_page(fontbook: FontBook) -> None:
    face = renamed(*(row(place) for place in range(1, 301)))

    drawn = placed(Kind.RENAME_LIST, SHANGHAI, face, fontbook)

    assert len(drawn.pages) > 5
    assert all("注册编号" in labels(drawn, page) for page in range(len(drawn.pages)))
    assert drawn.text("rows.300.number") == "沪2312016201800300"
    assert drawn.text("new_name@2") == "新名公司"


def test_a_list_counts_what_became_of_all() -> None:
    skipped = rename_list.Row(number="沪1", name="李四", edition=None, outcome="已跳过")

    printed = rename_list.values(SHANGHAI, renamed(row(1), row(2), skipped))

    assert printed["totals"] == "共 3 件：已换发 未领证 2 件，已跳过 1 件。"
    assert (printed["rows.1.edition"], printed["rows.3.edition"]) == ("002", "—")


def test_a_list_of_nobody_says_so() -> None:
    assert rename_list.values(SHANGHAI, renamed())["totals"] == "共 0 件。"


def test_a_list_is_named_by_the_time_its_batch_was_completed() -> None:
    assert rename_list.file_name(SHANGHAI, renamed()) == "企业更名结果_20260303000506.pdf"


# Whatever people type.

TYPED = st.text(alphabet="上海测试建设（）·ABC0123-，初始注册造价工程师", min_size=1)
LONG = TYPED.map(lambda typed: (typed * 20)[:200])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(name=TYPED.map(lambda typed: (typed * 20)[:100]), enterprise=LONG)
def test_notice_slip_and_list_hold_the_longest_names(
    fontbook: FontBook, name: str, enterprise: str
) -> None:
    for kind, profile, face in (
        (Kind.ACCEPTANCE_NOTICE, COST, notice(COST, name=name, enterprise=enterprise)),
        (Kind.FILING_SLIP, ZHEJIANG, slip(name=name, enterprise=enterprise, professions=2)),
        (Kind.RENAME_LIST, SHANGHAI, renamed(row(1, name), row(2, name), name=enterprise)),
    ):
        drawn = placed(kind, profile, face, fontbook)
        assert drawn.pages
