"""The log's tree (RFC 6962, 2.1): roots and proofs of any size, out of the subtrees that are kept.

Kept are the leaves' digests, and the digest of each whole subtree of 2^8, 2^16, 2^24 … leaves:
whatever is asked of a log of millions is made of a few runs of at most 256 digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from factory.errors import NotFoundError
from factory.merkle import node_digest

STEP = 8  #: levels between those that are kept
RUN = 1 << STEP

#: level, first, count -> digests of so many whole subtrees of 2^level leaves each, from that on;
#: asked for kept levels alone, and never across a multiple of RUN.
Read = Callable[[int, int, int], Sequence[bytes]]


class Node(NamedTuple):
    """The digest of a whole subtree of 2^level leaves; place: how many are left of it."""

    level: int
    place: int
    digest: bytes


def root(read: Read, size: int) -> bytes:
    """The Merkle tree hash of the first leaves; of none the SHA-256 of nothing."""
    return _range(read, 0, size) if size else hashlib.sha256().digest()


def inclusion(read: Read, index: int, size: int) -> tuple[bytes, ...]:
    """The audit path (RFC 6962, 2.1.1) of a leaf, its neighbour first.

    NotFoundError: so many leaves have none there.
    """
    if not 0 <= index < size:
        raise NotFoundError("log: there is no such leaf under that head")
    path, first = [], 0
    while size > 1:
        left = _split(size)
        if index < first + left:
            path.append(_range(read, first + left, size - left))
            size = left
        else:
            path.append(_range(read, first, left))
            first, size = first + left, size - left
    return tuple(reversed(path))


def consistency(read: Read, old: int, new: int) -> tuple[bytes, ...]:
    """The proof (RFC 6962, 2.1.2) that the first of the new leaves are the old ones.

    NotFoundError: the old size is 0, of which nothing can be proved, or above the new one.
    """
    if not 0 < old <= new:
        raise NotFoundError("log: such a size has no proof of consistency")
    path, first, is_whole = [], 0, True
    while old != new:
        left = _split(new)
        if old <= left:
            path.append(_range(read, first + left, new - left))
            new = left
        else:
            path.append(_range(read, first, left))
            first, old, new, is_whole = first + left, old - left, new - left, False
    if not is_whole:
        path.append(_range(read, first, old))
    return tuple(reversed(path))


def is_consistent(
    *, old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the path shows that the tree of the new size begins with that of the old one.

    RFC 9162, 2.1.4.2; two equal sizes have an empty path and one root.
    """
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    whole = [old_root] if old & (old - 1) == 0 else []
    if not (beside := [*whole, *path]):
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    was = now = beside[0]
    for each in beside[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            was, now = node_digest(each, was), node_digest(each, now)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            now = node_digest(now, each)
        place, last = place >> 1, last >> 1
    return last == 0 and was == old_root and now == new_root


@dataclass(slots=True)
class Edge:
    """Where a log grows: at each kept level the digests that no kept subtree holds yet.

    size: leaves so far.
    """

    size: int
    _loose: dict[int, list[bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, read: Read, size: int) -> Edge:
        """The edge of a log of that size."""
        edge = cls(size)
        for level in kept_levels(size):
            count = (size >> level) % RUN
            first = (size >> level) - count
            edge._loose[level] = list(read(level, first, count)) if count else []
        return edge

    def grow(self, digests: Iterable[bytes]) -> Iterator[Node]:
        """More leaves; the subtrees that are whole with them."""
        for digest in digests:
            self.size += 1
            yield from self._joined(0, digest)

    def _joined(self, level: int, digest: bytes) -> Iterator[Node]:
        loose = self._loose.setdefault(level, [])
        loose.append(digest)
        if len(loose) == RUN:
            above = level + STEP
            node = Node(above, (self.size >> above) - 1, _folded(loose))
            loose.clear()
            yield node
            yield from self._joined(above, node.digest)


def kept_levels(size: int) -> range:
    """The levels at which a log of that size has whole subtrees kept, the leaves' own first."""
    return range(0, max(1, size.bit_length()), STEP)


def _range(read: Read, first: int, size: int) -> bytes:
    """The Merkle tree hash of leaves from ``first`` on, at which a subtree of that size begins."""
    parts = []
    while size:
        level = size.bit_length() - 1
        parts.append(_whole(read, level, first >> level))
        first, size = first + (1 << level), size - (1 << level)
    digest = parts.pop()
    while parts:
        digest = node_digest(parts.pop(), digest)
    return digest


def _whole(read: Read, level: int, place: int) -> bytes:
    more = level % STEP
    return _folded(read(level - more, place << more, 1 << more))


def _folded(digests: Sequence[bytes]) -> bytes:
    while len(digests) > 1:
        pairs = zip(digests[::2], digests[1::2], strict=True)
        digests = [node_digest(*pair) for pair in pairs]
    return digests[0]


def _split(size: int) -> int:
    """The largest power of two below size."""
    return 1 << ((size - 1).bit_length() - 1)
