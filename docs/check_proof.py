"""Checks offline that what became of a registration is in its batch, that an edition is in the log,
or that one head of the log follows from another: docs/proofs.md, RFC 6962."""

import hashlib
import json
from argparse import ArgumentParser
from base64 import b64decode
from pathlib import Path


def joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def climb(leaf: str, index: int, size: int, path: list) -> object:
    place, last, node = index, size - 1, hashlib.sha256(b"\0" + leaf.encode()).digest()
    for beside in map(bytes.fromhex, path):  # RFC 9162, 2.1.3.2
        while last > 0 and place == last and not place & 1:
            place, last = place >> 1, last >> 1
        node = joined(beside, node) if place & 1 else joined(node, beside)
        place, last = place >> 1, last >> 1 if last else -1
    return node.hex() if last == 0 <= index < size else object()  # equal to no root


def follow(old: dict, new: dict, path: list) -> bool:
    beside, place, last = [bytes.fromhex(each) for each in path], old["size"] - 1, new["size"] - 1
    if place == last:
        return not beside and old["root"] == new["root"]
    if not 0 <= place < last:
        return False
    if not old["size"] & place:  # RFC 9162, 2.1.4.2
        beside.insert(0, bytes.fromhex(old["root"]))
    while place & 1:
        place, last = place >> 1, last >> 1
    was = now = beside.pop(0)
    for each in beside:
        if last == 0:
            return False
        if place & 1 or place == last:
            was, now = joined(each, was), joined(each, now)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            now = joined(now, each)
        place, last = place >> 1, last >> 1
    return last == 0 and (was.hex(), now.hex()) == (old["root"], new["root"])


def batch(proof: dict) -> tuple:
    leaf, root = json.loads(proof["leaf"]), proof["root"]
    found = climb(proof["leaf"], proof["index"], proof["size"], proof["path"])
    words = dict.fromkeys(leaf["old"].values(), "superseded")
    words.update(dict.fromkeys(leaf["new"].values(), "new"))
    said = f"{leaf['registration']} is one of {proof['size']} under the root {root}"
    return (leaf["registration"], found) == (proof["registration"], root), said, words


def head(said: dict) -> bool:
    _, size, root, _ = said["head"]["text"].splitlines()
    return (size, b64decode(root).hex()) == (str(said["size"]), said["root"])


def noted(place: Path) -> str:
    text = place.read_text("utf-8")  # as it was signed: four lines
    origin, size, root, at = text.splitlines()
    if text != f"{origin}\n{int(size)}\n{root}\n{at}\n" or len(b64decode(root)) != 32:
        raise ValueError
    return text


def log(proof: dict) -> tuple:
    size, root, words, good = proof["size"], proof["root"], {}, head(proof)
    if "old" in proof:
        old = proof["old"]
        good = good and head(old) and follow(old, proof, proof["path"])
        return good, f"the log of {size} entries begins with that of {old['size']}", words
    for each in proof["entries"]:
        good = good and climb(each["leaf"], each["index"], size, each["path"]) == root
        words.update(dict.fromkeys(json.loads(each["leaf"]).get("files", {}).values(), "issued"))
    leaf = json.loads(proof["entries"][0]["leaf"])
    what = leaf.get("licence") or leaf.get(leaf["kind"], leaf.get("id"))
    return good, f"{leaf['kind']} {what} is one of {size} under the root {root}", words


def checked(place: Path) -> tuple:
    try:
        proof = json.loads(place.read_text("utf-8"))
        good, said, words = {1: batch, 2: log}[proof["version"]](proof)
    except OSError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise SystemExit(
            f"REFUSED: cannot be read: {place} is no proof of docs/proofs.md"
        ) from None
    if not good:
        raise SystemExit("REFUSED: it does not lead from what it says to the root that it names")
    return proof, said, words


asked = ArgumentParser(description=__doc__, epilog="exit: 0 proven, 1 refused or not its file")
asked.add_argument("proof", metavar="PROOF.json", type=Path, help="of one registration or head")
asked.add_argument("--root", metavar="HEX", help="as the sealed report of the batch prints it")
asked.add_argument("--head", metavar="HEAD.txt", type=Path, help="a head of the log, noted before")
asked.add_argument("--follows", metavar="F.json", type=Path, help="from that head to the proof's")
asked.add_argument("--save-head", metavar="FOLDER", type=Path, help="write its head, for openssl")
asked.add_argument("files", metavar="FILE", nargs="*", default=[], type=Path, help="its files")
given = asked.parse_intermixed_args()
try:
    proof, said, words = checked(given.proof)
    if given.root is not None and "".join(given.root.split()).lower() != proof["root"]:
        raise SystemExit(
            f"REFUSED: this is not the root that the proof leads to, which is {proof['root']}"
        )
    heads = [each["head"] for each in (proof, proof.get("old", proof)) if "head" in each]
    if not heads and (given.head or given.follows or given.save_head):
        raise SystemExit("REFUSED: the proof is of a batch, and about no head of the log")
    if given.follows is not None:
        chain, also, _ = checked(given.follows)
        if chain.get("old") is None or chain["head"]["text"] != heads[0]["text"]:
            raise SystemExit("REFUSED: --follows does not lead to the head that the proof is about")
        said, heads = f"{said}; {also}", [*heads, chain["old"]["head"]]
    if given.head is not None and noted(given.head) not in [each["text"] for each in heads]:
        why = "about another head; ask for what leads from this one to the proof's, for --follows"
        how = (
            f"`certfactory audit consistency SIZE --to {proof['size']}`, SIZE: this one's 2nd line"
        )
        raise SystemExit(f"REFUSED: {why}: {how}")
    if given.save_head is not None:
        (given.save_head / "head.txt").write_bytes(proof["head"]["text"].encode())
        (given.save_head / "head.sig").write_bytes(b64decode(proof["head"]["signature"]))
    found = [words.get(hashlib.sha256(each.read_bytes()).hexdigest()) for each in given.files]
except OSError as error:
    raise SystemExit(f"REFUSED: cannot be read: {error.filename}: {error.strerror}") from None
except (ValueError, LookupError, TypeError):
    raise SystemExit("REFUSED: cannot be read: a head that is none") from None
print(f"PROVEN: {said}")
for file, word in zip(given.files, found):
    print(f"{file}: {word or 'NOT ITS FILE'}")
raise SystemExit(None in found)
