"""Venues: one folder each, with the same rooms: codec and auth (pure), session (shell), profile (facts)."""
