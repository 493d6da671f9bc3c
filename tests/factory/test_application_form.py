"""Application forms: printed as the five systems print them, with the right words for each."""

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory import opinions
from factory.errors import FieldError, LintError
from factory.kinds import application_form
from factory.model import ApplicationType, Party
from factory.page.fonts import FontBook
from factory.page.lint import check
from factory.page.marks import APPLICANT_SIGN, ENTERPRISE_SEAL, Wording
from factory.page.rows import Table
from factory.page.sheet import Page, Picture, Placed, Run, Value, layout
from factory.profile import DocumentRules, Profile
from tests.factory.documents import FORMS, PROFILES, SAVED, applied, form, standing

SHANGHAI, COST = PROFILES["shanghai-constructor"], PROFILES["shanghai-cost-engineer"]
GANSU, SHAANXI = PROFILES["gansu-constructor"], PROFILES["shaanxi-constructor"]
ONE_PAGE = 1

Face = dict[str, object]


def values(profile: Profile, face: Face) -> dict[str, Value]:
    return dict(application_form.values(profile, face))


def text(value: Value) -> str:
    return value if isinstance(value, str) else "\n".join(value)


@pytest.fixture
def placed(fontbook: FontBook) -> Callable[[Profile, Face], Placed]:
    """A form laid out and linted."""

    def make(profile: Profile, face: Face) -> Placed:
        table = application_form.sheet(profile, face)
        drawn = layout(table, application_form.values(profile, face), fontbook)
        check(table, drawn, application_form.values(profile, face))
        return drawn

    return make


def labels(page: Page) -> str:
    return "".join(mark.text for mark in page.fixed if isinstance(mark, Run))


def pages_with(placed: Placed, slot: str) -> list[int]:
    return [
        number
        for number, page in enumerate(placed.pages)
        if any(isinstance(mark, Run) and mark.slot == slot for mark in page.filled)
    ]


@pytest.mark.parametrize(("name", "kind"), FORMS)
def test_every_form_keeps_all_rules_and_names_itself(
    placed: Callable[[Profile, Face], Placed], name: str, kind: ApplicationType
) -> None:
    profile = PROFILES[name]
    face = form(profile, kind)

    drawn = placed(profile, face)

    assert json.loads(json.dumps(face)) == face
    assert application_form.title(profile, face) in labels(drawn.pages[0])
    assert text(values(profile, face)["number"]) == drawn.text("number")


@pytest.mark.parametrize(
    ("profile", "kind", "title"),
    [
        (SHANGHAI, ApplicationType.INITIAL, "二级建造师初始注册申请表"),
        (COST, ApplicationType.RENEWAL, "二级造价工程师延续注册申请表"),
        (GANSU, ApplicationType.FORCED_CANCELLATION, "企业强制注销申请表"),
        (SHAANXI, ApplicationType.REREGISTRATION, "二级建造师重新注册申请表"),
    ],
)
def test_a_form_is_called_after_occupation_and_type(
    profile: Profile, kind: ApplicationType, title: str
) -> None:
    assert application_form.title(profile, form(profile, kind)) == title


def test_the_file_is_named_by_the_time_it_was_made_in_china() -> None:
    face = form(SHANGHAI, ApplicationType.INITIAL)

    assert application_form.file_name(SHANGHAI, face) == (
        "二级建造师初始注册申请表_20180409153600.pdf"
    )


def test_the_time_it_was_made_has_no_zeros_before_month_and_day() -> None:
    assert values(SHANGHAI, form(SHANGHAI, ApplicationType.INITIAL))["made_at"] == (
        "2018年4月9日 15:36:00"
    )


def test_an_initial_form_says_what_qualifies_in_one_sentence_a_profession() -> None:
    printed = values(SHANGHAI, form(SHANGHAI, ApplicationType.INITIAL, professions=2))

    assert printed["qualifications"] == (
        "资格类别：建筑工程， 签发日期：2016-11-03。",
        "资格类别：公路工程， 签发日期：2016-11-03。",
    )
    assert "education" not in printed


def test_a_late_initial_form_adds_the_hours() -> None:
    printed = values(SHANGHAI, form(SHANGHAI, ApplicationType.INITIAL, hours=True))

    assert printed["education"] == ("专业类别：建筑工程， 必修课110(学时)， 选修课100(学时)。",)


def test_an_addition_says_what_is_registered_and_what_is_added() -> None:
    face = form(SHANGHAI, ApplicationType.ADDITION, standing(SHANGHAI, professions=2))

    printed = values(SHANGHAI, face)

    assert printed["current"] == (
        "注册号：沪231161800057",
        "已注册专业：建筑工程(有效期至2021-06-13)、公路工程(有效期至2021-06-13)",
    )
    assert printed["matter"] == ("增项注册专业：建筑工程 签发日期：2016-11-03",)


def test_a_renewal_lists_each_profession_with_its_hours() -> None:
    printed = values(SHANGHAI, form(SHANGHAI, ApplicationType.RENEWAL, professions=6, hours=True))

    assert len(printed["matter"]) == 6 * 2
    assert printed["matter"][:2] == (
        "申请延续注册专业： 建筑工程",
        "继续教育情况（逾期注册）： 必修课110(学时)， 选修课100(学时)。",
    )


def test_a_renewal_in_time_says_nothing_of_hours() -> None:
    printed = values(SHANGHAI, form(SHANGHAI, ApplicationType.RENEWAL))

    assert printed["matter"] == ("申请延续注册专业： 建筑工程",)


def test_a_cancellation_marks_the_main_profession_and_gives_its_reason() -> None:
    printed = values(SHANGHAI, form(SHANGHAI, ApplicationType.CANCELLATION, professions=2))

    assert printed["matter"] == (
        "申请注销注册专业： 建筑工程(主项), 公路工程",
        "注销原因： 已与聘用企业解除聘用合同关系",
    )


def test_a_forced_cancellation_has_no_opinion_of_the_person() -> None:
    printed = values(GANSU, form(GANSU, ApplicationType.FORCED_CANCELLATION))

    assert "opinion.applicant" not in printed
    assert printed["opinion.enterprise"] == (
        "我单位聘用该人员符合规定, 其申报材料真实, 同意该同志申报注销注册。"
    )
    assert printed["holder.id_type"] == "居民身份证"


def test_a_forced_cancellation_that_both_sign_has_places_for_both() -> None:
    both = (Party.APPLICANT, Party.ENTERPRISE)
    rules = GANSU.application.model_copy(update={"forced_signers": both})
    profile = GANSU.model_copy(update={"application": rules})

    found = application_form.sheet(profile, form(profile, ApplicationType.FORCED_CANCELLATION))

    assert {APPLICANT_SIGN, ENTERPRISE_SEAL} <= found.wanted


def test_a_change_says_what_was_and_what_shall_be() -> None:
    before = standing(SHANGHAI, name="张三", enterprise="旧名公司")

    face = form(SHANGHAI, ApplicationType.CHANGE, before, name="张四", enterprise="新名公司")

    assert values(SHANGHAI, face)["matter"] == (
        "申请变更注册事项：",
        "姓名：由 张三 变更为 张四。",
        "企业名称：由 旧名公司 变更为 新名公司。",
    )


@pytest.mark.parametrize(
    ("profile", "told"),
    [(COST, ("照片：更换。", "注册证书个人签名：更换。")), (SHANGHAI, ("照片：更换。",))],
)
def test_a_change_of_a_picture_is_told_where_the_certificate_shows_it(
    profile: Profile, told: tuple[str, ...]
) -> None:
    before = standing(profile, enterprise="上海测试建设集团有限公司")

    face = form(profile, ApplicationType.CHANGE, before, photo="other", signature="other")

    assert values(profile, face)["matter"] == ("申请变更注册事项：", *told)


def test_a_change_of_what_the_register_does_not_know_refers_to_the_form() -> None:
    data = applied(SHANGHAI, ApplicationType.CHANGE, registration_number="沪231161800057")

    face = application_form.face(
        profile=SHANGHAI, data=data, registered=None, made_at=SAVED, photo=None, signature=None
    )

    printed = values(SHANGHAI, face)
    assert printed["current"] == ("注册号：沪231161800057",)
    assert printed["matter"] == ("申请变更注册事项：以上表所列信息为准。",)


def test_a_cost_engineer_names_profession_qualification_place_and_training() -> None:
    hours = {"compulsory": 60, "elective": 60, "taught_on": "2021-03-04", "taught_by": "示例中心"}
    listed = {
        "name": "土木建筑工程",
        "qualified_on": "2020-11-03",
        "qualified_in": "上海市",
        "qualification_number": "2020310000001",
        "hours": hours,
    }

    printed = values(COST, form(COST, ApplicationType.INITIAL, listed=[listed]))

    assert printed["qualifications"] == (
        "专业：土木建筑工程， 资格类别：二级造价工程师， 资格证书编号：2020310000001， "
        "资格取得所在地：上海市， 签发日期：2020-11-03。",
    )
    assert printed["education"] == (
        "专业类别：土木建筑工程， 必修课60(学时)， 选修课60(学时)， "
        "培训日期：2021-03-04， 培训机构：示例中心。",
    )


def test_the_signature_picture_is_on_a_cost_engineers_form(
    placed: Callable[[Profile, Face], Placed],
) -> None:
    page = placed(COST, form(COST, ApplicationType.INITIAL)).pages[0]

    pictures = {mark.role: mark for mark in page.filled if isinstance(mark, Picture)}

    assert set(pictures) == {"photo", "signature"}
    assert (pictures["photo"].width_mm, pictures["photo"].height_mm) == (25, 35)


def test_the_signature_picture_is_not_on_a_constructors_form() -> None:
    assert "signature" not in values(SHANGHAI, form(SHANGHAI, ApplicationType.INITIAL))


def test_a_form_without_a_photo_says_where_it_belongs(
    placed: Callable[[Profile, Face], Placed],
) -> None:
    drawn = placed(SHANGHAI, form(SHANGHAI, ApplicationType.RENEWAL, photo=None))

    assert "照片" in labels(drawn.pages[0])


def test_another_paper_than_the_identity_card_is_called_a_paper(
    placed: Callable[[Profile, Face], Placed],
) -> None:
    face = form(SHANGHAI, ApplicationType.INITIAL)
    other = face | {"holder": {**face["holder"], "id_type": "414"}}  # type: ignore[dict-item]

    assert "身份证号" in labels(placed(SHANGHAI, face).pages[0])
    assert "身份证号" not in labels(placed(SHANGHAI, other).pages[0])


# Who signs.


@pytest.mark.parametrize(
    ("profile", "kind", "signed"),
    [
        (SHANGHAI, ApplicationType.INITIAL, {APPLICANT_SIGN, ENTERPRISE_SEAL}),
        (GANSU, ApplicationType.FORCED_CANCELLATION, {ENTERPRISE_SEAL}),
        (SHAANXI, ApplicationType.INITIAL, set()),
    ],
)
def test_a_form_has_signature_fields_for_its_signers_only(
    placed: Callable[[Profile, Face], Placed],
    profile: Profile,
    kind: ApplicationType,
    signed: set[str],
) -> None:
    drawn = placed(profile, form(profile, kind))

    assert {box.name for box in drawn.signatures} == signed


def test_whoever_signs_by_pen_finds_the_places(placed: Callable[[Profile, Face], Placed]) -> None:
    words = labels(placed(SHAANXI, form(SHAANXI, ApplicationType.INITIAL)).pages[0])

    assert "签字：" in words and "盖章：" in words


def test_a_round_seal_fits_the_enterprises_place(
    placed: Callable[[Profile, Face], Placed],
) -> None:
    box = placed(SHANGHAI, form(SHANGHAI, ApplicationType.INITIAL)).signature(ENTERPRISE_SEAL)

    assert box is not None
    assert (box.width_mm, box.height_mm) == (42, 42)


# What does not fit.


def test_six_professions_with_hours_fit(placed: Callable[[Profile, Face], Placed]) -> None:
    face = form(SHANGHAI, ApplicationType.INITIAL, professions=6, hours=True)

    drawn = placed(SHANGHAI, face)

    assert len(drawn.pages) == 2
    assert "第 2 页 共 2 页" in labels(drawn.pages[1])
    assert drawn.text("number@2") == drawn.text("number")


def test_one_page_has_no_page_number(placed: Callable[[Profile, Face], Placed]) -> None:
    drawn = placed(SHANGHAI, form(SHANGHAI, ApplicationType.INITIAL))

    assert len(drawn.pages) == ONE_PAGE
    assert "页" not in labels(drawn.pages[0])


def test_an_opinion_stays_on_the_page_of_its_signature(
    placed: Callable[[Profile, Face], Placed],
) -> None:
    face = form(SHANGHAI, ApplicationType.INITIAL, professions=6, hours=True)

    drawn = placed(SHANGHAI, face)

    box = drawn.signature(ENTERPRISE_SEAL)
    assert box is not None
    assert pages_with(drawn, "opinion.enterprise") == [box.page]


def test_a_row_higher_than_a_page_goes_on_on_the_next(
    placed: Callable[[Profile, Face], Placed],
) -> None:
    hours = {"compulsory": 1, "elective": 1, "taught_on": "2021-03-04", "taught_by": "训" * 60}
    listed = [
        {"name": f"{place:02d}" + "专" * 38, "qualified_on": "2016-11-03", "hours": hours}
        for place in range(12)
    ]

    drawn = placed(SHANGHAI, form(SHANGHAI, ApplicationType.INITIAL, listed=listed))

    assert len(pages_with(drawn, "education")) > ONE_PAGE


TYPED = st.text(alphabet="上海测试建设（）·ABC0123-，初始注册二级造价工程师注销", min_size=1)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(data=st.data())
def test_whatever_people_type_is_printed_whole(fontbook: FontBook, data: st.DataObject) -> None:
    name, kind = data.draw(st.sampled_from(FORMS))
    profile = PROFILES[name]
    face = form(
        profile,
        kind,
        name=data.draw(TYPED.map(lambda typed: (typed * 20)[:100])),
        enterprise=data.draw(TYPED.map(lambda typed: (typed * 20)[:200])),
        professions=data.draw(st.integers(1, len(profile.professions.names))),
        hours=data.draw(st.booleans()),
        reason=data.draw(TYPED.map(lambda typed: (typed * 50)[:500])),
    )
    table, printed = application_form.sheet(profile, face), values(profile, face)

    drawn = layout(table, printed, fontbook)

    check(table, drawn, printed)
    for slot, value in printed.items():
        if slot not in {"photo", "signature"}:
            assert "".join(drawn.text(slot).split()) == "".join(text(value).split())


# The right words.


@pytest.mark.parametrize(("name", "kind"), FORMS)
def test_an_opinion_speaks_of_its_own_type_and_occupation(name: str, kind: ApplicationType) -> None:
    profile = PROFILES[name]

    printed = values(profile, form(profile, kind))

    said = "".join(text(printed.get(f"opinion.{party}", "")) for party in Party)
    assert not any(word in said for word in opinions.strange(kind, profile.occupation))


def test_the_enterprise_agrees_to_what_is_applied_for() -> None:
    printed = values(SHANGHAI, form(SHANGHAI, ApplicationType.RENEWAL))

    assert printed["opinion.enterprise"] == (
        "上海测试建设集团有限公司已按照相关法律规定与张三丰签订真实有效劳动聘用合同，并确认其申报材料"
        "真实，同意该同志申报延续注册。"
    )


def test_a_name_with_braces_is_printed_as_it_is() -> None:
    printed = values(SHANGHAI, form(SHANGHAI, ApplicationType.CANCELLATION, name="张{e}"))

    assert printed["opinion.enterprise"] == (
        "我单位聘用的张{e}，其申报材料真实，同意该同志申报注销注册。"
    )


def own_opinion(profile: Profile, said: str) -> Profile:
    rule = {"application": "renewal", "party": "enterprise", "text": said}
    documents = {**profile.documents.model_dump(), "opinions": [rule]}
    whole = {**profile.model_dump(), "documents": documents}
    return Profile.model_validate(whole)


def test_a_profile_may_have_its_own_words() -> None:
    profile = own_opinion(SHANGHAI, "{e}同意{n}申报{t}。")

    assert values(profile, form(profile, ApplicationType.RENEWAL))["opinion.enterprise"] == (
        "上海测试建设集团有限公司同意张三丰申报延续注册。"
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("同意该同志申报初始注册。", "speaks of 初始注册"),
        ("取得造价工程师资格。", "speaks of 造价工程师"),
        ("同意{name}。", "names something else"),
        ("同意{n。", "braces do not match"),
    ],
)
def test_a_profile_with_words_of_another_form_is_refused(said: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        own_opinion(SHANGHAI, said)


def drawn_with(fontbook: FontBook, wording: Wording) -> None:
    face = form(SHANGHAI, ApplicationType.RENEWAL)
    whole = application_form.sheet(SHANGHAI, face)
    table = Table(
        title=whole.title,
        rows=whole.rows,
        repeated=whole.repeated,
        foot=whole.foot,
        wording=wording,
    )
    printed = values(SHANGHAI, face)
    check(table, layout(table, printed, fontbook), printed)


def test_lint_refuses_a_text_copied_from_another_form(fontbook: FontBook) -> None:
    strange = opinions.strange(ApplicationType.RENEWAL, SHANGHAI.occupation)

    drawn_with(fontbook, Wording(templates=("同意{n}申报延续注册。",), strange=strange))
    with pytest.raises(LintError, match=r"^wording: speaks of 初始注册$"):
        drawn_with(fontbook, Wording(templates=("同意{n}申报初始注册。",), strange=strange))


def test_lint_refuses_a_label_of_another_type(fontbook: FontBook) -> None:
    strange = opinions.strange(ApplicationType.INITIAL, SHANGHAI.occupation)

    with pytest.raises(LintError, match=r"^wording: speaks of 延续注册$"):
        drawn_with(fontbook, Wording(strange=strange))


def test_an_enterprise_named_like_another_occupation_is_printed(
    placed: Callable[[Profile, Face], Placed],
) -> None:
    placed(SHANGHAI, form(SHANGHAI, ApplicationType.INITIAL, enterprise="造价工程师事务所"))


# What is stored.


def test_a_face_of_another_version_is_refused() -> None:
    face = form(SHANGHAI, ApplicationType.INITIAL) | {"version": 2}

    with pytest.raises(FieldError, match="another version"):
        application_form.title(SHANGHAI, face)


def test_a_time_without_its_zone_is_refused() -> None:
    face = form(SHANGHAI, ApplicationType.INITIAL) | {"made_at": "2018-04-09T15:36:00"}

    with pytest.raises(FieldError, match=r"face\.made_at: timezone_aware"):
        application_form.title(SHANGHAI, face)


def test_a_face_without_a_field_is_refused_without_its_values() -> None:
    face = form(SHANGHAI, ApplicationType.INITIAL)
    del face["number"]

    with pytest.raises(FieldError) as caught:
        application_form.title(SHANGHAI, face)

    assert str(caught.value) == "face.number: missing (face version 1)"


def test_equal_rows_share_one_table() -> None:
    one, other = (form(SHANGHAI, ApplicationType.INITIAL, name=name) for name in ("甲", "乙"))

    assert application_form.sheet(SHANGHAI, one) is application_form.sheet(SHANGHAI, other)


# Which forms there are.


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"application_forms": ("reregistration",)}, "a type this register does not have"),
        ({"application_forms": ("paper_exchange",)}, "a paper exchange has no form"),
        ({"acceptance_notice": True, "notice_word": ""}, "needs notice_word and legal_basis"),
    ],
)
def test_documents_that_do_not_agree_with_the_register_are_refused(
    changed: dict[str, object], why: str
) -> None:
    documents = {**SHANGHAI.documents.model_dump(), **changed}

    with pytest.raises(ValueError, match=why):
        Profile.model_validate({**SHANGHAI.model_dump(), "documents": documents})


def test_a_register_has_no_forms_unless_it_says_so() -> None:
    rules = DocumentRules()

    assert (rules.application_forms, rules.acceptance_notice, rules.rename_list) == (
        (),
        False,
        True,
    )
