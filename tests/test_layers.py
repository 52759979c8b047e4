"""The layering law: imports point down, rooms of a floor do not know each other, the practice venues are an island."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "atomizer"

FLOORS = {
    "errors": -1,
    "version": -1,
    "_core": 0,
    "domain": 1,
    "config": 2,
    "journal": 2,
    "net": 2,
    "orders": 3,
    "risk": 3,
    "portfolio": 3,
    "venues": 3,
    "strategies": 4,
    "market_data": 4,
    "analysis": 4,
    "sim": 4,
    "desk": 5,
    "cluster": 5,
    "app": 6,
    "cli": 7,
}
ISLAND = "sim"
ISLAND_MAY_IMPORT = {"errors", "sim"}
VENUES = "venues"


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, dotted parts after `atomizer`) of every import of our own code, lazy ones too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} relative import: write it out"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "atomizer" and len(parts) > 1:
                yield node.lineno, parts[1:]


SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
    """A module imports only from its own room or from a lower floor."""
    mine = room(path)
    for line, parts in imports(path):
        theirs = parts[0]
        assert theirs in FLOORS, f"{path}:{line} imports atomizer.{theirs}, which has no floor: give it one"
        if theirs != mine:
            assert FLOORS[theirs] < FLOORS[mine], f"{path}:{line} {mine} may not import {theirs}"


@pytest.mark.parametrize("path", sorted((PACKAGE / ISLAND).rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_practice_venues_are_an_island(path):
    """The practice venues share no code with the clients that are tested against them."""
    for line, parts in imports(path):
        assert parts[0] in ISLAND_MAY_IMPORT, f"{path}:{line} sim imports {'.'.join(parts)}"


@pytest.mark.parametrize("path", sorted((PACKAGE / VENUES).rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_venues_do_not_know_each_other(path):
    """A venue's client never imports another venue's."""
    parts_of = path.relative_to(PACKAGE / VENUES).parts
    if len(parts_of) == 1:
        return
    for line, parts in imports(path):
        if parts[0] == VENUES and len(parts) > 1:
            assert parts[1] == parts_of[0], f"{path}:{line} {parts_of[0]} imports {parts[1]}"


def test_every_room_has_a_floor():
    """A new top-level room must be given its floor here, on purpose."""
    rooms = {room(p) for p in SOURCES}
    assert rooms <= set(FLOORS), f"rooms without a floor: {rooms - set(FLOORS)}"


def test_core_knows_nobody():
    """The compiled core imports nothing of atomizer but itself."""
    for path in (PACKAGE / "_core").glob("*.py*"):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] in (["from"], ["import"], ["cimport"]) and len(words) > 1 and words[1].startswith("atomizer"):
                assert words[1].startswith("atomizer._core"), f"{path.name}: {line}"
