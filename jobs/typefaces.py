"""The faces a process prints with: the installed ones, and those added since it started.

Added faces stand behind the installed ones, in the order of the ledger.  So what is printable
without them is printed without looking for them, and every worker prints a name alike whichever
of them it has loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from factory.errors import NotFoundError, SettingsError, UnprintableError
from factory.page.fonts import Face, FontBook
from factory.page.rows import Table
from factory.page.sheet import Placed, Sheet, Value, layout
from storage.ledger import fonts
from storage.ledger.fonts import AddedFont

if TYPE_CHECKING:
    from jobs.wiring import Plant

Key = tuple[str, int]  #: SHA-256 of the file, number of the face


class Typefaces:
    """The book of a process; it grows when the ledger has more fonts.

    book: the faces at hand.
    """

    def __init__(self, plant: Plant) -> None:
        self.book = plant.fontbook
        self._plant = plant
        self._loaded: dict[Key, Face] = {}

    def renewed(self) -> FontBook:
        """The book with every font that the ledger knows by now; each is fetched once.

        StoreUnavailableError: ledger or store gave no answer.  SettingsError: the store lacks
        a font.  DigestMismatchError: the store has other bytes than were added.
        """
        with self._plant.ledger.read() as tx:
            listed = fonts.added(tx)
        if len(listed) > len(self._loaded):
            self._loaded |= {_key(row): self._load(row) for row in listed if self._lacks(row)}
            self.book = self._plant.fontbook.grown(self._loaded[_key(row)] for row in listed)
        return self.book

    def _lacks(self, row: AddedFont) -> bool:
        return _key(row) not in self._loaded

    def _load(self, row: AddedFont) -> Face:
        try:
            data = self._plant.store.get(
                row.object_key, sha256=row.sha256, max_bytes=row.size_bytes
            )
        except NotFoundError as error:
            raise SettingsError(
                f"font {row.name}: the object store has lost it; add its file again with"
                " `certfactory fonts add`"
            ) from error
        return Face(row.name, data, row.face_index)


def _key(row: AddedFont) -> Key:
    return row.sha256, row.face_index


def placed(plant: Plant, sheet: Sheet | Table, values: Mapping[str, Value]) -> Placed:
    """The document by the faces at hand; what they lack may have been added since.

    UnprintableError, LintError: as ``layout``; with every added font too.
    """
    typefaces = plant.typefaces
    try:
        return layout(sheet, values, typefaces.book)
    except UnprintableError:
        return layout(sheet, values, typefaces.renewed())
