"""The Merkle tree over a batch's results: its root, and the proof that one result is in it.

RFC 6962, 2.1, over SHA-256.  A tree is built leaf by leaf and keeps one digest a level, so that a
million leaves need no more room than a few.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from factory.errors import NotFoundError
from factory.model import Format

LEAF, NODE = b"\x00", b"\x01"  #: told apart, or a node could pass as a leaf (RFC 6962, 2.1)
PROOF_VERSION = 1  #: of the proof's JSON, docs/proofs.md

Digests = Mapping[Format, str]  #: SHA-256 of a file, in hex, by its format


def leaf(number: str, old: Digests, new: Digests) -> bytes:
    """What a registration's leaf says: its number, the files made and those they take the place of.

    old: nothing where what was replaced was not made here.

    >>> leaf("甘2620000001", {}, {Format.PDF: "ab"}).decode()
    '{"new":{"pdf":"ab"},"old":{},"registration":"甘2620000001"}'
    """
    said = {"new": dict(new), "old": dict(old), "registration": number}
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


class _Node(NamedTuple):
    """The digest of a whole subtree; the path to it from the followed leaf, if that is below."""

    digest: bytes
    path: tuple[bytes, ...] | None


@dataclass(slots=True)
class Tree:
    """A tree that grows leaf by leaf; of all leaves but the last few it keeps what joins them.

    size: how many leaves it has.
    """

    size: int = 0
    _peaks: list[_Node] = field(default_factory=list)  #: a whole subtree for each 1 bit of size

    def add(self, data: bytes, *, followed: bool = False) -> None:
        """One more leaf.  followed: ``path`` shall be this leaf's."""
        self._add(_Node(leaf_digest(data), () if followed else None))

    def add_digest(self, digest: bytes) -> None:
        """One more leaf, of which no more is known than its digest."""
        self._add(_Node(digest, None))

    def _add(self, node: _Node) -> None:
        size = self.size
        while size & 1:
            node = _joined(self._peaks.pop(), node)
            size >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The Merkle tree hash of the leaves so far; of no leaves the SHA-256 of nothing."""
        return self._top().digest

    def path(self) -> tuple[bytes, ...]:
        """The audit path of the followed leaf (RFC 6962, 2.1.1), its neighbour first.

        NotFoundError: no leaf is followed.
        """
        path = self._top().path
        if path is None:
            raise NotFoundError("Merkle tree: there is no such leaf")
        return path

    def _top(self) -> _Node:
        if not self._peaks:
            return _Node(hashlib.sha256().digest(), None)
        *others, node = self._peaks
        for peak in reversed(others):
            node = _joined(peak, node)
        return node


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """That a leaf stands at a place of a tree.

    index: of the leaf, from 0; size: of the tree, in leaves.
    path:  the digests beside the way from the leaf up to the root.
    """

    leaf: bytes
    index: int
    size: int
    path: tuple[bytes, ...]
    root: bytes

    def document(self, *, batch: int, registration: str) -> dict[str, object]:
        """The proof as JSON, as docs/proofs.md describes it."""
        return {
            "version": PROOF_VERSION,
            "batch": batch,
            "registration": registration,
            "leaf": self.leaf.decode(),
            "index": self.index,
            "size": self.size,
            "path": [each.hex() for each in self.path],
            "root": self.root.hex(),
        }


def prove(leaves: Iterable[bytes], index: int) -> Proof:
    """The proof of the leaf at that place, in one pass over all leaves.

    NotFoundError: there are not that many leaves.
    """
    tree, found = Tree(), b""
    for place, data in enumerate(leaves):
        if place == index:
            found = data
        tree.add(data, followed=place == index)
    return Proof(leaf=found, index=index, size=tree.size, path=tree.path(), root=tree.root())


def verify(data: bytes, *, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path leads from that leaf, at that place of a tree of that size, to the root.

    RFC 9162, 2.1.3.2, which says how an audit path of RFC 6962 is checked.
    """
    if not 0 <= index < size:
        return False
    digest, place, last = leaf_digest(data), index, size - 1
    for beside in path:
        if last == 0:
            return False
        while not place & 1 and place == last:  # it has no neighbour here: one level higher
            place, last = place >> 1, last >> 1
        digest = node_digest(beside, digest) if place & 1 else node_digest(digest, beside)
        place, last = place >> 1, last >> 1
    return last == 0 and digest == root


def leaf_digest(data: bytes) -> bytes:
    """Of one leaf."""
    return hashlib.sha256(LEAF + data).digest()


def node_digest(left: bytes, right: bytes) -> bytes:
    """Of two subtrees, put together."""
    return hashlib.sha256(NODE + left + right).digest()


def _joined(left: _Node, right: _Node) -> _Node:
    digest = node_digest(left.digest, right.digest)
    if left.path is not None:
        return _Node(digest, (*left.path, right.digest))
    if right.path is not None:
        return _Node(digest, (*right.path, left.digest))
    return _Node(digest, None)
