"""Which token is which underlying: asset_mapping.json and the venue's own list, addresses compared without case."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import orjson

from atomizer.domain.reasons import Reason
from atomizer.errors import BadFrame, ConfigError

_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_UINT = re.compile(r"[0-9]{1,78}")

_WRAPPED: Final = {
    "ETH": ("WETH", "weETH", "wstETH", "mETH"),
    "BTC": ("WBTC", "cbBTC", "LBTC", "iBTC", "SolvBTC"),
    "HYPE": ("WHYPE", "kHYPE"),
    "MON": ("WMON", "sMON", "aprMON", "shMON", "gMON"),
    "SOL": ("WSOL",),
}
# Rysk prices every one of these as its underlying (its /api/assets lists one price for all of a row above).
_UNDERLYING: Final = {token.upper(): symbol for symbol, tokens in _WRAPPED.items() for token in tokens}


def parse_address(text: object) -> str | None:
    """Lower-case address from text of any case, None when it is not one."""
    if not isinstance(text, str):
        return None
    lower = text.lower()
    return lower if _ADDRESS.fullmatch(lower) else None


def underlying_of(symbol: str) -> str:
    """Underlying of a token symbol in any case: WSTETH → ETH; a symbol that wraps nothing is its own underlying."""
    upper = symbol.upper()
    return _UNDERLYING.get(upper, upper)


class AssetMap:
    """Token address → underlying symbol. Immutable."""

    __slots__ = ("_underlyings",)

    def __init__(self, symbols: Mapping[str, str]) -> None:
        """`symbols` as in asset_mapping.json.

        Raises:
            ConfigError: a key is no address, a symbol is no symbol, or one address is mapped to two underlyings.
        """
        self._underlyings: dict[str, str] = {}
        for text, symbol in symbols.items():
            address = parse_address(text)
            if address is None:
                raise ConfigError(f"asset mapping: {text!r} is not an address: use 0x and 40 hex digits")
            if not isinstance(symbol, str) or not symbol or not symbol.isprintable():
                raise ConfigError(f"asset mapping: {text}: {symbol!r} is not a symbol: use one such as ETH")
            underlying = underlying_of(symbol)
            if self._underlyings.setdefault(address, underlying) != underlying:
                raise ConfigError(f"asset mapping: {text} is mapped to both {self._underlyings[address]} and {symbol}")

    def underlying(self, address: str) -> str | None:
        """Underlying of a lower-case address."""
        return self._underlyings.get(address)

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(self._underlyings)


def parse_mapping(text: bytes | str) -> AssetMap:
    """asset_mapping.json → map.

    Raises:
        ConfigError: not a JSON object of address to symbol; says which entry.
    """
    try:
        tree = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"asset mapping: not JSON: {error}") from None
    if not isinstance(tree, dict):
        raise ConfigError('asset mapping: must be an object such as {"0x…": "ETH"}')
    return AssetMap(tree)


class Asset(msgspec.Struct, frozen=True):
    """One row of `/api/assets`: a token that the venue takes RFQs on. Sizes in 10⁻¹⁸ of a unit."""

    chain_id: int
    symbol: str
    address: str
    underlying: str
    decimals: int
    minimum_e18: int
    maximum_e18: int
    is_active: bool


class _Row(msgspec.Struct, rename="camel"):
    symbol: str
    address: str
    chain_id: int
    underlying: str
    decimals: int
    active: bool
    min_trade_size: str
    max_trade_size: str


def parse_assets(body: bytes) -> list[Asset]:
    """`GET /api/assets` → rows of all chains.

    {"84532":[{"symbol":"weETH","address":"0x8f3d…","underlying":"ETH","decimals":18,"minTradeSize":"10…",…}]}

    Raises:
        BadFrame: not such a list; names the field.
    """
    try:
        chains = msgspec.json.decode(body, type=dict[str, list[_Row]])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadFrame(f"rysk /api/assets: {error}", reason=Reason.MALFORMED) from None
    return [_asset(row) for rows in chains.values() for row in rows]


def _asset(row: _Row) -> Asset:
    address = parse_address(row.address)
    if address is None:
        raise BadFrame(f"rysk /api/assets: address of {row.symbol!r} is {row.address!r}", reason=Reason.MALFORMED)
    sizes = row.min_trade_size, row.max_trade_size
    if not all(_UINT.fullmatch(size) for size in sizes):
        raise BadFrame(f"rysk /api/assets: sizes of {row.symbol!r} are {sizes}", reason=Reason.MALFORMED)
    return Asset(
        chain_id=row.chain_id,
        symbol=row.symbol,
        address=address,
        underlying=underlying_of(row.underlying),
        decimals=row.decimals,
        minimum_e18=int(sizes[0]),
        maximum_e18=int(sizes[1]),
        is_active=row.active,
    )


def map_assets(assets: Iterable[Asset], chain_id: int) -> AssetMap:
    """The active tokens of one chain."""
    return AssetMap({row.address: row.underlying for row in assets if row.is_active and row.chain_id == chain_id})
