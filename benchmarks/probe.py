"""Builds the compiled probes beside this file, once a run."""

import functools
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
HEADERS = HERE.parent / "atomizer" / "_core"


def core_probe() -> ModuleType:
    """Loops over stages of the core, for what is too short to be timed through a call from Python."""
    return probe("core_probe")


@functools.cache
def probe(stem: str) -> ModuleType:
    """A compiled source beside this file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(HERE / f"{stem}.pyx", folder)
        for header in [*HEADERS.glob("*.h"), *HERE.glob("*.h")]:
            shutil.copy(header, folder)
        subprocess.run(  # noqa: S603  our own file
            [sys.executable, "-m", "Cython.Build.Cythonize", "--quiet", "--inplace", folder / f"{stem}.pyx"],
            cwd=HERE.parent,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (compiled,) = folder.glob(f"{stem}*.so")
        spec = importlib.util.spec_from_file_location(stem, compiled)
        if spec is None or spec.loader is None:
            raise ImportError(f"{compiled} is not an extension")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
