"""Writes the example events beside it: ``python tests/examples/make.py``.

All people and enterprises are synthetic.  Each malformed line has one fault and names nobody.
"""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from factory import specimen

HERE = Path(__file__).parent

#: Names that systems get wrong: rare characters, long ones, compound surnames.
NAMES = (
    "王安",
    "姜𬭎",
    "阿卜杜热合曼·买买提",
    "欧阳天文",
    "司马荣",
    "古丽巴哈尔·吐尔逊江",
    "㛃𠅤",
    "诸葛明宁",
)
LONG_ENTERPRISE = (
    "上海示例国际（集团）建筑装饰工程与城市基础设施投资建设运营管理股份有限公司"
    "长三角一体化示范区青浦吴江嘉善分公司"
)

STORED = {"key": "intake/2024/03/specimen.jpg", "sha256": "0" * 63 + "1"}


def approvals() -> list[dict[str, Any]]:
    """Eight approvals; the fourth has all six professions, the sixth a long enterprise name."""
    events = [
        specimen.approved(seed, enterprise=seed // 3) for seed in range(101, 101 + len(NAMES))
    ]
    for event, name in zip(events, NAMES, strict=True):
        event["data"]["holder"]["name"] = name
    events[3]["data"]["professions"] = [
        {
            "name": name,
            "qualified_on": f"20{15 + place}-09-10",
            "hours": {"compulsory": 60, "elective": 60},
            "main": name == "建筑工程",
        }
        for place, name in enumerate(specimen.PROFESSIONS)
    ]
    events[4]["data"]["professions"][0] |= {"valid_from": "2024-03-10", "valid_to": "2036-08-31"}
    events[5]["data"]["enterprise"] = specimen.employer(99) | {"name": LONG_ENTERPRISE}
    return events


def imports() -> list[dict[str, Any]]:
    """Three imports: old number on paper, national number, an opaque number of another system."""
    events = [specimen.imported(seed, enterprise=36) for seed in range(201, 204)]
    events[1]["data"]["registration_number"] = "沪2312017202200203"
    events[1]["data"]["edition"] = {
        "medium": "electronic",
        "issued_on": "2023-02-01",
        "number": 2,
    }
    events[1]["data"]["photo"] = {"content": specimen.approved(202)["data"]["photo"]["content"]}
    events[2]["data"]["registration_number"] = "沪建字第00123号"
    return events


#: number, former numbers, professions, standing, medium, edition, licence id: rows of a register
REGISTER = (
    ("沪231161800057", "", "建筑工程(主项):2022-03-01:2025-02-28", "", "纸质", "", ""),
    ("沪231172000812", "", "建筑工程(主项):2022-03-01:2025-02-28;公路工程:2022-05-01:2025-04-30",
     "", "纸质", "", ""),
    ("沪2312018202100334", "沪231182100334", "市政公用工程(主项):2024-01-08:2027-01-07", "有效",
     "电子", "2", ""),
    ("沪2312019202200415", "", "机电工程(主项):2022-09-01:2025-08-31", "有效", "电子", "1",
     "1.2.156.3005.2.11100000000013338W001.11310000MB0F000013.2312019202200415.001.A"),
    ("沪建字第00123号", "", "建筑工程(主项):2023-02-01:2026-01-31", "有效", "纸质", "", ""),
    ("沪231151600976", "沪建字第00456号", "水利水电工程(主项):2022-06-15:2025-06-14",
     "有效", "纸质", "", ""),
    ("苏232172100077", "", "矿业工程(主项):2023-11-20:2026-11-19", "有效", "纸质", "", ""),
    ("沪2312020202300518", "", "公路工程(主项):2023-04-01:2026-03-31", "暂扣", "电子", "1", ""),
    ("沪2312015201900601", "", "建筑工程(主项):2019-07-01:2022-06-30", "注销", "电子", "3", ""),
    ("沪2312021202400007", "", "建筑工程(主项):2024-01-15:2027-01-14;"
     "公路工程:2024-01-15:2027-01-14",
     "有效", "电子", "1", ""),
    ("沪231162100702", "", "市政公用工程:2021-12-01:2024-11-30", "有效", "纸质", "", ""),
    ("沪2312022202400719", "", "机电工程(主项):2024-02-20:2027-02-19", "有效", "电子", "1", ""),
)  # fmt: skip


def register() -> str:
    """A register as a table: old and new numbers, opaque ones, one of another province."""
    columns = (
        "注册编号", "曾用注册编号", "姓名", "性别", "出生日期", "证件号", "手机号",
        "统一社会信用代码", "聘用企业", "注册专业", "注册状态", "证书形式", "版本号", "签发日期",
        "电子证照标识",
    )  # fmt: skip
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(columns)
    for seed, row in enumerate(REGISTER, 501):
        number, former, professions, standing, medium, edition, licence = row
        person, employer = specimen.holder(seed), specimen.employer(60 + seed % 4)
        table.writerow(
            (
                number, former, person["name"], "男" if person["sex"] == "male" else "女",
                person["birth_date"], person["id_number"], person["mobile"],
                employer["credit_code"], employer["name"], professions, standing, medium, edition,
                professions.split(":")[1], licence,
            )
        )  # fmt: skip
    return out.getvalue()


def rename() -> dict[str, Any]:
    """A rename of an enterprise that three of the approvals name."""
    return specimen.renamed(301, enterprise=34)


Change = Callable[[dict[str, Any]], object]


def _holder(**values: object) -> Change:
    return lambda event: event["data"]["holder"].update(values)


def _profession(**values: object) -> Change:
    return lambda event: event["data"]["professions"][0].update(values)


def _twice(event: dict[str, Any]) -> None:
    event["data"]["professions"] = event["data"]["professions"][:1] * 2


def _two_mains(event: dict[str, Any]) -> None:
    first = event["data"]["professions"][0] | {"main": True}
    event["data"]["professions"] = [first, first | {"name": "机电工程"}]


def _thirteen(event: dict[str, Any]) -> None:
    first = event["data"]["professions"][0] | {"main": False}
    event["data"]["professions"] = [first | {"name": f"专业{n}"} for n in range(13)]


def _electronic(event: dict[str, Any]) -> None:
    event["data"]["edition"] = {"medium": "electronic", "issued_on": "2023-02-01"}


def _same_name(event: dict[str, Any]) -> None:
    names = event["data"]["enterprise"]
    names["new_name"] = names["old_name"]


APPROVED, IMPORTED = "registration.approved", "registration.imported"
RENAMED = "enterprise.renamed"

#: One fault each: (type, change, path where it is told).
CHANGES: tuple[tuple[str, Change, str], ...] = (
    (APPROVED, lambda event: event.update(specversion="0.3"), "specversion"),
    (APPROVED, lambda event: event.update(type="registration.aproved"), "type"),
    (APPROVED, lambda event: event.update(id=""), "id"),
    (APPROVED, lambda event: event.update(time="2024-03-01 09:00"), "time"),
    (APPROVED, lambda event: event.update(data=[]), "data"),
    (APPROVED, lambda event: event.update(Trace_Id="1"), "*"),
    (APPROVED, lambda event: event["data"]["holder"].pop("name"), "data.holder.name"),
    (APPROVED, _holder(name="王\u202e安"), "data.holder.name"),
    (APPROVED, _holder(name=" \u3000"), "data.holder.name"),
    (APPROVED, _holder(birth_date="1990-02-30"), "data.holder.birth_date"),
    (APPROVED, _holder(sex="男"), "data.holder.sex"),
    (APPROVED, _holder(birthdate="1990-01-01"), "data.holder.*"),
    (APPROVED, _holder(id_number="３１０"), "data.holder.id_number"),
    (APPROVED, _profession(main="yes"), "data.professions.0.main"),
    (APPROVED, _profession(valid_from="2024-03-01"), "data.professions.0"),
    (APPROVED, _twice, "data.professions"),
    (APPROVED, _two_mains, "data.professions"),
    (APPROVED, _thirteen, "data.professions"),
    (APPROVED, lambda event: event["data"].update(photo={"content": "%"}), "data.photo.content"),
    (APPROVED, lambda event: event["data"]["photo"].pop("sha256"), "data.photo.sha256"),
    (IMPORTED, _electronic, "data.edition"),
    (IMPORTED, lambda event: event["data"].pop("registration_number"), "data.registration_number"),
    (RENAMED, _same_name, "data.enterprise"),
    (
        RENAMED,
        lambda event: event["data"]["enterprise"].update(credit_code="9131"),
        "data.enterprise.credit_code",
    ),
)

#: Lines that no program writes, with the path where the fault is told.
RAW: tuple[tuple[str, str], ...] = (
    ('{"specversion": "1.0", "id": "broken off', "event"),
    ('{"specversion": "1.0", "id": "1", "id": "2"}', "event"),
    ('{"specversion": "1.0", "data": {"edition": {"number": NaN}}}', "data.edition.number"),
    ('{"specversion": "1.0", "data": {"holder": {"name": "\\ud86d"}}}', "data.holder.name"),
    ('"an event is an object"', "event"),
)


def malformed() -> list[tuple[str, str]]:
    """Lines with one fault each and the path where it is told."""
    return [(_line(_changed(kind, change)), path) for kind, change, path in CHANGES] + list(RAW)


def _changed(kind: str, change: Change) -> dict[str, Any]:
    event = copy.deepcopy(specimen.EVENTS[kind](401))
    if kind == APPROVED:
        event["data"]["photo"] = dict(STORED)
    change(event)
    return event


def _line(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False)


def examples() -> dict[str, str]:
    """File name -> text of every example file."""
    return {
        "approved.jsonl": "".join(_line(event) + "\n" for event in approvals()),
        "imported.jsonl": "".join(_line(event) + "\n" for event in imports()),
        "register.csv": register(),
        "renamed.json": json.dumps(rename(), ensure_ascii=False, indent=2) + "\n",
        "malformed.jsonl": "".join(line + "\n" for line, _ in malformed()),
    }


if __name__ == "__main__":
    for name, text in examples().items():
        (HERE / name).write_text(text, encoding="utf-8")
