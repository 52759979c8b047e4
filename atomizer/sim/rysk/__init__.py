"""Practice Rysk V12: an RFQ venue as strict as the real one is known to be, on loopback.

Wire facts: the Rysk V12 fact sheet. `auction` decides who wins, `accounts` keeps the money, `verify` recovers
signers, `wire` reads and writes frames, `venue` joins them without sockets or clocks, `server` is the thin shell.
Nothing here is shared with atomizer's own Rysk client, so that no mistake can agree with itself.
"""
