"""How every member of an OFD package begins, and where it lies.  GB/T 33190-2016, 7.1 and 7.2."""

from factory.ofd.package import Member
from factory.ofd.xml import NAMESPACE, number

DOCUMENT = "Doc_0"
OPENING = f'xmlns:ofd="{NAMESPACE}"'  #: of every root; there are readers that know only this prefix


def xml_member(name: str, content: str) -> Member:
    """A member of one XML element."""
    return Member(name=name, data=f'<?xml version="1.0" encoding="UTF-8"?>\n{content}'.encode())


def physical_box(width_mm: float, height_mm: float) -> str:
    """The paper."""
    return f"<ofd:PhysicalBox>0 0 {number(width_mm)} {number(height_mm)}</ofd:PhysicalBox>"
