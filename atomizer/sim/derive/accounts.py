"""Who may trade and what they own: wallets with their keys and nonces, subaccounts with cash and positions."""

from dataclasses import dataclass, field
from decimal import Decimal

from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.ledger import FundingEvent, Position
from atomizer.sim.derive.mmp import Protection
from atomizer.sim.derive.orders import BalanceChange, Order, Trade
from atomizer.sim.derive.rfqs import Quote, Rfq
from atomizer.sim.derive.units import E18, NANOS

CASH = "USDC"


@dataclass(frozen=True, slots=True)
class SessionKey:
    """An address that may sign for an owner until `expiry_s` (unix seconds). `scope` is v2's word for how far."""

    address: str
    expiry_s: int
    scope: str = "admin"


@dataclass(frozen=True, slots=True)
class Account:
    """One subaccount to open when the venue starts. A wallet may have several."""

    wallet: str
    session_keys: tuple[SessionKey, ...]
    subaccount_id: int
    deposit: Decimal  # USDC
    is_rfq_maker: bool = False  # of the wallet: whether it may see and answer RFQs


# The owner of the protocol sheet's signing vectors, with the public anvil key #0 as session key: never fund either.
PRACTICE_ACCOUNT = Account(
    wallet="0x8772185a1516f0d61fC1c2524926BfC69F95d698",
    session_keys=(SessionKey("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", 4_102_444_800),),
    subaccount_id=30769,
    deposit=Decimal(1_000_000),
    is_rfq_maker=True,
)


@dataclass(frozen=True, slots=True)
class Booked:
    """What one fill did: what it realized, and each asset's balance before and after it. All e18."""

    subaccount_id: int
    realized_e18: int
    realized_with_fees_e18: int
    moves: dict[str, tuple[int, int]]

    def changes(self, update_type: str) -> list[BalanceChange]:
        return [
            BalanceChange(self.subaccount_id, name, before_e18, after_e18, update_type)
            for name, (before_e18, after_e18) in self.moves.items()
        ]


@dataclass(slots=True, eq=False)
class Subaccount:
    """Cash, positions and the history of one subaccount. Premiums of options move cash at once; a perpetual moves
    cash by what it realizes, which stands for the venue's periodic settlement of its profit.
    """

    subaccount_id: int
    wallet: str
    opened_ms: int
    cash_e18: int
    cash_fees_e18: int = 0
    positions: dict[str, Position] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    open_orders: dict[str, Order] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    rfqs: dict[str, Rfq] = field(default_factory=dict)
    quotes: dict[str, Quote] = field(default_factory=dict)
    open_quotes: dict[str, Quote] = field(default_factory=dict)
    protections: dict[str, Protection] = field(default_factory=dict)
    funding: list[FundingEvent] = field(default_factory=list)

    def position(self, instrument: Instrument, now_ms: int) -> Position:
        self.instruments[instrument.name] = instrument
        if instrument.name not in self.positions:
            self.positions[instrument.name] = Position(created_ms=now_ms)
        return self.positions[instrument.name]

    def amount_of(self, name: str) -> int:
        position = self.positions.get(name)
        return position.amount_nanos if position else 0

    def book_fill(
        self, instrument: Instrument, *, is_buy: bool, price: int, amount: int, fee_e18: int, now_ms: int
    ) -> Booked:
        """Move cash and position by one trade."""
        position = self.position(instrument, now_ms)
        position.accrue(instrument.aggregate_funding_e18)
        held, cash_e18, cost_e18 = position.amount_nanos, self.cash_e18, position.cost_e18
        realized, realized_with_fees = position.apply(is_buy=is_buy, price=price, amount=amount, fee_e18=fee_e18)
        if instrument.is_option:
            self.cash_e18 += -price * amount if is_buy else price * amount
        else:
            self.cash_e18 += realized
        self.cash_e18 -= fee_e18
        moves = {CASH: (cash_e18, self.cash_e18), instrument.name: (held * NANOS, position.amount_nanos * NANOS)}
        if not instrument.is_option:  # the venue's pseudo-asset: the running quote cost of a perpetual
            moves[f"Q-{instrument.name}"] = (-cost_e18, -position.cost_e18)
        return Booked(self.subaccount_id, realized, realized_with_fees, moves)


@dataclass(slots=True, eq=False)
class Wallet:
    """An owner: its keys, the nonces that are used up, and its wish for disconnects."""

    address: str
    keys: dict[str, int] = field(default_factory=dict)  # lower-case address to expiry in unix seconds
    subaccounts: dict[int, Subaccount] = field(default_factory=dict)
    scopes: dict[str, str] = field(default_factory=dict)  # of the keys
    used_nonces: set[int] = field(default_factory=set)
    cancel_on_disconnect: bool = False
    is_rfq_maker: bool = False


def open_accounts(accounts: tuple[Account, ...], now_ms: int) -> dict[str, Wallet]:
    """Wallets by lower-case address."""
    wallets: dict[str, Wallet] = {}
    for account in accounts:
        wallet = wallets.setdefault(account.wallet.lower(), Wallet(account.wallet))
        wallet.keys.update({key.address.lower(): key.expiry_s for key in account.session_keys})
        wallet.scopes.update({key.address.lower(): key.scope for key in account.session_keys})
        wallet.is_rfq_maker = wallet.is_rfq_maker or account.is_rfq_maker
        deposit_e18 = int(account.deposit * E18)
        wallet.subaccounts[account.subaccount_id] = Subaccount(
            account.subaccount_id, account.wallet, now_ms, deposit_e18
        )
    return wallets
