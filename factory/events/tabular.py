"""A register as a table (CSV, RFC 4180): which columns there are, and a row's import data.

A row is one line, so that a quotation mark left open takes no other row with it.  What is wrong
is told by column and rule, never by value; an unknown column by its name only where most others
are known, for a table without its header begins with a person.
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from factory.errors import InvalidEventError
from factory.events.text import MOST_CHARACTERS
from factory.model import Sex, Standing

Problem = tuple[str, str]  #: (column, rule)

ROW = "row"  #: told as the column where it is about all of it
HEADER = "header"
SEXES = {"男": Sex.MALE, "女": Sex.FEMALE} | {each.value: each for each in Sex}
STANDINGS = {
    "有效": Standing.ACTIVE,
    "暂扣": Standing.SUSPENDED,
    "注销": Standing.CANCELLED,
    "active": Standing.ACTIVE,
    "suspended": Standing.SUSPENDED,
    "cancelled": Standing.CANCELLED,
}
MEDIA = {"纸质": "paper", "电子": "electronic", "paper": "paper", "electronic": "electronic"}

DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)
ROUNDED = re.compile(r"\d+([.,]\d+)?[Ee]\+?\d+", re.ASCII)
WHOLE = re.compile(r"\d{1,6}", re.ASCII)
MAIN = "(主项)"
NARROW = str.maketrans("；：（）", ";:()")
PARTS = 3  #: name, first day, last day
MAX_WORD = 20  #: characters of an unknown column's name that is told
LIKENESS = 0.5  #: of it and a known one, from 0 to 1


class _WrongError(Exception):
    """A cell cannot be read; the rule it breaks."""


def _text(cell: str) -> str:
    return cell


def _digits(cell: str) -> str:
    """What a spreadsheet takes for a number, and rounds."""
    if ROUNDED.fullmatch(cell):
        raise _WrongError("was rounded by a spreadsheet: the column must be formatted as text")
    return cell


def _day(cell: str) -> str:
    """The day as ISO 8601 writes it; spreadsheets write 2022/3/1."""
    found = DAY.fullmatch(cell)
    return f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}" if found else cell


def _one_of(words: Mapping[str, str]) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell.lower() not in words:
            raise _WrongError(f"must be one of {', '.join(words)}")
        return str(words[cell.lower()])

    return read


def _whole(cell: str) -> int:
    if not WHOLE.fullmatch(cell):
        raise _WrongError("must be a whole number")
    return int(cell)


def _list(cell: str) -> list[str]:
    return [_digits(part.strip()) for part in cell.translate(NARROW).split(";") if part.strip()]


def _professions(cell: str) -> list[dict[str, Any]]:
    parts = [part.strip() for part in cell.translate(NARROW).split(";")]
    return [_profession(place, part) for place, part in enumerate(parts, 1) if part]


def _profession(place: int, text: str) -> dict[str, Any]:
    parts = [part.strip() for part in text.split(":")]
    if len(parts) != PARTS:
        raise _WrongError(f"entry {place} must be written NAME:FIRST DAY:LAST DAY")
    name, first, last = parts
    main = {"main": True} if name.endswith(MAIN) else {}
    named = {"name": name.removesuffix(MAIN).strip()}
    return named | main | {"valid_from": _day(first), "valid_to": _day(last)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name, its Chinese term, and where its cell goes in the data.

    needed: whether every row has it.
    """

    name: str
    term: str
    path: tuple[str, ...]
    what: str
    needed: bool = False
    read: Callable[[str], Any] = _text


COLUMNS: Sequence[Column] = (
    Column(name="registration_number", term="注册编号", path=("registration_number",), needed=True,
           what="Number, either spelling", read=_digits),
    Column(name="former_numbers", term="曾用注册编号", path=("former_numbers",),
           what="Numbers it had before, separated by ;", read=_list),
    Column(name="name", term="姓名", path=("holder", "name"), needed=True, what="Name"),
    Column(name="sex", term="性别", path=("holder", "sex"), needed=True,
           what="male or female, 男 or 女", read=_one_of(SEXES)),
    Column(name="birth_date", term="出生日期", path=("holder", "birth_date"), needed=True,
           what="Day, YYYY-MM-DD", read=_day),
    Column(name="id_type", term="证件类型", path=("holder", "id_type"),
           what="Kind of identity paper, GB/T 36903; 111 (居民身份证) if empty"),
    Column(name="id_number", term="证件号", path=("holder", "id_number"), needed=True,
           what="Number of the identity paper", read=_digits),
    Column(name="mobile", term="手机号", path=("holder", "mobile"), what="Mobile phone",
           read=_digits),
    Column(name="credit_code", term="统一社会信用代码", path=("enterprise", "credit_code"),
           needed=True, what="Of the employing enterprise, GB 32100-2015", read=_digits),
    Column(name="enterprise_name", term="聘用企业", path=("enterprise", "name"), needed=True,
           what="Employing enterprise, its name today"),
    Column(name="professions", term="注册专业", path=("professions",), needed=True,
           what="NAME:FIRST DAY:LAST DAY, separated by ;, the main one as NAME(主项)",
           read=_professions),
    Column(name="standing", term="注册状态", path=("standing",),
           what="active, suspended or cancelled, 有效, 暂扣 or 注销; active if empty",
           read=_one_of(STANDINGS)),
    Column(name="medium", term="证书形式", path=("edition", "medium"), needed=True,
           what="Of the certificate in force: paper or electronic, 纸质 or 电子",
           read=_one_of(MEDIA)),
    Column(name="edition_number", term="版本号", path=("edition", "number"),
           what="Its number, from 1; none on paper", read=_whole),
    Column(name="issued_on", term="签发日期", path=("edition", "issued_on"), needed=True,
           what="Its day of issue", read=_day),
    Column(name="licence_id", term="电子证照标识", path=("edition", "licence_id"),
           what="Its licence id"),
    Column(name="photo_key", term="照片存储键", path=("photo", "key"),
           what="Object key of the photo in the intake bucket"),
    Column(name="photo_sha256", term="照片SHA-256", path=("photo", "sha256"),
           what="SHA-256 of that object, hex"),
)  # fmt: skip

_BY_WORD = {word.lower(): each for each in COLUMNS for word in (each.name, each.term)}
_BY_PATH = {each.path: each.name for each in COLUMNS} | {
    ("edition",): "edition_number",
    ("photo",): "photo_key",
}


def header(line: bytes) -> tuple[Column, ...]:
    """The columns of a table, in its own order, from its first line.

    InvalidEventError: a column is unknown or there twice, or one that every row needs is missing.
    """
    words = [
        unicodedata.normalize("NFKC", cell[:MOST_CHARACTERS]).strip().lower()
        for cell in _cells(line)
    ]
    if unknown := _unknown(words):
        raise InvalidEventError(unknown)
    found = tuple(_BY_WORD[word] for word in words)
    missing = [each.name for each in COLUMNS if each.needed and each not in found]
    problems = [(HEADER, f"column {name} is missing") for name in missing]
    problems += [
        (HEADER, f"column {each.name} is there twice")
        for each in dict.fromkeys(found)
        if found.count(each) > 1
    ]
    if problems:
        raise InvalidEventError(tuple(problems))
    return found


def _unknown(words: Sequence[str]) -> tuple[Problem, ...]:
    """Which columns are not known: by place, and by name where the line is a header at all."""
    places = [place for place, word in enumerate(words) if word not in _BY_WORD]
    is_header = 2 * len(places) <= len(words)
    return tuple(
        (
            HEADER,
            f"column {place + 1}{_named(words[place]) if is_header else ''} is not known"
            f"{_nearest(words[place]) if is_header else ''}; see `certfactory register columns`",
        )
        for place in places
    )


def _named(word: str) -> str:
    """The name of a column as it is told; nothing that could be somebody's number."""
    tellable = 0 < len(word) <= MAX_WORD and word.isprintable()
    return f" ({word})" if tellable and not any(map(str.isdigit, word)) else ""


def _nearest(word: str) -> str:
    found = difflib.get_close_matches(word, _BY_WORD, n=1, cutoff=LIKENESS)
    return f", perhaps {found[0]}" if found else ""


def row(columns: Sequence[Column], line: bytes) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """A row as the data of ``registration.imported``, but for the profile, and what it broke.

    A cell that cannot be read is left out.  InvalidEventError: the line is no row of the table.
    """
    cells = [cell.strip() for cell in _cells(line)]
    if len(cells) != len(columns):
        rule = f"has {len(cells)} cells instead of {len(columns)}"
        raise InvalidEventError(((ROW, rule),))
    data: dict[str, Any] = {"holder": {}, "enterprise": {}, "edition": {}}
    problems: list[Problem] = []
    for column, cell in zip(columns, cells, strict=True):
        if not cell:
            continue
        try:
            _put(data, column.path, column.read(cell))
        except _WrongError as error:
            problems.append((column.name, str(error)))
    return data, tuple(problems)


def is_blank(line: bytes) -> bool:
    """Whether a line has no cell that says something; spreadsheets leave such at the end."""
    return not line.strip(b', \t"')


def column_of(path: str, rule: str) -> Problem:
    """A problem of the data, told by the column it came from.

    >>> column_of("data.professions.1.valid_to", "is not a day of the calendar")
    ('professions', 'entry 2 valid_to: is not a day of the calendar')
    """
    parts = tuple(path.removeprefix("data.").split("."))
    if parts in _BY_PATH:
        return _BY_PATH[parts], rule
    if parts[:1] in _BY_PATH and parts[1:] and parts[1].isdigit():
        rest = "".join(f" {part}" for part in parts[2:])
        return _BY_PATH[parts[:1]], f"entry {int(parts[1]) + 1}{rest}: {rule}"
    return (parts[0] if parts == ("profile",) else ROW), rule


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *outer, name = path
    for step in outer:
        data = data.setdefault(step, {})
    data[name] = value


def _cells(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode()], strict=True), [])
    except UnicodeDecodeError as error:
        rule = f"is not UTF-8 at byte {error.start + 1}; save the table as CSV UTF-8"
    except csv.Error:
        rule = "has a quotation mark left open, or a cell far too long (RFC 4180)"
    raise InvalidEventError(((ROW, rule),))
