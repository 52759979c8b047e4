"""What --performance-mode does to the process and says of the machine."""

import gc
import platform
import subprocess
import sys

import pytest

from atomizer.app.performance import HUGE_PAGES, Sweeper, heap_ranges, huge_page_warnings, machine_warnings

LINUX = tuple(map(int, platform.release().split("-")[0].split(".")[:2]))
HAS_HUGE_PAGES = LINUX >= (6, 1) and HUGE_PAGES.exists() and not huge_page_warnings()


def machine(root, *, governor="performance", siblings="3", isolated="3"):
    """A /sys/devices/system/cpu with one CPU, number 3."""
    for path, text in {
        "cpu3/cpufreq/scaling_governor": governor,
        "cpu3/topology/thread_siblings_list": siblings,
        "isolated": isolated,
    }.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return root


def test_a_good_machine_has_no_warnings(tmp_path):
    """A CPU of its own, isolated, under the performance governor, is nothing to warn of."""
    assert machine_warnings({3}, machine(tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"governor": "powersave"}, "governor powersave"),
        ({"siblings": "3,7"}, "shares its core with CPU 7"),
        ({"siblings": "2-3"}, "shares its core with CPU 2"),
        ({"isolated": "0-2,5"}, "open to other processes"),
        ({"isolated": ""}, "open to other processes"),
    ],
)
def test_what_slows_the_cpu_is_named_with_its_remedy(tmp_path, changes, word):
    """Governor, shared core and missing isolation are each one line."""
    (line,) = machine_warnings({3}, machine(tmp_path, **changes))
    assert word in line


def test_a_process_that_is_not_pinned_is_told(tmp_path):
    """Over several CPUs only the missing pin is told."""
    (line,) = machine_warnings({2, 3}, machine(tmp_path, governor="powersave"))
    assert "taskset" in line


def test_only_whole_huge_pages_of_our_own_private_memory_are_gathered():
    """No file's, no shared, no read-only and no stack memory, and nothing that is less than 2 MiB."""
    maps = """\
55d000001000-55d000801000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000400000 rw-p 00000000 00:00 0
7f0000400000-7f0000500000 rw-p 00000000 00:00 0
7f0001000000-7f0001400000 r--p 00000000 00:00 0
7f0002000000-7f0002400000 rw-s 00000000 00:01 77                         /dev/shm/a journal
7f0003000000-7f0003400000 rw-p 00000000 08:01 78                         /usr/lib/a library.so
7ffd00000000-7ffd00400000 rw-p 00000000 00:00 0                          [stack]
"""
    assert heap_ranges(maps) == [(0x55D000200000, 0x55D000800000), (0x7F0000000000, 0x7F0000400000)]


@pytest.mark.skipif(not HAS_HUGE_PAGES, reason="this machine gathers no huge pages on demand")
def test_memory_is_in_huge_pages_once_the_collector_is_held():
    """What the process has by then is gathered at once, and is what it was."""
    program = (
        "import re, uvloop, asyncio\n"
        "from pathlib import Path\n"
        "from atomizer.app.performance import hold_collector\n"
        "def huge():\n"
        "    return int(re.search(r'AnonHugePages: +([0-9]+)', Path('/proc/self/smaps_rollup').read_text())[1])\n"
        "async def main():\n"
        "    kept = bytearray(range(256)) * (1 << 16)\n"
        "    before = huge()\n"
        "    hold_collector(asyncio.get_running_loop())\n"
        "    print(before < huge(), kept == bytearray(range(256)) * (1 << 16))\n"
        "uvloop.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "True"]


def test_huge_pages_that_are_switched_off_are_told(tmp_path):
    """Only where the machine allows them nowhere; a machine that does not say is taken as it is."""
    setting = tmp_path / "enabled"
    assert huge_page_warnings(setting) == []
    setting.write_text("always [madvise] never\n")
    assert huge_page_warnings(setting) == []
    setting.write_text("always madvise [never]\n")
    assert "madvise" in huge_page_warnings(setting)[0]


def test_a_sweep_frees_young_cycles_and_is_timed():
    """With the collector off, a sweep frees what refers to itself, counts it and records its pause."""
    sweeper = Sweeper()
    gc.disable()
    try:
        sweeper.sweep()
        before = sweeper.found
        cycle = []
        cycle.append(cycle)
        del cycle
        sweeper.sweep()
    finally:
        gc.enable()
    assert sweeper.found > before
    assert sweeper.pauses.count == 2


def test_a_spinning_loop_still_runs_its_timers():
    """In performance mode timers fire and the process ends when told, with the collector held."""
    program = (
        "import asyncio, gc, uvloop\n"
        "from atomizer.app.performance import hold_collector, spin\n"
        "async def main():\n"
        "    spin(asyncio.get_running_loop(), print)\n"
        "    hold_collector(asyncio.get_running_loop())\n"
        "    await asyncio.sleep(0.05)\n"
        "    print('held' if not gc.isenabled() and gc.get_freeze_count() else 'running')\n"
        "uvloop.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == "held"
