"""Signed links: SigV4 presigned GETs with an end and a name for the downloaded file."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from factory.errors import FieldError
from storage.s3 import client_for, store_edge

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=7)  # the longest SigV4 allows
UNSAFE_IN_QUOTES = set('"\\/%;')
MOST_BYTES = 200  # in UTF-8; file systems allow 255, and programs append " (1)"
MOST_EXTENSION = 10
NO_ASCII = re.compile(r"[^ -~]+")


class LinkSigner:
    """Signs links to one bucket, under the address that downloaders see."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    @classmethod
    def connect(
        cls, *, endpoint: str, region: str, key: str, secret: str, bucket: str
    ) -> LinkSigner:
        """Signing needs no connection; ``endpoint`` is the public one."""
        return cls(client_for(endpoint, region, key, secret), bucket)

    def download_link(
        self, key: str, *, filename: str, content_type: str, expires_in: timedelta
    ) -> str:
        """A link that downloads the object under that file name until it ends; no cache keeps it.

        FieldError: it would live less than a second or more than seven days.

        Whoever has the link can download: it names no person, and nothing in it can be changed
        without breaking the signature.
        """
        if not SHORTEST <= expires_in <= LONGEST:
            raise FieldError("expires_in", "AWS Signature Version 4", "1 second to 7 days")
        with store_edge():
            return self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "ResponseContentDisposition": content_disposition(
                        filename, PurePosixPath(key).name.partition(".")[0]
                    ),
                    "ResponseContentType": content_type,
                    "ResponseCacheControl": "private, no-store",
                },
                ExpiresIn=int(expires_in.total_seconds()),
            )


def content_disposition(filename: str, kind: str = "document") -> str:
    """The header's value for a download, with an ASCII name for old programs.

    kind: what the ASCII name begins with, where the name is not ASCII.

    RFC 6266 section 4.3 and appendix D, RFC 8187 section 3.2.  Controls, path separators,
    leading dots and characters that change the direction of text are left out; what is too
    long loses its middle, not its extension.

    >>> content_disposition("证书_1.pdf", "certificate")
    'attachment; filename="certificate_1.pdf"; filename*=UTF-8\\'\\'%E8%AF%81%E4%B9%A6_1.pdf'
    """
    name = _fitting("".join(filter(_harmless, filename)).lstrip(". ")) or "document"
    ascii_name = "".join("_" if ch in UNSAFE_IN_QUOTES else ch for ch in _in_ascii(name, kind))
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _in_ascii(name: str, kind: str) -> str:
    """The name itself, or the kind and what is ASCII of it: numbers and the extension."""
    if name.isascii():
        return name
    path = PurePosixPath(name)
    parts = (kind, *(part.strip() for part in NO_ASCII.sub("_", path.stem).split("_")))
    end = path.suffix if path.suffix.isascii() else ""
    return "_".join(filter(None, parts)) + end


def _harmless(ch: str) -> bool:
    return ch == " " or (ch not in "/\\" and unicodedata.category(ch)[0] not in "CZ")


def _fitting(name: str) -> str:
    end = PurePosixPath(name).suffix[-MOST_EXTENSION:]
    stem = name.removesuffix(end).encode()[: MOST_BYTES - len(end.encode())]
    return stem.decode(errors="ignore") + end
