"""Decisions only: what to quote, how to hedge. Strategies see ports and values, never a venue, a socket or a clock."""
