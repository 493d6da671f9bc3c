"""Checks offline that what became of a registration is in its batch: docs/proofs.md, RFC 6962."""

import hashlib
import json
from argparse import ArgumentParser
from pathlib import Path


def climb(leaf: bytes, index: int, size: int, path: list[bytes]) -> object:
    place, last, node = index, size - 1, hashlib.sha256(b"\0" + leaf).digest()
    for beside in path:  # RFC 9162, 2.1.3.2
        while last > 0 and place == last and not place & 1:
            place, last = place >> 1, last >> 1
        node = hashlib.sha256(b"\1" + (beside + node if place & 1 else node + beside)).digest()
        place, last = place >> 1, last >> 1 if last else -1
    return node.hex() if last == 0 <= index < size else object()  # equal to no root


asked = ArgumentParser(description=__doc__, epilog="exit: 0 proven, 1 refused or not its file")
asked.add_argument("proof", metavar="PROOF.json", type=Path, help="of one registration")
asked.add_argument("--root", metavar="HEX", help="as the sealed report of the batch prints it")
asked.add_argument("files", metavar="FILE", nargs="*", default=[], type=Path, help="its files")
given = asked.parse_intermixed_args()
try:
    proof = json.loads(given.proof.read_text("utf-8"))
    leaf, path = json.loads(proof["leaf"]), [bytes.fromhex(each) for each in proof["path"]]
    root = climb(proof["leaf"].encode(), proof["index"], proof["size"], path)
    if (1, leaf["registration"], root) != (proof["version"], proof["registration"], proof["root"]):
        raise SystemExit("REFUSED: it does not lead from what it says to the root that it names")
    if given.root is not None and "".join(given.root.split()).lower() != root:
        raise SystemExit(f"REFUSED: this is not the root that the proof leads to, which is {root}")
    words = dict.fromkeys(leaf["old"].values(), "superseded")
    words |= dict.fromkeys(leaf["new"].values(), "new")
    found = [words.get(hashlib.sha256(each.read_bytes()).hexdigest()) for each in given.files]
except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
    raise SystemExit(f"REFUSED: cannot be read: {type(error).__name__}: {error}") from None
print(f"PROVEN: {leaf['registration']} is one of {proof['size']} under the root {root}")
for file, word in zip(given.files, found):
    print(f"{file}: {word or 'NOT ITS FILE'}")
raise SystemExit(None in found)
