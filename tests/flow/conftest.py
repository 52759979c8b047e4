"""What every flow leaves behind: nothing."""

import pytest
from flow.running import end_what_runs


@pytest.fixture(autouse=True)
def ends():
    """No command outlives its test, and one that a failing test did not wait for is heard."""
    yield
    end_what_runs()
