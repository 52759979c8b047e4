"""What a fold gave, kept: a start is quicker for it, and never wrong."""

import os
from itertools import count

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.generators import RECORDS

from atomizer.app import fold_cache, ledger
from atomizer.app.ledger import FILE, Ledger, read_state
from atomizer.app.state import State
from atomizer.domain.trading import CancelSent, OrderPlaced, Side, TimeInForce
from atomizer.journal.frames import Identity
from atomizer.journal.writer import JournalWriter

BOOK = Identity("derive", "7")


def place(number):
    return OrderPlaced(
        now_ns=number,
        venue="derive",
        client_id=f"hedge.r1.{number}",
        nonce=number,
        instrument="ETH-PERP",
        side=Side.BUY,
        price_nanos=100,
        amount_nanos=10,
        time_in_force=TimeInForce.GTC,
        hedge_of="t",
    )


def image(value):
    """Everything that a state is made of, as text that says which parts are one and the same object."""
    names = {}

    def show(part):
        if isinstance(part, (str, int, float, bytes, type(None))) or callable(part):
            return repr(part)
        if id(part) in names:
            return f"<{names[id(part)]}>"
        names[id(part)] = len(names)
        if isinstance(part, dict):
            return f"{{{', '.join(f'{show(key)}: {show(each)}' for key, each in part.items())}}}"
        if isinstance(part, (set, frozenset)):
            return f"{{{', '.join(sorted(map(repr, part)))}}}"
        if isinstance(part, (list, tuple)):
            return f"[{', '.join(map(show, part))}]"
        fields = part.__struct_fields__ if isinstance(part, msgspec.Struct) else vars(part)
        return f"{type(part).__name__}({', '.join(f'{name}={show(getattr(part, name))}' for name in fields)})"

    return show(value)


def fold(records):
    state = State()
    for record in records:
        state.apply(record)
    return state


@pytest.fixture(autouse=True)
def keeps_at_once(monkeypatch):
    """Every close keeps the fold, however little there is."""
    monkeypatch.setattr(ledger, "KEEP_AFTER", 1)


def write(directory, records):
    """One run that ends well."""
    run = Ledger(directory, BOOK)
    for record in records:
        run.write(record)
    run.close()


directories = count()


@settings(max_examples=40)
@given(st.lists(RECORDS, min_size=1, max_size=12), st.lists(RECORDS, max_size=12))
def test_the_rest_on_top_of_what_was_kept_is_the_whole(tmp_path_factory, first, rest):
    """A state that was kept and then went on is the one that folding everything gives, shared parts included."""
    directory = tmp_path_factory.mktemp("books")
    write(directory, first)
    kept = fold_cache.load(directory / fold_cache.FILE, BOOK)
    assert kept is not None
    assert image(kept.state) == image(fold(first))
    write(directory, rest)
    assert image(read_state(directory / FILE)) == image(fold(first + rest))


def test_a_start_folds_only_what_came_since(tmp_path, monkeypatch):
    """Records that are in what was kept are not folded again."""
    write(tmp_path, [place(number) for number in range(1, 100)])
    applied = []
    apply = State.apply
    monkeypatch.setattr(State, "apply", lambda self, record: applied.append(record) or apply(self, record))
    with JournalWriter(tmp_path / FILE, BOOK) as journal:
        journal.append(place(100))
    assert len(read_state(tmp_path / FILE).orders.hedges_of("t")) == 100
    assert applied == [place(100)]


def test_who_watches_is_not_kept(tmp_path):
    """A state that others watch is kept without them, and can be watched again."""
    run = Ledger(tmp_path, BOOK)
    run.state.portfolio.watch(lambda _instrument, _amount: None)
    run.state.orders.watch(lambda _order: None)
    run.write(place(1))
    run.close()
    assert fold_cache.load(tmp_path / fold_cache.FILE, BOOK) is not None
    assert image(read_state(tmp_path / FILE)) == image(fold([place(1)]))


def test_no_flipped_byte_makes_a_state_wrong(tmp_path):
    """Whichever byte of what was kept is another, the state is the one that the journal gives."""
    records = [place(1), CancelSent(now_ns=2, venue="derive", client_id="hedge.r1.1"), place(3)]
    write(tmp_path, records)
    truth, cache = image(fold(records)), tmp_path / fold_cache.FILE
    sound = cache.read_bytes()
    for position in range(len(sound)):
        cache.write_bytes(sound[:position] + bytes([sound[position] ^ 0x15]) + sound[position + 1 :])
        assert image(read_state(tmp_path / FILE)) == truth
    for length in range(0, len(sound), 7):
        cache.write_bytes(sound[:length])
        assert image(read_state(tmp_path / FILE)) == truth


def test_what_was_kept_of_another_journal_is_not_believed(tmp_path):
    """After the journal was replaced, cut or begun anew under the cache, the journal is folded."""
    write(tmp_path, [place(number) for number in range(1, 9)])
    for others in ([place(70)], [place(number) for number in range(100, 120)]):
        (tmp_path / FILE).unlink()
        with JournalWriter(tmp_path / FILE, BOOK) as journal:
            for record in others:
                journal.append(record)
        assert image(read_state(tmp_path / FILE)) == image(fold(others))


def test_what_other_code_folded_is_not_believed(tmp_path, monkeypatch):
    """A change in what folds, or another account, makes what was kept void."""
    write(tmp_path, [place(1)])
    cache = tmp_path / fold_cache.FILE
    assert fold_cache.load(cache, BOOK) is not None
    assert fold_cache.load(cache, Identity("derive", "8")) is None
    monkeypatch.setattr(fold_cache, "code", lambda: "another")
    assert fold_cache.load(cache, BOOK) is None


def test_nothing_but_a_state_is_made_of_it(tmp_path):
    """A pickle that would call anything else is refused, and calls nothing."""

    class Trick:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "tricked"),)

    fold_cache.save(tmp_path / fold_cache.FILE, BOOK, Trick(), 1, place(1))
    assert fold_cache.load(tmp_path / fold_cache.FILE, BOOK) is None
    assert not (tmp_path / "tricked").exists()


def test_a_link_is_not_followed(tmp_path):
    """A link in the place of the cache is no cache."""
    write(tmp_path, [place(1)])
    cache = tmp_path / fold_cache.FILE
    cache.rename(tmp_path / "elsewhere")
    cache.symlink_to(tmp_path / "elsewhere")
    assert fold_cache.load(cache, BOOK) is None
