"""Whether the venue takes orders: maintenance, and indices that are locked. An operator's or a test's to set.

While it is under maintenance all but a login is refused; what is locked takes no order and lets cancels through.
"""

from dataclasses import dataclass, field
from typing import Any

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.codes import Rejection

CHANNEL = "platform_state"
_STATES = ({"maintenance"}, {"price_index", "locked"})


@dataclass(slots=True)
class Platform:
    """`locked` are price indices."""

    in_maintenance: bool = False
    locked: set[str] = field(default_factory=set)

    def set_state(self, state: Any) -> bool:
        """{"maintenance": true} or {"price_index": "eth_usd", "locked": true}; False for anything else."""
        if not isinstance(state, dict) or set(state) not in _STATES:
            return False
        flag, index = state.get("maintenance", state.get("locked")), state.get("price_index", "")
        if not isinstance(flag, bool) or not isinstance(index, str):
            return False
        if "maintenance" in state:
            self.in_maintenance = flag
        else:
            (self.locked.add if flag else self.locked.discard)(index)
        return True

    def status(self) -> dict[str, Any]:
        return {"locked": "partial" if self.locked else "false", "locked_indices": sorted(self.locked)}

    def check_open(self) -> None:
        if self.in_maintenance:
            raise Rejection(codes.SYSTEM_MAINTENANCE)

    def check_unlocked(self, index_name: str) -> None:
        if index_name in self.locked:
            raise Rejection(codes.LOCKED_BY_ADMIN)
