"""A simulated register (模拟注册库): as many synthetic registrations as wanted, to be taken over.

Its distributions are those of docs/simulate.md.  A registration is a function of the profile, the
day, the seed and its place: at another size the same people are there, in another order.  Nothing
but where each enterprise begins is kept in memory.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from stdnum.cn import uscc

from factory import numbering, plan, simulation_names, specimen
from factory.errors import FieldError
from factory.model import Period, Sex
from factory.profile import Profile, years_later

JsonObject = dict[str, Any]

#: registrations, by scheme: numbers of constructors have their serials eleven times
MOST = {"jzs12": 1_000_000, "jzs16": 1_000_000, "zj14": 999_999}
EARLIEST_DAY = date(2020, 1, 1)  #: of the register; earlier ones had other numbers
ONE_DAY = timedelta(days=1)
YEAR_DAYS = 365.25

# Enterprises: staff is lognormal, at least one, drawn again above the largest.
STAFF_MU, STAFF_SIGMA = 1.2, 1.3
LARGEST, LARGEST_SHARE = 300, 20  #: the largest has 300 people, but no more than a twentieth
TOWNS = 99  #: areas 01 to 99 of a prefecture that no division has
ORGANIZATION = "0123456789ABCDEFGHJKLMNPQRTUWXY"  #: GB 32100-2015
ORGANIZATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)  #: GB 11714-1997
ORGANIZATIONS = 31**6

# People.
FEMALE = 0.24
AGE_MEAN, AGE_DEVIATION = 38.0, 9.0
YOUNGEST, STUDIED = 25.0, 21  #: on the day of the register; when first registered
ORDERS = 500  #: of the three digits of an identity number, for one sex
#: people who share area and order were born on days of different remainders
DAYS_APART, DAYS_STEP = 32, 11
OLDEST = 80  #: where no age cap is set
MOBILES = ("138", "139", "150", "159", "186", "189")

# Validity.
ENDING, OVER = 0.04, 0.04  #: shares that end within a quarter, and that ended in two years
ENDING_DAYS, OVER_DAYS = 90, 730
ANOTHER_DAY = 0.35  #: of the further professions: added later
RENEWED = 0.45  #: of those who could be: the registration had a term before this one, and so on

# Professions.
MAIN_WEIGHTS = (46, 9, 10, 22, 2, 11)  #: of the six of constructors, as profiles list them
COUNT_WEIGHTS = (62, 26, 9, 2, 0.7, 0.3)  #: how many one has
SECOND_CERTIFICATE = 0.12  #: of cost engineers: a second certificate, of another profession

# Certificates.
OLDEST_ON_PAPER = 0.5  #: of those issued a whole term ago; the newest are all electronic
REISSUED = 0.18  #: of the electronic ones: it is no first edition, and so on
SUSPENDED, CANCELLED = 0.003, 0.015
FORMER_NUMBER = 0.05
MOVED_IN = 0.03  #: of constructors: registered first in another division
DIVISIONS = ("11", "12", "13", "21", "32", "33", "34", "37", "41", "42", "43", "44", "51", "62")
FIRST_YEAR = {"jzs12": 2013, "jzs16": 2013, "zj14": 2020}  #: zj14: 建办标〔2020〕10号
SERIALS = 99_999  #: of constructors
#: years between qualification and first registration, from none on
GAP_WEIGHTS = (14, 44, 20, 9, 5, 3, 2, 1, 1, 0.5, 0.5)


@dataclass(frozen=True, kw_only=True)
class Register:
    """Which register, how large, and on which day it is as it is.

    largest: registrations of the largest enterprise; None: 300, but at most a twentieth of all.
    hard:    whether a few names have a character that no face prints.
    FieldError: too many, or what cannot be.
    """

    profile: Profile
    size: int
    seed: int
    day: date
    largest: int | None = None
    hard: bool = False

    def __post_init__(self) -> None:
        most = MOST[self.profile.numbering.registration]
        if not 1 <= self.size <= most:
            raise FieldError("size", f"1 to {most}", "cannot be simulated")
        if not 1 <= self.most <= self.size:
            raise FieldError("largest", "1 to the size", "cannot be simulated")
        if self.day < EARLIEST_DAY:
            raise FieldError("day", f"{EARLIEST_DAY} or later", "cannot be simulated")

    @property
    def most(self) -> int:
        """Registrations of the largest enterprise, which is the first."""
        if self.largest is not None:
            return self.largest
        return min(LARGEST, max(1, self.size // LARGEST_SHARE))

    @cached_property
    def starts(self) -> array[int]:
        """The place of each enterprise's first registration."""
        found, place = array("L"), 0
        while place < self.size:
            found.append(place)
            place += self.most if place == 0 else _staff(self, len(found) - 1)
        return found

    def chance(self, of: str, number: int) -> Random:
        """What is drawn about one thing, whatever else there is."""
        return Random(f"{of}/{self.profile.id}/{self.seed}/{number}")  # noqa: S311 - to repeat


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What a row says of its photo and of its signature, place by place; empty: nothing."""

    photos: Sequence[JsonObject] = ()
    signatures: Sequence[JsonObject] = ()

    def of(self, person: int) -> JsonObject:
        """Those of one person."""
        given = {"photo": self.photos, "signature": self.signatures}
        return {role: some[person % len(some)] for role, some in given.items() if some}


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """An enterprise, and how many registrations it has."""

    credit_code: str
    name: str
    registrations: int


@dataclass(frozen=True, kw_only=True)
class _Case:
    """One registration: who, where and what, before it is written down.

    person: whose; a second certificate is of the person before.
    """

    register: Register
    place: int
    firm: int
    person: int
    chance: Random = field(repr=False)

    @cached_property
    def profile(self) -> Profile:
        return self.register.profile


def rows(register: Register, pictures: Pictures) -> Iterator[JsonObject]:
    """The data of ``registration.imported``, one registration after the other."""
    for turn in range(register.size):
        yield row(register, _place(register, turn), pictures)


def row(register: Register, place: int, pictures: Pictures) -> JsonObject:
    """The registration of one place."""
    case = _case(register, place)
    holder = _holder(register, case.person)
    return _registration(case, holder) | pictures.of(case.person)


def company(register: Register, number: int) -> Company:
    """An enterprise; 0 is the largest.  IndexError: there are not so many."""
    starts = register.starts
    end = starts[number + 1] if number + 1 < len(starts) else register.size
    value = _enterprise(register, number)
    return Company(**value, registrations=end - starts[number])


def sizes(register: Register) -> Iterator[int]:
    """How many registrations each enterprise has."""
    ends = (*register.starts[1:], register.size)
    return (end - start for start, end in zip(register.starts, ends, strict=True))


def renaming(firm: Company, day: date) -> JsonObject:
    """The data of ``enterprise.renamed``: an enterprise changes its form on that day."""
    names = {
        "credit_code": firm.credit_code,
        "old_name": firm.name,
        "new_name": specimen.other_company_name(firm.name.replace("（集团）", "")),
    }
    return {"enterprise": names, "effective_on": day.isoformat()}


def _place(register: Register, turn: int) -> int:
    """Every place once; colleagues stand far apart, as in a register that grew."""
    size = register.size
    step = round(size * (math.sqrt(5) - 1) / 2) or 1
    while math.gcd(step, size) != 1:
        step += 1
    return (turn * step + register.seed) % size


# --- enterprises ------------------------------------------------------------------------------


def _staff(register: Register, firm: int) -> int:
    chance = register.chance("staff", firm)
    while True:
        staff = max(1, round(chance.lognormvariate(STAFF_MU, STAFF_SIGMA)))
        if staff <= max(register.most, 1):
            return staff


@lru_cache(maxsize=4096)
def _enterprise(register: Register, firm: int) -> JsonObject:
    authority = register.profile.authority
    place = "".join(authority.lines[0].split()).rstrip("省市")
    return {
        "credit_code": credit_code(authority.division, firm, register.seed),
        "name": simulation_names.enterprise(place, firm, register.seed),
    }


def credit_code(division: str, firm: int, seed: int) -> str:
    """A company's code with both its check characters (GB 32100-2015, GB 11714-1997)."""
    area = f"{division}99{1 + firm % TOWNS:02}"
    rest, digits = (firm * specimen.STRIDE + seed) % ORGANIZATIONS, ""
    for _ in range(6):
        rest, digit = divmod(rest, len(ORGANIZATION))
        digits = ORGANIZATION[digit] + digits
    body = f"91{area}{organization(f'MA{digits}')}"
    return body + str(uscc.calc_check_digit(body))


def organization(body: str) -> str:
    """An organization code (组织机构代码) of eight characters with its check (GB 11714-1997).

    >>> organization("70345073")
    '703450737'
    """
    total = sum(int(ch, 36) * w for ch, w in zip(body, ORGANIZATION_WEIGHTS, strict=True))
    return body + "0123456789X0"[11 - total % 11]


# --- people -----------------------------------------------------------------------------------


def _case(register: Register, place: int) -> _Case:
    firm = bisect_right(register.starts, place) - 1
    chance = register.chance("registration", place)
    person = place - 1 if _is_second(register, place, firm) else place
    return _Case(register=register, place=place, firm=firm, person=person, chance=chance)


def _is_second(register: Register, place: int, firm: int) -> bool:
    """Whether it is the second certificate of whom the place before is about."""
    professions = register.profile.professions.names
    if register.profile.certificate.unit != "profession" or len(professions) == 1:
        return False
    odd = (place - register.starts[firm]) % 2 == 1
    share = 2 * SECOND_CERTIFICATE / (1 + SECOND_CERTIFICATE)  # of the places that can be one
    return odd and register.chance("second", place).random() < share


def _holder(register: Register, person: int) -> JsonObject:
    chance = register.chance("person", person)
    sex = Sex.FEMALE if chance.random() < FEMALE else Sex.MALE
    birth = _birth(register, person, chance)
    return {
        "name": simulation_names.person(chance, sex, hard=register.hard),
        "sex": sex.value,
        "birth_date": birth.isoformat(),
        "id_type": "111",
        "id_number": _identity_number(register, person, birth, sex),
        "mobile": f"{chance.choice(MOBILES)}{chance.randrange(10**8):08}",
    }


def _birth(register: Register, person: int, chance: Random) -> date:
    """A day that makes the holder an adult within the age cap when the term in force began."""
    oldest = (register.profile.validity.age_cap or OLDEST) - 1
    age = 0.0
    while not YOUNGEST <= age <= oldest:
        age = chance.gauss(AGE_MEAN, AGE_DEVIATION)
    day = register.day - timedelta(days=round(age * YEAR_DAYS))
    turn, alike = divmod(person, TOWNS * ORDERS)
    remainder = (alike * DAYS_STEP + turn) % DAYS_APART
    return date.fromordinal(day.toordinal() // DAYS_APART * DAYS_APART + remainder)


def _identity_number(register: Register, person: int, birth: date, sex: Sex) -> str:
    """No two people share one: of equal area and order, the days of birth have other remainders.

    The areas lie in a prefecture 99, which no division has.
    """
    town, order = divmod(person % (TOWNS * ORDERS), ORDERS)
    area = f"{register.profile.authority.division}99{town + 1:02}"
    return specimen.identity_number(birth, sex, order, area=area)


# --- registrations ----------------------------------------------------------------------------


def _registration(case: _Case, holder: JsonObject) -> JsonObject:
    chance, profile = case.chance, case.profile
    birth = date.fromisoformat(holder["birth_date"])
    term = _term(case, birth)
    names = _professions(case)
    professions = [_profession(case, name, place, term, birth) for place, name in enumerate(names)]
    number, former = _numbers(case, names[0], term.first, birth)
    issued = max(date.fromisoformat(each["valid_from"]) for each in professions)
    data = {
        "profile": profile.id,
        "registration_number": number,
        "holder": holder,
        "enterprise": _enterprise(case.register, case.firm),
        "professions": professions,
        "standing": chance.choices(
            ("active", "suspended", "cancelled"), (1 - SUSPENDED - CANCELLED, SUSPENDED, CANCELLED)
        )[0],
        "edition": _edition(case, issued, number, names[0]),
    }
    return data | ({"former_numbers": [former]} if former else {})


def _term(case: _Case, birth: date) -> Period:
    """Validity in force, or lately over: its end lies anywhere in the term to come."""
    chance, day = case.chance, case.register.day
    years = case.profile.validity.years
    whole = (years_later(day, years) - day).days
    kind = chance.random()
    if kind < OVER:
        ahead = -chance.randint(1, OVER_DAYS)
    elif kind < OVER + ENDING:
        ahead = chance.randrange(ENDING_DAYS)
    else:
        ahead = chance.randrange(whole)
    first = min(day, day + timedelta(days=ahead - whole + 1))
    return case.profile.validity_from(first, birth)


def _professions(case: _Case) -> Sequence[str]:
    """The main one first; of a certificate about one, what the first has not."""
    profile = case.profile
    names = profile.professions.names
    weights = MAIN_WEIGHTS if len(names) == len(MAIN_WEIGHTS) else _falling(len(names))
    if profile.certificate.unit == "profession":
        first = case.register.chance("profession", case.person).choices(names, weights)[0]
        others = [name for name in names if name != first]
        return others[:1] if case.person != case.place else [first]
    most = min(len(names), profile.professions.per_certificate, len(COUNT_WEIGHTS))
    [count] = case.chance.choices(range(1, most + 1), COUNT_WEIGHTS[:most])
    left = dict(zip(names, weights, strict=True))
    chosen = []
    for _ in range(count):
        [name] = case.chance.choices(list(left), list(left.values()))
        chosen.append(name)
        del left[name]
    return chosen


def _falling(count: int) -> Sequence[float]:
    """Weights of professions nobody counted: each half as often as the one before."""
    return [2.0**-place for place in range(count)]


def _profession(case: _Case, name: str, place: int, term: Period, birth: date) -> JsonObject:
    """The main one has the term; some of the others were added later and have their own."""
    own = term
    if place and case.chance.random() < ANOTHER_DAY:
        last = min(term.last, case.register.day)
        later = case.chance.randint(0, max(0, (last - term.first).days))
        own = case.profile.validity_from(term.first + timedelta(days=later), birth)
    main = {"main": True} if place == 0 and case.profile.certificate.unit == "person" else {}
    days = {"valid_from": own.first.isoformat(), "valid_to": own.last.isoformat()}
    return {"name": name} | main | days


# --- numbers and editions ---------------------------------------------------------------------


def _numbers(case: _Case, main: str, first: date, birth: date) -> tuple[str, str | None]:
    """The registration number and, seldom, one it had before.

    A number keeps the year of the first registration, some terms ago.
    """
    profile, chance = case.profile, case.chance
    year, term = first.year, profile.validity.years
    earliest = max(FIRST_YEAR[profile.numbering.registration], birth.year + STUDIED)
    while year - term >= earliest and chance.random() < RENEWED:
        year -= term
    former = chance.random() < FORMER_NUMBER
    old = f"{profile.authority.abbreviation}建注字第{case.place:08}号" if former else None
    if profile.numbering.registration == "zj14":
        return _engineer_number(case, main, year), old
    return _constructor_number(case, year), old


def _engineer_number(case: _Case, main: str, year: int) -> str:
    rules = case.profile.numbering
    digit, division = case.profile.professions.digit(main), case.profile.authority.division
    return numbering.cost_engineer_number(digit, year, division, case.place + 1, rules.body)


def _constructor_number(case: _Case, year: int) -> str:
    """Serials come round every 99 999 registrations, each time with another gap of years."""
    rules, authority, chance = case.profile.numbering, case.profile.authority, case.chance
    turn, serial = divmod(case.place, SERIALS)
    gap = _gaps(case.register, serial)[turn]
    moved = chance.random() < MOVED_IN
    division = chance.choice(DIVISIONS) if moved else authority.division
    return numbering.constructor_number(
        rules.registration,  # type: ignore[arg-type] # zj14 is none of constructors
        authority.abbreviation,
        division,
        year - gap,
        year,
        serial + 1,
    )


def _gaps(register: Register, serial: int) -> Sequence[int]:
    """All gaps in an order of chance, likely ones early: so each turn of a serial has its own."""
    chance = register.chance("gaps", serial)
    return sorted(
        range(len(GAP_WEIGHTS)),
        key=lambda gap: math.log(1 - chance.random()) / GAP_WEIGHTS[gap],
        reverse=True,
    )


def _edition(case: _Case, issued: date, number: str, main: str) -> JsonObject:
    """The certificate in the holder's hands: paper where it is old, else electronic."""
    chance, profile = case.chance, case.profile
    age = (case.register.day - issued).days / (profile.validity.years * YEAR_DAYS)
    if chance.random() < OLDEST_ON_PAPER * min(age, 1):
        return {"medium": "paper", "issued_on": issued.isoformat(), "number": 0}
    edition = 1
    while edition < len(COUNT_WEIGHTS) and chance.random() < REISSUED:
        edition += 1
    licence = numbering.licence_id(
        profile.numbering.licence_root,
        profile.type_code(main),
        profile.authority.credit_code,
        plan.licence_serial(number, profile.authority),
        edition,
    )
    return {
        "medium": "electronic",
        "issued_on": issued.isoformat(),
        "number": edition,
        "licence_id": licence,
    }
