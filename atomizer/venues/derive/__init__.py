"""Derive, API v2 and v3: one client, two profiles."""
