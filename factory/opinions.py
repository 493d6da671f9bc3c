"""Opinions (意见) on application forms: their texts, and the words no text of a form may hold.

Running systems print a renewal that speaks of 初始注册 and a cost engineer's form that speaks of
二级建造师: a text copied from another form.  So a text is a template, its type and its occupation
are filled in, and whatever names another one is refused.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from factory.model import ApplicationType, Occupation, Party

#: what is applied for, as forms and notices print it
TYPES: Mapping[ApplicationType, str] = MappingProxyType(
    {
        ApplicationType.INITIAL: "初始注册",
        ApplicationType.ADDITION: "增项注册",
        ApplicationType.RENEWAL: "延续注册",
        ApplicationType.CANCELLATION: "注销注册",
        ApplicationType.FORCED_CANCELLATION: "企业强制注销",
        ApplicationType.REREGISTRATION: "重新注册",
        ApplicationType.CHANGE: "变更注册",
        ApplicationType.PAPER_EXCHANGE: "纸质证书换领电子证书",
    }
)
#: the occupation as it is printed
OCCUPATIONS: Mapping[Occupation, str] = MappingProxyType(
    {Occupation.CONSTRUCTOR: "二级建造师", Occupation.COST_ENGINEER: "二级造价工程师"}
)
#: words that only the documents of one occupation say
_OWN: Mapping[Occupation, str] = MappingProxyType(
    {Occupation.CONSTRUCTOR: "建造师", Occupation.COST_ENGINEER: "造价工程师"}
)
#: a forced cancellation ends a registration as a cancellation does, and says so
_AKIN: Mapping[ApplicationType, frozenset[ApplicationType]] = MappingProxyType(
    {ApplicationType.FORCED_CANCELLATION: frozenset({ApplicationType.CANCELLATION})}
)

NAMES = frozenset("netq")  #: {n} person, {e} enterprise, {t} type, {q} qualification

_TAKES_UP = (
    "本人{n}已按照相关法律规定，符合考试报名条件，并合法取得了{q}执业资格，与{e}签订真实有效劳动"
    "聘用合同。本人无其他资格证书注册在其他企业（机构），承诺已按规定完成相应继续教育，同意将证书"
    "注册至该企业。本人已核对上述内容，对申请表内容及申报材料的真实性负责。"
)
_EMPLOYS = (
    "{e}已按照相关法律规定与{n}签订真实有效劳动聘用合同，并确认其申报材料真实，同意该同志申报{t}。"
)
_GIVES_UP = (
    "本人已核对上述内容，对申请表内容及申报材料的真实性负责。如有虚假，愿承担由此产生的一切"
    "法律责任。"
)
_LETS_GO = "我单位聘用的{n}，其申报材料真实，同意该同志申报注销注册。"
_ENDS = "我单位聘用该人员符合规定, 其申报材料真实, 同意该同志申报注销注册。"

_CANCELS = {Party.APPLICANT: _GIVES_UP, Party.ENTERPRISE: _LETS_GO}
_FORCES = {Party.APPLICANT: _GIVES_UP, Party.ENTERPRISE: _ENDS}
_REGISTERS = {Party.APPLICANT: _TAKES_UP, Party.ENTERPRISE: _EMPLOYS}


def matter(kind: ApplicationType, occupation: Occupation) -> str:
    """What is applied for (申请事项): 二级建造师初始注册, 二级建造师企业强制注销."""
    return f"{OCCUPATIONS[occupation]}{TYPES[kind]}"


def template(kind: ApplicationType, party: Party) -> str:
    """The text of a party's opinion, unless a profile has its own."""
    if kind is ApplicationType.CANCELLATION:
        return _CANCELS[party]
    if kind is ApplicationType.FORCED_CANCELLATION:
        return _FORCES[party]
    return _REGISTERS[party]


def filled(text: str, *, n: str, e: str, t: str, q: str) -> str:
    """A template with the names of this form."""
    return text.format(n=n, e=e, t=t, q=q)


def fault(text: str, kind: ApplicationType, occupation: Occupation) -> str | None:
    """What is wrong with a template; None: nothing."""
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return "braces do not match"
    if not fields <= NAMES:
        return "names something else than {n}, {e}, {t} and {q}"
    return next((f"speaks of {word}" for word in strange(kind, occupation) if word in text), None)


def strange(kind: ApplicationType, occupation: Occupation) -> tuple[str, ...]:
    """Words of other types and of other occupations, which a document of this one never says."""
    return (*_other_types(kind), *_other_occupations(occupation))


def _other_types(kind: ApplicationType) -> Iterator[str]:
    own = {kind} | _AKIN.get(kind, frozenset())
    yield from (word for each, word in TYPES.items() if each not in own)


def _other_occupations(occupation: Occupation) -> Iterator[str]:
    yield from (word for each, word in _OWN.items() if each is not occupation)
