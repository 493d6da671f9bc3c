"""A ledger as the first version left it, at revision 0001: approvals and imports, no facts yet.

That version knew one register, took an approval without asking for hours of a late registration,
and kept what happened to a registration as its event.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from factory import events, plan
from factory.events import Applied, Event, RegistrationImported
from factory.model import Holder, Period, Profession, Registration
from factory.numbering import CODE_BYTES, number_key
from factory.profile import Profile
from factory.register import View, view_json
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import schema
from storage import tables as t
from storage.ledger import Tx, inbox, keys, orders, people
from storage.ledger.people import HolderRow
from storage.new_keyring import create_test_keyring
from tests.plants import NOW, PROFILE, SOURCE, WHO, JsonObject

REVISION = "0001"


def older_plant(folder: Path, db_url: str) -> Plant:
    """A plant whose ledger the first version made."""
    plant = Plant(Settings.from_env({"FACTORY_DATA_DIR": str(folder), "FACTORY_DB_URL": db_url}))
    create_test_keyring(
        plant.settings.keyring_dir,
        identities={PROFILE: "示例市住房和城乡建设委员会"},
        now=NOW,
        draw_seal=lambda _: b"picture",
    )
    schema.migrate(plant.ledger.engine, REVISION)
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, SOURCE, PROFILE)
    return plant


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """An event the first version took, and who it is about."""

    event: Event
    inbox_id: int
    holder: HolderRow
    profile: Profile

    @property
    def data(self) -> Applied | RegistrationImported:
        assert isinstance(self.event.data, Applied | RegistrationImported)
        return self.event.data


def register(plant: Plant, event: JsonObject, number: str) -> int:
    """An approval or import as the first version entered it under that number; its row.

    The certificate of an approval is made and not collected; an imported one is the holder's.
    """
    with plant.ledger.write(WHO) as tx:
        taken = _take(tx, plant.profile(tx, PROFILE), json.dumps(event).encode(), number)
        data = taken.data
        photo = people.add_picture(tx, taken.holder, b"photo") if data.photo else None
        view = View(professions=_professions(taken), photo=photo)
        row_id = _add_registration(tx, taken, number, view)
        _add_event(tx, taken, row_id, view)
        value = Registration(
            number=number,
            holder=data.holder.value(),
            enterprise=data.enterprise.value(),
            occupation=taken.profile.occupation,
            professions=view.professions,
            photo=photo,
        )
        if isinstance(data, RegistrationImported):
            _add_foreign_edition(tx, row_id, data, view)
        else:
            _add_made_edition(tx, taken, row_id, value)
        return row_id


def rename(plant: Plant, row_id: int, name: str) -> None:
    """The employer of a registration was renamed; the name before is kept."""
    with plant.ledger.write(WHO) as tx:
        row = tx.run(
            select(t.registration.c.enterprise_id, t.enterprise.c.name)
            .join(t.enterprise, t.enterprise.c.id == t.registration.c.enterprise_id)
            .where(t.registration.c.id == row_id)
        ).one()
        tx.run(
            insert(t.enterprise_name).values(
                enterprise_id=row.enterprise_id, name=row.name, until=tx.now, inbox_id=1
            )
        )
        tx.run(update(t.enterprise).where(t.enterprise.c.id == row.enterprise_id).values(name=name))


def rows_of(plant: Plant) -> dict[str, list[tuple[Any, ...]]]:
    """What the first version knew of registrations and editions, as the tables have it now."""
    kept = {
        t.registration: ("id", "uid", "number", "number_key", "holder_id", "state", "view"),
        t.enterprise: ("id", "credit_code", "name"),
        t.edition: ("id", "registration_id", "number", "medium", "licence_id", "code", "state"),
        t.production_order: ("id", "edition_id", "state", "face", "key_stem"),
        t.number_series: ("series", "next"),
    }
    with plant.ledger.read() as tx:
        return {
            table.name: [
                tuple(row)
                for row in tx.run(
                    select(*(table.c[name] for name in names)).order_by(table.c[names[0]])
                )
            ]
            for table, names in kept.items()
        }


def _take(tx: Tx, profile: Profile, raw: bytes, number: str) -> _Taken:
    event = events.parse(raw)
    data = event.data
    assert isinstance(data, Applied | RegistrationImported)
    holder = _add_holder(tx, profile, data.holder.value())
    inbox_id = inbox.add(
        tx,
        source=event.source,
        event_id=event.id,
        kind=event.type,
        digest=tx.vault.lookup("event", event.canonical.decode()).hex(),
        raw=raw,
        data_key=holder.data_key,
    )
    assert inbox_id is not None
    outcome = {"registration": number, "batch": None, "hold": None, "notes": []}
    inbox.settle(tx, inbox_id, "accepted", outcome)
    return _Taken(event=event, inbox_id=inbox_id, holder=holder, profile=profile)


def _add_holder(tx: Tx, profile: Profile, person: Holder) -> HolderRow:
    given = insert(t.data_key).values(wrapped=tx.vault.new_key(), created_at=tx.now)
    data_key = tx.run(given).inserted_primary_key[0]
    added = tx.run(
        insert(t.holder).values(
            profile=profile.id,
            lookup=tx.vault.lookup("holder", profile.id, person.id_type, person.id_number),
            data_key_id=data_key,
            person=b"",
        )
    )
    holder = HolderRow(id=int(added.inserted_primary_key[0]), data_key=data_key)
    people.describe(tx, holder, person)
    return holder


def _professions(taken: _Taken) -> tuple[Profession, ...]:
    data, profile = taken.data, taken.profile
    if isinstance(data, RegistrationImported):
        periods = [Period(first=each.valid_from, last=each.valid_to) for each in data.professions]
    else:
        day = _day(data)
        periods = [profile.validity_from(day, data.holder.birth_date) for _ in data.professions]
    found = [
        Profession(name=each.name, validity=period, main=each.main)
        for each, period in zip(data.professions, periods, strict=True)
    ]
    order = profile.professions.names.index
    return tuple(sorted(found, key=lambda each: (not each.main, order(each.name))))


def _day(data: Any) -> date:
    day: date = getattr(data, "approved_on", None) or data.edition.issued_on
    return day


def _add_registration(tx: Tx, taken: _Taken, number: str, view: View) -> int:
    profile = taken.profile
    added = tx.run(
        insert(t.registration).values(
            uid=secrets.token_hex(16),
            profile=profile.id,
            authority=profile.authority.credit_code,
            occupation=profile.occupation.value,
            number=number,
            number_key=number_key(number),
            holder_id=taken.holder.id,
            enterprise_id=people.enterprise(tx, profile.id, taken.data.enterprise.value()).id,
            state="active",
            view=_old_view(view),
        )
    )
    return int(added.inserted_primary_key[0])


def _old_view(view: View) -> JsonObject:
    """That version knew no signature pictures."""
    return {name: value for name, value in view_json(view).items() if name != "signature"}


def _add_event(tx: Tx, taken: _Taken, row_id: int, view: View) -> None:
    event = taken.event
    stated = json.dumps(_old_view(view), ensure_ascii=False).encode()
    context = f"registration_event.facts:{event.source} {event.id}"
    tx.run(
        insert(t.registration_event).values(
            registration_id=row_id,
            inbox_id=taken.inbox_id,
            effective=_day(taken.data).isoformat(),
            source=event.source,
            event_id=event.id,
            type=event.type,
            facts=keys.load(tx, taken.holder.data_key).seal(stated, context=context),
        )
    )


def _add_foreign_edition(tx: Tx, row_id: int, data: RegistrationImported, view: View) -> None:
    tx.run(
        insert(t.edition).values(
            registration_id=row_id,
            profile=PROFILE,
            number=data.edition.number,
            medium=data.edition.medium,
            state="collected",
            cause="registration.imported",
            valid_until=view.valid_until.isoformat(),
            ordered_at=tx.now,
            collected_at=tx.now,
        )
    )


def _add_made_edition(tx: Tx, taken: _Taken, row_id: int, value: Registration) -> None:
    profile = taken.profile
    planned = plan.edition(
        profile,
        value,
        number=1,
        random_bytes=secrets.token_bytes(CODE_BYTES),
        verify_url="https://verify.example/v/",
        issued_on=_day(taken.data),
    )
    edition = tx.run(
        insert(t.edition).values(
            registration_id=row_id,
            profile=profile.id,
            number=1,
            medium="electronic",
            licence_id=planned.licence_id,
            code=planned.code,
            state="uncollected",
            cause="registration.approved",
            valid_until=planned.valid_until.isoformat(),
            ordered_at=tx.now,
            made_at=tx.now,
        )
    ).inserted_primary_key[0]
    stem = f"{profile.id}/{row_id:032x}/001/certificate"
    face = json.dumps(planned.face, ensure_ascii=False, separators=(",", ":")).encode()
    key = keys.load(tx, taken.holder.data_key)
    tx.run(
        insert(t.production_order).values(
            kind="certificate",
            profile=profile.id,
            profile_version=profile.version,
            registration_id=row_id,
            edition_id=edition,
            inbox_id=taken.inbox_id,
            data_key_id=taken.holder.data_key,
            state="made",
            face=key.seal(face, context=orders.face_context(stem)),
            face_version=planned.face_version,
            pictures={"photo": value.photo},
            formats=["pdf"],
            identity=profile.seal.identity,
            signed_at=tx.now,
            key_stem=stem,
            created_at=tx.now,
            correlation_id="-",
        )
    )
