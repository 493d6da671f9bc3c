"""The log's tree: RFC 6962's numbers, and proofs out of few kept digests."""

from __future__ import annotations

import doctest
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import merkle
from factory.errors import FieldError, NotFoundError
from factory.log import heads, leaves, tree
from factory.log.heads import Head
from factory.log.tree import RUN, STEP, Edge
from tests.factory.test_merkle import LEAVES, PATHS, ROOTS, plain_path, plain_root, split

NOW = datetime(2026, 11, 22, 16, 11, 2, tzinfo=UTC)
#: the proofs of Certificate Transparency's own tests (merkle_tree_test.cc)
CONSISTENT = (
    (1, 1, ()),
    (
        1,
        8,
        (
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ),
    ),
    (
        6,
        8,
        (
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
    ),
    (
        2,
        5,
        (
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ),
    ),
)
SMALL = st.integers(1, 70).flatmap(lambda new: st.tuples(st.integers(1, new), st.just(new)))
LARGE = st.integers(1, 2 * RUN * RUN).flatmap(
    lambda new: st.tuples(st.integers(1, new), st.just(new))
)
CUTS = st.lists(st.integers(0, 3 * RUN), max_size=6)


class Kept:
    """A log in memory, as storage keeps one: leaves' digests and whole subtrees."""

    def __init__(self) -> None:
        self.levels: dict[int, list[bytes]] = {0: []}
        self.asked = 0

    def add(self, digests: Sequence[bytes]) -> None:
        edge = Edge.of(self.read, len(self.levels[0]))
        self.levels[0].extend(digests)
        for node in edge.grow(digests):
            level = self.levels.setdefault(node.level, [])
            assert node.place == len(level)
            level.append(node.digest)
        assert edge.size == len(self.levels[0])

    def read(self, level: int, first: int, count: int) -> Sequence[bytes]:
        assert first // RUN == (first + count - 1) // RUN
        found = self.levels[level][first : first + count]
        assert len(found) == count
        self.asked += count
        return found


def numbered(size: int) -> list[bytes]:
    return [f"leaf {place}".encode() for place in range(size)]


def kept(data: Sequence[bytes]) -> Kept:
    log = Kept()
    log.add([merkle.leaf_digest(each) for each in data])
    return log


@pytest.fixture(scope="module")
def large() -> Kept:
    """Two subtrees of 2^16 leaves, and the first of a third."""
    return kept(numbered(2 * RUN * RUN + 1))


def plain_consistency(data: list[bytes], old: int, *, whole: bool = True) -> list[bytes]:
    """RFC 6962, 2.1.2, word for word."""
    if old == len(data):
        return [] if whole else [plain_root(data)]
    at = split(len(data))
    if old <= at:
        return [*plain_consistency(data[:at], old, whole=whole), plain_root(data[at:])]
    return [*plain_consistency(data[at:], old - at, whole=False), plain_root(data[:at])]


def shown(log: Kept, old: int, new: int, **other: object) -> bool:
    said: dict[str, object] = {
        "old": old,
        "old_root": tree.root(log.read, old),
        "new": new,
        "new_root": tree.root(log.read, new),
        "path": tree.consistency(log.read, old, new),
    }
    return tree.is_consistent(**(said | other))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert tree.root(kept(LEAVES).read, size).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_the_audit_paths_are_those_of_certificate_transparency(
    index: int, size: int, path: tuple[str, ...]
) -> None:
    found = tree.inclusion(kept(LEAVES).read, index, size)

    assert tuple(each.hex() for each in found) == path


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENT)
def test_the_proofs_of_consistency_are_those_of_certificate_transparency(
    old: int, new: int, path: tuple[str, ...]
) -> None:
    log = kept(LEAVES)

    assert tuple(each.hex() for each in tree.consistency(log.read, old, new)) == path
    assert shown(log, old, new)


@given(SMALL)
def test_any_proof_is_made_as_the_standard_divides_a_tree(sizes: tuple[int, int]) -> None:
    old, new = sizes
    data = numbered(new)
    log = kept(data)

    assert tree.root(log.read, new) == plain_root(data)
    assert list(tree.inclusion(log.read, old - 1, new)) == plain_path(data, old - 1)
    assert list(tree.consistency(log.read, old, new)) == plain_consistency(data, old)
    assert shown(log, old, new)


@given(LARGE)
def test_a_proof_in_a_large_log_is_checked_and_asks_for_few_digests(
    large: Kept, sizes: tuple[int, int]
) -> None:
    old, new = sizes
    roots = [tree.root(large.read, size) for size in sizes]
    data = f"leaf {old - 1}".encode()

    large.asked = 0
    path = tree.inclusion(large.read, old - 1, new)
    asked, steps = large.asked, tree.consistency(large.read, old, new)

    assert asked <= 2 * 3 * RUN
    assert merkle.verify(data, index=old - 1, size=new, path=path, root=roots[1])
    assert tree.is_consistent(old=old, old_root=roots[0], new=new, new_root=roots[1], path=steps)


@given(SMALL, st.data())
def test_no_other_tree_is_shown_to_be_consistent(
    sizes: tuple[int, int], data: st.DataObject
) -> None:
    old, new = sizes
    log, strange = kept(numbered(new)), hashlib.sha256(b"strange").digest()
    path = tree.consistency(log.read, old, new)

    assert not shown(log, old, new, old_root=strange)
    assert not shown(log, old, new, new_root=strange)
    assert not shown(log, old, new, path=(*path, strange))
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not shown(log, old, new, path=(*path[:at], strange, *path[at + 1 :]))
        assert not shown(log, old, new, path=path[:at] + path[at + 1 :])


@pytest.mark.parametrize(("old", "new"), [(0, 4), (5, 4), (-1, 4)])
def test_sizes_of_which_nothing_can_be_proved_are_refused(old: int, new: int) -> None:
    log = kept(numbered(5))
    root = tree.root(log.read, 4)

    with pytest.raises(NotFoundError):
        tree.consistency(log.read, old, new)
    assert not tree.is_consistent(old=old, old_root=root, new=new, new_root=root, path=())


@pytest.mark.parametrize("index", [-1, 4])
def test_a_leaf_beyond_a_head_has_no_path(index: int) -> None:
    with pytest.raises(NotFoundError, match="no such leaf under that head"):
        tree.inclusion(kept(numbered(5)).read, index, 4)


@given(CUTS)
def test_a_log_that_grew_by_slices_is_the_one_that_grew_at_once(cuts: list[int]) -> None:
    digests = [merkle.leaf_digest(each) for each in numbered(sum(cuts))]
    sliced = Kept()
    rest = digests
    for count in cuts:
        sliced.add(rest[:count])
        rest = rest[count:]
    whole = Kept()
    whole.add(digests)

    assert sliced.levels == whole.levels


def test_subtrees_are_kept_at_every_eighth_level(large: Kept) -> None:
    counts = {level: len(found) for level, found in large.levels.items()}

    assert counts == {0: 2 * RUN * RUN + 1, STEP: 2 * RUN, 2 * STEP: 2}


# --- leaves and heads -------------------------------------------------------------------------


def test_the_same_instant_is_written_one_way_in_a_leaf() -> None:
    here = {"id": 1, "at": NOW}
    there = {"at": NOW.astimezone(timezone(timedelta(hours=8))), "id": 1}

    assert leaves.audit(here) == leaves.audit(there)
    assert leaves.audit(here) != leaves.audit({**here, "at": NOW + timedelta(microseconds=1)})


def head(**other: object) -> Head:
    said: dict[str, object] = {"origin": "log.example/1", "size": 300, "root": b"r" * 32, "at": NOW}
    return Head(**(said | other))  # type: ignore[arg-type]


def test_a_head_is_a_checkpoint_with_its_time() -> None:
    root = "cnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI="

    assert head().text == f"log.example/1\n300\n{root}\ntime 2026-11-22T16:11:02Z\n"
    assert heads.read(head().text) == head()


@pytest.mark.parametrize(
    "other",
    [{"origin": "a b"}, {"origin": "a+b"}, {"origin": ""}, {"size": -1}, {"root": b"short"}],
)
def test_a_head_that_no_text_can_say_is_refused(other: dict[str, object]) -> None:
    with pytest.raises(FieldError):
        head(**other)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n300\n", "\n0300\n"),
        ("\n300\n", "\n-1\n"),
        ("cnJy", "cn Jy"),
        ("cnJy", ""),
        ("cnI=", "cnJ="),
        ("time ", ""),
        ("T16:11:02Z", "T16:11:02+00:00"),
        ("T16:11:02Z", "T16:11:62Z"),
        ("02Z\n", "02Z"),
        ("02Z\n", "02Z\nmore\n"),
    ],
)
def test_a_text_that_is_written_otherwise_is_no_head(old: str, new: str) -> None:
    assert old in head().text

    with pytest.raises(FieldError):
        heads.read(head().text.replace(old, new))


@pytest.mark.parametrize("module", [heads, leaves])
def test_the_examples_of_the_log_are_right(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
