"""Where keys come from, and that nothing of them stays behind."""

import subprocess
import sys

import pytest

from atomizer.config.secrets import take_key
from atomizer.errors import ConfigError

# The public anvil key #0; never fund it.
KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


@pytest.mark.parametrize("text", [KEY, "0x" + KEY, KEY.upper() + "\n"])
def test_a_key_is_read_once(monkeypatch, text):
    """The key of a variable is 32 bytes with or without 0x, and gone from the environment once read."""
    monkeypatch.setenv("PRIVATE_KEY", text)
    assert take_key("PRIVATE_KEY") == bytes.fromhex(KEY)
    assert take_key("PRIVATE_KEY") is None


def test_nothing_stays_in_the_process_environment():
    """After reading, the key is not in /proc/self/environ either."""
    program = (
        "from atomizer.config.secrets import take_key\n"
        "assert take_key('PRIVATE_KEY')\n"
        "print(open('/proc/self/environ', 'rb').read().hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PRIVATE_KEY": KEY, "OTHER": "stays"},
        capture_output=True,
        text=True,
        check=True,
    )
    block = bytes.fromhex(done.stdout)
    assert KEY.encode() not in block
    assert b"OTHER=stays" in block


def test_a_key_can_come_from_a_mounted_file(monkeypatch, tmp_path):
    """NAME_FILE names a file that holds the key."""
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    monkeypatch.setenv("PRIVATE_KEY_FILE", str(file))
    assert take_key("PRIVATE_KEY") == bytes.fromhex(KEY)


@pytest.mark.parametrize("text", ["", "0x12", KEY[:-1], KEY + "00", "zz" * 32])
def test_what_is_not_a_key_is_refused_without_repeating_it(monkeypatch, text):
    """The error names the variable and never the value."""
    monkeypatch.setenv("PRIVATE_KEY", text)
    with pytest.raises(ConfigError, match="PRIVATE_KEY") as caught:
        take_key("PRIVATE_KEY")
    assert not text or text not in str(caught.value)
