"""Requests that were sent and not yet answered. Each ends exactly once: answered, timed out, or cut off."""

from typing import Generic, TypeVar

Item = TypeVar("Item")


class Pending(Generic[Item]):
    """Items by request id. Ids count up from 1 and are never used twice, so a late answer cannot meet another's item.

    An item that timed out is kept until its answer or the end of the connection: a late answer is still the truth.
    """

    def __init__(self) -> None:
        self._last_id = 0
        self._items: dict[int, Item] = {}
        self._deadlines_ns: dict[int, int] = {}

    def add(self, item: Item, deadline_ns: int) -> int:
        """Remember `item` and answer its request id."""
        self._last_id += 1
        self.put(self._last_id, item, deadline_ns)
        return self._last_id

    def put(self, request_id: int, item: Item, deadline_ns: int) -> None:
        """Remember `item` under an id that was chosen elsewhere, far above those that are given here."""
        self._items[request_id] = item
        self._deadlines_ns[request_id] = deadline_ns

    def take(self, request_id: int) -> Item | None:
        """The item that this answer belongs to; None for an id that we did not send or that was answered before."""
        self._deadlines_ns.pop(request_id, None)
        return self._items.pop(request_id, None)

    def expire(self, now_ns: int) -> list[Item]:
        """Items whose deadline has passed, each told once."""
        late = [request_id for request_id, deadline_ns in self._deadlines_ns.items() if deadline_ns <= now_ns]
        for request_id in late:
            del self._deadlines_ns[request_id]
        return [self._items[request_id] for request_id in late]

    def cut_off(self) -> list[Item]:
        """The connection is gone: forget everything and answer what nobody was told about."""
        waiting = [self._items[request_id] for request_id in self._deadlines_ns]
        self._items.clear()
        self._deadlines_ns.clear()
        return waiting

    def __len__(self) -> int:
        return len(self._deadlines_ns)
