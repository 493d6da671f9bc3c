"""What anybody is told of a certificate: its status, and no more of its holder than allowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.contrast import Change, Sort
from factory.model import EditionState, Standing
from factory.profile import Profile
from factory.verification import Stands, Status, changed, masked, told
from tests.factory.conftest import NewFace

TODAY = date(2026, 11, 22)
GOOD = Stands(
    registration=Standing.ACTIVE, edition=EditionState.COLLECTED, last_day=date(2027, 5, 1)
)


def test_what_is_collected_and_in_force_is_valid() -> None:
    assert GOOD.status(TODAY) is Status.VALID


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"edition": EditionState.UNCOLLECTED}, Status.UNCOLLECTED),
        ({"edition": EditionState.OUTDATED}, Status.OUTDATED),
        ({"edition": EditionState.SUPERSEDED}, Status.SUPERSEDED),
        ({"edition": EditionState.REVOKED}, Status.REVOKED),
        ({"edition": EditionState.ORDERED}, Status.UNKNOWN),
        ({"registration": Standing.SUSPENDED}, Status.SUSPENDED),
        ({"registration": Standing.CANCELLED}, Status.CANCELLED),
        ({"registration": Standing.LAPSED}, Status.EXPIRED),
        ({"last_day": TODAY - timedelta(days=1)}, Status.EXPIRED),
        ({"withdrawn": TODAY}, Status.WITHDRAWN),
    ],
)
def test_whatever_is_otherwise_is_said(change: dict[str, object], status: Status) -> None:
    assert replace(GOOD, **change).status(TODAY) is status  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"last_day": TODAY}, {"withdrawn": TODAY + timedelta(days=1)}])
def test_the_last_day_still_counts(change: dict[str, date]) -> None:
    assert replace(GOOD, **change).status(TODAY) is Status.VALID  # type: ignore[arg-type]


@given(
    st.sampled_from(Standing),
    st.sampled_from(EditionState),
    st.dates(date(2024, 1, 1), date(2029, 1, 1)),
    st.none() | st.dates(date(2024, 1, 1), date(2029, 1, 1)),
)
def test_nothing_but_what_stands_in_every_way_is_valid(
    standing: Standing, state: EditionState, last_day: date, withdrawn: date | None
) -> None:
    stands = Stands(registration=standing, edition=state, last_day=last_day, withdrawn=withdrawn)

    is_valid = stands.status(TODAY) is Status.VALID

    assert is_valid == (
        standing is Standing.ACTIVE
        and state is EditionState.COLLECTED
        and last_day >= TODAY
        and (withdrawn is None or withdrawn > TODAY)
    )


def test_a_cancelled_registration_is_said_before_anything_else() -> None:
    for state, day in product(EditionState, (TODAY, date(2020, 1, 1))):
        stands = replace(GOOD, registration=Standing.CANCELLED, edition=state, last_day=day)
        expected = Status.UNKNOWN if state is EditionState.ORDERED else Status.CANCELLED
        assert stands.status(TODAY) is expected


# --- what is told -----------------------------------------------------------------------------


@given(st.text("王李欧阳司马小明𬭎𠀁·", min_size=1, max_size=30))
def test_of_a_name_two_characters_are_shown_at_most(name: str) -> None:
    shown = masked(name)

    assert len(shown) == len(name)
    assert shown.count("*") >= max(1, len(name) - 2)
    assert shown[0] in {name[0], "*"}


def test_a_certificate_tells_what_its_register_allows(shanghai: Profile, new_face: NewFace) -> None:
    found = told(shanghai, new_face(name="欧阳测试", enterprise="上海测试建设集团有限公司"))

    rows = dict(found.rows)
    assert rows["姓名"] == ("欧**试",)
    assert rows["聘用企业"] == ("上海测试建设集团有限公司",)
    assert found.authority == shanghai.authority.name
    assert "欧阳测试" not in str(found)
    assert "1990" not in str(found.rows)


def test_a_register_may_allow_less(shanghai: Profile, new_face: NewFace) -> None:
    access = shanghai.access.model_copy(update={"public": ("number",)})
    rules = shanghai.model_copy(update={"access": access})

    assert [label for label, _ in told(rules, new_face()).rows] == ["注册编号"]


def test_what_changed_is_told_in_kind_alone() -> None:
    changes = [
        Change(field="enterprise.name", label="聘用企业", now="甲", then="乙"),
        Change(field="edition", label="版本", now="001", then="002", sort=Sort.ANEW),
    ]

    assert changed(changes) == ("聘用企业",)


def test_where_only_the_look_changed_that_is_told() -> None:
    changes = [Change(field="seal", label="印章", now="a", then="b", sort=Sort.DESIGN)]

    assert changed(changes) == ("印章",)
