"""The recipe of the container: it copies what is there and needed, and asks the right address for its health."""

import re
import tomllib
from pathlib import Path

from atomizer.app.control import PORT
from atomizer.config.settings import Settings

ROOT = Path(__file__).parents[1]
RECIPE = (ROOT / "Dockerfile").read_text()


def copied():
    for words in re.findall(r"^COPY (?!--)(.+)$", RECIPE, re.MULTILINE):
        yield from words.split()[:-1]


def test_what_it_copies_exists_and_is_not_kept_away():
    """Each file that goes into the build stage is in the checkout, and .dockerignore lets it through."""
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    for name in copied():
        assert (ROOT / name).exists()
        assert name in let_through
    assert let_through == set(copied())


def test_the_wheel_can_be_built_from_what_it_copies():
    """Every file that the project's metadata names is among them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {project["readme"], "LICENSE", "setup.py", "pyproject.toml", "atomizer"} <= set(copied())


def test_the_health_check_asks_where_a_trader_listens():
    """The address is the default one of the settings."""
    assert f"http://{Settings().http.host}:{PORT}/health" in RECIPE


def test_it_does_not_run_as_root():
    """The last user named is ours."""
    assert re.findall(r"^USER (\w+)$", RECIPE, re.MULTILINE)[-1] == "atomizer"
