"""What differs between ccxt's exchanges and that its unified API does not tell, and what each can do.

ccxt is heavy and pins its dependencies, so it is imported only when an exchange of it is named.
"""

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from atomizer.errors import ConfigError

PREFIX: Final = "ccxt:"
# The request field that carries our label, where it is not the unified one.
_CLIENT_ID: Final = {"deribit": "label"}
# Exchanges whose amounts ccxt passes through as the venue counts them, instead of in contracts (its own docs say so).
_AMOUNTS_AS_THEY_ARE: Final = frozenset({"deribit"})
# What a question for own trades since a time wants beside that: the end of the time, under the exchange's own name.
_UNTIL: Final = {"deribit": "end_timestamp"}
# Exchanges that answer a question without a symbol for one coin only, named by this field, instead of for all.
_ONE_COIN: Final = {"deribit": "code"}
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Capability(StrEnum):
    """What a strategy may need; the value is what errors call it."""

    MARKETS = "list of markets"
    BOOK = "order book"
    TICKER = "ticker"
    GREEKS = "greeks of options"
    CLOCK = "time"
    ORDERS = "orders"
    CANCEL = "cancels"
    OPEN_ORDERS = "open orders"
    FILLS = "own trades"
    POSITIONS = "positions"


_METHODS: Final = {
    Capability.MARKETS: ("fetchMarkets",),
    Capability.BOOK: ("fetchOrderBook",),
    Capability.TICKER: ("fetchTicker",),
    Capability.GREEKS: ("fetchGreeks",),
    Capability.CLOCK: ("fetchTime",),
    Capability.ORDERS: ("createOrder",),
    Capability.CANCEL: ("cancelOrder",),
    Capability.OPEN_ORDERS: ("fetchOpenOrders",),
    Capability.FILLS: ("fetchMyTrades",),
    Capability.POSITIONS: ("fetchPositions",),
}
TO_LOOK: Final = (Capability.MARKETS, Capability.BOOK)
TO_TRADE: Final = (
    *TO_LOOK,
    Capability.ORDERS,
    Capability.CANCEL,
    Capability.OPEN_ORDERS,
    Capability.FILLS,
    Capability.POSITIONS,
)


def make_exchange(name: str, secrets: Mapping[str, str], *, is_test: bool, base_url: str = "") -> Any:
    """ccxt's exchange of this name, with numbers as decimal text. `base_url` replaces scheme and host of its addresses.

    Raises:
        ConfigError: ccxt is not installed, has no such exchange, or that has no test network.
    """
    library = _library()
    if name not in library.exchanges:
        near = difflib.get_close_matches(name, library.exchanges, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "see its list of exchanges"
        raise ConfigError(f"ccxt has no exchange {name}: {hint}")
    exchange = getattr(library, name)({**secrets, "enableRateLimit": True, "timeout": 8_000})
    exchange.number = str  # decimals stay the text that they came as
    if base_url:
        exchange.urls["api"] = _moved(exchange.urls["api"], base_url)
    elif is_test:
        if not exchange.has.get("sandbox") and "test" not in exchange.urls:
            raise ConfigError(f"{name} has no test network in ccxt: leave --test out, or practise with --paper")
        exchange.set_sandbox_mode(True)
    return exchange


def capabilities(exchange: Any) -> frozenset[Capability]:
    """What this exchange can do, as ccxt declares it."""
    return frozenset(
        capability for capability, methods in _METHODS.items() if all(exchange.has.get(each) for each in methods)
    )


def require(name: str, exchange: Any, needed: Iterable[Capability], why: str) -> None:
    """Raises ConfigError with everything that is needed and that the exchange cannot do."""
    can = capabilities(exchange)
    if lacking := [each.value for each in needed if each not in can]:
        raise ConfigError(f"ccxt:{name} cannot do what {why} needs: {', '.join(lacking)}: choose another exchange")


def credential_names(name: str) -> dict[str, str]:
    """The environment variables that this exchange's credentials come from, by ccxt's word for each.

    {"apiKey": "CCXT_DERIBIT_API_KEY", "secret": "CCXT_DERIBIT_SECRET"}
    """
    library = _library()
    if name not in library.exchanges:
        make_exchange(name, {}, is_test=False)  # says so
    needed = getattr(library, name)().requiredCredentials
    stem = f"CCXT_{name.upper()}_"
    return {word: stem + _CAMEL.sub("_", word).upper() for word, is_needed in needed.items() if is_needed}


def address_of(exchange: Any) -> str:
    """Where its requests go: the first of its addresses."""
    found = exchange.urls["api"]
    while isinstance(found, dict):
        found = next(iter(found.values()))
    return str(found).replace("{hostname}", str(getattr(exchange, "hostname", "") or ""))


def client_id_field(name: str) -> str:
    """The request field that carries our label."""
    return _CLIENT_ID.get(name, "clientOrderId")


def until_field(name: str) -> str:
    """The request field for the end of a period of trades; empty where none is wanted."""
    return _UNTIL.get(name, "")


def whole_account(name: str, coins: Iterable[str]) -> list[dict[str, object]]:
    """The parameters of the requests that together ask about everything of an account."""
    field = _ONE_COIN.get(name)
    return [{field: coin} for coin in sorted(set(coins))] if field else [{}]


def counts_contracts(name: str) -> bool:
    """Whether amounts are contracts of `contractSize`, as the unified API has it."""
    return name not in _AMOUNTS_AS_THEY_ARE


def _library() -> Any:
    try:
        return importlib.import_module("ccxt.async_support")
    except ImportError:
        raise ConfigError("ccxt is not installed: pip install 'atomizer[ccxt]'") from None


def _moved(addresses: Any, base_url: str) -> Any:
    """Every address below, at another scheme and host."""
    if isinstance(addresses, str):
        base, parts = urlsplit(base_url), urlsplit(addresses)
        scheme = parts.scheme.replace("https", base.scheme).replace("wss", base.scheme.replace("http", "ws"))
        return urlunsplit((scheme, base.netloc, parts.path, parts.query, ""))
    return {word: _moved(each, base_url) for word, each in addresses.items()}
