"""Signed links: SigV4 presigned GETs with an end and a name for the downloaded file."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from factory.errors import FieldError
from storage.blobs import client_for, store_edge

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=7)  # the longest SigV4 allows
UNSAFE_IN_QUOTES = set('"\\/%;')
MOST_CHARACTERS = 120


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
        """A link that downloads the object under that file name until it ends.

        FieldError: it would live less than a second or more than seven days.
        """
        if not SHORTEST <= expires_in <= LONGEST:
            raise FieldError("expires_in", "AWS Signature Version 4", "1 second to 7 days")
        with store_edge():
            return self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "ResponseContentDisposition": content_disposition(filename),
                    "ResponseContentType": content_type,
                },
                ExpiresIn=int(expires_in.total_seconds()),
            )


def content_disposition(filename: str) -> str:
    """The header's value for a download (RFC 6266), with an ASCII name for old programs.

    Controls, path separators and characters that change the direction of text are left out.

    >>> content_disposition("证书_1.pdf")
    'attachment; filename="__1.pdf"; filename*=UTF-8\\'\\'%E8%AF%81%E4%B9%A6_1.pdf'
    """
    name = "".join(ch for ch in filename if _printable(ch))[-MOST_CHARACTERS:] or "document"
    ascii_name = "".join(ch if ch.isascii() and ch not in UNSAFE_IN_QUOTES else "_" for ch in name)
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _printable(ch: str) -> bool:
    return (ch not in "/\\" and unicodedata.category(ch)[0] not in "CZ") or ch == " "
