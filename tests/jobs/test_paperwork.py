"""Paperwork: which documents an application has at each step, what becomes of the old ones."""

import urllib.request
from io import BytesIO
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from factory import specimen
from factory.access import Viewer
from factory.errors import ConflictError, ForbiddenError, NotFoundError
from factory.model import BatchId, DocumentState, Kind
from jobs import desk, documents, enquiry, stories
from jobs.asker import Asker
from jobs.settings import Settings
from jobs.wiring import Plant
from tests import judges
from tests.telling import faults, tell, whole_factory

WHO = "test"
NUMBER = "W2026030330001"
CODE = specimen.credit_code(88001)
PAPER = ("111", str(specimen.holder(88001)["id_number"]))
HEAD = """
title = "paperwork"
profile = "{profile}"

[people.one]
seed = 88001
name = "王安"

[enterprises.firm]
seed = 88001
name = "上海示例甲建设工程有限公司"
"""
SAVED = """
[[step]]
title = "saved"
event = "application.saved"
on = 2026-03-{day:02}T09:00:00+08:00
person = "one"
enterprise = "firm"
application = "W2026030330001"
type = "{kind}"
signed_by = {signers}
data = {{ revision = {revision}{more} }}
"""
INITIAL = 'professions = [{ name = "建筑工程", qualified_on = 2024-11-03, main = true }]'
BOTH = '["applicant", "enterprise"]'


def saved(revision: int, *, signers: str = "[]", kind: str = "initial", more: str = INITIAL) -> str:
    more = f", {more}" if more else ""
    return SAVED.format(day=revision, kind=kind, signers=signers, revision=revision, more=more)


@pytest.fixture
def plant(tmp_path: Path, s3: Settings) -> Plant:
    return whole_factory(tmp_path, s3)


def told(plant: Plant, *steps: str, profile: str = "shanghai-constructor") -> None:
    story = stories.parse(HEAD.format(profile=profile) + "".join(steps))
    assert faults(tell(plant, story)) == []


def standing(plant: Plant, number: str = NUMBER) -> list[tuple[str, int, str]]:
    found = documents.of_application(plant, number)
    return [(each.kind.value, each.revision, each.state.value) for each in found]


def fetched(plant: Plant, kind: Kind, *, revision: int | None = None) -> bytes:
    url = documents.link(plant, NUMBER, kind, who=WHO, revision=revision).url
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310
        data: bytes = answer.read()
    return data


# --- the form ---------------------------------------------------------------------------------


def test_what_is_saved_has_its_form(plant: Plant) -> None:
    told(plant, saved(1))

    assert standing(plant) == [("application_form", 1, "live")]


def test_another_revision_voids_the_form_before_it(plant: Plant) -> None:
    told(plant, saved(1), saved(2))

    assert standing(plant) == [("application_form", 1, "void"), ("application_form", 2, "live")]


def test_a_void_form_can_still_be_looked_at(plant: Plant) -> None:
    told(plant, saved(1), saved(2))

    assert fetched(plant, Kind.APPLICATION_FORM, revision=1) != fetched(
        plant, Kind.APPLICATION_FORM
    )


def test_a_register_without_forms_draws_none(plant: Plant) -> None:
    told(plant, saved(1), profile="zhejiang-constructor")

    assert standing(plant) == []


def test_a_form_has_an_empty_field_for_each_party(plant: Plant) -> None:
    told(plant, saved(1))

    reader = PdfFileReader(BytesIO(fetched(plant, Kind.APPLICATION_FORM)))
    fields = [(name, value) for name, value, _ in enumerate_sig_fields(reader)]

    assert fields == [("ApplicantSign", None), ("EnterpriseSeal", None)]


def test_a_form_signed_by_pen_has_no_field(plant: Plant) -> None:
    told(plant, saved(1), profile="shaanxi-constructor")

    reader = PdfFileReader(BytesIO(fetched(plant, Kind.APPLICATION_FORM)))

    assert list(enumerate_sig_fields(reader)) == []


def test_what_is_signed_by_pen_stays_valid_while_it_says_the_same(plant: Plant) -> None:
    told(plant, saved(1), saved(2), profile="shaanxi-constructor")

    assert standing(plant) == [("application_form", 1, "live")]


def test_what_is_signed_by_pen_is_void_once_it_says_something_else(plant: Plant) -> None:
    other = 'professions = [{ name = "公路工程", qualified_on = 2024-11-03, main = true }]'

    told(plant, saved(1), saved(2, more=other), profile="shaanxi-constructor")

    assert standing(plant) == [("application_form", 1, "void"), ("application_form", 2, "live")]


def test_other_programs_read_a_form(plant: Plant, tmp_path: Path) -> None:
    told(plant, saved(1))
    path = tmp_path / "form.pdf"
    path.write_bytes(fetched(plant, Kind.APPLICATION_FORM))

    text = judges.text_of(path)

    assert "No syntax or stream encoding errors found" in judges.qpdf(path)
    assert set(judges.embedded_fonts(path)) == {"yes"}
    for words in ("二级建造师初始注册申请表", "王安", NUMBER, "上海示例甲建设工程有限公司"):
        assert words in text


# --- the notice -------------------------------------------------------------------------------


def test_the_notice_comes_with_the_last_signature(plant: Plant) -> None:
    told(plant, saved(1, signers=BOTH))

    assert standing(plant) == [("application_form", 1, "live"), ("acceptance_notice", 1, "live")]


def test_one_signature_alone_brings_no_notice(plant: Plant) -> None:
    told(plant, saved(1, signers='["applicant"]'))

    assert standing(plant) == [("application_form", 1, "live")]


def test_an_edit_after_acceptance_voids_the_notice(plant: Plant) -> None:
    told(plant, saved(1, signers=BOTH), saved(2))

    assert standing(plant) == [
        ("application_form", 1, "void"),
        ("acceptance_notice", 1, "void"),
        ("application_form", 2, "live"),
    ]


def test_the_next_acceptance_has_a_notice_of_its_own_number(plant: Plant, tmp_path: Path) -> None:
    told(plant, saved(1, signers=BOTH), saved(2, signers=BOTH))
    texts = []
    for revision in (1, 2):
        path = tmp_path / f"{revision}.pdf"
        path.write_bytes(fetched(plant, Kind.ACCEPTANCE_NOTICE, revision=revision))
        texts.append(judges.text_of(path))

    assert "〔2026〕1号" in texts[0]
    assert "〔2026〕2号" in texts[1]


def test_a_cancellation_that_takes_effect_at_the_signature_has_no_notice(plant: Plant) -> None:
    cancelled = saved(
        5,
        signers=BOTH,
        kind="cancellation",
        more='reason = "聘用企业破产", professions = [{ name = "建筑工程" }]',
    )

    told(plant, SAVED_AND_MADE, cancelled)

    assert standing(plant) == [("application_form", 5, "live")]


def test_a_paper_exchange_has_neither_form_nor_notice(plant: Plant) -> None:
    told(plant, IMPORTED, saved(1, kind="paper_exchange", more=""))

    assert standing(plant) == []


def test_a_register_that_gives_no_notices_draws_none(plant: Plant) -> None:
    told(plant, saved(1, signers=BOTH), profile="gansu-constructor")

    assert standing(plant) == [("application_form", 1, "live")]


# --- the slip ---------------------------------------------------------------------------------


def test_the_slip_comes_once_it_is_filed_and_says_both_numbers(
    plant: Plant, tmp_path: Path
) -> None:
    told(
        plant,
        saved(1),
        attached("identity_paper"),
        attached("qualification"),
        attached("labour_contract"),
        saved(2, more=INITIAL + ", submitted = true"),
        profile="zhejiang-constructor",
    )
    path = tmp_path / "slip.pdf"
    path.write_bytes(fetched(plant, Kind.FILING_SLIP))

    text = "".join(judges.text_of(path).split())
    filing_number, query_code = enquiry.slip(plant, NUMBER)

    assert filing_number.replace(" ", "") in text
    assert query_code.replace(" ", "") in text


def attached(material: str) -> str:
    return f"""
[[step]]
title = "attached"
event = "application.attached"
on = 2026-03-01T10:00:00+08:00
person = "one"
application = "{NUMBER}"
data = {{ material = "{material}", text = "{material}" }}
"""


# --- the list of a rename ---------------------------------------------------------------------

IMPORTED = """
[[step]]
title = "imported"
event = "registration.imported"
on = 2025-01-10
person = "one"
enterprise = "firm"
data.registration_number = "沪2312016202500009"
data.professions = [{ name = "建筑工程", valid_from = 2025-01-10, valid_to = 2028-01-09 }]
data.edition = { medium = "paper", issued_on = 2025-01-10 }
"""
RENAMED = """
[[step]]
title = "renamed"
event = "enterprise.renamed"
on = 2026-03-05
enterprise = "firm"
data.new_name = "上海示例甲建设集团有限公司"
"""
CONFIRMED = """
[[step]]
title = "confirmed"
do = "confirm"
enterprise = "firm"
"""


def test_a_rename_is_listed_when_it_has_ended(plant: Plant) -> None:
    told(plant, SAVED_AND_MADE, RENAMED, CONFIRMED)

    found, report = documents.of_batch(plant, BatchId(1))

    assert (found.kind, report.kind) == (Kind.RENAME_LIST, Kind.BATCH_REPORT)
    assert found.state is report.state is DocumentState.LIVE


def test_a_rename_that_waits_for_confirmation_is_not_listed(plant: Plant) -> None:
    told(plant, SAVED_AND_MADE, RENAMED)

    assert documents.of_batch(plant, BatchId(1)) == []


def test_the_list_is_the_enterprises_own(plant: Plant) -> None:
    told(plant, SAVED_AND_MADE, RENAMED, CONFIRMED)
    own = Asker(viewer=Viewer.ENTERPRISE, credit_code=CODE)
    other = Asker(viewer=Viewer.ENTERPRISE, credit_code=specimen.credit_code(5))

    assert documents.of_batch(plant, BatchId(1), asker=own)
    with pytest.raises(ForbiddenError, match="another enterprise"):
        documents.of_batch(plant, BatchId(1), asker=other)


SAVED_AND_MADE = """
[[step]]
title = "approved"
event = "registration.approved"
on = 2026-03-02
person = "one"
enterprise = "firm"
application = "W2026030330009"
type = "initial"
data.professions = [{ name = "建筑工程", qualified_on = 2024-11-03, main = true }]
"""


# --- who may see it, and what verification says -----------------------------------------------


def test_holder_and_enterprise_may_have_the_form_of_their_own(plant: Plant) -> None:
    told(plant, saved(1))

    for asker in (
        Asker(viewer=Viewer.HOLDER, paper=PAPER),
        Asker(viewer=Viewer.ENTERPRISE, credit_code=CODE),
    ):
        assert documents.link(plant, NUMBER, Kind.APPLICATION_FORM, who=WHO, asker=asker).url


def test_another_enterprise_may_not_have_it(plant: Plant) -> None:
    told(plant, saved(1))
    other = Asker(viewer=Viewer.ENTERPRISE, credit_code=specimen.credit_code(5))

    with pytest.raises(ForbiddenError, match="another enterprise"):
        documents.link(plant, NUMBER, Kind.APPLICATION_FORM, who=WHO, asker=other)


def test_a_document_that_there_is_not_is_said_so(plant: Plant) -> None:
    told(plant, saved(1))

    with pytest.raises(NotFoundError, match="acceptance_notice"):
        documents.link(plant, NUMBER, Kind.ACCEPTANCE_NOTICE, who=WHO)


def test_a_document_that_is_not_made_yet_is_said_so(plant: Plant) -> None:
    story = stories.parse(HEAD.format(profile="shanghai-constructor") + saved(1))
    list(stories.tell(plant, story, lambda: None))

    with pytest.raises(ConflictError, match="生成中"):
        documents.link(plant, NUMBER, Kind.APPLICATION_FORM, who=WHO)


def test_a_form_is_known_by_its_bytes_though_nobody_sealed_it(plant: Plant) -> None:
    told(plant, saved(1))

    finding = desk.examine(plant, fetched(plant, Kind.APPLICATION_FORM))

    assert (finding.word, finding.state, finding.in_force) == ("recorded", "live", True)
    assert finding.application == NUMBER


def test_a_form_with_another_byte_is_not(plant: Plant) -> None:
    told(plant, saved(1))

    finding = desk.examine(plant, fetched(plant, Kind.APPLICATION_FORM) + b"\n")

    assert (finding.word, finding.genuine) == ("unsigned", False)


def test_a_notice_is_sealed_and_a_void_one_is_not_in_force(plant: Plant) -> None:
    told(plant, saved(1, signers=BOTH), saved(2))

    finding = desk.examine(plant, fetched(plant, Kind.ACCEPTANCE_NOTICE, revision=1))

    assert (finding.word, finding.state, finding.in_force) == ("valid", "void", False)
