"""`atomizer` in a hurry: it asks every few seconds what a venue lists, and remembers so little that it is soon full.

What it does every five minutes, and holds only after an hour, comes within a test: its memory is flat the sooner.
"""

from atomizer.cli import main
from atomizer.orders import table
from atomizer.venues.derive import session

if __name__ == "__main__":
    session.LISTINGS_EVERY_S = 3
    table.KEPT_ORDERS, table.KEPT_FILLS = 1_000, 2_000
    main()
