"""The practice venue without its sockets: connections, frames and market events in, frames out.

Every call says what time it is. What must be sent collects in an outbox that the shell empties with `drain`; between
calls the shell waits no longer than `next_wake_ns`. Source of behaviour: Rysk V12 fact sheet, sections 2, 5 and 9.
"""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from atomizer.sim.market import Event, Market, RfqArrival
from atomizer.sim.rysk import wire
from atomizer.sim.rysk.accounts import OPENING_USD, PRACTICE_MAKER, Accounts
from atomizer.sim.rysk.auction import SECOND_NS, Auction, Bid
from atomizer.sim.rysk.catalog import Catalog, open_auction
from atomizer.sim.rysk.chains import CHAINS
from atomizer.sim.rysk.latency import Latencies
from atomizer.sim.rysk.notices import quote_notification, request_answer, trade_notice
from atomizer.sim.rysk.verify import refuse_quote, refuse_transfer
from atomizer.sim.rysk.wire import Call, Quote, Refusal, internal, invalid

BLANK_EVERY_NS: Final = 5 * SECOND_NS  # the real server sends blank frames "now and then"
_BLANK_FRAMES: Final = ("", "\n")


class Socket(Enum):
    """What a connection is for, by its path."""

    RFQS = "rfqs"
    MAKER = "maker"
    TAKER = "taker"


class RyskVenue:
    """Auctions, accounts and who is listening, over one market.

    `opening_usd`: maker address in lower case to its MMarket balance in whole USD, on every chain.
    """

    def __init__(self, market: Market, now_ns: int, *, opening_usd: Mapping[str, int] | None = None) -> None:
        self.catalog = Catalog(market)
        self.accounts = Accounts({PRACTICE_MAKER: OPENING_USD} if opening_usd is None else opening_usd)
        self.latencies = Latencies()
        self.trades: list[dict[str, object]] = []  # every trade notice, oldest first
        self._seed = market.seed
        self._connections: dict[int, tuple[Socket, str]] = {}  # id → what for, and the asset of an RFQ socket
        self._last_connection = 0
        self._maker_connections: defaultdict[str, set[int]] = defaultdict(set)
        self._auctions: dict[str, Auction] = {}
        self._requests: dict[str, tuple[int, str]] = {}  # rfq id → the taker's connection and request id
        self._request_count = 0
        self._blank_due_ns = now_ns + BLANK_EVERY_NS
        self._blank_turn = 0
        self._outbox: list[tuple[int, str]] = []

    # Connections

    def connect(self, path: str) -> int | None:
        """A socket opened at `path`; its id, or None where the venue has no such socket.

        Any asset is let in; one that is not listed, or not in lower case, just never hears of an RFQ.
        """
        kind, _, asset = path.strip("/").partition("/")
        try:
            socket = Socket(kind)
        except ValueError:
            return None
        if (socket is Socket.RFQS) != bool(asset):
            return None
        self._last_connection += 1
        self._connections[self._last_connection] = socket, asset
        return self._last_connection

    def disconnect(self, connection: int) -> None:
        """The socket is gone. Quotes stay; what was for it is lost, there is no replay."""
        self._connections.pop(connection, None)
        for listening in self._maker_connections.values():
            listening.discard(connection)

    def drain(self) -> list[tuple[int, str]]:
        """(connection, frame) to send, in order; the outbox is empty afterwards."""
        outbox, self._outbox = self._outbox, []
        return outbox

    # Time

    def next_wake_ns(self) -> int:
        """When `tick` has something to do, if nothing comes in before."""
        return min([self._blank_due_ns, *(auction.next_wake_ns() for auction in self._auctions.values())])

    def tick(self, now_ns: int) -> None:
        """Let rivals act and auctions close that are due."""
        for auction in list(self._auctions.values()):
            if auction.advance(now_ns):
                self._notify_outbid(auction, min(now_ns, auction.closes_ns))
            if auction.closes_ns <= now_ns:
                self._close(auction)
        if self._blank_due_ns <= now_ns:
            self._blank_due_ns = now_ns + BLANK_EVERY_NS
            self._blank_turn = 1 - self._blank_turn
            self._outbox += [(connection, _BLANK_FRAMES[self._blank_turn]) for connection in self._connections]

    def on_market(self, events: Sequence[Event], now_ns: int) -> None:
        """Open an auction for each RFQ among the market's events."""
        self.tick(now_ns)
        for event in events:
            if isinstance(event, RfqArrival):
                self._open(open_auction(event, now_ns))

    def _open(self, auction: Auction) -> None:
        self._auctions[auction.rfq_id] = auction
        frame = wire.build_rfq(auction.rfq_id, auction.terms, auction.closes_ns)
        listening = (Socket.RFQS, auction.terms.asset)
        self._outbox += [(connection, frame) for connection, what in self._connections.items() if what == listening]

    # Frames

    def receive(self, connection: int, frame: str | bytes, now_ns: int) -> None:
        """A frame from a client. Anything may be in it; nothing in it may hurt the venue."""
        self.tick(now_ns)
        socket, _ = self._connections[connection]
        if socket is Socket.RFQS:
            return  # push only
        call = wire.parse_call(frame)
        if call is None:
            return
        if isinstance(call, wire.BadCall):
            self._outbox.append((connection, wire.build_error(call.call_id, call.refusal)))
            return
        answer = (
            self._maker_call(connection, call, now_ns)
            if socket is Socket.MAKER
            else self._taker_call(connection, call, now_ns)
        )
        if isinstance(answer, Refusal):
            self._outbox.append((connection, wire.build_error(call.call_id, answer)))
        elif answer is not None:
            self._outbox.append((connection, wire.build_result(call.call_id, answer)))

    def _maker_call(self, connection: int, call: Call, now_ns: int) -> object:
        match call.method:
            case "quote":
                return self._quote(connection, call, now_ns)
            case "balances" | "positions":
                account = wire.parse_account(call.params)
                if isinstance(account, Refusal):
                    return account
                return (
                    self.accounts.balances(account) if call.method == "balances" else self.accounts.positions(account)
                )
            case "deposit" | "withdraw":
                return self._transfer(connection, call)
            case _:
                return invalid(f"no method {call.method!r:.80} on /maker")

    def _taker_call(self, connection: int, call: Call, now_ns: int) -> object:
        match call.method:
            case "inventory":
                return self.catalog.inventory(now_ns)
            case "request":
                return self._request(connection, call, now_ns)
            case _:
                return invalid(f"no method {call.method!r:.80} on /taker")

    # Quotes

    def _quote(self, connection: int, call: Call, now_ns: int) -> object:
        quote = wire.parse_quote(call.params)
        if isinstance(quote, Refusal):
            return quote
        auction = self._auctions.get(call.call_id)
        if auction is None:
            return internal(f"no open RFQ {call.call_id:.80}")
        if (refusal := refuse_quote(quote, auction.terms, now_ns)) is not None:
            return refusal
        self._maker_connections[quote.maker].add(connection)
        if auction.is_first_from(quote.maker):
            self.latencies.record(quote.maker, now_ns - auction.opened_ns)
        return self._take(auction, quote, now_ns)

    def _take(self, auction: Auction, quote: Quote, now_ns: int) -> object:
        """A quote that is the maker's own: its nonce is spent whatever comes of it."""
        if not self.accounts.spend_nonce(quote.maker, quote.nonce):
            return internal(f"nonce {quote.nonce} was used before")
        if not self.accounts.covers(quote.maker, auction.terms, quote.price_e18):
            return _insufficient(auction.terms.chain_id)
        if auction.submit(quote, now_ns):
            self._notify_outbid(auction, now_ns)
            return "OK"
        best = auction.best(now_ns)
        best_e18 = quote.price_e18 if best is None else best.price_e18
        return quote_notification(auction, best_e18=best_e18, yours_e18=quote.price_e18)

    def _notify_outbid(self, auction: Auction, now_ns: int) -> None:
        """Tell every maker that is not best what it is up against; repeats are normal."""
        best = auction.best(now_ns)
        if best is None:
            return
        for maker, yours_e18 in auction.best_of_makers(now_ns).items():
            if maker != best.maker:
                notice = quote_notification(auction, best_e18=best.price_e18, yours_e18=yours_e18)
                self._push_to_maker(maker, wire.build_result(auction.rfq_id, notice))

    def _push_to_maker(self, maker: str, frame: str) -> None:
        """To every open socket on which this maker has signed something: nobody logs in here."""
        self._outbox += [(connection, frame) for connection in sorted(self._maker_connections[maker])]

    # The close

    def _close(self, auction: Auction) -> None:
        del self._auctions[auction.rfq_id]
        ranked = auction.ranked(auction.closes_ns)
        if auction.rfq_id in self._requests:
            self._answer_request(auction, ranked)
            return
        for bid in ranked:
            if not auction.meets_reserve(bid.price_e18):
                return
            if bid.quote is None:
                return  # a rival's trade: nothing of ours moves
            if self.accounts.covers(bid.maker, auction.terms, bid.price_e18):
                self._trade(auction, bid.quote)
                return

    def _trade(self, auction: Auction, quote: Quote) -> None:
        self.accounts.settle(quote.maker, auction.terms, quote.price_e18)
        apr = self.catalog.apr_percent(auction.terms, quote.price_e18, auction.closes_ns)
        notice = trade_notice(auction, quote, mark=self.catalog.mark(auction.terms), apr=apr)
        self.trades.append(notice)
        self._push_to_maker(quote.maker, wire.build_result("trade", notice))

    # Transfers and takers

    def _transfer(self, connection: int, call: Call) -> object:
        transfer = wire.parse_transfer(call.params)
        if isinstance(transfer, Refusal):
            return transfer
        if (refusal := refuse_transfer(transfer, is_deposit=call.method == "deposit")) is not None:
            return refusal
        self._maker_connections[transfer.user].add(connection)
        if not self.accounts.spend_nonce(transfer.user, transfer.nonce):
            return internal(f"nonce {transfer.nonce} was used before")
        if transfer.is_deposit:
            self.accounts.deposit(transfer.user, transfer.asset, transfer.amount)
        elif not self.accounts.withdraw(transfer.user, transfer.asset, transfer.amount):
            return _insufficient(transfer.chain_id)
        return "OK"

    def _request(self, connection: int, call: Call, now_ns: int) -> Refusal | None:
        request = wire.parse_price_request(call.params)
        if isinstance(request, Refusal):
            return request
        terms = self.catalog.requested_terms(request, now_ns)
        if isinstance(terms, Refusal):
            return terms
        self._request_count += 1
        name = hashlib.sha256(f"{self._seed} request {self._request_count} {now_ns}".encode()).digest()
        rfq_id = str(uuid.UUID(bytes=name[:16], version=4))
        self._requests[rfq_id] = connection, call.call_id
        self._open(Auction(rfq_id, terms, now_ns, rivals=self.catalog.request_rivals(terms), reserve_e18=None))
        return None  # answered when the auction closes

    def _answer_request(self, auction: Auction, ranked: Sequence[Bid]) -> None:
        connection, call_id = self._requests.pop(auction.rfq_id)
        if connection not in self._connections:
            return
        if not ranked:
            refusal = Refusal(wire.SERVER_ERROR, "no quotes", "no maker answered within the auction")
            self._outbox.append((connection, wire.build_error(call_id, refusal)))
            return
        best = ranked[0]
        apy = self.catalog.apr_percent(auction.terms, best.price_e18, auction.closes_ns)
        self._outbox.append((connection, wire.build_result(call_id, request_answer(auction, best, apy=apy))))

    # What practice shows and the real venue does not

    def ledger(self) -> dict[str, object]:
        """Balances and positions of every maker, exact, and every trade: what a client's books must tie to."""
        return {"makers": self.accounts.ledger(), "trades": self.trades}


def _insufficient(chain_id: int) -> Refusal:
    """The sheet records this text and not its code."""
    return Refusal(wire.SERVER_ERROR, f"insufficient {CHAINS[chain_id].usd_symbol} balance", "deposit to MMarket first")
