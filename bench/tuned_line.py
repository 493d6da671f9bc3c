"""The tuned pipeline as a line: a row read, a file made and put, a row written, a certificate.

One engine, one client and one ``Maker`` are kept; photos lie in files that the row names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import create_engine, text

from bench import naive
from bench.contenders import Given
from bench.pages import Page
from bench.tuned import Maker

COLUMNS = "id INTEGER PRIMARY KEY, page TEXT, files TEXT, object_key TEXT"
INSERT = text("INSERT INTO tuned_certificate (id, page, files) VALUES (:id, :page, :files)")
READ = text("SELECT page, files FROM tuned_certificate WHERE id = :id")
WRITE = text("UPDATE tuned_certificate SET object_key = :key WHERE id = :id")


class TunedLine:
    """What one process keeps."""

    def __init__(self, setup: naive.Setup) -> None:
        self._engine = create_engine(setup.db_url)
        self._client = naive.s3_client(setup)
        self._bucket = setup.bucket
        self._maker = Maker(
            setup.fonts, seal=setup.seal, pkcs12=setup.pkcs12, passphrase=setup.passphrase
        )

    def create(self, rows: Sequence[Given]) -> None:
        """A fresh table of what is to be made; ids from 0."""
        values = [
            {
                "id": ident,
                "page": json.dumps(asdict(given.page), ensure_ascii=False),
                "files": json.dumps(given.files),
            }
            for ident, given in enumerate(rows)
        ]
        with self._engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS tuned_certificate"))
            connection.execute(text(f"CREATE TABLE tuned_certificate ({COLUMNS})"))
            connection.execute(INSERT, values)

    def make(self, ident: int) -> None:
        """One certificate, from its row to its row."""
        with self._engine.begin() as connection:
            row = connection.execute(READ, {"id": ident}).one()
        document = self._maker.make(Page(**json.loads(row.page)), json.loads(row.files))
        key = f"tuned/{ident}.pdf"
        self._client.put_object(
            Bucket=self._bucket, Key=key, Body=document, ContentType="application/pdf"
        )
        with self._engine.begin() as connection:
            connection.execute(WRITE, {"id": ident, "key": key})
