"""The practice venue as a state machine: text and market events in, text out. No sockets, no clock.

The order of what a socket receives is deliberate: notifications about a request come before its answer, which the real
venue may do and a client must survive.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from atomizer.sim.deribit import codes, specification
from atomizer.sim.deribit.account_methods import ACCOUNT_METHODS
from atomizer.sim.deribit.accounts import COUNTERPARTY_ACCOUNT, PRACTICE_ACCOUNT, Account, Holder
from atomizer.sim.deribit.auth import HttpRequest, Session, Sessions
from atomizer.sim.deribit.channels import Channels
from atomizer.sim.deribit.codes import Rejection
from atomizer.sim.deribit.connection import Connection
from atomizer.sim.deribit.engine import Engine, Output
from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.limits import Credits, RateLimits
from atomizer.sim.deribit.methods import Call, Method, NoAnswer
from atomizer.sim.deribit.order_methods import ORDER_METHODS
from atomizer.sim.deribit.orders import Order, Trade
from atomizer.sim.deribit.public_methods import PUBLIC_METHODS
from atomizer.sim.deribit.quote_methods import QUOTE_METHODS
from atomizer.sim.deribit.rfq_desk import Desk
from atomizer.sim.deribit.rfq_methods import RfqMethods, quote_shape, rfq_shape
from atomizer.sim.deribit.rpc import (
    Request,
    build_error,
    build_heartbeat,
    build_result,
    parse_json,
    parse_request,
    request_id_of,
)
from atomizer.sim.deribit.session_methods import SESSION_METHODS, Subscriptions
from atomizer.sim.deribit.topics import Kind
from atomizer.sim.deribit.units import E18, NS_PER_MS, NS_PER_S
from atomizer.sim.deribit.wire_account import (
    mmp_status_shape,
    order_shape,
    position_shape,
    user_trade_shape,
)
from atomizer.sim.deribit.wire_market import state, trade_shape
from atomizer.sim.market import Event, Market, RfqArrival

HTTP_OK, HTTP_BAD_REQUEST, HTTP_TOO_MANY = 200, 400, 429
_IDLE_NS = 600 * NS_PER_S  # a socket that is silent for longer is closed
_ALWAYS = {"public/hello", "public/auth", "public/test", "public/set_heartbeat"}  # answered under maintenance, too
_PATIENCE_NS = 10 * NS_PER_S  # for the answer to a test request


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A call over HTTP: `method` by the path, "" where the body names it; `query` of a GET; `remote` the address."""

    method: str
    query: dict[str, str]
    http: HttpRequest
    remote: str


class Venue:
    """One engine, any number of sockets and HTTP calls.

    While `frozen` market events are dropped; whoever advances the market must stop advancing it, since marks are read
    from it.
    """

    def __init__(
        self,
        market: Market,
        accounts: tuple[Account, ...] = (PRACTICE_ACCOUNT, COUNTERPARTY_ACCOUNT),
        *,
        limits: RateLimits | None = None,
        seed: int = 0,
    ) -> None:
        self.frozen = False
        self.clock_ahead_ms = 0  # of the time that it lives by, when it is asked for the time
        self._engine = Engine(market, accounts, seed=seed, now_ns=market.now_ns)
        self._sessions = Sessions(self._engine.holders, Random(seed))  # noqa: S311  tokens of practice accounts
        self._limits = limits or RateLimits()
        self._channels = Channels(self._engine)
        self._desk = Desk(self._engine)
        self._rfq_methods = RfqMethods(self._desk)
        self._methods = PUBLIC_METHODS | SESSION_METHODS | ORDER_METHODS | QUOTE_METHODS | ACCOUNT_METHODS
        self._methods |= Subscriptions(self._channels).methods() | self._rfq_methods.methods()
        self._methods["public/get_time"] = Method(self._get_time)
        self._credits: dict[str, Credits] = {}
        self._connections: dict[int, Connection] = {}
        self._remotes: Counter[str] = Counter()
        self._last_connection = 0

    # Sockets

    def connect(self, now_ns: int, remote: str = "") -> Connection | None:
        """None when `remote` has too many connections already."""
        if self._remotes[remote] >= self._limits.connections:
            return None
        self._remotes[remote] += 1
        self._last_connection += 1
        connection = Connection(self._last_connection, remote, heard_ns=now_ns)
        self._connections[connection.number] = connection
        return connection

    def disconnect(self, connection: Connection, now_ns: int) -> None:
        """The socket is gone: orders that came from it go too where that was asked for."""
        self._remotes[connection.remote] -= 1
        del self._connections[connection.number]
        for name in list(connection.channels):
            self._channels.unsubscribe(connection, name)
        if connection.session is not None and connection.cancels_on_disconnect:
            orders = connection.session.holder.open_orders.values()
            mine = [order for order in orders if order.connection == connection.number]
            self._engine.cancel_all(mine, "cancel_on_disconnect", now_ns)
            self._tell(now_ns)

    def receive(self, connection: Connection, text: str | bytes, now_ns: int) -> None:
        """One frame from a socket; the answer goes into its outbox."""
        frame = None
        connection.heard_ns, connection.asked_ns = now_ns, 0
        try:
            frame = parse_json(text)
            request = parse_request(frame)
            result = self._run(request, self._session_of(connection, request, now_ns), connection, now_ns)
            if result is not NoAnswer:
                connection.send(build_result(request.request_id, result, now_ns))
        except Rejection as rejection:
            self._tell(now_ns)
            connection.send(build_error(request_id_of(frame), rejection, now_ns))
            if rejection.code == codes.TOO_MANY_REQUESTS:
                connection.close()

    # HTTP

    def rest(self, request: RestRequest, now_ns: int) -> tuple[int, str]:
        """HTTP status and answer."""
        request_id = None
        try:
            call = self._rest_call(request)
            request_id = call.request_id
            session = self._sessions.by_header(request.http, now_ns)
            result = self._run(call, session, None, now_ns)
            return HTTP_OK, build_result(request_id, result, now_ns)
        except Rejection as rejection:
            self._tell(now_ns)
            status = HTTP_TOO_MANY if rejection.code == codes.TOO_MANY_REQUESTS else HTTP_BAD_REQUEST
            return status, build_error(request_id, rejection, now_ns)

    def _rest_call(self, request: RestRequest) -> Request:
        """GET with a query, or a JSON-RPC body, whose method the path may repeat."""
        if request.http.body:
            frame = parse_json(request.http.body)
            if isinstance(frame, dict):
                frame.setdefault("method", request.method)
            return parse_request(frame)
        self._method(request.method)
        return Request(None, request.method, specification.from_query(request.method, request.query))

    # The market and time

    def on_market(self, events: Iterable[Event], now_ns: int) -> None:
        """What happened in the market, in order."""
        if self.frozen:
            return
        for event in events:
            if isinstance(event, RfqArrival):
                self._desk.on_arrival(event, now_ns)
            else:
                self._engine.on_event(event, now_ns)
            self._tell(now_ns)

    def publish(self, now_ns: int) -> None:
        """The publishing tick, every hundred milliseconds: what time alone does, then what is due."""
        self._engine.sweep(now_ns)
        self._desk.sweep(now_ns)
        self._tell(now_ns)
        self._channels.publish(now_ns)
        for connection in list(self._connections.values()):
            _beat(connection, now_ns)

    # Practice only

    def ledger(self, now_ns: int) -> dict[str, Any]:
        """All accounts as the venue books them, positions that are closed by now included. Money as exact text."""
        return {
            "now_ms": now_ns // NS_PER_MS,
            "frozen": self.frozen,
            "accounts": [self._ledger_of(holder) for holder in self._engine.holders.values()],
        }

    def set_platform(self, state: Any) -> bool:
        """See `Platform.set_state`; who listens is told."""
        if not self._engine.platform.set_state(state):
            return False
        self._channels.announce_platform(state)
        return True

    def revoke(self, client_id: str, *, has_expired: bool) -> bool:
        """See `Sessions.revoke`."""
        return self._sessions.revoke(client_id, has_expired=has_expired)

    def books(self) -> dict[str, dict[str, Any]]:
        """What a client that heard everything must believe: see `Channels.books`."""
        return self._channels.books()

    def _ledger_of(self, holder: Holder) -> dict[str, Any]:
        return {
            "user_id": holder.user_id,
            "client_ids": [key.client_id for key in holder.account.keys],
            "cash": {currency: _money_text(e18) for currency, e18 in holder.cash_e18.items()},
            "trades": len(holder.trades),
            "positions": [
                position_shape(self._engine, holder, position) for _, position in sorted(holder.positions.items())
            ],
            "open_orders": [order_shape(order) for order in holder.open_orders.values()],
        }

    def pay_funding(self, now_ns: int) -> None:
        """What the next settlement will do, done now."""
        self._engine.settle(now_ns)
        self._tell(now_ns)

    # Inside

    def _get_time(self, call: Call) -> int:
        return call.now_ms + self.clock_ahead_ms

    def _method(self, name: str) -> Method:
        method = self._methods.get(name)
        if method is None and name in specification.methods():
            raise Rejection(codes.NOT_IMPLEMENTED, "practice Deribit does not have this method")
        if method is None:
            raise Rejection(codes.METHOD_NOT_FOUND)
        return method

    def _session_of(self, connection: Connection, request: Request, now_ns: int) -> Session | None:
        """The token in the parameters, or else the socket's login, while it lasts."""
        token = request.params.get("access_token")
        if isinstance(token, str):
            return self._sessions.by_token(token, now_ns)
        session = connection.session
        if session is not None and not session.is_live(now_ns) and request.method.startswith("private/"):
            raise Rejection(codes.UNAUTHORIZED, "invalid_token")
        return session if session is not None and session.is_live(now_ns) else None

    def _run(self, request: Request, session: Session | None, connection: Connection | None, now_ns: int) -> Any:
        method = self._method(request.method)
        if request.method.startswith("private/"):
            if session is None:
                raise Rejection(codes.UNAUTHORIZED, "unauthorized")
            if not session.allows(method.area, method.level):
                raise Rejection(codes.SCOPE_EXCEEDED, f"{method.area}:{method.level} is needed")
        if request.method not in _ALWAYS:
            self._engine.platform.check_open()
        self._charge(method, session, connection.remote if connection else "http", now_ns)
        params = specification.checked(request.method, request.params)
        self._engine.sweep(now_ns)
        call = Call(self._engine, self._sessions, self._limits, params, now_ns, session, connection)
        result = method.handle(call)
        self._tell(now_ns)
        self._channels.welcome(now_ns)
        return result

    def _charge(self, method: Method, session: Session | None, remote: str, now_ns: int) -> None:
        payer = f"account {session.holder.user_id}" if session else f"address {remote}"
        purse = self._credits.setdefault(payer, Credits())
        if not purse.take(method.rate, self._limits.of(method.rate), now_ns):
            raise Rejection(codes.TOO_MANY_REQUESTS)

    def _tell(self, now_ns: int) -> None:
        """Send what happened since the last time to whom it concerns."""
        output = self._engine.drain()
        for trade in output.public_trades:
            self._channels.tell(Kind.TRADES, trade.instrument, [trade_shape(trade)])
        for user_id, holder in self._engine.holders.items():
            orders = [order for order in output.orders.values() if order.user_id == user_id]
            trades = [trade for trade in output.trades if trade.order.user_id == user_id]
            if orders or trades:
                self._tell_holder(holder, orders, trades)
        self._tell_rest(output, now_ns)
        self._channels.books_changed(output.books, now_ns)

    def _tell_holder(self, holder: Holder, orders: list[Order], trades: list[Trade]) -> None:
        instruments: dict[str, Instrument] = {order.instrument.name: order.instrument for order in orders}
        for instrument in instruments.values():
            order_rows = [order_shape(order) for order in orders if order.instrument is instrument]
            trade_rows = [user_trade_shape(trade) for trade in trades if trade.order.instrument is instrument]
            self._channels.tell(Kind.USER_ORDERS, instrument, order_rows, holder.user_id)
            positions = []
            if trade_rows:
                self._channels.tell(Kind.USER_TRADES, instrument, trade_rows, holder.user_id)
                positions = [position_shape(self._engine, holder, holder.position(instrument))]
            changes = {
                "instrument_name": instrument.name,
                "trades": trade_rows,
                "orders": order_rows,
                "positions": positions,
            }
            self._channels.tell(Kind.USER_CHANGES, instrument, [changes], holder.user_id)

    def _tell_rest(self, output: Output, now_ns: int) -> None:
        self._tell_rfqs()
        tripped, self._desk.tripped = self._desk.tripped, []
        for user_id, protection in output.triggers + tripped:
            index = protection.config.index_name
            self._channels.send(Kind.MMP_TRIGGER, [index, "all"], mmp_status_shape(protection), user_id)
        for item in output.closed:
            row = {"timestamp": now_ns // NS_PER_MS, "state": state(item, now_ns), "instrument_name": item.name}
            self._channels.announce(item, row)

    def _tell_rfqs(self) -> None:
        """Takers of their own, makers of everybody else's, and of their own quotes."""
        desk = self._desk
        changed, desk.changed = desk.changed, {}
        quoted, desk.quoted = desk.quoted, {}
        for rfq in changed.values():
            subjects = [rfq.legs[0].instrument.currency, "any"]
            for user_id in self._engine.holders:
                kind = Kind.RFQ_TAKER if user_id == rfq.user_id else Kind.RFQ_MAKER
                self._channels.send(kind, subjects, rfq_shape(desk, rfq, user_id), user_id)
            if rfq.fills:
                self._channels.send(Kind.RFQ_TRADES, subjects, self._rfq_methods.traded_shape(rfq))
        for quote in quoted.values():
            rfq = desk.quotes[quote.quote_id]
            subjects = [rfq.legs[0].instrument.currency, "any"]
            self._channels.send(Kind.RFQ_MAKER_QUOTES, subjects, [quote_shape(rfq, quote)], quote.user_id)


def _beat(connection: Connection, now_ns: int) -> None:
    """Heartbeats, the question whether somebody is there, and the end of those who are not."""
    if not connection.heartbeat_ns:
        if now_ns - connection.heard_ns > _IDLE_NS:
            connection.close()
        return
    if connection.asked_ns and now_ns - connection.asked_ns > _PATIENCE_NS:
        connection.close()
    if now_ns < connection.next_beat_ns:
        return
    connection.next_beat_ns += connection.heartbeat_ns
    connection.send(build_heartbeat("heartbeat"))
    if now_ns - connection.heard_ns >= connection.heartbeat_ns and not connection.asked_ns:
        connection.asked_ns = now_ns
        connection.send(build_heartbeat("test_request"))


def _money_text(e18: int) -> str:
    whole, fraction = divmod(abs(e18), E18)
    return f"{'-' if e18 < 0 else ''}{whole}.{fraction:018d}".rstrip("0").rstrip(".")
