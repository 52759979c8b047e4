"""Signed order messages for Derive, written over the last one in a buffer that is reused."""

from typing import Final, Self, final

from atomizer._core.ecdsa import Signer
from atomizer._core.eip712 import DeriveActions

GTC: Final[int]
POST_ONLY: Final[int]
IOC: Final[int]

@final
class OrderWriter:
    """Signs and writes private/order and private/replace for one owner of orders in one subaccount.

    One thread. What is signed and what is printed are the same integers.
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
    ) -> memoryview:
        """The signed message, read-only, borrowed until the next one is written.

        private/replace when `replaces_nonce` names the nonce of the order to replace, else private/order; the venue
        creates nothing unless that one has filled exactly `replaced_filled_nanos`. `life` is GTC, POST_ONLY or IOC; the
        fee is per unit.

        Raises:
            ValueError: no such instrument or life, or a price or amount that is not above 0. Nothing is written.
            OverflowError: a value beyond its 64 bits. Nothing is written.
        """
