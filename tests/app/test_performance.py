"""What --performance-mode does to the process and says of the machine."""

import gc
import subprocess
import sys

import pytest

from atomizer.app.performance import Sweeper, machine_warnings


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
