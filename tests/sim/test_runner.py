"""`atomizer sim start` as whoever starts it sees it: a child process that says where it listens and ends when told."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import aiohttp
import pytest

START = [sys.executable, "-m", "atomizer", "sim", "start"]
LOOPBACK = "127.0.0.1"


@contextmanager
def started(*flags):
    """(process, what it printed), ended by the test or else here."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*START, *flags], stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def ended(process):
    """(exit code, rest of standard output, standard error)"""
    process.wait(timeout=10)
    return process.returncode, process.stdout.read(), process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_says_where_it_listens_and_ends_cleanly(tmp_path, number):
    """One line of JSON on standard output and in the file; at SIGTERM or SIGINT exit 0, the file gone, no word more."""
    file = tmp_path / "deep" / "endpoints.json"
    with started("--endpoints", str(file), "--seed", "5") as (process, endpoints):
        assert json.loads(file.read_text()) == endpoints
        assert endpoints["seed"] == 5
        assert endpoints["pid"] == process.pid
        assert endpoints.keys() == {"session", "seed", "fault", "pid", "derive", "deribit", "rysk"}
        assert endpoints["derive"].keys() == {"ws_v2", "ws_v3", "http"}
        assert endpoints["deribit"].keys() == {"ws", "http", "client_id", "client_secret", "ed25519_client_id"}
        assert endpoints["rysk"].keys() == {"ws", "http"}
        process.send_signal(number)
        assert ended(process) == (0, "", "")
        assert list(file.parent.iterdir()) == []


def test_ends_with_its_parent():
    """With --exit-with-parent the end of standard input ends it; without, nothing of the sort."""
    with started("--exit-with-parent") as (process, first), started() as (other, second):
        process.stdin.close()
        other.stdin.close()
        assert ended(process) == (0, "", "")
        assert first["session"] != second["session"]
        assert other.poll() is None


def test_leaves_a_file_that_another_session_took_over(tmp_path):
    """At its end it removes only the endpoints that it wrote itself."""
    file = tmp_path / "endpoints.json"
    with started("--endpoints", str(file)) as (process, _):
        file.write_text("another's")
        process.terminate()
        assert ended(process)[0] == 0
        assert file.read_text() == "another's"


@pytest.mark.parametrize("flag", ["--derive-port", "--rysk-port"])
def test_taken_port_is_a_usage_error(flag):
    """A port that something listens on is refused in one line that names the flag, with exit code 2."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run([*START, flag, port], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {flag} {port}: ")
    assert done.stderr.count("\n") == 1


def test_unwritable_endpoints_file_is_a_usage_error(tmp_path):
    """An endpoints file that cannot be written is refused with exit code 2."""
    (tmp_path / "file").touch()
    target = tmp_path / "file" / "endpoints.json"
    done = subprocess.run([*START, "--endpoints", str(target)], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr.splitlines()[0].startswith(f"error: --endpoints {target}: ")) == (2, True)


@pytest.mark.parametrize("interval", ["0", "-1s", "soon", "nan"])
def test_rfq_interval_must_be_a_duration(interval):
    """An average time between RFQs that is none is refused with exit code 2."""
    command = [*START, "--rfq-interval", interval]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "--rfq-interval" in done.stderr


async def test_rfqs_of_the_market_reach_the_makers():
    """RFQs arrive at the pace asked for, on the sockets of their assets, for series that have not expired."""
    with started("--rfq-interval", "50ms") as (_, endpoints):
        async with aiohttp.ClientSession() as session:
            async with session.get(endpoints["rysk"]["http"] + "/api/assets") as answer:
                assets = [asset["address"] for chain in (await answer.json()).values() for asset in chain]
            heard = asyncio.Queue()

            async def listen(asset):
                async with session.ws_connect(f"{endpoints['rysk']['ws']}rfqs/{asset}") as rfqs:
                    async for message in rfqs:
                        if message.data.strip():
                            await heard.put((asset, json.loads(message.data)))

            listeners = [asyncio.create_task(listen(asset)) for asset in set(assets)]
            for _ in range(10):
                asset, rfq = await asyncio.wait_for(heard.get(), 10)
                assert rfq["result"]["asset"] == asset
                assert rfq["result"]["expiry"] * 1000 > rfq["result"]["auctionDeadline"]
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)


async def test_frozen_market_stands_still_for_both_venues():
    """While Derive is frozen the one market behind the venues does not move, and afterwards it goes on."""
    with started() as (_, endpoints):
        async with aiohttp.ClientSession() as session:

            async def freeze(frozen):
                url = endpoints["derive"]["http"] + "/practice/freeze"
                async with session.post(url, json={"frozen": frozen}) as answer:
                    assert (await answer.json())["frozen"] is frozen

            async def prices():
                async with session.get(endpoints["rysk"]["http"] + "/api/assets") as answer:
                    return await answer.text()

            await freeze(True)
            still = await prices()
            await asyncio.sleep(0.5)
            assert await prices() == still
            await freeze(False)
            await asyncio.sleep(0.5)  # five steps of spot for sixteen assets: never all the same again
            assert await prices() != still
