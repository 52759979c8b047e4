"""Why we said no. A member's value is the metric label, the word in the log and the word on the screen."""

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Every refusal that atomizer itself makes, RFQ declines and gate verdicts alike."""

    OK = "ok"

    # What came in could not be read as a request.
    MALFORMED = "malformed"
    UNKNOWN_KIND = "unknown_kind"
    OVERSIZED = "oversized"
    DUPLICATE = "duplicate"
    UNMAPPED_ASSET = "unmapped_asset"
    BAD_QUANTITY = "bad_quantity"
    BAD_STRIKE = "bad_strike"
    EXPIRED = "expired"

    # We could read it and do not price it.
    UNLISTED = "unlisted"
    COIN_PRICED = "coin_priced"
    NO_BOOK = "no_book"
    STALE_BOOK = "stale_book"
    THIN_BOOK = "thin_book"
    NO_GREEKS = "no_greeks"
    UNPROFITABLE = "unprofitable"
    EDGE_EXHAUSTED = "edge_exhausted"
    NO_SMILE = "no_smile"
    BAD_SMILE = "bad_smile"
    SMILE_ARBITRAGE = "smile_arbitrage"

    # We could price it and the gate said no.
    OFF_TICK = "off_tick"
    OFF_LOT = "off_lot"
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"
    NO_FAIR = "no_fair"
    PRICE_BAND = "price_band"
    MAX_SIZE = "max_size"
    MAX_NOTIONAL = "max_notional"
    MAX_FEE = "max_fee"
    MAX_LIFE = "max_life"
    MAX_POSITION = "max_position"
    MAX_EXPOSURE = "max_exposure"
    MAX_DELTA = "max_delta"
    MAX_GAMMA = "max_gamma"
    MAX_VEGA = "max_vega"
    MAX_PREMIUM = "max_premium"
    MAX_OPEN_ORDERS = "max_open_orders"
    MAX_OPEN_NOTIONAL = "max_open_notional"
    MAX_DAILY_LOSS = "max_daily_loss"
    MAX_DRAWDOWN = "max_drawdown"
    SELF_CROSS = "self_cross"
    RATE = "rate"
    PROTECTION = "protection"
    GATE_SHUT = "gate_shut"
    JOURNAL_FAILED = "journal_failed"
    NOT_CONNECTED = "not_connected"
    POSITION_MISMATCH = "position_mismatch"


class Verdict(msgspec.Struct, frozen=True):
    """What the gate says: `reason` is OK or why not; `detail` names the limit, its value and what it would become."""

    reason: Reason = Reason.OK
    detail: str = ""

    @property
    def allowed(self) -> bool:
        return self.reason is Reason.OK


ALLOWED = Verdict()
