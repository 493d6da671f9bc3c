"""The Merkle tree of a batch: RFC 6962's numbers, and that nothing proves but what is in it."""

import doctest
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import merkle
from factory.errors import NotFoundError
from factory.merkle import Proof, Tree, prove, verify
from factory.model import Format

#: the leaves, roots and paths of Certificate Transparency's own tests (merkle_tree_test.cc)
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
PATHS = (
    (0, 1, ()),
    (
        0,
        8,
        (
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ),
    ),
    (
        5,
        8,
        (
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
    ),
    (2, 3, ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",)),
    (
        1,
        5,
        (
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ),
    ),
)
PLACES = st.integers(1, 70).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1)))


def numbered(size: int) -> list[bytes]:
    return [f"leaf {place}".encode() for place in range(size)]


def split(size: int) -> int:
    """The largest power of two below size, as RFC 6962 2.1 divides a tree."""
    return int(1 << ((size - 1).bit_length() - 1))


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    at = split(len(leaves))
    return hashlib.sha256(b"\x01" + plain_root(leaves[:at]) + plain_root(leaves[at:])).digest()


def plain_path(leaves: list[bytes], index: int) -> list[bytes]:
    """RFC 6962, 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    at = split(len(leaves))
    if index < at:
        return [*plain_path(leaves[:at], index), plain_root(leaves[at:])]
    return [*plain_path(leaves[at:], index - at), plain_root(leaves[:at])]


def turns(index: int, size: int) -> str:
    """On which side the path's digests stand, from the leaf up."""
    if size == 1:
        return ""
    at = split(size)
    return turns(index, at) + "R" if index < at else turns(index - at, size - at) + "L"


def holds(proof: Proof, **other: object) -> bool:
    said: dict[str, object] = {
        "data": proof.leaf,
        "index": proof.index,
        "size": proof.size,
        "path": proof.path,
        "root": proof.root,
    }
    given = said | other
    return verify(given.pop("data"), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    tree = Tree()
    for each in LEAVES[:size]:
        tree.add(each)

    assert (tree.root().hex(), tree.size) == (ROOTS[size], size)


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_the_paths_are_those_of_certificate_transparency(
    index: int, size: int, path: tuple[str, ...]
) -> None:
    proof = prove(LEAVES[:size], index)

    assert tuple(each.hex() for each in proof.path) == path
    assert (proof.leaf, proof.root.hex()) == (LEAVES[index], ROOTS[size])
    assert holds(proof)


@given(PLACES)
def test_any_leaf_of_any_tree_is_proven_as_the_standard_divides_it(place: tuple[int, int]) -> None:
    size, index = place
    leaves = numbered(size)

    proof = prove(iter(leaves), index)

    assert (proof.root, list(proof.path)) == (plain_root(leaves), plain_path(leaves, index))
    assert holds(proof)


@given(PLACES, st.integers(-3, 80))
def test_another_leaf_or_place_is_not_proven(place: tuple[int, int], other: int) -> None:
    size, index = place
    proof = prove(numbered(size), index)

    assert not holds(proof, data=proof.leaf + b" ")
    assert not holds(proof, data=merkle.LEAF + proof.leaf)
    assert holds(proof, index=other) == (other == index)


@given(PLACES, st.integers(-3, 80))
def test_another_size_leads_to_the_root_only_where_the_way_up_is_the_same(
    place: tuple[int, int], other: int
) -> None:
    size, index = place
    proof = prove(numbered(size), index)

    same = index < other and turns(index, other) == turns(index, size)

    assert holds(proof, size=other) == same


@given(PLACES, st.data())
def test_another_path_or_root_is_not_proven(place: tuple[int, int], data: st.DataObject) -> None:
    size, index = place
    proof = prove(numbered(size), index)
    strange = hashlib.sha256(b"strange").digest()

    assert not holds(proof, root=strange)
    assert not holds(proof, path=(*proof.path, strange))
    if proof.path:
        at = data.draw(st.integers(0, len(proof.path) - 1))
        assert not holds(proof, path=(*proof.path[:at], strange, *proof.path[at + 1 :]))
        assert not holds(proof, path=proof.path[:at] + proof.path[at + 1 :])


def test_a_node_does_not_pass_as_a_leaf() -> None:
    proof = prove(LEAVES[:4], 0)
    left = merkle.leaf_digest(LEAVES[0]) + merkle.leaf_digest(LEAVES[1])

    assert not verify(left, index=0, size=2, path=proof.path[1:], root=proof.root)


@pytest.mark.parametrize("index", [-1, 3])
def test_a_leaf_that_is_not_there_is_not_proven(index: int) -> None:
    with pytest.raises(NotFoundError, match="no such leaf"):
        prove(numbered(3), index)


def test_a_tree_keeps_a_digest_a_level_and_not_its_leaves() -> None:
    tree = Tree()
    for each in numbered(5000):
        tree.add(each)

    assert len(tree._peaks) == (5000).bit_count()


def test_a_leaf_says_number_and_digests_without_spaces_in_the_order_of_the_alphabet() -> None:
    said = merkle.leaf("甘2622026000001", {Format.PDF: "0f"}, {Format.PDF: "52", Format.OFD: "9d"})

    assert (
        said
        == (
            '{"new":{"ofd":"9d","pdf":"52"},"old":{"pdf":"0f"},"registration":"甘2622026000001"}'
        ).encode()
    )


def test_a_proof_is_written_down_with_strings_and_integers_only() -> None:
    made = merkle.leaf("甘2622026000001", {}, {Format.PDF: "52"})

    said = prove([made, b"other"], 0).document(batch=7, registration="甘2622026000001")

    assert json.loads(json.dumps(said)) == {
        "version": 1,
        "batch": 7,
        "registration": "甘2622026000001",
        "leaf": made.decode(),
        "index": 0,
        "size": 2,
        "path": [merkle.leaf_digest(b"other").hex()],
        "root": plain_root([made, b"other"]).hex(),
    }


def test_the_examples_are_right() -> None:
    assert doctest.testmod(merkle).failed == 0
