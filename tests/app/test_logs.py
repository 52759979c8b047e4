"""Log files: what they do when the disk takes no more."""

import os
import subprocess
import sys

RUN = """
import logging, resource, signal
from pathlib import Path
from atomizer.app.logs import Logs
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
logs = Logs(Path("logs"), "info", console=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
for number in range(200):
    logging.getLogger("atomizer.trades").error("line %d %s", number, "x" * 80)
logs.stop()
print("the run's own end")
"""


def test_a_disk_that_takes_no_more_log_lines_is_told_once_a_file_and_ends_nothing(tmp_path):
    """The run ends by itself with its own code, and what fitted before is in the files."""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-c", RUN],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "the run's own end\n"
    told = ended.stderr.splitlines()
    assert sorted(line.split()[0].rpartition("/")[2] for line in told) == ["atomizer.log", "errors.log", "trades.log"]
    assert all("cannot be written" in line for line in told)
    assert "line 0 " in (tmp_path / "logs/errors.log").read_text()
