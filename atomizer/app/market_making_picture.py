"""What the market maker shows of itself: rows of quotes for people, and the snapshot that the desk draws."""

import msgspec

from atomizer._core.book import NO_PRICE
from atomizer._core.gate import REASONS
from atomizer.app.feed import Tape, position_rows
from atomizer.app.market_making import MarketMaking
from atomizer.app.market_making_quoted import Quoted
from atomizer.config.mode import mode_of
from atomizer.desk.snapshot import Making, QuoteRow, Snapshot
from atomizer.domain.trading import Side
from atomizer.orders.table import Order
from atomizer.portfolio.inventory import inventory_rows, inventory_summary


def quote_row(making: MarketMaking, quoted: Quoted) -> QuoteRow:
    """Both quotes as they rest, the market without them, and why a side shows nothing."""
    lane, book = making.lane, quoted.slot.book
    bid, ask = lane.shown(quoted, is_bid=True), lane.shown(quoted, is_bid=False)
    mark, last = making.venue.mark(quoted.name), making.last_trades.get(quoted.name)
    return QuoteRow(
        instrument=quoted.name,
        bid_nanos=_price(bid),
        bid_size_nanos=bid.open_nanos if bid is not None else 0,
        ask_nanos=_price(ask),
        ask_size_nanos=ask.open_nanos if ask is not None else 0,
        market_bid_nanos=known(book.best_bid()),
        market_ask_nanos=known(book.best_ask()),
        mark_nanos=mark.mark_nanos if mark is not None else None,
        fair_nanos=making.fairs.nanos.get(quoted.name) if making.fairs is not None else None,
        position_nanos=making.ledger.state.portfolio.amount_nanos(quoted.name),
        why=", ".join(
            f"{word} {why}"
            for word, side in (("bid", Side.BUY), ("ask", Side.SELL))
            if (why := reason(making, quoted, side))
        ),
        last_nanos=last.price_nanos if last is not None else None,
    )


def wanted_row(making: MarketMaking, quoted: Quoted) -> QuoteRow:
    """As `quote_row`, with the quotes that would be shown in place of those that rest: for a dry run."""
    bid, ask = quoted.slot.wanted()
    rule = quoted.rule
    return msgspec.structs.replace(
        quote_row(making, quoted),
        bid_nanos=known(bid),
        bid_size_nanos=rule.bid_size_nanos if rule is not None else 0,
        ask_nanos=known(ask),
        ask_size_nanos=rule.ask_size_nanos if rule is not None else 0,
    )


def reason(making: MarketMaking, quoted: Quoted, side: Side) -> str:
    """Why a side is not where it is wanted; empty when it is, or may be on its way."""
    if limit := making.rules.why.get((quoted.name, side)):
        return limit.value
    refusal = REASONS[quoted.slot.refusal(side is Side.BUY)]
    is_none = refusal == "OK" or (refusal == "RATE" and making.is_dry)  # where nothing leaves, nothing is too often
    return "" if is_none else refusal.lower()


def build_making_snapshot(making: MarketMaking, tape: Tape, now_ns: int) -> Snapshot:
    """One consistent look at everything."""
    state = making.ledger.state
    rows = inventory_rows(state.portfolio, now_ns, making.venue.mark)
    latency, sent, stood = making.lane.latency, making.lane.sent, making.accounts.whole
    return Snapshot(
        now_ns=now_ns,
        started_ns=making.started_ns,
        mode=mode_of(making.settings),
        venue=making.account.place,
        account=making.account.short,
        phase=making.phase,
        connected=(making.venue.name,) if making.venue.is_open else (),
        rfqs_seen=0,
        rfqs_quoted=0,
        requotes=0,
        rfqs_won=0,
        declines={},
        hedges_open=0,
        hedges_done=0,
        orders_live=sum(1 for _ in state.orders.live()),
        books=sum(not quoted.slot.book.dark for quoted in making.lane),
        positions=position_rows(rows),
        deltas={total.label: total.greeks.delta for total in inventory_summary(rows).by_underlying},
        premium_e18=0,
        latency_count=latency.count,
        latency_p50_ns=latency.percentile(50),
        latency_p99_ns=latency.percentile(99),
        latency_max_ns=latency.maximum_ns,
        tape=tape.lines(),
        making=Making(
            orders=sent["place"],
            cancels=sent["cancel"],
            replaces=sent["replace"],
            fills=making.fills,
            refusals=making.refusals,
            uptime=stood.uptime,
            at_touch=stood.at_touch,
            smiles=making.fairs.rows(now_ns) if making.fairs is not None else (),
            quotes=tuple(quote_row(making, quoted) for quoted in making.lane),
            volatilities={
                underlying: volatility
                for underlying in sorted({quoted.instrument.contract.underlying for quoted in making.lane})
                if (volatility := making.venue.volatility(underlying)) is not None
            },
        ),
    )


def known(price_nanos: int) -> int | None:
    return None if price_nanos == NO_PRICE else price_nanos


def _price(order: Order | None) -> int | None:
    return order.placed.price_nanos if order is not None and order.placed is not None else None
