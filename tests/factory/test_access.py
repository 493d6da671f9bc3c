"""Who may see what: every cell of the table, by its name."""

import pytest

from factory import access
from factory.access import NEVER, TABLE, Rule, Thing, Viewer
from factory.errors import ForbiddenError
from factory.profile import Profile
from jobs.wiring import load_profiles

PROFILES = {name: rules.all[-1] for name, rules in load_profiles(None).items()}
GANSU = PROFILES["gansu-constructor"]
H, E, C, P = Viewer.HOLDER, Viewer.ENTERPRISE, Viewer.COUNTER, Viewer.PUBLIC

#: who may see it of anybody, who only their own, and who never; beside the files by profile
CELLS = {
    Thing.EVENT: ({C}, {H, E}, {P}),
    Thing.APPLICATION_FORM: ({C}, {H, E}, {P}),
    Thing.ACCEPTANCE_NOTICE: ({C}, {H, E}, {P}),
    Thing.MATERIAL: ({C}, {H, E}, {P}),
    Thing.FILING_SLIP: ({C}, {H}, {E, P}),
    Thing.RENAME_LIST: ({C}, {E}, {H, P}),
    Thing.BATCH_REPORT: ({C}, {E}, {H, P}),
    Thing.PROGRESS: ({H, E, C, P}, set(), set()),
    Thing.CERTIFICATE_FILE: ({C}, {H}, {P}),
    Thing.SIGNING: ({C}, {H, E}, {P}),
    Thing.COLLECTION: ({C}, {H}, {E, P}),
    Thing.EDITION_LIST: ({C}, {H, E}, {P}),
    Thing.VERIFICATION: ({H, E, C, P}, set(), set()),
}
BY_PROFILE = {(Thing.CERTIFICATE_FILE, Viewer.ENTERPRISE)}

everywhere = pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))


def cells(place: int) -> list[tuple[Thing, Viewer]]:
    return [
        (thing, viewer) for thing, kinds in CELLS.items() for viewer in Viewer
        if viewer in kinds[place]
    ]  # fmt: skip


def may(viewer: Viewer, thing: Thing, profile: Profile | None, *, own: bool) -> bool:
    try:
        access.check(viewer, thing, profile, own=own)
    except ForbiddenError:
        return False
    return True


def with_files(profile: Profile) -> Profile:
    """The same register, where an enterprise gets its people's files."""
    rules = profile.access.model_copy(update={"enterprise_certificate": "file"})
    return profile.model_copy(update={"access": rules})


def test_every_cell_is_told_once() -> None:
    told = sorted([*cells(0), *cells(1), *cells(2), *BY_PROFILE])

    assert told == sorted((thing, viewer) for thing in Thing for viewer in Viewer)
    assert {thing: set(row) for thing, row in TABLE.items()} == {key: set(Viewer) for key in Thing}


@everywhere
@pytest.mark.parametrize(("thing", "viewer"), cells(0))
def test_what_is_seen_of_anybody(thing: Thing, viewer: Viewer, profile: Profile) -> None:
    assert may(viewer, thing, profile, own=False)
    assert may(viewer, thing, None, own=False)


@everywhere
@pytest.mark.parametrize(("thing", "viewer"), cells(1))
def test_what_is_seen_of_ones_own_alone(thing: Thing, viewer: Viewer, profile: Profile) -> None:
    assert may(viewer, thing, profile, own=True)
    with pytest.raises(ForbiddenError, match=f"belongs to another {viewer}"):
        access.check(viewer, thing, profile, own=False)


@everywhere
@pytest.mark.parametrize(("thing", "viewer"), cells(2))
def test_what_is_never_seen(thing: Thing, viewer: Viewer, profile: Profile) -> None:
    for own in (True, False):
        with pytest.raises(ForbiddenError, match=NEVER[viewer]):
            access.check(viewer, thing, profile, own=own)


@everywhere
@pytest.mark.parametrize(("thing", "viewer"), sorted(BY_PROFILE))
def test_what_goes_by_the_profile(thing: Thing, viewer: Viewer, profile: Profile) -> None:
    gives = profile.access.enterprise_certificate == "file"

    assert TABLE[thing][viewer] is Rule.BY_PROFILE
    assert may(viewer, thing, profile, own=True) is gives
    assert may(viewer, thing, with_files(profile), own=True)
    assert not may(viewer, thing, with_files(profile), own=False)
    assert not may(viewer, thing, None, own=True)


def test_an_enterprise_in_gansu_sees_the_collection_state_and_gets_no_file() -> None:
    access.check(Viewer.ENTERPRISE, Thing.EDITION_LIST, GANSU, own=True)

    with pytest.raises(ForbiddenError, match="sees whether it is collected, and gets no file"):
        access.check(Viewer.ENTERPRISE, Thing.CERTIFICATE_FILE, GANSU, own=True)
