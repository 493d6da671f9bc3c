"""Random histories of notices: answers, pauses, kills, replays; each subject stays in order."""

from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from factory.deliveries import DeliveryState, EndpointState
from jobs import notices, notifying
from jobs.notices import Destination
from jobs.posting import Poster, Reply
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import endpoints
from tests.jobs.test_notifying import later, states, tell
from tests.plants import SOURCE, WHO, new_plant

URL = "https://portal.example/"
SUBJECTS = ("one", "two", "three")
STATUSES = (204, 204, 204, 500, 410, None)

tellings = st.tuples(st.just("tell"), st.sampled_from(SUBJECTS))
sendings = st.tuples(st.just("send"), st.lists(st.sampled_from(STATUSES), min_size=1, max_size=6))
moves = st.lists(
    st.one_of(
        tellings,
        sendings,
        st.tuples(st.sampled_from(("later", "die", "resume")), st.none()),
    ),
    min_size=4,
    max_size=30,
)


class Upstream(Poster):
    """Answers as it is told to, then well; keeps what it has taken."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[int | None] = []
        self.taken: list[tuple[int, str]] = []
        self.heard: list[int] = []

    def post(self, where: Destination, headers: dict[str, str], body: bytes) -> Reply:  # type: ignore[override]
        status = self.answers.pop(0) if self.answers else 204
        ident = int(headers["webhook-id"])
        self.heard.append(ident)
        if status == 204:
            self.taken.append((ident, body.decode()))
        return Reply(status=status, said=str(status))


class World:
    """One endpoint, and what befalls it."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.upstream = plant, Upstream()
        self.endpoint = notices.add(plant, SOURCE, URL, who=WHO).endpoint.id

    def move(self, kind: str, what: object) -> None:
        if kind == "tell":
            tell(self.plant, str(what))
        elif kind == "send":
            self.send(what)
        elif kind == "later":
            later(self.plant)
        elif kind == "die":
            notices.number_new(self.plant)
            notifying._claimed(self.plant, self.endpoint)
        elif self.state() is EndpointState.ASIDE:
            notices.resume(self.plant, self.endpoint, who=WHO)

    def send(self, answers: object = ()) -> None:
        assert isinstance(answers, list | tuple)
        self.upstream.answers = list(answers)
        notices.number_new(self.plant)
        while claimed := notifying._claimed(self.plant, self.endpoint):
            tried = notifying._sent(self.plant, claimed, self.upstream, Event())
            notifying._record(self.plant, claimed, tried)

    def state(self) -> EndpointState:
        with self.plant.ledger.read() as tx:
            return endpoints.get(tx, self.endpoint).state


@settings(max_examples=60)
@given(moves)
def test_whatever_befalls_an_endpoint_each_subject_comes_in_order_and_whole(
    history: list[tuple[str, object]],
) -> None:
    with TemporaryDirectory() as folder:
        plant = new_plant(
            Path(folder), f"sqlite:///{folder}/ledger.sqlite3", notify_hosts="portal.example",
            notify_tries=1000,
        )  # fmt: skip
        world = World(plant)
        for kind, what in history:
            world.move(kind, what)

        for _ in range(len(history)):
            world.move("later", None)
            world.move("resume", None)
            world.send()

        with plant.ledger.read() as tx:
            subjects = dict(tx.run(select(t.notice.c.number, t.notice.c.subject)).all())
        for subject in SUBJECTS:
            of_it = [ident for ident, _ in world.upstream.taken if subjects[ident] == subject]
            assert of_it == sorted(n for n, each in subjects.items() if each == subject)
        assert set(states(plant)) <= {DeliveryState.DELIVERED}
