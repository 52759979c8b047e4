"""Wiring: builds a trader from the configuration, starts it, supervises it, drains it."""
