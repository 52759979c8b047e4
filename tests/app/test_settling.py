"""What has expired is closed in our books at the venue's delivery price."""

import pytest
from reference.trading_days import CALL, E18, PERP, PUT, fill

from atomizer.app.ledger import Ledger, read_state
from atomizer.app.settling import Settling
from atomizer.domain.instruments import NANOS, parse_name
from atomizer.domain.trading import Side
from atomizer.journal.frames import Identity

EXPIRY_S = parse_name(CALL).expiry_s


class Venue:
    """Publishes delivery prices when it has them."""

    def __init__(self):
        self.prices = {}
        self.asked = []

    async def delivery_prices(self, underlying):
        self.asked.append(underlying)
        return self.prices


class Book:
    """Books of some option trades, and a clock that stands where it is set."""

    def __init__(self, directory):
        self.directory = directory
        self.ledger = Ledger(directory, Identity("derive", "7"))
        self.venue = Venue()
        self.now_s = EXPIRY_S - 1
        self.settling = Settling(
            ledger=self.ledger, venue=self.venue, physical="rysk", clock_ns=lambda: self.now_s * NANOS
        )

    def amounts(self):
        return {
            (each.venue, each.instrument): each.amount_nanos // NANOS
            for each in self.ledger.state.portfolio.positions()
        }


@pytest.fixture
def book(tmp_path):
    book = Book(tmp_path)
    for number, each in enumerate(
        [
            fill(CALL, Side.BUY, 100 * NANOS, 2 * NANOS, venue="rysk", client_id="17"),
            fill(CALL, Side.SELL, 110 * NANOS, 2 * NANOS),
            fill(PERP, Side.BUY, 2500 * NANOS, NANOS),
            fill("ETH-20310628-3000-C", Side.BUY, 100 * NANOS, NANOS),
        ]
    ):
        book.ledger.write(
            type(each)(**{name: getattr(each, name) for name in each.__struct_fields__} | {"trade_id": str(number)})
        )
    yield book
    book.ledger.journal.close()


async def test_nothing_is_asked_before_anything_expired(book):
    """Before an expiry the venue is not even asked."""
    await book.settling.look()
    assert book.venue.asked == []


async def test_an_expiry_waits_for_its_price_and_is_closed_once(book):
    """Every venue's position of it is closed at the price as soon as there is one; others stay, and a restart knows."""
    book.now_s = EXPIRY_S
    await book.settling.look()
    assert book.amounts()["rysk", CALL] == 2
    book.venue.prices = {EXPIRY_S: 3050 * NANOS}
    await book.settling.look()
    settled = book.amounts()
    assert (settled["rysk", CALL], settled["derive", CALL]) == (0, 0)
    assert (settled["derive", PERP], settled["derive", "ETH-20310628-3000-C"]) == (1, 1)
    portfolio = book.ledger.state.portfolio
    assert portfolio.position("rysk", CALL).realized_e18 == -100 * E18
    assert portfolio.position("derive", CALL).realized_e18 == 120 * E18
    await book.settling.look()
    assert book.venue.asked == ["ETH", "ETH"]
    again = read_state(book.directory / "journal.atj").portfolio
    assert list(again.positions()) == list(portfolio.positions())


async def test_a_trade_that_is_heard_of_late_is_closed_too(book):
    """A fill of an option that was settled already is settled at the next look."""
    book.now_s = EXPIRY_S + 60
    book.venue.prices = {EXPIRY_S: 3050 * NANOS}
    await book.settling.look()
    book.ledger.write(fill(CALL, Side.BUY, 40 * NANOS, NANOS, trade_id="late"))
    await book.settling.look()
    assert book.amounts()["derive", CALL] == 0


async def test_another_expiry_of_the_day_is_no_price(book):
    """A price of another expiry settles nothing."""
    book.now_s = EXPIRY_S + 60
    book.venue.prices = {EXPIRY_S - 86_400: 3050 * NANOS, parse_name(PUT).expiry_s + 1: NANOS}
    await book.settling.look()
    assert book.amounts()["rysk", CALL] == 2
