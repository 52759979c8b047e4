"""How every test runs: no property has a deadline, since a clock on a shared machine is no test."""

from hypothesis import settings

settings.register_profile("atomizer", deadline=None)
settings.load_profile("atomizer")
