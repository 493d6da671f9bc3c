"""XML of OFD: what we write is read as it was meant; what others write, within limits."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import FieldError, PackageError
from factory.ofd import xml
from factory.ofd.xml import child, children, escaped, local, located, number, parsed, text

CONTROLS = [chr(code) for code in range(0x20) if chr(code) not in "\t\n\r"]
CARRIED = st.characters(
    exclude_categories=["Cs"], exclude_characters=[*CONTROLS, "\ufffe", "\uffff"]
)


def refused(data: bytes) -> str:
    with pytest.raises(PackageError) as caught:
        parsed(data)
    return caught.value.rule


# --- writing


@given(st.text(CARRIED))
def test_escaped_text_is_read_as_it_was_meant(written: str) -> None:
    found = parsed(f'<a b="{escaped(written)}">{escaped(written)}</a>'.encode())

    assert found.get("b") == written
    assert (found.text or "") == written


@pytest.mark.parametrize("character", ["\0", "\x1b", "\ud800", "\ufffe", "\uffff"])
def test_a_character_that_xml_cannot_carry_is_told_by_its_code_point(character: str) -> None:
    with pytest.raises(FieldError, match=rf"U\+{ord(character):04X}"):
        escaped(f"a{character}")


def test_characters_beyond_the_bmp_and_between_lines_are_carried() -> None:
    assert escaped("𠮷 & <\n>") == "𠮷 &amp; &lt;&#10;&gt;"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"), (-0.0, "0"), (-0.0004, "0"), (10, "10"), (100.0, "100"), (0.5, "0.5"),
        (4.4, "4.4"), (1 / 3, "0.333"), (2 / 3, "0.667"), (-12.3456, "-12.346"),
        (1e-9, "0"), (123456789.0, "123456789"),
    ],
)  # fmt: skip
def test_a_number_has_three_decimals_at_most(value: float, written: str) -> None:
    assert number(value) == written


@given(st.floats(-1e6, 1e6))
def test_a_number_is_within_half_a_micrometre(value: float) -> None:
    assert abs(float(number(value)) - value) <= 0.000_500_001
    assert "e" not in number(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_number_is_not_written(value: float) -> None:
    with pytest.raises(FieldError, match="finite"):
        number(value)


# --- reading


@pytest.mark.parametrize(
    "data",
    [
        b"<a/>",
        b'<?xml version="1.0" encoding="UTF-8"?><a/>',
        b"<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<a/>\n",
        b"\xef\xbb\xbf<a/>",
        b"<!-- said --><a/><!-- said -->",
        "<a>印章</a>".encode(),
        b"<a><![CDATA[<b>]]></a>",
        b"<a>&amp;&lt;&#65;</a>",
        b"<a>" * 64 + b"</a>" * 64,
        b"<a b='" + b"x" * xml.MOST_ATTRIBUTE + b"'/>",
        b"<a>" + b"<b/>" * (xml.MOST_ELEMENTS - 1) + b"</a>",
    ],
    ids=range(11),
)
def test_honest_xml_is_read(data: bytes) -> None:
    assert local(parsed(data)) == "a"


LAUGHS = b"<!DOCTYPE a [<!ENTITY a 'ha'>%s]><a>&j;</a>" % b"".join(
    b"<!ENTITY %c '%s'>" % (letter + 1, b"&%c;" % letter * 10) for letter in b"abcdefghi"
)
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "not well-formed"),
    "no xml": (lambda: b"PK\3\4", "not well-formed"),
    "open": (lambda: b"<a>", "not well-formed"),
    "two roots": (lambda: b"<a/><a/>", "not well-formed"),
    "blank first": (lambda: b" <?xml version='1.0'?><a/>", "not well-formed"),
    "attribute twice": (lambda: b"<a b='' b=''/>", "not well-formed"),
    "unbound prefix": (lambda: b"<ofd:a/>", "not well-formed"),
    "a dtd": (lambda: b"<!DOCTYPE a><a/>", "a DTD"),
    "a dtd from outside": (lambda: b"<!DOCTYPE a SYSTEM 'http://localhost/a'><a/>", "a DTD"),
    "an entity": (lambda: b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "a DTD"),
    "a file": (
        lambda: b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/hostname'>]><a>&b;</a>",
        "a DTD",
    ),
    "laughs": (lambda: LAUGHS, "a DTD"),
    "an entity of nobody": (lambda: b"<a>&b;</a>", "not well-formed"),
    "an instruction": (lambda: b"<a><?php x?></a>", "a processing instruction"),
    "a style sheet": (
        lambda: b"<?xml-stylesheet href='a'?><a/>",
        "a processing instruction",
    ),
    "utf-16": (lambda: "<a/>".encode("utf-16"), "not UTF-8"),
    "utf-16 without a mark": (lambda: "<a/>".encode("utf-16-le"), "not UTF-8"),
    "gbk": (lambda: "<a>张三</a>".encode("gbk"), "not UTF-8"),
    "says gbk": (lambda: b"<?xml version='1.0' encoding='GBK'?><a/>", "not"),
    "says latin": (lambda: b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "not UTF-8"),
    "says utf-16": (lambda: b"<?xml version='1.0' encoding='UTF-16'?><a/>", "not"),
    "says 1.1": (lambda: b"<?xml version='1.1'?><a/>", "not"),
    "surrogates": (lambda: b"<a>\xed\xa0\x80</a>", "not UTF-8"),
    "overlong": (lambda: b"<a>\xc0\xbc</a>", "not UTF-8"),
    "nul": (lambda: b"<a>\0</a>", "not UTF-8"),
    "large": (lambda: b"<a>" + b" " * xml.MOST_BYTES + b"</a>", "too large"),
    "deep": (lambda: b"<a>" * 65 + b"</a>" * 65, "too deep"),
    "very deep": (lambda: b"<a>" * 500_000, "too deep"),
    "many": (lambda: b"<a>" + b"<b/>" * xml.MOST_ELEMENTS + b"</a>", "too many elements"),
    "a huge attribute": (
        lambda: b"<a b='" + b"x" * (xml.MOST_ATTRIBUTE + 1) + b"'/>",
        "attributes beyond measure",
    ),
    "many attributes": (
        lambda: b"<a " + b" ".join(b"b%d=''" % n for n in range(65)) + b"/>",
        "attributes beyond measure",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused(name: str) -> None:
    build, rule = HOSTILE[name]

    assert rule in refused(build())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    try:
        parsed(b"<a>" + data + b"</a>")
    except PackageError:
        return


# --- what elements say


def test_elements_of_the_draft_and_of_no_namespace_are_taken_those_of_others_not() -> None:
    for namespace in xml.NAMESPACES - {None}:
        assert local(parsed(f'<o:OFD xmlns:o="{namespace}"/>'.encode())) == "OFD"
    assert local(parsed(b"<OFD/>")) == "OFD"
    assert local(parsed(b'<OFD xmlns="urn:other"/>')) == ""


def test_of_two_children_of_one_name_none_is_chosen() -> None:
    twice = parsed(f'<a><b>1</b><o:b xmlns:o="{xml.NAMESPACE}">2</o:b></a>'.encode())

    assert [text(each) for each in children(twice, "b")] == ["1", "2"]
    with pytest.raises(PackageError, match="twice"):
        child(twice, "b")
    assert child(twice, "c") is None


def test_words_are_read_through_comments_but_not_through_elements() -> None:
    assert text(parsed(b"<a>\n /OFD<!-- x -->.xml </a>")) == "/OFD.xml"
    assert text(parsed(b"<a/>")) == ""
    assert text(None) is None
    with pytest.raises(PackageError, match="elements"):
        text(parsed(b"<a>x<b/></a>"))


# --- places


@pytest.mark.parametrize(
    ("base", "loc", "member"),
    [
        ("OFD.xml", "Doc_0/Document.xml", "Doc_0/Document.xml"),
        ("OFD.xml", "/Doc_0/Document.xml", "Doc_0/Document.xml"),
        ("Doc_0/Document.xml", "Pages/P/C.xml", "Doc_0/Pages/P/C.xml"),
        ("Doc_0/Document.xml", "/OFD.xml", "OFD.xml"),
        ("Doc_0/Document.xml", "../OFD.xml", "OFD.xml"),
        ("Doc_0/Document.xml", "./Res/../a.xml", "Doc_0/a.xml"),
        ("Doc_0/Document.xml", " a.xml\n", "Doc_0/a.xml"),
        ("Doc_0/Document.xml", "印.xml", "Doc_0/印.xml"),
        ("Doc_0/Document.xml", "%2e%2e/a.xml", "Doc_0/%2e%2e/a.xml"),
    ],
)
def test_a_place_is_found_from_where_it_is_written(base: str, loc: str, member: str) -> None:
    assert located(base, loc) == member


@pytest.mark.parametrize(
    "loc",
    ["", " ", "/", "..", "../..", "../../OFD.xml", "/../OFD.xml", "a//b", "//a", "a/", "C:/a",
     "http://localhost/a", "a\\b", "..\\a", "a\0b", "a\nb"],
)  # fmt: skip
def test_a_place_outside_the_package_is_refused(loc: str) -> None:
    with pytest.raises(PackageError, match="a place"):
        located("Doc_0/Document.xml", loc)
