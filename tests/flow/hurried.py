"""`atomizer` that asks every second what a venue lists, which else it does every five minutes."""

from atomizer.cli import main
from atomizer.venues.derive import session

if __name__ == "__main__":
    session.LISTINGS_EVERY_S = 1
    main()
