"""Documents as files: what a reader of the PDF finds, and where the authority's seal lands."""

from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pypdf import PdfReader

from factory import specimen
from factory.kinds import KINDS, acceptance_notice
from factory.model import ApplicationType, Kind
from factory.page.fonts import FontBook
from factory.page.marks import AUTHORITY_SEAL, SignatureBox
from factory.page.sheet import Placed, layout
from factory.pictures import normalise_signature
from factory.profile import Profile
from factory.seals import pades
from factory.verify import self_check
from factory.writers.pdf import draw
from tests.factory.documents import PROFILES, SAVED, applied, form
from tests.factory.sealing import NOW, World

SHANGHAI, COST = PROFILES["shanghai-constructor"], PROFILES["shanghai-cost-engineer"]


@pytest.fixture(scope="session")
def signature() -> bytes:
    """A signature picture as it is kept."""
    return normalise_signature(specimen.signature(1))


def placed(kind: Kind, profile: Profile, face: Mapping[str, object], book: FontBook) -> Placed:
    module = KINDS[kind]
    return layout(module.sheet(profile, face), module.values(profile, face), book)


def test_a_form_of_two_pages_is_a_file_of_two_pages(
    fontbook: FontBook, photo: bytes, signature: bytes
) -> None:
    face = form(
        COST, ApplicationType.INITIAL, name="欧阳𬭎", enterprise="上海测试建设公司" * 25, hours=True
    )
    drawn = placed(Kind.APPLICATION_FORM, COST, face, fontbook)

    document = draw(
        drawn,
        {"photo": photo, "signature": signature},
        title=drawn.title,
        licence_id="",
        created=SAVED,
    )

    pages = [page.extract_text() for page in PdfReader(BytesIO(document)).pages]
    assert len(pages) == 2
    assert "二级造价工程师初始注册申请表" in pages[0]
    assert "欧阳𬭎" in pages[0]
    assert "第 2 页 共 2 页" in pages[1]


def test_equal_faces_give_equal_files(fontbook: FontBook, photo: bytes) -> None:
    def document() -> bytes:
        face = form(SHANGHAI, ApplicationType.RENEWAL)
        drawn = placed(Kind.APPLICATION_FORM, SHANGHAI, face, fontbook)
        return draw(drawn, {"photo": photo}, title=drawn.title, licence_id="", created=SAVED)

    assert document() == document()


def test_a_notice_takes_the_authoritys_seal_in_its_box(fontbook: FontBook, world: World) -> None:
    face = acceptance_notice.face(
        profile=SHANGHAI,
        number=SHANGHAI.documents.number(2026, 1),
        data=applied(SHANGHAI, ApplicationType.INITIAL),
        accepted_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    drawn = placed(Kind.ACCEPTANCE_NOTICE, SHANGHAI, face, fontbook)
    box = drawn.signature(AUTHORITY_SEAL)
    assert box is not None
    document = draw(drawn, {}, title=drawn.title, licence_id="", created=NOW)
    field = SignatureBox(
        name=box.name,
        page=box.page,
        x_mm=box.x_mm,
        y_mm=box.y_mm,
        width_mm=box.width_mm,
        height_mm=box.height_mm,
    )

    prepared = pades.prepare(document, field, world.p256, now=NOW)
    [signed] = world.p256.signer.sign_digests([prepared.digest])
    sealed = pades.complete(prepared, signed)

    self_check(sealed, world.p256.signing_cert)
