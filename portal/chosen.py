"""Files that visitors choose to be verified: how large they may be, and what is none to judge."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

FILES = "/verify/file"  #: where one is handed over
MB = 1024 * 1024
MOST_FILE_BYTES = 4 * MB  #: that are handed over
MOST_READ_BYTES = 64 * MB  #: that a browser reads, to compare the file where it is

PDF, PDF_END = b"%PDF-", b"%%EOF"
MARGIN = 1024  #: within which both stand, from either end (ISO 32000-2, annex I)
ZIP, ZIP_END = b"PK", b"PK\x05\x06"
MOST_ZIP_END = 22 + 65535  #: the end record and its comment (APPNOTE.TXT, 4.3.16)
OFD_ROOT = b"OFD.xml"  #: names are not compressed (GB/T 33190-2016, 7.1)

NONE = "请选择证书文件"
EMPTY = "所选的文件是空的（0 字节），请重新下载证书后再选择"
UNREAD = "浏览器无法读取这个文件，请重新选择"


class Shape(StrEnum):
    """Why bytes are no whole document."""

    NEITHER = "neither"  #: not a PDF, not an OFD
    CUT = "cut"  #: its end is missing


#: title and meaning
WORDS: Mapping[Shape, tuple[str, str]] = MappingProxyType(
    {
        Shape.NEITHER: (
            "不是 PDF 或 OFD 文件",
            "电子证书是 PDF 或 OFD 文件，照片、扫描件和其他格式的文件不能按文件查验。"
            "请扫描证书上的二维码，或按编号和验证码查验。",
        ),
        Shape.CUT: (
            "文件不完整",
            "文件缺少结尾，可能没有下载完或没有传完。"
            "请重新取得完整的文件再查验；不完整的文件请勿采信。",
        ),
    }
)


def shape(data: bytes) -> Shape | None:
    """Why these bytes are no whole document, by their ends alone; None: they may be one."""
    if PDF in data[:MARGIN]:
        return None if PDF_END in data[-MARGIN:] else Shape.CUT
    if not data.startswith(ZIP):
        return Shape.NEITHER
    if ZIP_END not in data[-MOST_ZIP_END:]:
        return Shape.CUT
    return None if OFD_ROOT in data else Shape.NEITHER


def too_large(most: int) -> str:
    """What is said of a file that is larger."""
    return f"文件太大：最大 {most // MB} MB。证书文件一般不超过 1 MB，请检查是否选错了文件"


def words(most: int) -> Mapping[str, str]:
    """For a page's script, which says so before anything is sent."""
    return {
        "none": NONE,
        "empty": EMPTY,
        "unread": UNREAD,
        "neither": "：".join(WORDS[Shape.NEITHER]),
        "cut": "：".join(WORDS[Shape.CUT]),
        "large": too_large(most),
    }
