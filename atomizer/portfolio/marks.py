"""The newest mark of each contract at each venue."""

from atomizer.domain.trading import Mark


class Marks:
    """A fold over marks. Of one venue's, the one with the latest stamp counts, whenever it comes."""

    def __init__(self) -> None:
        self._marks: dict[str, dict[str, Mark]] = {}  # by instrument and venue

    def apply(self, mark: Mark) -> bool:
        """False when a newer one of its venue is known."""
        marks = self._marks.setdefault(mark.instrument, {})
        known = marks.get(mark.venue)
        if known is not None and _age_key(mark) <= _age_key(known):
            return False
        marks[mark.venue] = mark
        return True

    def at(self, venue: str, instrument: str) -> Mark | None:
        """The venue's own mark, else the newest of that contract elsewhere.

        An RFQ venue gives no marks: what was traded there is worth what the same contract is worth where it is hedged.
        """
        marks = self._marks.get(instrument, {})
        own = marks.get(venue)
        return own if own is not None else max(marks.values(), key=_age_key, default=None)


def _age_key(mark: Mark) -> tuple[int, int, str]:
    return mark.venue_time_ns, mark.now_ns, mark.venue
