# cython: language_level=3
"""Tells callgrind when to count; outside of valgrind each of these is a few instructions that do nothing."""

cdef extern from *:
    """
    #include <valgrind/callgrind.h>
    static void count_begin(void) { CALLGRIND_START_INSTRUMENTATION; }
    static void count_zero(void) { CALLGRIND_ZERO_STATS; }
    static void count_toggle(void) { CALLGRIND_TOGGLE_COLLECT; }
    static void count_dump(const char *label) { CALLGRIND_DUMP_STATS_AT(label); }
    """
    void count_begin()
    void count_zero()
    void count_toggle()
    void count_dump(const char* label)


def begin():
    """Look at every instruction from now on."""
    count_begin()


def zero():
    count_zero()


def toggle():
    """Count from here, or no longer."""
    count_toggle()


def dump(bytes label):
    """Write down what was counted since `zero`."""
    count_dump(label)
