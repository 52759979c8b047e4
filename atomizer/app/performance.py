"""`--performance-mode`: what the process does to itself so that an answer never waits for the machine.

* Sockets are asked again and again instead of being waited for, so no wake-up stands before an answer: plaintext ones
  directly, those with TLS by an event loop that never sleeps. That costs the whole CPU, which is why the trader has one
  of its own.
* The cyclic garbage collector does not run by itself. What is alive at the start is frozen; the young generation is
  swept by our own timer, and how long that takes is measured.
* After a pause the code and data of an order would be in no cache any more, and it would take three times as long: some
  two thousand times a second the market maker's lane goes through the motions without one, at 7 µs each.
* Memory is locked, so that no page has to come back from a disk, and lies in pages of 2 MiB where the machine has such:
  a book and what belongs to it are then found without walking page tables.
* What the machine does against us (a power-saving governor, a shared core) is told at the start.
"""

import asyncio
import ctypes
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

from atomizer._core.histogram import Histogram
from atomizer._core.spinner import Spinner
from atomizer.net import websocket

SWEEP_EVERY_S = 1.0
SPINS = 96  # looks at sockets between two turns of the loop: some thirty microseconds
REHEARSE_EVERY = 8  # turns
MCL_CURRENT, MCL_FUTURE = 1, 2  # <sys/mman.h>
MADV_HUGEPAGE, MADV_COLLAPSE = 14, 25  # the first is done in the kernel's own time, the second at once, since Linux 6.1
HUGE_PAGE = 2 << 20
CPUS = Path("/sys/devices/system/cpu")
MAPS = Path("/proc/self/maps")
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


class Turns:
    """What an event loop that never sleeps does between any two of its turns: it reads sockets, and rehearses."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._count = 0
        self.spinner = Spinner()
        self.rehearse: Callable[[], None] = lambda: None

    def turn(self) -> None:
        self._loop.call_soon(self.turn)
        self._count += 1
        if not self.spinner.spin(SPINS) and self._count % REHEARSE_EVERY == 0:
            self.rehearse()


class Sweeper:
    """Runs the young generations of the collector on our own timer. Memory grows only by what cycles live longer."""

    def __init__(self) -> None:
        self.pauses = Histogram()
        self.found = 0  # objects that only the collector could free

    def sweep(self) -> None:
        started_ns = time.perf_counter_ns()
        self.found += gc.collect(1)
        self.pauses.record(time.perf_counter_ns() - started_ns)


def quiet_collector() -> None:
    """What is alive now stays alive: the collector need not walk it again in the middle of a quote."""
    gc.collect()
    gc.freeze()


def spin(loop: asyncio.AbstractEventLoop, say: Callable[[str], None]) -> Turns:
    """Lock memory, and read the sockets that are opened from now on again and again: before the first is.

    With something always ready, the loop never sleeps in the kernel; between two of its turns we read ourselves. It is
    the process's only loop from here on: in another one these sockets would be deaf. `say` gets one line for each thing
    that stands in the way.
    """
    for line in [*lock_memory(), *huge_page_warnings(), *machine_warnings(os.sched_getaffinity(0))]:
        say(f"performance mode: {line}")
    turns = Turns(loop)
    websocket.spinner = turns.spinner
    turns.turn()
    return turns


def hold_collector(loop: asyncio.AbstractEventLoop) -> Sweeper:
    """Sweep by our own timer only, and nothing that is alive now: once everything is there that stays."""
    quiet_collector()
    use_huge_pages()
    gc.disable()
    sweeper = Sweeper()

    def sweep() -> None:
        sweeper.sweep()
        loop.call_later(SWEEP_EVERY_S, sweep)

    loop.call_later(SWEEP_EVERY_S, sweep)
    return sweeper


def lock_memory() -> list[str]:
    """Keep every page of this process in memory; what stands in the way, in words."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE) == 0:
        return []
    reason = os.strerror(ctypes.get_errno())
    return [f"memory is not locked ({reason}): raise the limit with `ulimit -l unlimited` or LimitMEMLOCK=infinity"]


def use_huge_pages() -> None:
    """Gather the memory that this process has now in huge pages, at 5 ms each, if the machine's owner wants any."""
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for start, end in () if huge_page_warnings() else heap_ranges(_read(MAPS)):
        if libc.madvise(start, end - start, MADV_COLLAPSE):
            libc.madvise(start, end - start, MADV_HUGEPAGE)


def heap_ranges(maps: str) -> list[tuple[int, int]]:
    """Where private memory that is no file's holds whole huge pages, from the text of /proc/PID/maps."""
    found = []
    for line in maps.splitlines():
        where, allowed, _, _, inode, *name = line.split()
        if allowed == "rw-p" and inode == "0" and name in ([], ["[heap]"]):
            start, end = (int(address, 16) for address in where.split("-"))
            start, end = -(-start // HUGE_PAGE) * HUGE_PAGE, end // HUGE_PAGE * HUGE_PAGE
            if start < end:
                found.append((start, end))
    return found


def huge_page_warnings(path: Path = HUGE_PAGES) -> list[str]:
    """Whether the machine keeps huge pages from us, in words."""
    if "[never]" in _read(path):
        return [f"huge pages are switched off: write madvise into {path}"]
    return []


def machine_warnings(cpus: set[int], root: Path = CPUS) -> list[str]:
    """What slows the given CPUs down, in words: governor, hyper-thread siblings, not isolated."""
    found = []
    if len(cpus) > 1:
        found.append(f"not pinned, {len(cpus)} CPUs to wander over: start it with taskset -c N")
    isolated = _cpu_list(_read(root / "isolated"))
    for cpu in sorted(cpus) if len(cpus) == 1 else []:
        governor = _read(root / f"cpu{cpu}/cpufreq/scaling_governor")
        if governor not in ("", "performance"):
            found.append(f"CPU {cpu} runs under the governor {governor}: set it to performance")
        siblings = _cpu_list(_read(root / f"cpu{cpu}/topology/thread_siblings_list")) - {cpu}
        if siblings:
            shared = ", ".join(map(str, sorted(siblings)))
            found.append(f"CPU {cpu} shares its core with CPU {shared}: leave those idle or switch SMT off")
        if cpu not in isolated:
            found.append(f"CPU {cpu} is open to other processes: isolcpus={cpu} keeps them away")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _cpu_list(text: str) -> set[int]:
    """``0-2,5`` → {0, 1, 2, 5}"""
    cpus: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus
