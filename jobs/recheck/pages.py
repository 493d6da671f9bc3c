"""What the pages of a document must say by its face: a second statement of the designs, on purpose.

It shares nothing with the kinds that draw them.  Of a certificate every character on the page is
accounted for; of other documents what names person, enterprise and case must be there.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from factory.model import Kind

Face = Mapping[str, Any]

MOST_PIECES = 5  #: lines that a value may be broken into
#: labels that every design has; those of its own stand below
LABELS = (
    "姓名：性别：出生日期：个人签名：签名日期：签发日期：实时数据，扫码验证电子证照标识：版本："
)
LIGATURES = re.compile("[\ufb00-\ufb06]")


def broken(kind: Kind, face: Face, lines: Sequence[str]) -> Iterator[str]:
    """What is not as the face says, by the names of fields alone."""
    text = plain("".join(lines))
    wanted = _of_certificate(face) if kind is Kind.CERTIFICATE else DOCUMENTS[kind](face)
    for name, value in wanted:
        if not _is_there(plain(value), text):
            yield f"{name} is not what the face says"
            return
    if kind is Kind.CERTIFICATE and face["design"] in DESIGNS:
        yield from _nothing_else(face, text)


def plain(text: str) -> str:
    """Without white space, which a reader sees where there is distance; ligatures as letters."""
    apart = LIGATURES.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return "".join(apart.split())


def _is_there(value: str, text: str) -> bool:
    """In one piece, or broken into lines that the reader found one after the other."""
    return not value or value in text or _in_pieces(value, text, MOST_PIECES)


def _in_pieces(value: str, text: str, most: int) -> bool:
    at = 0
    for _ in range(most):
        length = next((n for n in range(len(value), 0, -1) if value[:n] in text[at:]), 0)
        if not length:
            return False
        at = text.index(value[:length], at) + length
        value = value[length:]
        if not value:
            return True
    return False


# --- certificates -----------------------------------------------------------------------------

Values = Iterator[tuple[str, str]]


def _of_certificate(face: Face) -> Values:
    yield "title", face["title"]
    yield "holder", face["name"]
    yield "sex", face["sex"]
    yield "registration number", face["number"]
    yield "enterprise", face["employer"]["name"]
    yield "authority", "".join(face["authority"]["lines"])
    yield "query address", face["query_address"]
    yield "verification code", face["verification_code"]
    yield "licence id", face["licence_id"]
    yield "edition", f"{face['edition']:03d}"
    yield from DAYS.get(face["design"], _any_days)(face)


def _nothing_else(face: Face, text: str) -> Iterator[str]:
    labels, employer = DESIGNS[face["design"]], face["employer_label"].strip("：") + "："
    written = (*(value for _, value in _of_certificate(face)), LABELS, labels, employer)
    if Counter(text) != Counter(plain("".join(written))):
        yield "something else stands on the page than the face says"


def _constructor_2024(face: Face) -> Values:
    yield "birth date", face["birth_date"]
    yield "day of issue", _padded(face["issued_on"])
    for each in face["professions"]:
        first, last = (_hyphened(each[end]) for end in ("first", "last"))
        yield "profession", f"{each['name']}（有效期：{first}至{last}）"


def _cost_engineer_2021(face: Face) -> Values:
    yield "birth date", _padded(face["birth_date"])
    yield from _engineer(face, _padded, (_padded(each["last"]) for each in face["professions"]))


def _cost_engineer_2024(face: Face) -> Values:
    yield "birth date", _bare(face["birth_date"])
    spans = (f"{_bare(each['first'])}-{_bare(each['last'])}" for each in face["professions"])
    yield from _engineer(face, _bare, spans)


def _engineer(face: Face, spelled: Callable[[str], str], validity: Iterable[str]) -> Values:
    yield "day of issue", spelled(face["issued_on"])
    yield "profession", "、".join(each["name"] for each in face["professions"])
    days = list(validity)
    for line in days if len(set(days)) > 1 else days[:1]:
        yield "validity", line


def _any_days(face: Face) -> Values:
    """Of a design that is not known here."""
    yield from (("profession", each["name"]) for each in face["professions"])


DAYS: Mapping[str, Callable[[Face], Values]] = {
    "constructor-2024": _constructor_2024,
    "cost-engineer-2021": _cost_engineer_2021,
    "cost-engineer-2024": _cost_engineer_2024,
}
DESIGNS: Mapping[str, str] = {
    "constructor-2024": "注册编号：注册专业：查询网址：",
    "cost-engineer-2021": "注册编号：注册专业：有效期至：",
    "cost-engineer-2024": "THE PEOPLE'S REPUBLIC OF CHINA"
    "REGISTRATION CERTIFICATE OF CLASS 2 COST ENGINEER专业：证书编号：有效期：查询网址：",
}


def _padded(day: str) -> str:
    found = date.fromisoformat(day)
    return f"{found.year}年{found.month:02d}月{found.day:02d}日"


def _bare(day: str) -> str:
    found = date.fromisoformat(day)
    return f"{found.year}年{found.month}月{found.day}日"


def _hyphened(day: str) -> str:
    found = date.fromisoformat(day)
    return f"{found.year}-{found.month}-{found.day}"


# --- other documents --------------------------------------------------------------------------


def _form(face: Face) -> Values:
    yield "title", face["title"]
    yield "acceptance number", face["number"]
    yield "holder", face["holder"]["name"]
    yield "identity number", face["holder"]["id_number"]
    yield "enterprise", face["enterprise"]["name"]
    yield from (("profession", each["name"]) for each in face["professions"])


def _notice(face: Face) -> Values:
    yield "number", face["number"]
    yield "applicant", face["applicant"]
    yield "enterprise", face["enterprise"]
    yield "acceptance number", face["acceptance_number"]
    yield from (("profession", each) for each in face["professions"])


def _slip(face: Face) -> Values:
    yield "filing number", face["filing_number"]
    yield "query code", face["query_code"]
    yield "applicant", face["applicant"]
    yield "enterprise", face["enterprise"]
    yield from (("profession", each) for each in face["professions"])


def _rename_list(face: Face) -> Values:
    yield "old name", face["old_name"]
    yield "new name", face["new_name"]
    for row in face["rows"]:
        yield "registration number", row["number"]
        yield "holder", row["name"]


def _report(face: Face) -> Values:
    yield "root", face["root"] or ""


DOCUMENTS: Mapping[Kind, Callable[[Face], Values]] = {
    Kind.APPLICATION_FORM: _form,
    Kind.ACCEPTANCE_NOTICE: _notice,
    Kind.FILING_SLIP: _slip,
    Kind.RENAME_LIST: _rename_list,
    Kind.BATCH_REPORT: _report,
}
