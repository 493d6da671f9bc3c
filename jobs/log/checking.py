"""Checking the log against the ledger: which row was removed, altered, put in or moved since.

Every leaf is derived from its row again and compared with its entry; the entries are put together
to the tree again and compared with every head, also with those that the store keeps.  So two heads
that both hold are consistent: they are roots of the same leaves.  Whoever alters a row has to alter
its entry, the subtrees above it, and cannot sign another head; and gone heads are missed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from cryptography import x509

from factory.errors import ConflictError, FieldError, UnreadableRowError
from factory.log import heads as texts
from factory.log import leaves
from factory.log.heads import Head
from factory.log.leaves import Kind
from factory.log.tree import Edge, Node
from factory.merkle import Tree, leaf_digest
from factory.seals import keys
from jobs.log import kept
from jobs.log.kept import Kept
from storage import log_key
from storage.ledger import log, log_check, log_rows, log_source
from storage.ledger.log import Entry, SignedHead
from storage.ledger.unreadable import apart

if TYPE_CHECKING:
    from jobs.wiring import Plant
    from storage.ledger import Tx

AT_ONCE = 1000
MOST = 1000  #: findings that are told one by one
MOST_MOVED = 300  #: altered rows that are compared with each other
REMOVED, ALTERED, INSERTED, REORDERED = "removed", "altered", "inserted", "reordered"
UNSIGNED = "unsigned"
ENTRY, HEAD, NODE, CURSOR = "entry", "head", "subtree", "cursor"
KEPT, NOTED = "kept head", "noted head"
UNREAD = "its row holds what nothing here has written"
GAP = bytes(32)  #: in place of an entry that is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it was.

    what:  ``removed``, ``altered``, ``inserted``, ``reordered``; of a head also ``unsigned``.
    kind:  of a row ``audit``, ``edition``, ``file``, ``batch``; of the log itself ``entry``,
           ``subtree``, ``head``, ``kept head``, ``noted head``, ``cursor``.
    ident: its id, or two of them with a hyphen between.
    """

    what: str
    kind: str
    ident: str
    detail: str


@dataclass(slots=True)
class Checked:
    """What a check came to.

    entries: of the log when it began.  covered: those under a head.
    kept:    heads that lie in the store too.
    pending: audit rows that the sequencer has not appended yet.
    count:   of all findings, of which the first are told.
    """

    entries: int = 0
    heads: int = 0
    kept: int = 0
    covered: int = 0
    pending: int = 0
    count: int = 0
    findings: list[Finding] = field(default_factory=list)

    def find(self, what: str, kind: str, ident: object, detail: str) -> None:
        """One more."""
        self.count += 1
        if len(self.findings) < MOST:
            self.findings.append(Finding(what=what, kind=kind, ident=str(ident), detail=detail))


@dataclass(slots=True)
class _Batches:
    """Roots of batches, as the log says them.

    last:   of each batch root and size, as it was listed last.
    unread: digests of entries whose audit row is found to be wrong: what they said is not known.
    """

    last: dict[int, tuple[str, int]] = field(default_factory=dict)
    unread: set[bytes] = field(default_factory=set)

    def add(self, entry: Entry, said: bytes | None) -> None:
        """One more entry; None: its row does not fit it."""
        if said is None:
            self.unread.add(entry.digest)
        else:
            batch = json.loads(said)
            self.last[batch["batch"]] = batch["root"], batch["size"]

    def holds(self, ident: int, root: str, size: int) -> bool:
        """Whether that is what an entry says, be its row as it may."""
        if self.last.get(ident) == (root, size):
            return True
        return leaf_digest(leaves.batch(ident=ident, root=root, size=size)) in self.unread


@dataclass(slots=True)
class _Moved:
    """An altered audit row, to be compared with others."""

    row: Mapping[str, Any]
    digest: bytes  #: that it had


def _untold(_done: int, _total: int) -> None:
    pass


def check(
    plant: Plant,
    *,
    noted: Sequence[Head] = (),
    advance: Callable[[int, int], object] = _untold,
) -> Checked:
    """Everything; nothing is locked and nothing written, work goes on meanwhile.

    noted:   heads that somebody kept elsewhere.
    advance: told how many entries are done, and of how many.
    SettingsError: the keyring knows no key of the log.  StoreUnavailableError: no answer.
    """
    folder, result = plant.settings.keyring_dir, Checked()
    known = {keys.fingerprint(each): each for each in log_key.certificates(folder)}
    in_store = list(_kept(plant, result))  # first: whatever lies there was in the ledger before
    with plant.ledger.read(steady=True) as tx:
        signed, size = _signed(tx, result), log.size(tx)
        result.entries, result.heads, result.kept = size, len(signed), len(in_store)
        _compare_cursor(tx, result)
    judged = _Heads(result, signed, known, log_key.origin_of(folder))
    judged.add_kept(in_store)
    judged.add_noted(noted)
    batches = _Entries(result, judged, size).walk(plant, advance)
    judged.end(size)
    _inserted(plant, result, batches, size)
    return result


def _kept(plant: Plant, result: Checked) -> Iterator[Kept]:
    """Heads in the store that the log's key has signed."""
    for key in kept.keys_of(plant):
        try:
            found = kept.read(plant, key)
        except ConflictError as error:
            result.find(ALTERED, KEPT, key, str(error))
        else:
            yield from [] if found is None else [found]


def _signed(tx: Tx, result: Checked) -> list[SignedHead]:
    """Heads in the ledger, the smallest first."""
    sizes = log.head_sizes(tx)
    found, unread = apart(lambda some: log.heads(tx, some), sizes)
    for size in unread:
        result.find(ALTERED, HEAD, size, UNREAD)
    return [found[size] for size in sizes if size in found]


def _compare_cursor(tx: Tx, result: Checked) -> None:
    """How far the sequencer says it is, beside what there is: moved on it would pass rows over."""
    logged, there = log_check.audit_bounds(tx)
    try:
        cursor = log_source.cursor(tx)
    except UnreadableRowError:
        result.find(ALTERED, CURSOR, log.AUDIT, UNREAD)
        return
    wrong = (
        (cursor.size != result.entries, f"says that there are {cursor.size} entries"),
        (cursor.settled_to > cursor.read_to, "is settled beyond what it has read"),
        (cursor.read_to > max(logged, there), "has read rows that never were"),
        (cursor.read_to < logged, "has not read rows that have an entry"),
    )
    for is_wrong, detail in wrong:
        if is_wrong:
            result.find(ALTERED, CURSOR, log.AUDIT, detail)


class _Heads:
    """All heads, each compared with the tree when that has its size."""

    def __init__(
        self,
        result: Checked,
        signed: Sequence[SignedHead],
        known: Mapping[str, x509.Certificate],
        origin: str,
    ) -> None:
        self._result, self._known, self._origin = result, known, origin
        self._roots: dict[int, list[tuple[str, bytes]]] = {}
        before: SignedHead | None = None
        for each in signed:
            self._judge(each, before)
            self._expect(each.size, HEAD, bytes.fromhex(each.root))
            before = each
        self.last, self._broken = 0, False

    def add_kept(self, in_store: Sequence[Kept]) -> None:
        """Those in the store: each was in the ledger before it came there."""
        there = set(self._roots)
        for each in in_store:
            self._expect(each.head.size, KEPT, each.head.root)
            if each.head.size not in there:
                detail = "lies in the store and is no longer in the ledger"
                self._result.find(REMOVED, HEAD, each.head.size, detail)

    def add_noted(self, noted: Sequence[Head]) -> None:
        """Those that somebody noted."""
        for head in noted:
            self._expect(head.size, NOTED, head.root)
            if head.origin != self._origin:
                self._result.find(ALTERED, NOTED, head.size, "is of another log")

    def _expect(self, size: int, what: str, root: bytes) -> None:
        self._roots.setdefault(size, []).append((what, root))

    def _judge(self, signed: SignedHead, before: SignedHead | None) -> None:
        find = self._result.find
        try:
            head = texts.read(signed.text)
        except FieldError:
            find(ALTERED, HEAD, signed.size, "its text is no head")
            return
        said = (head.size, head.root.hex(), head.at)
        if said != (signed.size, signed.root, signed.at):
            find(ALTERED, HEAD, signed.size, "its columns are not what its text says")
        if head.origin != self._origin:
            find(ALTERED, HEAD, signed.size, "is of another log")
        if before is not None and before.at > signed.at:
            find(REORDERED, HEAD, signed.size, "is older than one of a smaller log")
        certificate = self._known.get(signed.certificate)
        if certificate is None:
            find(UNSIGNED, HEAD, signed.size, "is signed with a key that the keyring does not know")
        elif not keys.fits_digest(certificate, signed.signature, head.digest):
            find(UNSIGNED, HEAD, signed.size, "its signature does not fit")

    def wanted(self, size: int) -> bool:
        """Whether the tree's root is asked for at that size."""
        return size in self._roots

    def reached(self, size: int, root: bytes) -> None:
        """The tree has that size.  All heads behind one that differs do so too."""
        for what, expected in self._roots.pop(size):
            if expected == root:
                self._result.covered = size
            elif not self._broken:
                self._broken = True
                detail = f"are not what {what} {size} signs: altered, moved, put in or taken out"
                self._result.find(ALTERED, ENTRY, f"{self.last}-{size - 1}", detail)
        self.last = size

    def end(self, size: int) -> None:
        """No entry is left."""
        for beyond in sorted(self._roots):
            for what, _ in self._roots[beyond]:
                detail = f"{what} {beyond} signs more entries than there are"
                self._result.find(REMOVED, ENTRY, f"{size}-{beyond - 1}", detail)


class _Entries:
    """All entries, each compared with its row, and put together to the tree."""

    def __init__(self, result: Checked, heads: _Heads, size: int) -> None:
        self._result, self._heads, self._size = result, heads, size
        self._tree, self._edge = Tree(), Edge(0)
        self._moved: dict[int, _Moved] = {}
        self._batches = _Batches()
        self._unread: set[int] = set()

    def walk(self, plant: Plant, advance: Callable[[int, int], object]) -> _Batches:
        """What the log says of batches."""
        done = 0
        while done < self._size:
            count = min(AT_ONCE, self._size - done)
            with plant.ledger.read() as tx:
                places = range(done, done + count)
                found, unread = apart(partial(log.entries, tx), places)
                for place in unread:
                    self._result.find(ALTERED, ENTRY, place, UNREAD)
                self._unread = set(unread)
                self._compare_rows(tx, found)
                self._compare_subtrees(tx, self._grow(found, done, done + count))
            done += count
            advance(done, self._size)
        self._tell_moved()
        return self._batches

    def _grow(self, found: Mapping[int, Entry], first: int, end: int) -> list[Node]:
        nodes: list[Node] = []
        for place in range(first, end):
            entry = found.get(place)
            if entry is None and place not in self._unread:
                self._result.find(REMOVED, ENTRY, place, "there is no entry at that place")
            digest = entry.digest if entry else GAP
            self._tree.add_digest(digest)
            nodes.extend(self._edge.grow([digest]))
            if self._heads.wanted(place + 1):
                self._heads.reached(place + 1, self._tree.root())
        return nodes

    def _compare_subtrees(self, tx: Tx, nodes: Sequence[Node]) -> None:
        for level in {node.level for node in nodes}:
            mine = {node.place: node.digest for node in nodes if node.level == level}
            kept, unread = apart(partial(log.nodes, tx, level), range(min(mine), max(mine) + 1))
            for place, digest in sorted(mine.items()):
                first, last = place << level, ((place + 1) << level) - 1
                if place in unread:
                    self._result.find(ALTERED, NODE, f"{first}-{last}", UNREAD)
                elif place not in kept:
                    self._result.find(REMOVED, NODE, f"{first}-{last}", "is not there")
                elif kept[place] != digest:
                    detail = "is not that of the entries below it"
                    self._result.find(ALTERED, NODE, f"{first}-{last}", detail)

    def _compare_rows(self, tx: Tx, found: Mapping[int, Entry]) -> None:
        for kind in Kind:
            mine = {each.ref: place for place, each in found.items() if each.kind is kind}
            if not mine:
                continue
            rows, unread = apart(partial(log_rows.texts, tx, kind), list(mine))
            for ref, place in mine.items():
                said = rows.get(ref)
                fits = said is not None and leaf_digest(said) == found[place].digest
                if kind is Kind.BATCH:
                    self._batches.add(found[place], said if fits else None)
                elif ref in unread:
                    self._result.find(ALTERED, kind.value, ref, f"entry {place}: {UNREAD}")
                elif said is None:
                    self._fault(place, REMOVED, kind, ref)
                elif not fits:
                    self._differs(tx, place, found[place])

    def _differs(self, tx: Tx, place: int, entry: Entry) -> None:
        if entry.kind is Kind.AUDIT and len(self._moved) < MOST_MOVED:
            [row] = log_rows.audit_rows(tx, [entry.ref])
            self._moved[entry.ref] = _Moved(row=row._asdict(), digest=entry.digest)
        else:
            self._fault(place, ALTERED, entry.kind, entry.ref)

    def _fault(self, place: int, what: str, kind: Kind, ref: int) -> None:
        detail = "its row is gone" if what == REMOVED else "its row says something else"
        self._result.find(what, kind.value, ref, f"entry {place}: {detail}")

    def _tell_moved(self) -> None:
        """Of altered audit rows those that stand where another one was."""
        for ref, moved in self._moved.items():
            origin = next((o for o, other in self._moved.items() if _stood(moved, o, other)), None)
            if origin is None:
                self._result.find(ALTERED, Kind.AUDIT.value, ref, "its row says something else")
            else:
                detail = f"its row stood at {origin}"
                self._result.find(REORDERED, Kind.AUDIT.value, ref, detail)


def _stood(moved: _Moved, ident: int, other: _Moved) -> bool:
    return leaf_digest(leaves.audit({**moved.row, "id": ident})) == other.digest


def _inserted(plant: Plant, result: Checked, batches: _Batches, walked: int) -> None:
    """Rows that never went through the sequencer, though it has passed them.

    walked: so many entries were read; some may have been appended since.
    """
    with plant.ledger.read(steady=True) as tx:
        settled = _settled(tx)
        waiting = _waiting(tx, result, settled, walked)
        for ident in log_check.audit_without(tx, until=settled):
            result.find(INSERTED, Kind.AUDIT.value, ident, "is not in the log")
        for kind, found in (
            (Kind.EDITION, log_check.editions_without(tx)),
            (Kind.FILE, log_check.files_without(tx)),
        ):
            missing = [ref for ref in found if (kind, ref) not in waiting.refs]
            for ident in sorted(set(missing) - log.known(tx, kind, missing)):
                result.find(INSERTED, kind.value, ident, "is not in the log")
        _batches(tx, result, batches, waiting.batches)
        result.pending = log_check.pending(tx, after=settled)


def _settled(tx: Tx) -> int:
    """How far the sequencer has passed, or where nobody can say, the newest row that it has."""
    try:
        return log_source.cursor(tx).settled_to
    except UnreadableRowError:
        return log_check.audit_bounds(tx)[0]


@dataclass(slots=True)
class _Waiting:
    """What is appended once its audit row is, and batches whose root was appended since."""

    refs: set[log_rows.Ref] = field(default_factory=set)
    batches: set[int] = field(default_factory=set)


def _waiting(tx: Tx, result: Checked, after: int, walked: int) -> _Waiting:
    waiting, since = _Waiting(), log_check.batch_rows(tx, beyond=walked)
    for ids in chain(log_check.pending_ids(tx, after=after), [since] if since else []):
        found, unread = apart(partial(log_check.following, tx), ids)
        for ident in unread:
            result.find(ALTERED, Kind.AUDIT.value, ident, UNREAD)
        for each in found.values():
            waiting.refs.update(each.refs)
            waiting.batches.update([] if each.listed is None else [each.listed["ident"]])
    return waiting


def _batches(tx: Tx, result: Checked, logged: _Batches, waiting: Collection[int]) -> None:
    """Each root as the log had it last; a batch that runs on has none meanwhile."""
    ids = log_check.batch_ids(tx)
    there, unread = apart(partial(log_check.batch_roots, tx), ids)
    for ident in unread:
        result.find(ALTERED, Kind.BATCH.value, ident, UNREAD)
    for ident in sorted(logged.last.keys() - set(ids)):
        result.find(REMOVED, Kind.BATCH.value, ident, "its root is in the log")
    for ident, (root, size, is_listed) in sorted(there.items()):
        if ident in waiting:
            continue
        if root is None:
            if is_listed and ident in logged.last:
                result.find(REMOVED, Kind.BATCH.value, ident, "its root is in the log alone")
        elif not logged.holds(ident, root, size or 0):
            what = ALTERED if ident in logged.last or logged.unread else INSERTED
            result.find(what, Kind.BATCH.value, ident, "its root is not the one in the log")
