"""Applications as people might hand them in: any register, name, enterprise and number."""

from hypothesis import strategies as st

from factory import outlook, specimen
from factory.courses import Case
from factory.model import Kind
from jobs.preview import MAKERS, Drawn, Studio, parsed
from tests.studios import TODAY, documents

DOCUMENTS = documents()

RARE = "𬭎䶮㛃𠅤龘𪚥㐂𫖯䲜"
UNUSUAL = "ﬁ—·（）()&Ⅲ①"
UNPRINTABLE = "\ue0c5\U000f0000\u0301"
HAN = specimen.SURNAMES + specimen.GIVEN
PLAIN_NAMES = st.text(HAN, min_size=2, max_size=4)
MINORITY = st.lists(st.text(HAN, min_size=2, max_size=7), min_size=2, max_size=4).map("·".join)
NAMES = st.one_of(
    PLAIN_NAMES,
    PLAIN_NAMES,
    MINORITY,
    st.text(HAN + RARE, min_size=1, max_size=6),
    st.text(HAN + UNUSUAL, min_size=1, max_size=30),
    st.sampled_from(specimen.UNCOMMON),
    st.text(HAN + UNPRINTABLE, min_size=3, max_size=5),
)
EMPLOYERS = st.one_of(
    st.none(),
    st.text(HAN + RARE, min_size=4, max_size=40).map("{}建设工程有限公司".format),
    st.text(HAN + UNUSUAL + "ABC019", min_size=2, max_size=120),
)


def cases(rooms: Studio, kind: Kind, register: str | None = None) -> st.SearchStrategy[Case]:
    """Applications of every type that lead to a document of that kind.

    register: of this one alone; None: of every one.
    """
    ways = [
        (name, asked)
        for each, name, asked in DOCUMENTS
        if each is kind and register in (None, name)
    ]
    rules = {name: rooms.installed[name].on(TODAY) for name, _ in ways}
    return st.builds(
        lambda way, seed, name, employer, count: Case(
            profile=rules[way[0]],
            kind=way[1],
            seed=seed,
            also={"name": name},
            employer=employer,
            count=count,
        ),
        st.sampled_from(ways),
        st.integers(1, 99_999),
        NAMES,
        EMPLOYERS,
        st.integers(1, 6),
    )


def draw(rooms: Studio, kind: Kind, case: Case) -> Drawn:
    """As the line draws it.  InvalidEventError: it would not even be taken in."""
    history = parsed(MAKERS[kind].told(case))
    seen = outlook.after(history, rooms.installed[case.profile.id])
    return rooms.drawn(kind, seen, MAKERS[kind].face(seen, rooms.verify_url))
