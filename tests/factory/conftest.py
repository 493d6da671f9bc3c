"""Values that several tests of the factory draw with; all of them synthetic."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import NoReturn

import pytest
from PIL import Image, ImageChops, ImageDraw

from factory import profile as profiles
from factory.errors import SettingsError
from factory.kinds import KINDS
from factory.kinds.certificate import face
from factory.kinds.stored import twin
from factory.model import (
    Enterprise,
    Holder,
    Kind,
    Occupation,
    Period,
    Profession,
    Registration,
    Sex,
)
from factory.page.fonts import FontBook
from factory.page.sheet import Placed, layout
from factory.pictures import normalise_signature
from factory.profile import Profile
from factory.versions import Versions
from factory.writers.pdf import draw
from jobs import wiring
from jobs.preview import Studio
from jobs.settings import Settings
from tests.factory.sealing import World, new_world
from tests.studios import studio

FONT_DIRS = Settings.from_env(os.environ).font_dirs
LICENCE_ID = (
    "1.2.156.3005.2.11100000000013338W001.11310000MB0F000013.0123456789ABCDEF0123456789ABCDEF.001.W"
)
CREATED = datetime(2024, 11, 30, 2, 3, 4, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "golden"
GREYS = [round(value / 17) * 17 for value in range(256)]  #: sixteen are kept
FEWER_GREYS = [round(value / 36.5) * 36 for value in range(256)]  #: eight
STRONG = 40  #: of 255, a difference that is more than another renderer's smoothing
FEW = 10  #: pixels that may differ so; a character that is another differs in more
PROFILES = Path(profiles.__file__).parent / "profiles"

Face = dict[str, object]
NewFace = Callable[..., Face]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the one in tests/golden, or writes it with ``--renew-golden``."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--renew-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        assert text == path.read_text("utf-8")

    return compare


@pytest.fixture
def golden_picture(request: pytest.FixtureRequest) -> Callable[[str, Image.Image], None]:
    """The same for a picture; renderers may differ in a shade here and there."""

    def compare(name: str, picture: Image.Image) -> None:
        path = GOLDEN / name
        page = picture.convert("L").point(GREYS)
        if request.config.getoption("--renew-golden"):
            page.save(path, optimize=True)
        difference = ImageChops.difference(page.reduce(2), Image.open(path).reduce(2))
        assert sum(difference.histogram()[STRONG:]) <= FEW

    return compare


@pytest.fixture
def golden_page(request: pytest.FixtureRequest) -> Callable[[str, Image.Image], None]:
    """The same for a page as PDFium draws it, which does so alike everywhere: small, few greys."""

    def compare(name: str, picture: Image.Image) -> None:
        path = GOLDEN / name
        page = picture.convert("L").point(FEWER_GREYS)
        if request.config.getoption("--renew-golden"):
            path.parent.mkdir(exist_ok=True)
            page.quantize(len(set(FEWER_GREYS))).save(path, optimize=True)
        agreed = Image.open(path).convert("L")
        assert page.size == agreed.size
        difference = ImageChops.difference(page, agreed)
        assert sum(difference.histogram()[STRONG:]) <= FEW

    return compare


@pytest.fixture(scope="module")
def font_files(fontbook: FontBook) -> Mapping[str, bytes]:
    """The bytes of every file in ``FACES``, all of which are there."""
    return wiring.font_files(FONT_DIRS)


@pytest.fixture(scope="session")
def fontbook(absent: Callable[[str], NoReturn]) -> FontBook:
    """The faces that this product prints with."""
    try:
        return wiring.load_fonts(FONT_DIRS)
    except SettingsError as error:
        absent(str(error))


@pytest.fixture(scope="module")
def rooms(fontbook: FontBook) -> Studio:
    """Where documents of every register are laid out and looked at."""
    return studio(fontbook)


@pytest.fixture(scope="module")
def world() -> World:
    """Keys and certificates of a small world."""
    return new_world()


@pytest.fixture(scope="session")
def shanghai() -> Profile:
    """Shanghai's second-class constructors."""
    return profiles.parse((PROFILES / "shanghai-constructor.toml").read_text("utf-8"))


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A small JPEG of the format's size."""
    target = BytesIO()
    Image.new("RGB", (295, 413), (90, 130, 190)).save(target, "JPEG", quality=80)
    return target.getvalue()


@pytest.fixture(scope="session")
def engineers() -> Versions:
    """Shanghai's second-class cost engineers: all versions of their profile."""
    texts = [path.read_text("utf-8") for path in PROFILES.glob("shanghai-cost-engineer*.toml")]
    return Versions.of(*map(profiles.parse, texts))


@pytest.fixture(scope="session")
def signature() -> bytes:
    """A small JPEG as a holder's signature is printed."""
    picture = Image.new("L", (413, 179), 255)
    ImageDraw.Draw(picture).line([(40, 120), (130, 40), (160, 150), (370, 60)], 20, 6)
    target = BytesIO()
    picture.save(target, "PNG")
    return normalise_signature(target.getvalue())


@pytest.fixture
def new_face(shanghai: Profile) -> NewFace:
    """A face: ``new_face(name="欧阳𬭎", professions=6)``."""

    def make(
        name: str = "张三丰",
        professions: int = 1,
        enterprise: str = "上海测试建设集团有限公司",
        photo: str | None = "digest",
        signature: str | None = "digest",
        profile: Profile = shanghai,
    ) -> Face:
        registered = registration(profile, name, professions, enterprise)
        return face(
            profile=profile,
            registration=replace(registered, signature=signature),
            edition=1,
            licence_id=LICENCE_ID,
            verification_code="K7QF2M9XTR4B8HWN3CVD",
            verify_url="https://verify.example/v/",
            issued_on=date(2024, 11, 30),
            photo=photo,
        )

    return make


#: One that the register of such people gives out.
NUMBERS = {
    Occupation.CONSTRUCTOR: "沪2312016201800057",
    Occupation.COST_ENGINEER: "建[造]21243100000123",
}


def registration(profile: Profile, name: str, professions: int, enterprise: str) -> Registration:
    """Somebody registered since 2024-11-30."""
    validity = Period(first=date(2024, 11, 30), last=date(2027, 11, 29))
    return Registration(
        number=NUMBERS[profile.occupation],
        holder=Holder(
            name=name,
            sex=Sex.FEMALE,
            birth_date=date(1990, 1, 1),
            id_type="111",
            id_number="310101199001010008",
        ),
        enterprise=Enterprise(credit_code="91310000MA1FL00004", name=enterprise),
        occupation=profile.occupation,
        professions=tuple(
            Profession(name=each, validity=validity)
            for each in profile.professions.names[:professions]
        ),
    )


@pytest.fixture
def place(shanghai: Profile, fontbook: FontBook) -> Callable[[Face], Placed]:
    """A face laid out on its sheet."""

    def make(given: Face) -> Placed:
        kind = KINDS[Kind.CERTIFICATE]
        return layout(kind.sheet(shanghai, given), kind.values(shanghai, given), fontbook)

    return make


@pytest.fixture
def draw_pdf(
    place: Callable[[Face], Placed], photo: bytes, signature: bytes
) -> Callable[[Face], bytes]:
    """A face as an unsealed PDF with its twin."""

    def make(given: Face) -> bytes:
        placed = place(given)
        return draw(
            placed,
            {"photo": photo, "signature": signature},
            title=placed.title,
            created=CREATED,
            twin=twin(given),
            licence_id=LICENCE_ID,
        )

    return make
