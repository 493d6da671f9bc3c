"""Archive stamps (归档时间戳, B-LTA): files whose proof of time ends soon get another one.

A proof holds as long as the certificate of its authority of time.  Before that a newer authority
stamps the whole file, with lists of the day for whatever was signed in it.  PDF alone: an OFD has
no place for it, and rests on the ledger's record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from factory import verify_archive
from factory.errors import FactoryError, PermanentError, SealRefusedError
from factory.making import MAKINGS
from factory.seals import archive, longterm
from factory.seals import chain as chains
from factory.seals.archive import Waiting
from factory.seals.chain import Chain
from factory.seals.keys import fingerprint
from factory.seals.longterm import Gathered, Material
from factory.seals.outside import Signed
from factory.verify_time import Asked
from jobs.stamping import last_day
from jobs.upkeep import slices
from jobs.upkeep.slices import Done, Made, Slice
from storage.ledger import proofs
from storage.ledger.proofs import Ending, Provable

if TYPE_CHECKING:
    from jobs.wiring import Plant

FORMATS = tuple(fmt for fmt, making in MAKINGS.items() if making.takes_archive_stamps)


def ending(now: datetime, days: int) -> Ending:
    """What has a proof that ends within so many days."""
    today = now.astimezone(UTC).date()
    before = today + timedelta(days=days)
    return Ending(since=today.isoformat(), before=before.isoformat(), formats=FORMATS)


def stamp_ending(plant: Plant, wanted: Ending) -> Iterator[Done]:
    """Put an archive stamp behind each; a slice at a time.

    TimestampUnavailableError: the authority is away; what was recorded stays.
    """
    return slices.each(
        plant,
        lambda tx, after, most: proofs.ending(tx, wanted, after=after, most=most),
        _Keeper(plant).stamp,
        "archived",
    )


@dataclass(slots=True)
class _Keeper:
    """One run; files of one seal and one authority share what is gathered for them."""

    plant: Plant
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _gathered: dict[tuple[str, ...], Gathered] = field(default_factory=dict)

    def stamp(self, piece: Slice) -> None:
        """An archive stamp for each file of a slice."""
        authority = piece.plant.time_authority(piece.authority)
        until = last_day(authority.sample.signing_cert)
        waiting = list(self._waiting(piece, until, authority.room))
        tokens = authority.tokens([each.imprint for _, _, each in waiting]) if waiting else []
        for (file, data, each), token in zip(waiting, tokens, strict=True):
            try:
                longer = each.closed(token.encoded)
                self._check(file, data, longer, is_first=not piece.made)
            except PermanentError as error:
                piece.give_up(file, error)
            else:
                ends = last_day(token.signing_cert)
                piece.made.append(Made(of=file, data=longer, proved_until=ends))

    def _waiting(
        self, piece: Slice, until: str, room: int
    ) -> Iterator[tuple[Provable, bytes, Waiting]]:
        """Each file as it is, and with a hole for its token."""
        for file in piece.files:
            try:
                _refuse_useless(file, until)
                data = self.plant.store.get(file.object_key, sha256=file.sha256)
                material = self._material(archive.signed_in(data))
                yield file, data, archive.prepared(data, material, room)
            except FactoryError as error:
                piece.give_up(file, error)

    def _check(self, file: Provable, data: bytes, longer: bytes, *, is_first: bool) -> None:
        """What is on record stands before the stamp; the first of a slice is judged whole."""
        asked = Asked(now=datetime.now(UTC), time_roots=self.plant.keyring.time_roots())
        verify_archive.self_check(data, longer, asked)
        if is_first:
            slices.judge(self.plant, file, longer)

    def _material(self, signed: tuple[Signed, ...]) -> Material:
        """LongTermUnavailableError: of a certificate in force no list is to be had."""
        key = tuple(fingerprint(each.certificate) for each in signed)
        kept = self._gathered.get(key)
        if kept is None or self.now >= kept.until:
            kept = longterm.gathered(self._chains(signed), self.plant.revocations(), self.now)
            self._gathered[key] = kept
        return kept.material

    def _chains(self, signed: tuple[Signed, ...]) -> list[Chain]:
        """Of the seal, and of its stamps, each to a root of ours."""
        keys, (seal, *stamps) = self.plant.keyring, signed
        given = [(seal, keys.trust_roots()), *((each, keys.time_roots()) for each in stamps)]
        return [
            chains.trusted(
                each.certificate,
                each.chain,
                roots,
                min(self.now, each.certificate.not_valid_after_utc),
            )
            for each, roots in given
        ]


def _refuse_useless(file: Provable, until: str) -> None:
    if file.proved_until is None or until <= file.proved_until:
        raise SealRefusedError(
            f"the authority of time ends on {until}, no later than what proves the file already"
        )
