"""Every setting, with its type, unit and default. The guide's environment names are in `VARIABLES`."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from atomizer.config.units import Amount, Days, NotNegative, Positive, Seconds, Strikes, VenueName, Words

Bps = Annotated[int, Meta(ge=0, le=10_000)]


class Exchange(msgspec.Struct, frozen=True):
    """Where hedges go and prices come from."""

    name: VenueName = VenueName("derive")
    test_mode: bool = False
    derive_api_version: Literal["v2", "v3"] = "v2"
    derive_wallet_address: str = ""
    derive_subaccount_id: Annotated[int, Meta(ge=0)] = 0
    deribit_api_key: str = ""  # its public name
    deribit_use_ed25519: bool = False
    deribit_login: Literal["signature", "credentials"] = "signature"  # credentials send the secret itself
    deribit_books: Literal["raw", "100ms", "grouped"] = "raw"  # every change, bundled ones, or the best 20 levels


class RfqSource(msgspec.Struct, frozen=True):
    """Where RFQs come from, and how they are priced. Edge: what we want, and the least we take, after fees."""

    source: Literal["", "rysk", "derive", "deribit"] = ""  # left out: whose host `ws_url` names, else rysk
    ws_url: str = ""
    assets: Words = Words()
    maker_address: str = ""
    asset_mapping: str = "asset_mapping.json"
    quote_duration: Seconds = Seconds(30)
    dummy_price: Positive | None = None
    target_edge_bps: Bps = 300  # of the premium
    min_edge_bps: Bps = 80
    min_edge_usd: Amount = Amount("0.02")  # per unit of the underlying
    min_edge_vol_points: Annotated[float, Meta(ge=0, le=100)] = 0.0  # volatility points of the option's vega
    improvement: Positive = Positive("0.05")  # USD per unit past a better rival
    # Where quotes stand until they are taken (Derive, Deribit):
    cache_ttl: Seconds = Seconds(0.1)  # how long a price is good before it is held against the books again
    reprice_bps: Bps = 50  # by so much of its worth a quote's legs may move before it is priced anew
    parallel_quotes: Annotated[int, Meta(ge=1, le=1000)] = 16  # that are priced in one go, before books get their turn
    manual: bool = False  # whether orders by hand are taken while it runs
    # Derive's own protection (MMP): so much of our quotes taken within the window pulls all of them
    protection_window: Seconds = Seconds(5)
    protection_amount: Positive = Positive(100)  # both sides added up
    protection_delta: Positive = Positive(25)  # net
    protection_pause: Seconds = Seconds(30)  # how long nothing is quoted then


class Hedging(msgspec.Struct, frozen=True):
    """What a won RFQ is hedged with: the same option back to back, or its delta in the perpetual."""

    enabled: bool = False
    mode: Literal["option", "perpetual"] = "option"
    venue: VenueName | None = None  # another than where prices come from, with `cross`
    cross: bool = False
    ratio: Positive = Positive(1)
    slippage_bps: Bps = 100  # how far beyond the book's worst needed level an order may reach
    # With `perpetual`: a win that leaves more net gamma of its coin than this is hedged in its own option instead.
    gamma: bool = False
    gamma_threshold: Positive = Positive("0.5")  # coins of delta per USD
    gamma_ratio: Positive = Positive(1)  # how much of such a win
    max_attempts: Annotated[int, Meta(ge=1, le=1000)] = 20
    give_up_after: Seconds = Seconds(60)


class Risk(msgspec.Struct, frozen=True):
    """The gate's limits. Sizes in coins, money in USD. Changed while a trader runs: see OPERATIONS.md."""

    # of one order or quote
    max_order_size: Positive = Positive(25)
    max_order_notional: Positive = Positive(1_000_000)  # price x amount
    price_band_bps: Bps = 5_000  # of the mark; cheap options are quoted wide, and a hedge must still pass
    fair_band_bps: Bps = 5_000  # of our own fair value
    max_fee_bps: Bps = 5_000  # of the index price: what a signature may let the venue charge per unit, base fee and all
    max_signature_life: Seconds = Seconds(3600)
    # of everything held and in flight
    max_position: Positive = Positive(100)  # per instrument, absolute
    max_exposure: Positive = Positive(1_000)  # per underlying: the sum over its options, each absolute
    max_delta: Positive = Positive(10)  # per underlying, absolute, as the two below
    max_gamma: Positive = Positive(5)  # coins of delta per USD
    max_vega: Positive = Positive(25_000)  # USD per volatility point
    max_premium: Positive = Positive(250_000)  # of all quotes that may still be taken
    max_open_orders: Annotated[int, Meta(ge=1)] = 500
    max_open_notional: Positive = Positive(10_000_000)
    # of the pace, of what is known, and of what it cost so far
    max_orders_per_second: Annotated[int, Meta(ge=1)] = 20
    max_book_age: Seconds = Seconds(30)  # a quiet book says nothing; a dead connection darkens its books at once
    max_mark_age: Seconds = Seconds(10)
    max_clock_offset: Seconds = Seconds(1)
    max_daily_loss: Positive = Positive(100_000)  # since 00:00 UTC
    max_drawdown: Positive = Positive(250_000)  # from the best that the P&L ever was
    check_interval: Seconds = Seconds(10)  # how often positions are marked and losses counted
    # Beyond these the kill latch is set.
    max_rejects: Annotated[int, Meta(ge=1)] = 100  # orders that venues refuse, in any minute
    max_silence: Seconds = Seconds(300)  # without a connection to the venue whose books we price from


class Chain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options to make markets in: of each of these days, these strikes."""

    expiry: Days
    strikes: Strikes
    underlying: str = "ETH"
    option_type: Literal["C", "P", "both"] = "both"

    def __str__(self) -> str:
        return f"{self.underlying} {' '.join(self.expiry)} {self.strikes} {self.option_type}"


class MarketMaker(msgspec.Struct, frozen=True):
    """What continuous quotes look like. Prices in USD, sizes in units of the underlying."""

    strategy: str = "market-maker"  # the shipped one, or one that an installed package brings
    instruments: tuple[Chain, ...] = ()
    size: Positive = Positive("0.1")
    spread: Positive = Positive(50)  # bps of mid: how far apart sides stand that the book does not give
    min_spread: Positive = Positive(10)  # bps of mid: a narrower quote is drawn round mid instead
    aggression: NotNegative = NotNegative(1)  # below 1: share of the way to mid; from 1 on: improve the book
    improvement: NotNegative = NotNegative("0.1")  # USD that the improving mode goes beyond the book
    improvement_reference_size: NotNegative = NotNegative(0)  # thinner levels are passed over
    fair: Literal["mark", "smile"] = "mark"  # smile: quotes stand round our own value, half a spread each side
    smile_most_rms: Positive = Positive(2)  # volatility points that a smile may miss its points by, on average
    keep_ticks: Annotated[int, Meta(ge=0, le=1000)] = 1  # an order this near to its price keeps its place in the queue
    bid_only: bool = False
    ask_only: bool = False
    max_position: Positive = Positive(10)  # per instrument
    max_exposure: Positive = Positive(100)  # of all instruments together, either way
    refresh: Seconds = Seconds(5)  # longest time between looks; events are answered at once
    # the venue's own protection (MMP): so much traded within the window pulls everything
    protection_window: Seconds = Seconds(5)
    protection_amount: Positive = Positive(5)  # both sides added up
    protection_delta: Positive = Positive(2)  # net
    protection_pause: Seconds = Seconds(30)  # how long nothing is quoted then, before it is reset
    # volatility-adjusted spreads: see `strategies.market_maker_spread`; a weight of 0 is off
    widen_iv: NotNegative = NotNegative(0)  # per 100 % by which implied volatility exceeds `calm_iv`
    calm_iv: Positive = Positive("0.5")
    widen_move: NotNegative = NotNegative(0)  # per 1 % that the index moved within `move_window`
    move_window: Seconds = Seconds(60)
    widen_thin: NotNegative = NotNegative(0)  # by the share of `deep` that the book lacks
    deep: Positive = Positive(50)  # units, both sides added up
    widen_short: NotNegative = NotNegative(0)  # at expiry; falls to nothing at `near_expiry` before it
    near_expiry: Seconds = Seconds(172_800)
    widest: Positive = Positive(3)  # times the plain spread, of all factors together
    # inventory: both quotes move against what we hold; see `strategies.market_maker_skew`
    skew_risk: NotNegative = NotNegative(0)  # risk aversion, per USD; 0 is off
    skew_horizon: Seconds = Seconds(3_600)  # how long a position is thought to be held
    skew_vol_of_vol: NotNegative = NotNegative(40)  # volatility points per square root of a year
    skew_most_bps: Bps = 500  # of the mark, either way
    taper_from: NotNegative = NotNegative(1)  # share of `max_position` from which on sizes taper; 1 is off


class Journal(msgspec.Struct, frozen=True):
    """Where the books are kept."""

    directory: str = "state"
    # A record outlives this process at once, and a power cut after this long.
    sync_every: Seconds = Seconds(2)


class Http(msgspec.Struct, frozen=True):
    """Where a trader answers for its health and takes a kill. The key is a file of each run, never a setting."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] | None = None  # none: 8080, or no port where that is taken; 0: no port


class Desk(msgspec.Struct, frozen=True):
    """What people look at."""

    database: str = ""  # SQLAlchemy URL of the SQL projection; empty: SQLite beside the journal


class Settings(msgspec.Struct, frozen=True):
    """The whole tree; a section here is a section of config.yaml."""

    exchange: Exchange = Exchange()
    rfq: RfqSource = RfqSource()
    hedging: Hedging = Hedging()
    market_maker: MarketMaker = MarketMaker()
    risk: Risk = Risk()
    journal: Journal = Journal()
    http: Http = Http()
    desk: Desk = Desk()


VARIABLES = {
    "EXCHANGE_NAME": "exchange.name",
    "EXCHANGE_TEST_MODE": "exchange.test_mode",
    "DERIVE_API_VERSION": "exchange.derive_api_version",
    "DERIVE_WALLET_ADDRESS": "exchange.derive_wallet_address",
    "DERIVE_SUBACCOUNT_ID": "exchange.derive_subaccount_id",
    "DERIBIT_API_KEY": "exchange.deribit_api_key",
    "DERIBIT_USE_ED25519": "exchange.deribit_use_ed25519",
    "WS_URL": "rfq.ws_url",
    "RFQ_ASSET_ADDRESSES": "rfq.assets",
    "MAKER_ADDRESS": "rfq.maker_address",
    "QUOTE_VALID_DURATION": "rfq.quote_duration",
    "ENABLE_DELTA_HEDGE": "hedging.enabled",
    "HEDGE_RATIO": "hedging.ratio",
    "HEDGE_VENUE": "hedging.venue",
    "ENABLE_GAMMA_HEDGING": "hedging.gamma",
    "GAMMA_THRESHOLD": "hedging.gamma_threshold",
    "GAMMA_HEDGE_RATIO": "hedging.gamma_ratio",
    "MAX_POSITION_DELTA": "risk.max_delta",
    "MAX_POSITION_SIZE": "risk.max_position",
}
