"""What the matching engine has to tell: between two looks at it, each thing that changed."""

from dataclasses import dataclass, field

from atomizer.sim.derive.orders import BalanceChange, Order, PublicTrade, Trade
from atomizer.sim.derive.rfqs import Quote, Rfq


@dataclass(slots=True)
class Output:
    """What happened since the last `drain`, in order; each changed order once, in its last state."""

    orders: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    public_trades: list[PublicTrade] = field(default_factory=list)
    balances: list[BalanceChange] = field(default_factory=list)
    rfqs: dict[str, Rfq] = field(default_factory=dict)
    quotes: dict[str, Quote] = field(default_factory=dict)
