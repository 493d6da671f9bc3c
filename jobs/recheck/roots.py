"""Roots: the log's entries and heads, and what bulk events prove, beside the recorded editions.

RFC 6962, 2.1, over SHA-256, stated here again: it shares nothing with what appends and signs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from factory.errors import FieldError, NotFoundError
from jobs.recheck.findings import Finding, Looked, Rule
from storage import log_key
from storage.key_sources import LOG_HOME
from storage.own_objects import is_own
from storage.recheck import roots
from storage.recheck.roots import EDITION, FILE
from storage.recheck.scope import snapshot

if TYPE_CHECKING:
    from jobs.wiring import Plant
    from storage.ledger import Tx

MOST_NAMED = 10  #: objects that no row names
MOST_TOLD = 100  #: editions without an entry that are told one by one
LISTED = 1000  #: object keys that are looked up together
DIGEST = re.compile("[0-9a-f]{64}")
KEPT, MOST_BYTES = "log/heads/", 4096
HEAD = re.compile(r"\A(.+)\n([0-9]+)\n(.+)\ntime .+\n\Z")  #: C2SP tlog-checkpoint


@dataclass(slots=True)
class Tree:
    """Of whole subtrees the digests, the largest first, each with its leaves."""

    _whole: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, leaf: bytes) -> None:
        """One more leaf, by its digest."""
        count = 1
        while self._whole and self._whole[-1][0] == count:
            leaf = _node(self._whole.pop()[1], leaf)
            count *= 2
        self._whole.append((count, leaf))

    def root(self) -> str:
        """Of all leaves so far, hex."""
        if not self._whole:
            return hashlib.sha256().hexdigest()
        digest = self._whole[-1][1]
        for _, left in reversed(self._whole[:-1]):
            digest = _node(left, digest)
        return digest.hex()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _leaf(said: Mapping[str, Any]) -> bytes:
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(b"\x00" + text.encode()).digest()


def look_at_batch(tx: Tx, batch: int) -> list[Finding]:
    """Whether what a bulk event did comes to the root on its report."""
    recorded = roots.root_of(tx, batch)
    if recorded is None:
        return []
    tree, size = Tree(), 0
    for size, each in enumerate(roots.results(tx, batch), start=1):  # noqa: B007 - counted
        tree.add(_leaf({"registration": each.number, "old": each.old, "new": each.new}))
    if (tree.root(), size) == recorded:
        return []
    sentence = "what it has made comes to another root than its report has"
    return [Finding(rule=Rule.ROOT, kind="batch", id=batch, sentence=sentence)]


def look_at_log(plant: Plant) -> Looked:
    """Whether the log's entries are of the editions on record, and come to its heads."""
    in_store, findings = _kept(plant)  # first: whatever lies there was in the ledger before
    with snapshot(plant.ledger) as tx:
        heads, without = roots.heads(tx), roots.editions_without(tx, MOST_TOLD)
    findings += [_finding("edition", each, "was made, and is not in the log") for each in without]
    tree, size = Tree(), 0
    wanted: dict[int, set[str]] = defaultdict(set)
    for at, root in [*heads, *in_store]:
        wanted[at].add(root)
    while True:
        with snapshot(plant.ledger) as tx:
            part = roots.entries(tx, size)
        for each in part:
            if not DIGEST.fullmatch(str(each.digest)):
                findings.append(_finding("log", each.seq, "has no digest there"))
                return Looked(looked=size, findings=tuple(findings))
            findings += _entry(each)
            tree.add(bytes.fromhex(each.digest))
            size += 1
            if each.seq != size - 1:
                findings.append(_finding("log", size - 1, "has no entry at that place"))
                return Looked(looked=size, findings=tuple(findings))
            if size in wanted and wanted.pop(size) != {tree.root()}:
                sentence = "the entries come to another root than the head of that size has"
                findings.append(_finding("log", size, sentence))
        if not part:
            break
    findings += [_finding("log", each, "a head has more entries than there are") for each in wanted]
    return Looked(looked=size, findings=tuple(findings))


def _kept(plant: Plant) -> tuple[list[tuple[int, str]], list[Finding]]:
    """Of the heads of this log that the store keeps size and root, hex; and what is none."""
    found: list[tuple[int, str]] = []
    findings: list[Finding] = []
    folder = plant.settings.keyring_dir
    if not (folder / LOG_HOME).is_dir():
        return found, findings
    ours = log_key.origin_of(folder)
    home = f"{KEPT}{hashlib.sha256(ours.encode()).hexdigest()[:16]}/"
    for key in list(plant.store.list(home)):
        try:
            said = json.loads(plant.store.get(key, max_bytes=MOST_BYTES))
            [[origin, size, root]] = HEAD.findall(said["text"])
            if origin == ours:
                found.append((int(size), base64.b64decode(root, validate=True).hex()))
        except NotFoundError:
            continue  # the next head has just taken its place
        except (ValueError, LookupError, TypeError, FieldError):
            findings.append(_finding("log", key, "is kept where heads are, and is none"))
    return found, findings


def _entry(each: roots.Entry) -> Iterator[Finding]:
    """Audit rows and the roots they tell are `certfactory audit verify`'s to compare."""
    if each.kind not in {EDITION, FILE}:
        return
    if each.about is None:
        yield _finding(each.kind, each.ref, "is in the log, and nowhere else")
    elif _leaf({**each.about, "kind": each.kind}).hex() != each.digest:
        yield _finding(each.kind, each.ref, "has other files or another licence id in the log")


def _finding(kind: str, ident: int | str, sentence: str) -> Finding:
    return Finding(rule=Rule.ROOT, kind=kind, id=ident, sentence=sentence)


def look_at_store(plant: Plant) -> Looked:
    """Objects that no row names, and no marks of ours: what a killed worker left, or somebody put
    there.
    """
    strays: list[str] = []
    count, listed = 0, (key for key in plant.store.list() if not is_own(key))
    while keys := list(islice(listed, LISTED)):
        with snapshot(plant.ledger) as tx:
            unnamed = roots.unnamed(tx, keys)
        count += len(unnamed)
        strays += unnamed[: MOST_NAMED - len(strays)]
    return Looked(looked=0, strays=count, stray_keys=tuple(strays))
