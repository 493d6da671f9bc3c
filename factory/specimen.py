"""Specimens (样例): synthetic people, enterprises and events for demonstrations and measuring.

Nobody in them exists.  Each is a function of its seed alone, and two seeds below five million
never share an identity number.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache, partial
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps
from stdnum.cn import ric, uscc

from factory import acceptance
from factory.model import ApplicationType, Sex
from factory.pictures import (
    DPI,
    HEIGHT_PX,
    SIGNATURE_HEIGHT_PX,
    SIGNATURE_WIDTH_PX,
    WIDTH_PX,
)
from factory.profile import AcceptanceRules, Authority

PROFILE = "shanghai-constructor"
SOURCE = "urn:example:shanghai-portal"
#: As that profile's file has it; no other type is needed here.
ACCEPTANCE = AcceptanceRules.model_validate(
    {
        "scheme": "monthly",
        "department": "033",
        "profession": "18",
        "forms": [{"application": "initial", "type": "01", "variant": "03"}],
    }
)
A_MONTH = 9999  #: numbers
AREA = "310101"  #: 上海市黄浦区
NOWHERE = "9900"  #: below any division, no area of GB/T 2260
FORMS = ("建设工程有限公司", "市政工程有限公司", "建筑工程咨询有限公司", "建设集团有限公司")
FIRST_BIRTH, BIRTHS = date(1966, 1, 1), 11_000
STRIDE = 7919  #: prime, so that neighbouring seeds lie far apart and all days are used
SHANGHAI = timezone(timedelta(hours=8))
FIRST_TIME = datetime(2024, 3, 1, 9, tzinfo=SHANGHAI)
FACES = 24  #: different portraits

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜"
GIVEN = "安邦成德恩帆光涵嘉康黎明宁鹏启荣尚天文欣亚泽志"
PROFESSIONS = ("建筑工程", "公路工程", "水利水电工程", "市政公用工程", "矿业工程", "机电工程")

#: names that a page must have room and glyphs for; every fourth person has one
UNCOMMON = (
    "欧阳慕容雪", "阿卜杜热合曼·买买提吐尔逊", "王𬭎", "古丽娜扎尔·阿布都克里木", "扎西多吉",
    "李喆", "斯琴高娃", "陈䶮", "尼玛卓玛", "阿依古丽·吐尔逊江", "张㛃", "乌兰托娅", "刘淼焱",
    "司徒翀",
)  # fmt: skip

SCAN_TEXT = "Specimen. A scan of a signed paper."  #: of the example events
SCAN_PT, SCAN_PX = (595.0, 842.0), (827, 1169)  #: ISO 216 A4; at 100 dpi
#: What a scan may not hold: in its catalog and on its page.
SCAN_FAULTS: Mapping[str, tuple[bytes, bytes]] = {
    "": (b"", b""),
    "script": (b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>", b""),
    "form": (
        b"/AcroForm << /Fields [<< /FT /Tx /T (name) /Subtype /Widget /Rect [90 90 300 120] >>] >>",
        b"",
    ),
    "note": (
        b"",
        b"/Annots [<< /Type /Annot /Subtype /FreeText /Rect [90 90 300 120] /Contents (paid) >>]",
    ),
}

JsonObject = dict[str, Any]


def approved(seed: int, enterprise: int = 1) -> JsonObject:
    """A ``registration.approved`` event; ``enterprise`` is the seed of the employer."""
    count = 1 + seed % 3
    first = seed % (len(PROFESSIONS) - count + 1)
    professions = [
        {
            "name": name,
            "qualified_on": (date(2016, 11, 3) + timedelta(days=365 * place)).isoformat(),
            "hours": {"compulsory": 60, "elective": 60},
            "main": place == 0,
        }
        for place, name in enumerate(PROFESSIONS[first : first + count])
    ]
    data = {
        "profile": PROFILE,
        "application": {"type": "initial", "acceptance_number": acceptance_number(seed)},
        "holder": holder(seed),
        "enterprise": employer(enterprise),
        "professions": professions,
        "approved_on": (FIRST_TIME.date() + timedelta(days=seed % 28)).isoformat(),
        "photo": {"content": _portrait_text(seed % FACES)},
    }
    return _event("registration.approved", seed, data)


def saved(seed: int, enterprise: int = 1) -> JsonObject:
    """An ``application.saved`` event: the application that ``approved`` of that seed approves."""
    data = approved(seed, enterprise)["data"]
    del data["approved_on"]
    data |= {"revision": 1, "saved_at": FIRST_TIME.isoformat()}
    return _event("application.saved", seed, data)


def signed(seed: int) -> JsonObject:
    """An ``application.signed`` event: the applicant signs what ``saved`` saved."""
    data = _of_application(seed) | {
        "revision": 1,
        "party": "applicant",
        "signed_at": (FIRST_TIME + timedelta(minutes=20)).isoformat(),
    }
    return _event("application.signed", seed, data)


def attached(seed: int) -> JsonObject:
    """An ``application.attached`` event: a scan of the signed form."""
    data = _of_application(seed) | {
        "profile": "shaanxi-constructor",
        "material": "signed_form",
        "file": stored_scan(),
        "attached_at": (FIRST_TIME + timedelta(minutes=30)).isoformat(),
    }
    return _event("application.attached", seed, data)


def closed(seed: int) -> JsonObject:
    """An ``application.closed`` event: the authority sends it back."""
    data = _of_application(seed) | {
        "outcome": "returned",
        "by": "authority",
        "opinion": "资格证书编号有误，请核对后重新提交。",
        "at": (FIRST_TIME + timedelta(days=1)).isoformat(),
    }
    return _event("application.closed", seed, data)


def cancelled(seed: int) -> JsonObject:
    """A ``registration.cancelled`` event."""
    data = _of_registration(seed) | {"reason": "已与聘用企业解除聘用合同关系"}
    return _event("registration.cancelled", seed, data | {"cancelled_on": "2025-05-06"})


def suspended(seed: int) -> JsonObject:
    """A ``registration.suspended`` event."""
    data = _of_registration(seed) | {"reason": "依法暂扣"}
    return _event("registration.suspended", seed, data | {"suspended_on": "2024-09-02"})


def resumed(seed: int) -> JsonObject:
    """A ``registration.resumed`` event."""
    data = _of_registration(seed) | {"reason": "暂扣期满发还"}
    return _event("registration.resumed", seed, data | {"resumed_on": "2024-12-02"})


def corrected(seed: int) -> JsonObject:
    """A ``holder.corrected`` event: the name was written wrong."""
    person = holder(seed)
    data = {
        "profile": PROFILE,
        "holder": paper(seed),
        "corrected": person | {"name": person["name"] + "喆"},
        "reason": "姓名更正",
        "corrected_on": "2024-07-01",
    }
    return _event("holder.corrected", seed, data)


def _of_application(seed: int) -> JsonObject:
    number = acceptance_number(seed)
    return {"profile": PROFILE, "acceptance_number": number, "holder": paper(seed)}


def _of_registration(seed: int) -> JsonObject:
    return {"profile": PROFILE, "holder": paper(seed)}


def imported(seed: int, enterprise: int = 1) -> JsonObject:
    """A ``registration.imported`` event of a paper certificate, old spelling of the number."""
    first = date(2022, 3, 1) + timedelta(days=seed % 300)
    validity = {"valid_from": first, "valid_to": date(first.year + 3, first.month, first.day)}
    days = {name: day.isoformat() for name, day in validity.items()}
    days["valid_to"] = (validity["valid_to"] - timedelta(days=1)).isoformat()
    data = {
        "profile": PROFILE,
        "registration_number": f"沪231{seed % 7 + 14:02}22{seed % 99_999 + 1:05}",
        "holder": holder(seed),
        "enterprise": employer(enterprise),
        "professions": [{"name": PROFESSIONS[seed % len(PROFESSIONS)], "main": True, **days}],
        "edition": {"medium": "paper", "issued_on": days["valid_from"], "number": 0},
    }
    return _event("registration.imported", seed, data)


def renamed(seed: int, enterprise: int = 1) -> JsonObject:
    """An ``enterprise.renamed`` event for the employer of that seed."""
    known = employer(enterprise)
    names = {
        "credit_code": known["credit_code"],
        "old_name": known["name"],
        "new_name": known["name"].replace("建设工程有限公司", "建设集团股份有限公司"),
    }
    return _event("enterprise.renamed", seed, {"enterprise": names, "effective_on": "2024-06-01"})


def of_version(kind: str, seed: int) -> JsonObject:
    """A bulk event that names an installed version of the profile."""
    reason = {"authority.seal_replaced": "印章更换", "authority.renamed": "机构更名"}
    data = {"profile": PROFILE, "version": "2024-01", "reason": reason.get(kind, "证书式样更新")}
    return _event(kind, seed, data)


def reissue(seed: int) -> JsonObject:
    """A ``reissue.requested`` event for two registrations."""
    numbers = ["沪1312023202400001", "沪1312023202400002"]
    data = {"profile": PROFILE, "numbers": numbers, "reason": "证书照片模糊"}
    return _event("reissue.requested", seed, data)


EVENTS: Mapping[str, Callable[[int], JsonObject]] = {
    "registration.imported": imported,
    "application.saved": saved,
    "application.signed": signed,
    "application.attached": attached,
    "application.closed": closed,
    "registration.approved": approved,
    "registration.cancelled": cancelled,
    "registration.suspended": suspended,
    "registration.resumed": resumed,
    "holder.corrected": corrected,
    "enterprise.renamed": renamed,
    "authority.seal_replaced": partial(of_version, "authority.seal_replaced"),
    "authority.renamed": partial(of_version, "authority.renamed"),
    "design.revised": partial(of_version, "design.revised"),
    "reissue.requested": reissue,
}


def holder(seed: int) -> JsonObject:
    """A person (持证人)."""
    birth, sex = birth_date(seed), (Sex.FEMALE, Sex.MALE)[seed % 2]
    name = SURNAMES[seed % len(SURNAMES)] + GIVEN[seed % len(GIVEN)]
    return {
        "name": name + GIVEN[seed * 5 % len(GIVEN)] if seed % 4 else name,
        "sex": sex.value,
        "birth_date": birth.isoformat(),
        "id_type": "111",
        "id_number": identity_number(birth, sex, seed // BIRTHS),
        "mobile": f"130{seed % 10**8:08}",
    }


def paper(seed: int) -> JsonObject:
    """The identity paper of that person."""
    person = holder(seed)
    return {name: person[name] for name in ("id_type", "id_number")}


def employer(seed: int) -> JsonObject:
    """An enterprise (聘用企业)."""
    name = f"上海示例{GIVEN[seed % len(GIVEN)]}{GIVEN[seed * 3 % len(GIVEN)]}建设工程有限公司"
    return {"credit_code": credit_code(seed), "name": name}


def resident(seed: int, division: str) -> JsonObject:
    """A person of any division (GB/T 2260, two digits), by an area that does not exist there."""
    person, birth, sex = holder(seed), birth_date(seed), (Sex.FEMALE, Sex.MALE)[seed % 2]
    name = person["name"] if seed % 4 else UNCOMMON[seed // 4 % len(UNCOMMON)]
    number = identity_number(birth, sex, seed // BIRTHS, area=f"{division}{NOWHERE}")
    return person | {"name": name, "id_number": number}


def other_name(name: str) -> str:
    """What somebody is called after a change or a correction of the name."""
    last = "宁" if name[-1] != "宁" else "安"
    return name[:-1] + last


def company(seed: int, authority: Authority) -> JsonObject:
    """An enterprise (聘用企业) of an authority's division, by an area that does not exist there."""
    place = "".join(authority.lines[0].split())
    first, then = GIVEN[seed % len(GIVEN)], GIVEN[seed // len(GIVEN) % len(GIVEN)]
    form = FORMS[seed % len(FORMS)]
    code = credit_code(seed, area=f"{authority.division}{NOWHERE}")
    name = f"{place.rstrip('省市')}示例{first}{then}{form}"
    return {"credit_code": code, "name": name, "phone": f"000-{seed % 10**8:08}"}


def other_company_name(name: str) -> str:
    """What an enterprise is called after a change of its form."""
    form = "集团股份有限公司" if not name.endswith("集团股份有限公司") else "集团有限公司"
    return re.sub("(集团|股份)*有限公司$", "", name) + form


def birth_date(seed: int) -> date:
    """A day of birth between 1966 and 1996."""
    return FIRST_BIRTH + timedelta(days=seed * STRIDE % BIRTHS)


def identity_number(birth: date, sex: Sex, sequence: int, area: str = AREA) -> str:
    """A citizen's identity number with its check character (GB 11643-1999).

    >>> identity_number(date(1990, 1, 1), Sex.MALE, 0)
    '310101199001010012'
    """
    order = 2 * (sequence % 500) + (1 if sex is Sex.MALE else 0)
    body = f"{area}{birth:%Y%m%d}{order:03}"
    return body + str(ric.calc_check_digit(body + "0"))


def credit_code(seed: int, area: str = AREA) -> str:
    """A company's credit code with its check character (GB 32100-2015)."""
    body = f"91{area}MA{seed % 10**7:07}"
    return body + str(uscc.calc_check_digit(body))


def acceptance_number(seed: int) -> str:
    """The acceptance number (受理编号) of the initial registration, as the register makes it up.

    >>> acceptance_number(39)
    'W2024010330039180103'
    """
    turn, last = divmod(seed - 1, A_MONTH)
    day = date(FIRST_TIME.year + turn // 12, turn % 12 + 1, 1)
    return acceptance.number(ACCEPTANCE, ApplicationType.INITIAL, day, last + 1)


def portrait(seed: int) -> bytes:
    """A silhouette in front of blue, a JPEG of the size photos have; below 6 kB."""
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), (67 + seed % 5 * 4, 142, 219))
    draw = ImageDraw.Draw(image)
    middle, chin = WIDTH_PX // 2, 250 + seed % 4 * 5
    width, skin = 58 + seed % 7 * 2, (238 - seed % 6 * 9, 205 - seed % 6 * 9, 178 - seed % 6 * 8)
    dark = (28 + seed % 3 * 12, 26 + seed % 4 * 8, 34 + seed % 8 * 9)
    draw.ellipse((20, 285, WIDTH_PX - 20, 590), fill=dark)
    draw.rectangle((middle - 28, chin - 40, middle + 28, 312), fill=skin)
    draw.ellipse((middle - width - 10, 78, middle + width + 10, 250), fill=(30, 26, 24))
    draw.ellipse((middle - width, 108, middle + width, chin), fill=skin)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=70, optimize=True, dpi=(DPI, DPI))
    return out.getvalue()


def signature(seed: int) -> bytes:
    """A stroke of the pen that is nobody's name, a PNG of the size signatures have."""
    fine = 3  #: drawn larger and reduced, so that the line is smooth
    size = (SIGNATURE_WIDTH_PX * fine, SIGNATURE_HEIGHT_PX * fine)
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for x, y, thick in _stroke(seed):
        box = [fine * part for part in (x - thick, y - thick, x + thick, y + thick)]
        draw.ellipse(box, fill=24)
    out = io.BytesIO()
    image.reduce(fine).save(out, "PNG", optimize=True)
    return out.getvalue()


def _stroke(seed: int) -> Iterator[tuple[float, float, float]]:
    """Points of the pen from left to right, and how hard it is pressed."""
    steps, loops = 1400, 5 + seed % 4
    for step in range(steps):
        way = step / steps
        turn = 2 * math.pi * loops * way
        height = 20 + 30 * abs(math.sin(way * (5 + seed % 5) + seed))
        x = 50 + 300 * way + 15 * math.sin(turn + math.pi / 2)
        y = SIGNATURE_HEIGHT_PX / 2 + height * math.sin(turn) - 18 * way
        yield x, y, 1.6 + 1.5 * abs(math.cos(turn + seed))


@lru_cache(maxsize=FACES)
def scan(text: str, fault: str = "") -> bytes:
    """A scan of a signed paper: a PDF of one page, which is a picture of that text.

    text:  letters the small face of Pillow has; another one is a box.
    fault: what it holds besides, one of ``SCAN_FAULTS``, for which it is refused.
    """
    picture = _paper(text)
    content = b"q %g 0 0 %g 0 0 cm /Scan Do Q" % SCAN_PT
    box = b"[0 0 %g %g]" % SCAN_PT
    catalog, page = SCAN_FAULTS[fault]
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R %b >>" % catalog,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox %b /Contents 4 0 R"
        b" /Resources << /XObject << /Scan 5 0 R >> >> %b >>" % (box, page),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /BitsPerComponent 8"
        b" /ColorSpace /DeviceGray /Filter /DCTDecode /Length %d >>\nstream\n%b\nendstream"
        % (*SCAN_PX, len(picture), picture),
    )
    return _pdf(objects)


def _paper(text: str) -> bytes:
    """Paper as a scanner sees it: not quite white, the writing not quite level, signed below."""
    image = Image.new("L", SCAN_PX, 250)
    draw = ImageDraw.Draw(image)
    face = ImageFont.load_default(28)
    for row, line in enumerate(textwrap.wrap(text, 40)):
        draw.text((90, 120 + 44 * row), line, fill=40, font=face)
    pen = Image.open(io.BytesIO(signature(len(text))))
    place = (SCAN_PX[0] - pen.width - 60, SCAN_PX[1] - pen.height - 160)
    image.paste(40, place, ImageOps.invert(pen))
    turned = image.rotate(0.6, Image.Resampling.BICUBIC, fillcolor=250)
    out = io.BytesIO()
    turned.save(out, "JPEG", quality=60, optimize=True)
    return out.getvalue()


def _pdf(objects: Sequence[bytes]) -> bytes:
    """A file of these objects, the catalog first (ISO 32000-1, 7.5)."""
    file, places = b"%PDF-1.4\n", list[int]()
    for number, each in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    return file + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (count, rows, count, len(file))
    )


def stored_scan() -> JsonObject:
    """The scan that the example events name, as it lies in an intake store."""
    digest = hashlib.sha256(scan(SCAN_TEXT)).hexdigest()
    return {"key": f"specimens/{digest[:16]}.pdf", "sha256": digest}


def portrait_text(seed: int) -> str:
    """The portrait as events carry it, base64."""
    return _portrait_text(seed % FACES)


@lru_cache(maxsize=FACES)
def signature_text(seed: int) -> str:
    """The signature as events carry it, base64."""
    return base64.b64encode(signature(seed)).decode("ascii")


@lru_cache(maxsize=FACES)
def _portrait_text(seed: int) -> str:
    return base64.b64encode(portrait(seed)).decode("ascii")


def _event(kind: str, seed: int, data: JsonObject) -> JsonObject:
    time = (FIRST_TIME + timedelta(seconds=seed)).isoformat()
    ident = f"specimen-{kind.replace('.', '-')}-{seed:06}"
    return event(kind, f"specimen-{seed:06}", time, data) | {"id": ident}


def event(kind: str, name: str, time: str, data: JsonObject) -> JsonObject:
    """A CloudEvent of that data; ``name`` is its id and follows the work."""
    return {
        "specversion": "1.0",
        "source": SOURCE,
        "id": name,
        "type": kind,
        "time": time,
        "datacontenttype": "application/json",
        "correlationid": name,
        "data": data,
    }
