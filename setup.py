"""Build one Cython extension per `.pyx` under atomizer/_core.

Release flags are the default. ATOMIZER_DEBUG=1 builds with bounds, wrap-around, None and overflow checks; the debug
build is installed into an environment of its own, so the two live side by side (see scripts/test).
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("ATOMIZER_DEBUG") == "1"

DIRECTIVES = {
    "language_level": "3",
    "binding": False,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "nonecheck": DEBUG,
    "overflowcheck": DEBUG,
    "initializedcheck": DEBUG,
    "cdivision": True,
    "embedsignature": True,
}

# -ffp-contract=off and no -ffast-math: prices must not depend on what the compiler felt like fusing.
# -fno-plt, and functions in the order of their names, which puts a module's cdef functions next to each other, then its
# wrappers for Python, then what comes from headers: after a pause an order waits for the tables of the pages that its
# code lies in, so they should be few.
RELEASE_FLAGS = [
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fno-semantic-interposition",
    "-fno-plt",
    "-ffunction-sections",
]
RELEASE_LINK_FLAGS = ["-Wl,--sort-section=name"]
DEBUG_FLAGS = ["-O1", "-g", "-ffp-contract=off"]

extensions = [
    Extension(
        "atomizer._core." + source.stem,
        [str(source)],
        extra_compile_args=[*(DEBUG_FLAGS if DEBUG else RELEASE_FLAGS), "-Wall", "-Wno-unused-function"],
        extra_link_args=[] if DEBUG else RELEASE_LINK_FLAGS,
    )
    for source in sorted(Path("atomizer/_core").glob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        compiler_directives=DIRECTIVES,
        build_dir="build/debug" if DEBUG else "build/release",
    ),
    options={"build_ext": {"parallel": os.cpu_count()}},
)
