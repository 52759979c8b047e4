"""A PostgreSQL server of one's own: started in a directory, reached by a socket in it, gone with it."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

USER = "postgres"
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")


def program(name):
    """Where a program of the server is; Debian keeps them off the path."""
    found = sorted(path for place in PLACES for path in Path("/").glob(f"{place[1:]}/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@contextlib.contextmanager
def server():
    """The URL of a server with an empty database, or None where none is installed.

    It refuses to run as root, so root starts it as the user that its package made.
    """
    initdb, postgres = program("initdb"), program("postgres")
    if initdb is None or postgres is None:
        yield None
        return
    as_user = {"user": USER} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as directory:
        if as_user:
            entry = pwd.getpwnam(USER)
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        data = Path(directory) / "data"
        made = [initdb, "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, cwd=directory, **as_user)
        options = ["-k", directory, "-c", "listen_addresses=", "-c", "fsync=off"]
        running = subprocess.Popen(
            [postgres, "-D", data, *options],
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_user,
        )
        try:
            _wait(directory)
            yield f"postgresql+psycopg://{USER}@/postgres?host={directory}"
        finally:
            running.terminate()
            running.wait(20)


def _wait(directory, within_s=30):
    end = time.monotonic() + within_s
    while True:
        try:
            psycopg.connect(f"host={directory} user={USER} dbname=postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
