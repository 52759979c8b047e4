"""Who we are to Rysk: the maker's key, its quote signatures, and nonces that are never used twice."""

from functools import lru_cache
from typing import Final

from atomizer._core import ecdsa
from atomizer._core.eip712 import domain_separator, rysk_quote_digest, rysk_transfer_digest
from atomizer.domain.instruments import OptionType
from atomizer.domain.trading import QuoteSent
from atomizer.errors import ConfigError
from atomizer.venues.rysk.codec import RyskRequest, SigningDomain
from atomizer.venues.rysk.profile import CHAINS, DOMAIN_NAME, DOMAIN_VERSION, E18_PER_NANO
from atomizer.venues.rysk.transfers import Transfer

_NONCE_LIMIT: Final = 2**64 - 1


def quote_digest(request: RyskRequest, quote: QuoteSent, maker: bytes) -> bytes:
    """EIP-712 digest of our quote for this request (protocol sheet §3, the struct since December 2025)."""
    rfq = request.rfq
    return rysk_quote_digest(
        _separator(request.domain),
        bytes.fromhex(request.asset[2:]),
        request.chain_id,
        rfq.contract.option_type is OptionType.PUT,
        int(request.strike),
        rfq.contract.expiry_s,
        maker,
        quote.nonce,
        quote.price_nanos * E18_PER_NANO,
        int(request.quantity),
        rfq.taker_buys,
        quote.valid_until_s,
        bytes.fromhex(request.usd[2:]),
        bytes.fromhex(request.collateral[2:]),
    )


@lru_cache(maxsize=64)
def _separator(domain: SigningDomain) -> bytes:
    return domain_separator(domain.name, domain.version, domain.chain_id, bytes.fromhex(domain.contract[2:]))


class MakerKey:
    """The maker's key and address. Nothing of the key is ever shown."""

    __slots__ = ("_address", "maker", "signer")

    def __init__(self, secret: bytes | bytearray, maker: str) -> None:
        """`secret` is 32 bytes; `maker` is the address that holds the balance at Rysk.

        Raises:
            ConfigError: no key, no address, or the key is not that address's.
        """
        try:
            self._address = ecdsa.parse_address(maker)
        except ValueError as error:
            raise ConfigError(f"MAKER_ADDRESS: {error}") from None
        try:
            self.signer = ecdsa.Signer(secret)
        except ValueError:
            raise ConfigError("PRIVATE_KEY is not a secp256k1 key: 32 bytes as 64 hex digits are expected") from None
        if self.signer.address != self._address:
            derived = ecdsa.checksum_address(self.signer.address)
            raise ConfigError(
                f"PRIVATE_KEY belongs to {derived}, MAKER_ADDRESS is {maker}: give the key of that address"
            )
        self.maker = "0x" + self._address.hex()

    def sign(self, request: RyskRequest, quote: QuoteSent) -> bytes:
        """65 bytes r ‖ s ‖ v over the quote's digest."""
        return self.signer.sign(quote_digest(request, quote, self._address))

    def sign_transfer(self, transfer: Transfer) -> bytes:
        """65 bytes r ‖ s ‖ v over the transfer's digest."""
        return self.signer.sign(transfer_digest(transfer, self._address))


def transfer_digest(transfer: Transfer, maker: bytes) -> bytes:
    """EIP-712 digest of a deposit or a withdrawal, under the domain of Rysk's contract on that chain."""
    domain = SigningDomain(DOMAIN_NAME, DOMAIN_VERSION, transfer.chain_id, CHAINS[transfer.chain_id].rysk)
    return rysk_transfer_digest(
        _separator(domain),
        maker,
        bytes.fromhex(transfer.asset[2:]),
        transfer.chain_id,
        transfer.amount,
        transfer.is_deposit,
        transfer.nonce,
    )


class NonceClock:
    """Rising nonces of one maker: the wall clock in microseconds, or one more than the last.

    Rysk keeps every nonce for ever, so `last` must be the highest that the journal has ever seen.
    """

    __slots__ = ("_last",)

    def __init__(self, last: int = 0) -> None:
        self._last = last

    def next(self, now_ns: int) -> int:
        self._last = max(now_ns // 1000, self._last + 1)
        if self._last > _NONCE_LIMIT:
            raise ConfigError(f"nonce {self._last} does not fit 64 bits: the journal's last nonce is wrong")
        return self._last
