"""The practice venue as a state machine: text and market events in, text out. No sockets, no clock.

Both generations of the protocol speak to the one engine in here. The order of what a socket receives is deliberate:
notifications about a request come before its answer, which the real venue may do and a client must survive.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from atomizer.sim.derive import codes
from atomizer.sim.derive.account_methods import ACCOUNT_METHODS
from atomizer.sim.derive.accounts import PRACTICE_ACCOUNT, Account, Subaccount, Wallet
from atomizer.sim.derive.auth import authenticate
from atomizer.sim.derive.channels import Channels
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.connection import Connection
from atomizer.sim.derive.dialect import V2, Dialect
from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.history_methods import HISTORY_METHODS
from atomizer.sim.derive.instruments import FeeSchedule
from atomizer.sim.derive.limits import Rate, RateLimits, Windows
from atomizer.sim.derive.methods import Call, Method
from atomizer.sim.derive.order_methods import ORDER_METHODS
from atomizer.sim.derive.orders import Status
from atomizer.sim.derive.params import Params
from atomizer.sim.derive.public_methods import PUBLIC_METHODS
from atomizer.sim.derive.rfq_engine import Rfqs, visible_to
from atomizer.sim.derive.rfq_methods import RFQ_METHODS
from atomizer.sim.derive.rfq_takers import RfqTakers
from atomizer.sim.derive.rpc import build_error, build_result, parse_json, parse_params, parse_request, request_id_of
from atomizer.sim.derive.session_methods import Subscriptions
from atomizer.sim.derive.units import E18, MAX_INT64, NANOS, NS_PER_MS, NS_PER_S, e18_text
from atomizer.sim.derive.wire_account import balance_shape, order_shape, position_shape, trade_shape
from atomizer.sim.derive.wire_market import public_trade
from atomizer.sim.derive.wire_rfq import quote_shape, rfq_shape
from atomizer.sim.market import Event, Market, RfqArrival, TakerOrder

HTTP_OK, HTTP_FORBIDDEN, HTTP_TOO_MANY = 200, 403, 429


@dataclass(frozen=True, slots=True)
class RestRequest:
    """`POST {name}` with the parameters as JSON body. `headers` by lower-case name, `remote` the caller's address."""

    name: str
    body: bytes
    headers: Mapping[str, str]
    remote: str


class Venue:
    """One engine, any number of sockets and REST calls.

    While `frozen` market events are dropped; whoever advances the market must stop advancing it, since marks are read
    from it.
    """

    def __init__(
        self,
        market: Market,
        accounts: tuple[Account, ...] = (PRACTICE_ACCOUNT,),
        *,
        fees: FeeSchedule | None = None,
        limits: RateLimits | None = None,
        seed: int = 0,
    ) -> None:
        self.frozen = False
        self.clock_ahead_ms = 0  # of the time that it lives by, when it is asked for the time
        self._engine = Engine(market, accounts, fees or FeeSchedule(), seed=seed, now_ns=market.now_ns)
        self._rfqs = Rfqs(self._engine)
        self._takers = RfqTakers(self._engine, self._rfqs)
        self._limits = limits or RateLimits()
        self._channels = Channels(self._engine)
        self._methods = PUBLIC_METHODS | HISTORY_METHODS | ORDER_METHODS | ACCOUNT_METHODS | RFQ_METHODS
        self._methods |= Subscriptions(self._channels).methods()
        self._methods["public/get_time"] = Method(self._get_time)
        self._wallet_windows: dict[str, Windows] = {}
        self._remote_windows: dict[str, Windows] = {}
        self._sockets: Counter[str] = Counter()

    # Sockets

    def connect(self, now_ns: int, dialect: Dialect = V2, remote: str = "") -> Connection:
        """Raises Rejection -32100 when `remote` has too many sockets already."""
        self._sweep(now_ns)
        if self._sockets[remote] >= self._limits.connections:
            raise Rejection(codes.TOO_MANY_CONNECTIONS)
        self._sockets[remote] += 1
        return Connection(dialect, remote)

    def disconnect(self, connection: Connection, now_ns: int) -> None:
        """The socket is gone, politely or not: a wallet that wants it so loses its open orders."""
        self._sockets[connection.remote] -= 1
        for name in list(connection.channels):
            self._channels.unsubscribe(connection, name)
        wallet = connection.wallet
        if wallet is None:
            return
        wanted = connection.cancels_on_disconnect if connection.dialect.is_v3 else wallet.cancel_on_disconnect
        if wanted:
            for subaccount in wallet.subaccounts.values():
                self._engine.cancel_all(list(subaccount.open_orders.values()), "cancel_on_disconnect", now_ns)
                for quote in list(subaccount.open_quotes.values()):
                    self._engine.close_quote(quote, Status.CANCELLED, "cancel_on_disconnect", now_ns)
            self._tell(now_ns)

    def receive(self, connection: Connection, text: str | bytes, now_ns: int) -> None:
        """One frame from a socket; the answer goes into its outbox."""
        if text in {"ping", b"ping"}:
            connection.send("pong")
            return
        dialect, frame = connection.dialect, None
        try:
            frame = parse_json(text)
            request = parse_request(frame)
            method = self._method(request.method, dialect)
            self._charge_socket(connection, method, request.params, now_ns)
            call = self._call(dialect, request.params, now_ns, connection.wallet, connection)
            answer = build_result(dialect, request.request_id, self._run(method, call))
        except Rejection as rejection:
            self._tell(now_ns)
            answer = build_error(dialect, request_id_of(frame), rejection)
        connection.send(answer)

    # REST

    def rest(self, dialect: Dialect, request: RestRequest, now_ns: int) -> tuple[int, str]:
        """HTTP status and answer."""
        answer_id, wallet = self._engine.new_id(), None
        try:
            method = self._method(request.name, dialect)
            if method.is_private:
                wallet = self._header_wallet(dialect, request.headers, now_ns)
        except Rejection as rejection:
            status = HTTP_OK if rejection.code == codes.METHOD_NOT_FOUND else HTTP_FORBIDDEN
            return status, build_error(dialect, answer_id, rejection)
        try:
            params = parse_params(request.body)
            self._charge_rest(wallet, request.remote, method, params, now_ns)
            call = self._call(dialect, params, now_ns, wallet, None)
            return HTTP_OK, build_result(dialect, answer_id, self._run(method, call))
        except Rejection as rejection:
            self._tell(now_ns)
            status = HTTP_TOO_MANY if rejection.code == codes.RATE_LIMITED else HTTP_OK
            return status, build_error(dialect, answer_id, rejection)

    # The market and time

    def on_market(self, events: Iterable[Event], now_ns: int) -> None:
        """What happened in the market, in order."""
        if not self.frozen:
            for event in events:
                if isinstance(event, RfqArrival):
                    self._takers.on_arrival(event, now_ns)
                else:
                    self._engine.on_event(event, now_ns)
            self._tell(now_ns)

    def publish(self, now_ns: int) -> None:
        """The publishing tick, every hundred milliseconds: what time alone does, then snapshots that are due."""
        self._sweep(now_ns)
        self._tell(now_ns)
        self._channels.publish(now_ns)

    # Practice only

    def ledger(self, now_ns: int) -> dict[str, Any]:
        """All accounts as the venue books them, positions that are closed by now included."""
        return {
            "now_ms": now_ns // NS_PER_MS,
            "frozen": self.frozen,
            "accounts": [self._ledger_of(item) for item in self._engine.subaccounts.values()],
        }

    def books(self) -> dict[str, dict[str, Any]]:
        """What a client that heard everything must believe: see `Channels.books`."""
        return self._channels.books()

    def _ledger_of(self, subaccount: Subaccount) -> dict[str, Any]:
        return {
            "wallet": subaccount.wallet,
            "subaccount_id": subaccount.subaccount_id,
            "cash": e18_text(subaccount.cash_e18),
            "trades": len(subaccount.trades),
            "positions": [
                position_shape(self._engine, subaccount, instrument)
                for _, instrument in sorted(subaccount.instruments.items())
            ],
            "open_orders": [order_shape(order, V2) for order in subaccount.open_orders.values()],
        }

    def pay_funding(self, now_ns: int) -> None:
        """What the next full hour will do, done now."""
        self._engine.pay_funding(now_ns)
        self._tell(now_ns)

    def expire_keys(self, now_ns: int) -> None:
        """No session key of any wallet signs or opens anything from now on."""
        for wallet in self._engine.wallets.values():
            wallet.keys.update(dict.fromkeys(wallet.keys, now_ns // NS_PER_S))

    def take(self, raw: dict[str, Any], now_ns: int) -> None:
        """Somebody takes what the best orders of one side show, at any price of the band.

        Raises:
            Rejection: no such instrument, direction or amount.
        """
        params = Params(raw, V2)
        name = params.text("instrument_name", choices=self._engine.instruments.keys())
        is_buy = params.text("direction", choices=("buy", "sell")) == "buy"
        amount_e18 = params.decimal_e18("amount")
        if amount_e18 <= 0:
            raise Rejection(codes.INVALID_PARAMS, "amount: must be above 0")
        limit = Decimal(MAX_INT64 // NANOS if is_buy else 0)
        self._engine.on_event(TakerOrder(now_ns, "visitor", name, is_buy, Decimal(amount_e18) / E18, limit), now_ns)
        self._tell(now_ns)

    # Inside

    def _get_time(self, call: Call) -> int:
        return call.now_ns // NS_PER_MS + self.clock_ahead_ms

    def _sweep(self, now_ns: int) -> None:
        self._engine.sweep(now_ns)
        self._rfqs.sweep(now_ns)
        self._takers.decide(now_ns)

    def _method(self, name: str, dialect: Dialect) -> Method:
        method = self._methods.get(name)
        if method is None or dialect.name not in method.dialects:
            raise Rejection(codes.METHOD_NOT_FOUND, name[:80])
        return method

    def _call(
        self, dialect: Dialect, raw: dict[str, Any], now_ns: int, caller: Wallet | None, connection: Connection | None
    ) -> Call:
        return Call(self._engine, self._rfqs, self._limits, dialect, Params(raw, dialect), now_ns, caller, connection)

    def _run(self, method: Method, call: Call) -> Any:
        self._sweep(call.now_ns)
        if method.is_private and call.caller is None:
            raise Rejection(codes.NO_WALLET)
        result = method.handle(call)
        self._tell(call.now_ns)
        return result

    def _header_wallet(self, dialect: Dialect, headers: Mapping[str, str], now_ns: int) -> Wallet:
        prefix = dialect.header_prefix.lower()
        address, timestamp, signature = (headers.get(prefix + part) for part in ("wallet", "timestamp", "signature"))
        if address is None or timestamp is None or signature is None:
            raise Rejection(codes.NO_WALLET, f"{dialect.header_prefix}Wallet, Timestamp and Signature are needed")
        return authenticate(self._engine.wallets, address, timestamp, signature, now_ns)

    def _charge_socket(self, connection: Connection, method: Method, raw: dict[str, Any], now_ns: int) -> None:
        if connection.wallet is None:
            wait_ms = connection.windows.take("socket", self._limits.unauthenticated_tps, now_ns)
        else:
            wait_ms = self._charge_wallet(connection.wallet, method, raw, now_ns)
        _check_wait(wait_ms)

    def _charge_wallet(self, wallet: Wallet, method: Method, raw: dict[str, Any], now_ns: int) -> int:
        """Milliseconds to wait, 0 to go on."""
        windows = self._wallet_windows.setdefault(wallet.address, Windows())
        name, rate = raw.get("instrument_name"), method.rate
        if rate is Rate.CANCEL_BY_LABEL and name is not None:
            rate = Rate.MATCHING
        wait_ms = windows.take(rate, self._limits.of(rate), now_ns)
        # The name is still unchecked text from outside here: it may be of any type.
        if rate is Rate.MATCHING and not wait_ms and isinstance(name, str) and name in self._engine.instruments:
            wait_ms = windows.take(f"instrument {name}", self._limits.instrument_tps, now_ns)
        return wait_ms

    def _charge_rest(
        self, wallet: Wallet | None, remote: str, method: Method, raw: dict[str, Any], now_ns: int
    ) -> None:
        """Matching requests draw on the wallet's budget, all others on the address's."""
        if wallet is not None and method.rate is not Rate.NON_MATCHING:
            wait_ms = self._charge_wallet(wallet, method, raw, now_ns)
        else:
            windows = self._remote_windows.setdefault(remote, Windows())
            wait_ms = windows.take("rest", self._limits.rest_tps, now_ns)
        _check_wait(wait_ms)

    def _tell(self, now_ns: int) -> None:
        """Send what happened since the last time to whom it concerns."""
        output, send = self._engine.drain(), self._channels.send
        for trade in output.public_trades:
            instrument = trade.instrument
            for name in (instrument.name, f"{instrument.listing.kind}.{instrument.underlying}"):
                send(f"trades.{name}", [trade], public_trade)
        for number in self._engine.subaccounts:
            orders = [order for order in output.orders.values() if order.request.subaccount_id == number]
            trades = [trade for trade in output.trades if trade.subaccount_id == number]
            send(f"{number}.orders", orders, order_shape)
            send(f"{number}.trades", trades, partial(trade_shape, now_ns=now_ns))
            changes = [change for change in output.balances if change.subaccount_id == number]
            send(f"{number}.balances", changes, balance_shape)
            quotes = [quote for quote in output.quotes.values() if quote.request.subaccount_id == number]
            send(f"{number}.quotes", quotes, quote_shape)
        for lower, wallet in self._engine.wallets.items():
            if wallet.is_rfq_maker:
                for address in {lower, wallet.address}:
                    send(f"{address}.rfqs", list(visible_to(output.rfqs.values(), address)), rfq_shape)


def _check_wait(wait_ms: int) -> None:
    if wait_ms:
        raise Rejection(codes.RATE_LIMITED, f"Retry after {wait_ms} ms")
