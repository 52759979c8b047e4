"""Configuration: typed settings, where each value came from, durations, secrets."""
