"""Commands that do one thing and end, typed as an operator would, against practice venues."""

import json
import subprocess

import pytest
from running import COMMAND, bare, desk


@pytest.fixture(scope="module")
def floor(tmp_path_factory):
    with desk(tmp_path_factory.mktemp("desk"), rfq_interval="60s") as running:
        yield running


def typed(floor, *words, **environment):
    """(exit code, standard output, standard error) of `atomizer WORDS` with nothing else in its environment."""
    command, where, env = [*COMMAND, *words], floor.directory, bare(**environment)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=where, env=env, timeout=60)
    return done.returncode, done.stdout, done.stderr


def rows_of(floor, *words, **environment):
    """The rows that it prints as JSON."""
    code, out, err = typed(floor, *words, **environment)
    assert code == 0, err
    return json.loads(out)


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_markets_are_listed_without_credentials(floor, version):
    """`markets` lists perpetual and options with prices that make sense, by either API version."""
    found = rows_of(floor, "markets", "--exchange", "sim", "--format", "json", DERIVE_API_VERSION=version)
    assert found[0]["instrument"] == "ETH-PERP"
    assert len(found) > 50
    for row in found:
        assert float(row["mark"]) >= 0
        assert row["bid"] is None or row["ask"] is None or float(row["bid"]) < float(row["ask"])
        assert -1 <= float(row["delta"]) <= 1


def test_one_expiry_is_listed_and_others_are_refused_with_the_nearest_named(floor):
    """`--expiry` keeps one day; a day that is not listed is a usage error that names days that are."""
    everything = rows_of(floor, "markets", "--paper", "--format", "json")
    day = everything[-1]["instrument"].split("-")[1]
    found = rows_of(floor, "markets", "--paper", "--expiry", day, "--format", "json")
    assert found
    assert {row["instrument"].split("-")[1] for row in found} == {day}
    code, out, err = typed(floor, "markets", "--paper", "--expiry", "20200101")
    assert (code, out) == (2, "")
    assert "the nearest are" in err
    assert everything[1]["instrument"].split("-")[1] in err


def test_table_csv_and_json_show_the_same_rows(floor):
    """Each format has a line for each instrument, under headers with units."""
    found = rows_of(floor, "markets", "--paper", "--underlying", "btc", "--format", "json")
    _, table, _ = typed(floor, "markets", "--paper", "--underlying", "btc")
    _, listed, _ = typed(floor, "markets", "--paper", "--underlying", "btc", "--format", "csv")
    names = [row["instrument"] for row in found]
    assert [line.split(",")[0] for line in listed.splitlines()[1:]] == names
    assert [line.split()[0] for line in table.splitlines()[2:]] == names
    assert "index USD" in table.splitlines()[0]


def test_rysk_assets_are_listed(floor):
    """`markets --exchange rysk` lists the tokens that RFQs are about."""
    found = rows_of(floor, "markets", "--paper", "--exchange", "rysk", "--format", "json")
    assert {"ETH", "BTC"} <= {row["underlying"] for row in found}
    assert all(row["address"].startswith("0x") for row in found)
