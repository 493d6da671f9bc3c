"""What a hostile file may cost whoever verifies it: limits that the kernel keeps.

Each file is small; each took all memory, or minutes to days, of a verifier that believes it.
"""

import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest
from pyhanko.pdf_utils.misc import PdfReadError

from factory import verify, verify_reading, verify_revisions
from tests.factory.ofd_forging import SPACE, Members, document, package, xml

SPARE = 200 << 20  #: bytes of address space beside what the program has
SECONDS = 10  #: of one core, the program's start among them
MIB = 1 << 20

HEAD = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 1 0 R>>\nendobj\n"

GUARDED = """
import resource, sys
sys.path.insert(0, {root!r})
from factory import materials, verify
from factory.errors import MaterialError
from factory.profile import Material
data = open({path!r}, "rb").read()
here = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (here + {spare}, here + {spare}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
if {upload}:
    try:
        materials.check(data, Material(id="scan", title="扫描件", formats=("pdf",)))
        print("taken")
    except MaterialError as error:
        print("refused", error)
else:
    print(verify.verify(data, ()).verdict, verify.twin(data))
"""


def stream(data: bytes, words: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), words, data)


def by_stream(words: bytes, data: bytes = b"", head: bytes = HEAD) -> bytes:
    """A file with a cross-reference stream that claims what it likes."""
    body = stream(data, b"/Type/XRef/Size 10/Root 1 0 R" + words)
    return head + b"9 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF" % (body, len(head))


def by_table(objects: Mapping[int, bytes]) -> bytes:
    out, places = b"%PDF-1.7\n", {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows = b"".join(b"%d 1\n%010d 00000 n \n" % each for each in sorted(places.items()))
    told = b"trailer\n<</Size %d/Root 1 0 R>>\n" % (max(places) + 1)
    return out + b"xref\n%s%sstartxref\n%d\n%%%%EOF" % (rows, told, len(out))


def packed(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def revisions(count: int, words: bytes = b"", before: bytes = HEAD) -> bytes:
    """So many tables, each of which leads to the one before."""
    out, previous = before, b""
    for _ in range(count):
        at = len(out)
        trailer = b"<</Size 2/Root 1 0 R%s%s>>" % (words, previous)
        rows = b"0000000000 65535 f \n%010d 00000 n \n" % HEAD.index(b"1 0 obj")
        out += b"xref\n0 2\n%strailer\n%s\n" % (rows, trailer)
        previous = b"/Prev %d" % at
    return out + b"startxref\n%d\n%%%%EOF" % at


def sharing(tables: int, entries: int) -> bytes:
    """Tables that all name one stream beside them."""
    rows = b"\1\0\0\0\0" * entries
    shared = stream(rows, b"/Type/XRef/Size 10/W[1 3 1]/Index[10 %d]" % entries)
    return revisions(tables, b"/XRefStm %d" % len(HEAD), HEAD + b"9 0 obj\n%s\nendobj\n" % shared)


def catalog(words: bytes) -> bytes:
    return b"<</Type/Catalog/Pages 1 0 R%s>>" % words


def of_fields(fields: bytes, others: Mapping[int, bytes] | None = None) -> bytes:
    return by_table({1: catalog(b"/AcroForm<</Fields[%s]>>" % fields), **(others or {})})


def one_stream_of_objects(count: int) -> bytes:
    """Fields that all lie in one object stream: each is looked for among all."""
    heads = b" ".join(b"%d %d" % (100 + n, n * 12) for n in range(count)) + b" "
    data = zlib.compress(heads + b"<</FT/Tx  >>" * count)
    fields = b" ".join(b"%d 0 R" % (100 + n) for n in range(count))
    words = b"/Pages 1 0 R/AcroForm<</Fields[%s]>>" % fields
    head = HEAD.replace(b"/Pages 1 0 R", words)
    place = len(head)
    told = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (count, len(heads))
    head += b"8 0 obj\n%s\nendobj\n" % stream(data, told)
    rows = b"".join(
        kind + where.to_bytes(4, "big") + index.to_bytes(4, "big")
        for kind, where, index in (
            (b"\1", 9, 0), (b"\1", place, 0), *((b"\2", 8, n) for n in range(count)),
        )
    )  # fmt: skip
    return by_stream(b"/W[1 4 4]/Index[1 1 8 1 100 %d]" % count, rows, head)


def two_each(depth: int) -> bytes:
    """Fields of which each is two times the next."""
    others = {n: b"<</T(a)/Kids[%d 0 R %d 0 R]>>" % (n + 1, n + 1) for n in range(2, depth)}
    return of_fields(b"2 0 R", {**others, depth: b"<</FT/Sig>>"})


def in_store(count: int, size: int) -> bytes:
    """A security store that names one packed list so often."""
    pieces = dict.fromkeys(("CRLs", "OCSPs", "Certs"), b"5 0 R " * count)
    store = b"".join(b"/%s[%s]" % (name.encode(), each) for name, each in pieces.items())
    return by_table(
        {
            1: catalog(b"/DSS 2 0 R"),
            2: b"<<%s>>" % store,
            5: stream(packed(size), b"/Filter/FlateDecode"),
        }
    )


def one_packed_array(count: int, streams: int = 1) -> bytes:
    """Fields, each an array of so many numbers, packed into an object stream of its own."""
    content = b"100 0 [%s]" % (b"0 " * count)
    told = b"/Type/ObjStm/N 1/First 6/Filter/FlateDecode"
    places = []
    head = HEAD.replace(b"/Pages 1 0 R", b"/Pages 1 0 R/AcroForm<</Fields[%s]>>" % b" ".join(
        b"%d 0 R" % (1000 + n) for n in range(streams)
    ))  # fmt: skip
    for n in range(streams):
        places.append(len(head))
        renamed = content.replace(b"100 0", b"%d 0" % (1000 + n), 1)
        body = stream(zlib.compress(renamed, 9), told.replace(b"First 6", b"First 7"))
        head += b"%d 0 obj\n%s\nendobj\n" % (10 + n, body)
    rows = b"".join(b"\1" + at.to_bytes(4, "big") + bytes(4) for at in (9, *places))
    rows += b"".join(b"\2" + (10 + n).to_bytes(4, "big") + bytes(4) for n in range(streams))
    index = b"1 1 10 %d 1000 %d" % (streams, streams)
    return by_stream(b"/W[1 4 4]/Index[%s]" % index, rows, head)


SIGNATURE = b"<</Type/Sig/ByteRange[0 1 2 3]/Contents<%s>>>" % (b"30" * 100)

PDFS: dict[str, Callable[[], bytes]] = {
    "a billion objects in a stream": lambda: by_stream(b"/W[1 2 1]/Index[0 1000000000]"),
    "a billion objects of no width": lambda: by_stream(b"/W[0 0 0]/Index[0 1000000000]"),
    "a billion less a billion": lambda: by_stream(
        b"/W[0 0 0]/Index[0 1000000000 1000000000 -999999999]"
    ),
    "a billion by its size": lambda: by_stream(b"/W[0 0 0]/Size 1000000000"),
    "three million objects that are there": lambda: by_stream(
        b"/W[1 3 1]/Index[0 3000000]/Filter/FlateDecode",
        zlib.compress(b"\1\0\0\0\0" * 3_000_000, 9),
    ),
    "a bomb of cross-references": lambda: by_stream(
        b"/W[1 2 1]/Filter/FlateDecode", packed(64 * MIB)
    ),
    "a bomb in a bomb": lambda: by_stream(
        b"/W[1 2 1]/Filter[/FlateDecode/FlateDecode]", zlib.compress(packed(64 * MIB), 9)
    ),
    "twenty thousand revisions": lambda: revisions(20_000),
    "tables that share a stream": lambda: sharing(100, 20_000),
    "objects in one stream": lambda: one_stream_of_objects(20_000),
    "two fields each": lambda: two_each(60),
    "a field that is its own": lambda: of_fields(b"2 0 R", {2: b"<</T(a)/Kids[2 0 R]>>"}),
    "thousands of signatures": lambda: of_fields(
        b"".join(b"<</FT/Sig/T(%d)/V 5 0 R>>" % n for n in range(20_000)), {5: SIGNATURE}
    ),
    "fields in fields": lambda: of_fields(b"<</Kids[" * 5000 + b"]>>" * 5000),
    "a store of ever the same list": lambda: in_store(20_000, 2 * MIB + 9),
    "a store of thousands of lists": lambda: in_store(20_000, 2 * MIB - 9),
    "a store of bombs": lambda: in_store(1000, 64 * MIB),
    "a plain array of ten million": lambda: of_fields(b"0 " * 9_500_000),
    "a dictionary of a million": lambda: by_table(
        {1: catalog(b"".join(b"/%x 0" % n for n in range(1_000_000)))}
    ),
    "an array of a million in a packed stream": lambda: one_packed_array(1_000_000),
    "arrays in a thousand packed streams": lambda: one_packed_array(100_000, 1000),
}


def tags(count: int) -> bytes:
    """Tags that all name one large member."""
    line = '<ofd:CustomTag NameSpace="{}"><ofd:FileLoc>Tag.xml</ofd:FileLoc></ofd:CustomTag>'
    told = "".join(map(line.format, various(count)))
    return changed(
        {"Doc_0/Tags/CustomTags.xml": xml("CustomTags", told), "Doc_0/Tags/Tag.xml": large()}
    )


def large() -> bytes:
    """XML that is no bomb by itself."""
    many = "".join(f'<b c="{each}"/>' for each in various(90_000))
    return f"<a {SPACE}>{many}</a>".encode()


def various(count: int) -> Iterator[str]:
    """Words that cannot be packed well."""
    return (sha256(b"%d" % number).hexdigest()[:12] for number in range(count))


def annotations(count: int) -> bytes:
    """Pages whose annotations all stand in one large member."""
    line = '<ofd:Page PageID="{}"><ofd:FileLoc>A.xml</ofd:FileLoc></ofd:Page>'
    name = "Doc_0/Document.xml"
    told = b"<ofd:Annotations>Annotations.xml</ofd:Annotations></ofd:Document>"
    return changed(
        {
            name: document()[name].replace(b"</ofd:Document>", told),
            "Doc_0/Annotations.xml": xml("Annotations", "".join(map(line.format, various(count)))),
            "Doc_0/A.xml": large(),
        }
    )


def changed(members: Members) -> bytes:
    return package(document() | members)


OFDS: dict[str, Callable[[], bytes]] = {
    "tags of one member": lambda: tags(20_000),
    "annotations of one member": lambda: annotations(20_000),
}


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="address space is bounded by Linux")


def said(data: bytes, path: Path, *, upload: bool = False) -> str:
    """What a program of little memory and time says of the file."""
    path.write_bytes(data)
    root = str(Path(verify.__file__).parents[1])
    program = GUARDED.format(root=root, path=str(path), spare=SPARE, seconds=SECONDS, upload=upload)

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr[-500:]
    return run.stdout


@LINUX
@pytest.mark.parametrize("name", [*PDFS, *OFDS])
def test_a_hostile_file_takes_neither_memory_nor_time(name: str, tmp_path: Path) -> None:
    found = said((PDFS | OFDS)[name](), tmp_path / "hostile")

    expected = {"unsigned"} if name in OFDS else {"unreadable", "unsigned"}
    assert found.split()[0] in expected


@LINUX
@pytest.mark.parametrize("name", PDFS)
def test_nor_does_one_that_is_uploaded_as_a_material(name: str, tmp_path: Path) -> None:
    found = said(PDFS[name](), tmp_path / "hostile", upload=True)

    assert found == "taken\n" or found.startswith("refused material: ")


def signed_so_often(count: int) -> bytes:
    """Filled fields of a name each, with nothing in them that anybody signed."""
    fields = range(10, 10 + 2 * count, 2)
    value = b"<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>>>"
    others = {n: b"<</FT/Sig/T(s%d)/V %d 0 R>>" % (n, n + 1) for n in fields}
    others |= {n + 1: value for n in fields}
    return of_fields(b" ".join(b"%d 0 R" % n for n in fields), others)


def test_sixty_four_signatures_are_judged() -> None:
    found = verify_revisions.signatures(verify_reading.opened(signed_so_often(64)))

    assert len({each.name for each in found}) == 64


def test_of_one_more_none_is() -> None:
    data = signed_so_often(65)

    with pytest.raises(PdfReadError, match="more signatures than are judged"):
        verify_revisions.signatures(verify_reading.opened(data))

    assert verify.verify(data, ()).verdict is verify.VerdictWord.UNREADABLE


def test_what_is_near_the_bounds_is_read_as_ever() -> None:
    """The nearest good neighbours: many revisions, many objects, many fields."""
    for data in (revisions(150), sharing(4, 20_000), one_stream_of_objects(200), two_each(12)):
        assert verify.verify(data, ()).verdict is verify.VerdictWord.UNSIGNED
