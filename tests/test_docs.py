"""What the documents tell people to type, typed."""

import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ATOMIZER = [sys.executable, "-m", "atomizer"]
BACKGROUND = "until Ctrl-C"
ENDPOINTS = Path("state/sim/endpoints.json")  # of practice venues, once they listen
STARTS_WITHIN_S = 60.0
# `scripts/run` is this command in an environment of its own making; `scripts/test` is what runs this test.
SAME_AS = {"./scripts/run": "atomizer rfq-responder --exchange sim --enable-hedging"}
NOT_HERE = ("./scripts/test",)


def commands(document):
    """(command, whether it runs until told to stop) of every line in the shell blocks."""
    text = (ROOT / document).read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            command, _, remark = line.partition("#")
            for script, same in SAME_AS.items():
                command = command.replace(script, same)
            if command.strip() and not command.startswith(NOT_HERE):
                yield command.strip().replace("--for 60s", "--for 5s"), BACKGROUND in remark


def wait_until_there(file):
    end = time.monotonic() + STARTS_WITHIN_S
    while not file.exists():
        assert time.monotonic() < end, f"no {file.name}"
        time.sleep(0.05)


@pytest.mark.parametrize("document", ["README.md", "OPERATIONS.md"])
def test_commands_of_the_documents_work(tmp_path, document):
    """Each command of a document, typed in order in one directory, ends with exit code 0."""
    running = []
    found = list(commands(document))
    assert found
    try:
        for command, goes_on in found:
            words = shlex.split(command)
            assert words[0] == "atomizer", command
            arguments = [*ATOMIZER, *words[1:]]
            if goes_on:
                endpoints = tmp_path / ENDPOINTS
                endpoints.parent.mkdir(parents=True, exist_ok=True)
                endpoints.unlink(missing_ok=True)  # of those that a command before had to itself
                running.append(subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.DEVNULL))
                wait_until_there(endpoints)
            else:
                done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


@pytest.mark.parametrize("document", ["README.md", "OPERATIONS.md", "CHANGELOG.md"])
def test_links_of_the_documents_lead_somewhere(document):
    """Every relative link names a file that is there."""
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text()):
        assert (ROOT / target).exists(), target
