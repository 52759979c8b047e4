"""Who we are to Derive, and what we sign: logins, orders, quotes. Pure; the key stays inside its `Signer`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from atomizer._core.ecdsa import Signer, checksum_address, parse_address
from atomizer._core.eip712 import DeriveActions, personal_digest
from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.trading import OrderPlaced, Side
from atomizer.errors import ConfigError
from atomizer.venues.derive.codec import SignedTerms
from atomizer.venues.derive.market_codec import Listing
from atomizer.venues.derive.profile import Profile
from atomizer.venues.derive.rfq_codec import QuoteTerms, SignedQuote

E18_PER_NANO: Final = 1_000_000_000
# The venue wants twice the notional fee plus the base fee, and has been seen asking for three times that
# (protocol sheet §2, "max_fee rule"). It charges its schedule, never this cap, so the cap is wide.
FEE_HEADROOM: Final = 10
CENT_NANOS: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """The wallet that owns the subaccount, the key that may sign for it, and the subaccount."""

    wallet: str  # checksummed
    signer: Signer
    subaccount_id: int
    owner: bytes = field(init=False, repr=False)
    signer_address: str = field(init=False)

    def __post_init__(self) -> None:
        """Check and complete.

        Raises:
            ConfigError: not an address, or no subaccount.
        """
        try:
            owner = parse_address(self.wallet)
        except ValueError as error:
            raise ConfigError(f"DERIVE_WALLET_ADDRESS: {error}") from None
        if self.subaccount_id <= 0:
            raise ConfigError(f"DERIVE_SUBACCOUNT_ID {self.subaccount_id}: set it to the subaccount to trade with")
        object.__setattr__(self, "owner", owner)
        object.__setattr__(self, "wallet", checksum_address(owner))
        object.__setattr__(self, "signer_address", checksum_address(self.signer.address))


def build_login(credentials: Credentials, now_ms: int) -> dict[str, object]:
    """Parameters of public/login: only the timestamp is signed (EIP-191; protocol sheet §1)."""
    timestamp = str(now_ms)
    signature = credentials.signer.sign(personal_digest(timestamp.encode()))
    return {"wallet": credentials.wallet, "timestamp": timestamp, "signature": "0x" + signature.hex()}


class OrderSigner:
    """Signs orders of one subaccount at one deployment."""

    def __init__(self, profile: Profile, credentials: Credentials) -> None:
        self._signer = credentials.signer
        self._actions = order_actions(profile, credentials)

    def sign(self, order: OrderPlaced, listing: Listing, max_fee_nanos: int, expiry_s: int) -> SignedTerms:
        """Sign an order's terms; `max_fee_nanos` is per unit."""
        digest = self.digest(order, listing, max_fee_nanos, expiry_s)
        return SignedTerms(max_fee_nanos, expiry_s, "0x" + self._signer.sign(digest).hex())

    def digest(self, order: OrderPlaced, listing: Listing, max_fee_nanos: int, expiry_s: int) -> bytes:
        """What `sign` signs."""
        return self._actions.order(
            listing.asset,
            listing.sub_id,
            order.price_nanos * E18_PER_NANO,
            order.amount_nanos * E18_PER_NANO,
            max_fee_nanos * E18_PER_NANO,
            order.side is Side.BUY,
            order.nonce,
            expiry_s,
        )


class RfqSigner:
    """Signs quotes and executions of one subaccount at one deployment."""

    def __init__(self, profile: Profile, credentials: Credentials) -> None:
        self._signer = credentials.signer
        self._actions = order_actions(profile, credentials)

    def quote(self, terms: QuoteTerms, listings: Sequence[Listing]) -> SignedQuote:
        """A maker's quote: it signs every leg with its own sign, so a sale flips them all."""
        legs = _signed_legs(terms, listings, terms.side)
        return self._sign(
            terms, self._actions.quote(legs, terms.max_fee_nanos * E18_PER_NANO, terms.nonce, terms.expiry_s)
        )

    def execution(self, terms: QuoteTerms, listings: Sequence[Listing]) -> SignedQuote:
        """A taker's execution: it signs the hash of the legs as the maker signed them, whose side is the other."""
        legs = _signed_legs(terms, listings, Side(-terms.side))
        return self._sign(
            terms, self._actions.execute(legs, terms.max_fee_nanos * E18_PER_NANO, terms.nonce, terms.expiry_s)
        )

    def _sign(self, terms: QuoteTerms, digest: bytes) -> SignedQuote:
        return SignedQuote(terms, "0x" + self._signer.sign(digest).hex())


def _signed_legs(terms: QuoteTerms, listings: Sequence[Listing], maker: Side) -> list[tuple[bytes, int, int, int]]:
    return [
        (
            listing.asset,
            listing.sub_id,
            price_nanos * E18_PER_NANO,
            leg.side * maker * leg.amount_nanos * E18_PER_NANO,
        )
        for leg, price_nanos, listing in zip(terms.legs, terms.prices_nanos, listings, strict=True)
    ]


def order_actions(profile: Profile, credentials: Credentials) -> DeriveActions:
    return DeriveActions(
        profile.domain_separator,
        parse_address(profile.contracts.trade_module),
        parse_address(profile.contracts.rfq_module),
        credentials.owner,
        credentials.signer.address,
        credentials.subaccount_id,
    )


def rfq_fee_cap_nanos(trades: Iterable[tuple[Instrument, int, int]]) -> int:
    """A fee for a whole RFQ trade that the venue will find high enough; (instrument, index, amount) of each leg.

    Both sides pay the taker's rate, the taker also base fees: ten times that, up to whole cents.
    """
    total_e18 = 0
    for instrument, index_nanos, amount_nanos in trades:
        rate_nanos = max(instrument.maker_fee_nanos, instrument.taker_fee_nanos)
        total_e18 += rate_nanos * index_nanos // NANOS * amount_nanos + instrument.base_fee_nanos * NANOS
    return -(-FEE_HEADROOM * total_e18 // (NANOS * CENT_NANOS)) * CENT_NANOS


def fee_cap_nanos(instrument: Instrument, index_nanos: int) -> int:
    """A fee per unit that the venue will find high enough, for any part of the order.

    Ten times its floor of 2 x rate x index, and the base fee of a taker order that fills one lot only. Up to two digits
    and to whole cents, so that it stays the same while the index moves little: digests made ahead stay good.
    """
    rate_nanos = max(instrument.maker_fee_nanos, instrument.taker_fee_nanos)
    notional_nanos = -(-2 * FEE_HEADROOM * rate_nanos * index_nanos // NANOS)
    base_nanos = -(-instrument.base_fee_nanos * NANOS // instrument.lot_nanos)
    step_nanos: int = max(CENT_NANOS, 10 ** (len(str(notional_nanos + base_nanos)) - 2))
    return -(-(notional_nanos + base_nanos) // step_nanos) * step_nanos
