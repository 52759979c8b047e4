"""Each market maker line of the guide, typed as it is printed but for `--paper`, a live expiry and an end."""

import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime

from flow.running import bare, desk

from atomizer.sim.market.board import expiries

LINES = [
    "atomizer market-maker --aggression 0.0    # Join best bid/ask",
    "atomizer market-maker --aggression 0.5    # Halfway to mid",
    "atomizer market-maker --aggression 0.9    # Near mid, max conservative",
    "atomizer market-maker --aggression 1.0    # Cross spread (default)",
    "atomizer market-maker --expiry 20250530 --strikes 3000 --size 0.1 --aggression 0.0",
    "atomizer market-maker --expiry 20250530 --strikes 3000 --size 0.1 --aggression 0.5",
    "atomizer market-maker --expiry 20250530 --strikes 2800,3000,3200 --size 0.1 --aggression 1.0",
    "atomizer market-maker --aggression 0.3 --max-position 10.0 --size 0.5",
    "atomizer market-maker --aggression 1.2 --max-position 50.0 --improvement 0.2",
    "atomizer market-maker --aggression 0.0 --size 0.01 --dry-run",
    "atomizer market-maker --aggression 0.5 --debug --log-level trace",
    "atomizer market-maker --aggression 0.1 --size 0.1 --refresh 1",
    "atomizer market-maker --aggression 0.5 --size 0.5 --refresh 3",
    "atomizer market-maker --aggression 1.0 --size 2.0 --refresh 5 --improvement 0.2",
    "taskset -c 0-3 atomizer market-maker",
]


def typed(line):
    """The words of a line on practice venues."""
    live = datetime.fromtimestamp(expiries(int(time.time()))[2], UTC).strftime("%Y%m%d")
    words = shlex.split(line.replace("20250530", live), comments=True)
    at = words.index("atomizer")
    return [*words[:at], sys.executable, "-m", *words[at:], "--paper", "--for", "300ms"]


def test_every_line_of_the_guide_quotes_and_leaves_nothing(tmp_path):
    """Each ends with exit code 0 after it has said what it quotes; the venue holds no order after any of them."""
    with desk(tmp_path) as venues:
        for line in LINES:
            done = subprocess.run(
                typed(line), capture_output=True, text=True, check=False, cwd=tmp_path, env=bare(), timeout=60
            )
            assert done.returncode == 0, (line, done.stderr)
            assert "instruments (ETH-" in done.stderr, line
            assert "--dry-run" in line or "none of ours left at the venue, verified" in done.stdout, line
            assert venues.derive_ledger()["open_orders"] == [], line
