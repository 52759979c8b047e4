"""atomizer: quotes crypto options, hedges what it trades and keeps the books."""

from atomizer.version import VERSION

__version__ = VERSION
