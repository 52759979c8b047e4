"""Order messages for Derive and Deribit, written over the last one in a buffer that is reused."""

from typing import Final, Self, final

from typing_extensions import disjoint_base

from atomizer._core.ecdsa import Signer
from atomizer._core.eip712 import DeriveActions

GTC: Final[int]
POST_ONLY: Final[int]
IOC: Final[int]

@disjoint_base
class OrderWriter:
    """Writes the orders of one owner in one account of a venue, signed where the venue wants that. One thread."""

    def write(
        self,
        instrument: int,
        is_bid: bool,
        price_nanos: int,
        amount_nanos: int,
        max_fee_nanos: int,
        life: int,
        reduce_only: bool,
        nonce: int,
        expiry_s: int,
        label_number: int,
        request_id: int,
        replaces_nonce: int = 0,
        replaced_filled_nanos: int = 0,
        replaces_number: int = 0,
        now_ns: int = 0,
    ) -> memoryview:
        """The message, read-only, borrowed until the next one is written.

        One that takes another order's place when `replaces_nonce` is that one's, whose label ends in `replaces_number`.
        `life` is GTC, POST_ONLY or IOC; the fee is per unit; `now_ns` is when it was decided.

        Raises:
            ValueError: no such instrument or life, a price or amount that is not above 0, or the order to replace has
                no name at the venue. Nothing is written.
            OverflowError: a value beyond its 64 bits. Nothing is written.
        """

@final
class DeriveOrders(OrderWriter):
    """Signs and writes private/order and private/replace. What is signed and what is printed are the same integers.

    For a replacement the venue creates nothing unless the old order has filled exactly `replaced_filled_nanos`.
    """

    def __new__(
        cls,
        signer: Signer,
        actions: DeriveActions,
        *,
        label_prefix: str,
        nonces_as_text: bool,
        is_protected: bool = False,
    ) -> Self:
        """`label_prefix`: what an order's label starts with; its number follows. `nonces_as_text`: API v3.

        `is_protected`: its orders count towards the venue's market maker protection, and go when it trips.

        Raises:
            ValueError: the actions name another signer, or the prefix is too long or needs escaping.
        """

    def add_instrument(self, name: str, asset: bytes, sub_id: int) -> int:
        """Make an instrument known, as the venue lists it; its index.

        ValueError for what cannot be an instrument, or when there are too many.
        """

@final
class DeribitOrders(OrderWriter):
    """Writes private/buy and private/sell, and private/cancel of what is to be replaced.

    The order that takes its place must not leave before the venue says how the old one ended: that is not written here.
    """

    def __new__(cls, *, label_prefix: str, valid_ms: int, is_protected: bool = False) -> Self:
        """The venue is to refuse an order that comes more than `valid_ms` after it was decided. The rest as above.

        Raises:
            ValueError: the prefix is too long or needs escaping.
        """

    def add_instrument(self, name: str, venue_name: str) -> int:
        """Make an instrument known by our name and the venue's; its index.

        ValueError for what cannot be an instrument, or when there are too many.
        """

    def name_order(self, label_number: int, order_id: str) -> None:
        """The venue's id of the order whose label ends in that number; the newest 8,192 are kept.

        ValueError for one that would have to be escaped.
        """

    def forget_orders(self) -> None:
        """No order has a name any more."""
