"""`atomizer` that says what it believes of the books: `beliefs.py COMMAND…` writes them to a file at each SIGUSR2.

Laid from outside, round the sessions, so the trader has nothing in it for its tests.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

from atomizer.cli import main
from atomizer.venues.deribit.session import DeribitSession
from atomizer.venues.derive.session import DeriveSession

BELIEFS = "beliefs.json"


class Teller:
    """The sessions of this process."""

    def __init__(self):
        self.sessions = []
        for kind in (DeriveSession, DeribitSession):
            self.lay(kind)
        signal.signal(signal.SIGUSR2, self.on_signal)

    def lay(self, kind):
        init = kind.__init__

        def seen(session, *arguments, **more):
            init(session, *arguments, **more)
            self.sessions.append(session)

        kind.__init__ = seen

    def on_signal(self, _number, _frame):
        """Between two messages, when no book is half written."""
        asyncio.get_running_loop().call_soon_threadsafe(self.tell)

    def tell(self):
        told = {session.name: {name: belief(session.book(name)) for name in session.names} for session in self.sessions}
        draft = Path(f"{BELIEFS}.draft")
        draft.write_text(json.dumps(told))
        draft.replace(BELIEFS)


def belief(book):
    """Levels in nanos without our own orders; None for a book from which no price is taken."""
    if book.dark:
        return None
    return {"sequence": book.sequence, "bids": book.levels(is_bid=True), "asks": book.levels(is_bid=False)}


if __name__ == "__main__":
    Teller()
    sys.argv = ["atomizer", *sys.argv[1:]]
    main()
