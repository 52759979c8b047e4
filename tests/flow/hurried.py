"""`atomizer` in a hurry: it asks every few seconds what a venue lists, what time it is there and what rests of a market
maker's, waits less for what a private channel owes, and remembers so little that it is soon full.

What it does every five minutes, and holds only after an hour, comes within a test: its memory is flat the sooner.
"""

from atomizer.app import market_making
from atomizer.cli import main
from atomizer.net import clock, echoes
from atomizer.orders import table
from atomizer.venues.derive import session

if __name__ == "__main__":
    session.LISTINGS_EVERY_S = 3
    market_making.RECONCILE_EVERY_S = 1
    clock.CHECK_EVERY_S = 2
    echoes.WITHIN_NS = 2 * 10**9
    table.KEPT_ORDERS, table.KEPT_FILLS = 1_000, 2_000
    main()
