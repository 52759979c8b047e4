"""How one slot's orders are begun, and the digests to sign made ahead of those that it may want next."""

from typing import Self, final

from atomizer._core.frame import OrderWriter

@final
class SlotWriter:
    """Signs for one side after the other of an instrument. Digests made ahead are good for a minute. One thread."""

    def __new__(
        cls,
        orders: OrderWriter,
        instrument: int,
        tick_nanos: int,
        *,
        life: int,
        max_fee_nanos: int,
        order_life_s: int,
        least_life_s: int,
        last_s: int,
    ) -> Self:
        """`instrument`: its number among `orders`; `life`: GTC, POST_ONLY or IOC; the fee is a unit's.

        A signature is good for `order_life_s`, and at most until `last_s` (unix time); nothing is written that would
        not be good for `least_life_s`.

        Raises:
            ValueError: no such instrument or life, no tick, a negative fee, or no time to be good for.
        """
