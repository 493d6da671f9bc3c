"""What makes a PDF one for archives and for programs: PDF/A-3, level B.  ISO 19005-3.

Its description as XMP (6.6), the meaning of its colours (6.2.3), and the twin: the face as
JSON, a file inside the file (6.8).  These parts differ little from one document to the next,
so each stands here as it stands in the file.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import md5
from typing import Any
from xml.sax.saxutils import escape

from factory.page.marks import TWIN
from factory.writers import srgb
from factory.writers.pdf_fonts import compressed

TWIN_WORDS = "照面信息"  #: what is printed on the face of a licence

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<pdfaid:part>3</pdfaid:part>
<pdfaid:conformance>B</pdfaid:conformance>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<xmp:CreateDate>{moment}</xmp:CreateDate>
<xmp:ModifyDate>{moment}</xmp:ModifyDate>
<pdf:Producer>{producer}</pdf:Producer>
{more}</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
KEYWORDS = "<pdf:Keywords>{}</pdf:Keywords>\n"


def _stream(entries: bytes, content: bytes) -> bytes:
    """A stream with a line end before its end (6.1.7.1)."""
    return b"<<%s/Length %d>>\nstream\n%s\nendstream\n" % (entries, len(content), content)


_SRGB = _stream(b"/N 3/Filter/FlateDecode", compressed(srgb.profile()))
_INTENT = b"<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB)/Info(sRGB)"
_SPEC = b"<</Type/Filespec/F(%s)/UF(%s)/Desc<FEFF%s>/AFRelationship/Data" % (
    *(TWIN.encode("ascii"),) * 2,
    TWIN_WORDS.encode("utf-16-be").hex().encode("ascii"),
)
_FILE = b"/Type/EmbeddedFile/Subtype/application#2Fjson/Filter/FlateDecode/Params<<%s>>"


def add_archival(document: Any, *, title: str, producer: str, keywords: str, at: datetime) -> None:
    """XMP that says what the Info dictionary says, and the colours' profile.

    document: reportlab's.
    """
    catalog = document.Catalog
    catalog.__NoDefault__ = [*catalog.__NoDefault__, "AF", "OutputIntents"]  # unknown to reportlab
    words = xmp(title=title, producer=producer, keywords=keywords, at=at).encode()
    catalog.Metadata = _added(document, "xmp", _stream(b"/Type/Metadata/Subtype/XML", words))
    profile = _added(document, "srgb", _SRGB)
    intent = _added(document, "intent", _INTENT + b"/DestOutputProfile %s>>" % profile)
    catalog.OutputIntents = b"[%s]" % intent


def add_twin(document: Any, twin: bytes, *, at: datetime) -> None:
    """The twin as a file that belongs to the whole document (ISO 19005-3, annex E)."""
    document.updateSignature(twin)
    params = b"/Size %d/ModDate(%s)/CheckSum<%s>" % (len(twin), date(at), _checksum(twin))
    stream = _added(document, "twin.file", _stream(_FILE % params, compressed(twin)))
    spec = _added(document, "twin", _SPEC + b"/EF<</F %s/UF %s>>>>" % (stream, stream))
    document.Catalog.AF = b"[%s]" % spec
    document.Catalog.Names = b"<</EmbeddedFiles<</Names[(%s)%s]>>>>" % (
        TWIN.encode("ascii"),
        spec,
    )


def xmp(*, title: str, producer: str, keywords: str, at: datetime) -> str:
    """The description of a document; nothing in it that the page does not show."""
    return XMP.format(
        title=escape(title),
        producer=escape(producer),
        moment=at.isoformat(timespec="seconds"),
        more=KEYWORDS.format(escape(keywords)) if keywords else "",
    )


def date(at: datetime) -> bytes:
    """A time as PDF spells it (ISO 32000-1, 7.9.4)."""
    zone = f"{at:%z}"
    return f"D:{at:%Y%m%d%H%M%S}{zone[:3]}'{zone[3:]}'".encode("ascii")


def _added(document: Any, name: str, content: bytes) -> bytes:
    """The reference to a new object."""
    reference: bytes = document.Reference(content, f"pdfa.{name}").format(document)
    return reference


def _checksum(content: bytes) -> bytes:
    """MD5, as ISO 32000-1, table 46 wants it; it protects from accidents only."""
    return md5(content, usedforsecurity=False).hexdigest().encode("ascii")
