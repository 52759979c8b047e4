"""Who may trade and what they own: accounts with their keys, money by currency, positions, orders and history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.ledger import Position
from atomizer.sim.deribit.log import Entry, Heading
from atomizer.sim.deribit.mmp import Protection
from atomizer.sim.deribit.orders import Order, Trade
from atomizer.sim.deribit.units import E18

CURRENCIES = ("BTC", "ETH", "USDC")
FULL_SCOPE = "account:read_write trade:read_write wallet:read_write block_trade:read_write block_rfq:read_write"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Either a secret, for HMAC and client_credentials, or the hexadecimal of an Ed25519 public key."""

    client_id: str
    secret: str = ""
    public_key: str = ""
    scope: str = FULL_SCOPE


@dataclass(frozen=True, slots=True)
class Account:
    """One account to open when the venue starts."""

    user_id: int
    name: str
    keys: tuple[ApiKey, ...]
    deposits: Mapping[str, Decimal]


_DEPOSITS = {"BTC": Decimal(50), "ETH": Decimal(1000), "USDC": Decimal(1_000_000)}
# Public throw-away keys: the documentation's own HMAC example, and the Ed25519 test vectors of RFC 8032 and seed 00…1f.
PRACTICE_ACCOUNT = Account(
    70_001,
    "practice",
    (
        ApiKey("AMANDA", "AMANDASECRECT"),
        ApiKey("EdKey001", public_key="d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
    ),
    _DEPOSITS,
)
COUNTERPARTY_ACCOUNT = Account(
    70_002,
    "counterparty",
    (
        ApiKey("5mpk9QeD", "s3cr3t_throwaway_0001"),
        ApiKey("EdKey002", public_key="03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"),
    ),
    _DEPOSITS,
)


@dataclass(slots=True, eq=False)
class Holder:
    """One account, open."""

    account: Account
    opened_ms: int
    cash_e18: dict[str, int]
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    open_orders: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    protections: dict[tuple[str, str, bool], Protection] = field(default_factory=dict)
    cancels_on_disconnect: bool = False  # for every new connection
    quotes_frozen_until_ns: int = 0
    log: list[Entry] = field(default_factory=list)

    @property
    def user_id(self) -> int:
        return self.account.user_id

    def position(self, instrument: Instrument) -> Position:
        return self.positions.setdefault(instrument.name, Position(instrument))

    def amount_of(self, name: str) -> int:
        position = self.positions.get(name)
        return position.amount if position else 0

    def note(
        self,
        heading: Heading,
        *,
        kind: str,
        side: str,
        amount: int,
        price: int,
        change_e18: int,
        fee_e18: int = 0,
        funding_e18: int = 0,
        role: str = "",
        trade_id: str | None = None,
        order_id: str | None = None,
    ) -> None:
        """Log what has just moved money."""
        position = self.position(heading.instrument)
        entry = Entry(
            heading=heading,
            kind=kind,
            side=side,
            amount=amount,
            price=price,
            held=position.amount,
            fee_e18=fee_e18,
            change_e18=change_e18,
            balance_e18=self.cash_e18[heading.instrument.currency],
            funding_e18=funding_e18,
            all_funding_e18=position.funding_e18,
            role=role,
            trade_id=trade_id,
            order_id=order_id,
        )
        self.log.append(entry)

    def is_closing(self, instrument: Instrument, *, is_buy: bool) -> bool:
        """Whether such a trade would make the position smaller."""
        held = self.amount_of(instrument.name)
        return held < 0 if is_buy else held > 0

    def book_funding(self, instrument: Instrument) -> int:
        """Realize what holding a perpetual has cost or earned; returns it."""
        paid_e18 = self.position(instrument).take_funding() if not instrument.expiry_s else 0
        self.cash_e18[instrument.currency] += paid_e18
        return paid_e18

    def book_fill(self, instrument: Instrument, *, is_buy: bool, price: int, amount: int, fee_e18: int) -> int:
        """Move money and position by one trade: a premium at once, a future by what it realizes, which stands for the
        venue's daily settlement. Returns what it realized. Funding is to be booked before.
        """
        realized = self.position(instrument).apply(is_buy=is_buy, price=price, amount=amount, fee_e18=fee_e18)
        if instrument.is_option:
            value = instrument.value_e18(price, amount)
            moved = -value if is_buy else value
        else:
            moved = realized
        self.cash_e18[instrument.currency] += moved - fee_e18
        return realized


def open_accounts(accounts: tuple[Account, ...], now_ms: int) -> dict[int, Holder]:
    """By user id."""
    holders = {}
    for account in accounts:
        cash = {currency: int(account.deposits.get(currency, Decimal(0)) * E18) for currency in CURRENCIES}
        holders[account.user_id] = Holder(account, now_ms, cash)
    return holders
