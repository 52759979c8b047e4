"""A key that expires or is removed while a trader runs."""

import re

from flow.running import desk, finish, maker, trader, wait_for

KEY = "AMANDA"
ROOMY = {"ATOMIZER__RISK__MAX_DELTA": "200", "ATOMIZER__RISK__PRICE_BAND_BPS": "10000"}


def a_maker(directory):
    return maker(directory, "--exchange", "sim:deribit", "--aggression", "0.9", "--min-spread", "1", "--size", "1")


def a_responder(directory):
    return trader(directory, "--exchange", "sim:deribit", "--rfq-source", "deribit", **ROOMY)


def test_a_key_that_is_lost_ends_the_run_and_says_so(tmp_path):
    """The first request that is turned away ends the connection, so that the venue pulls what rests; the next login
    says why. Without a key nobody can be asked whether anything rests: exit 9, and both reasons.
    """
    places = [tmp_path / "making", tmp_path / "responding"]
    with desk(places[0]) as first, desk(places[1], rfq_interval="200ms") as second:
        runs = [(first, a_maker(places[0]), 13004), (second, a_responder(places[1]), 13009)]
        wait_for(lambda: first.deribit_ledger()["open_orders"])
        wait_for(lambda: re.search("rfq .*: quote (buy|sell)", second.log("quotes.log")))
        first.revoke(KEY, has_expired=False)
        second.revoke(KEY, has_expired=True)
        for venues, running, code in runs:
            ended, _, err = finish(running)
            assert ended == 9, err
            assert f"login of key {KEY} at " in err
            assert f"(code {code})" in err
            assert "of our orders may still be live: look at the venue" in err
            assert "invalid_token" in venues.log("atomizer.log")
            assert venues.deribit_ledger()["open_orders"] == []


def test_a_session_key_that_expires_ends_the_run_and_says_so(tmp_path):
    """The first order that an expired key has signed is turned away: the connection ends, so that the venue pulls what
    rests, and the next login says why.
    """
    with desk(tmp_path) as venues:
        making = maker(tmp_path, "--paper", "--aggression", "0.9", "--min-spread", "1", "--size", "1")
        wait_for(lambda: venues.derive_ledger()["open_orders"])
        venues.expire_keys()
        ended, _, err = finish(making)
        assert ended == 9, err
        assert "register a new session key: this one has expired" in err
        assert "of our orders may still be live: look at the venue" in err
        wait_for(lambda: not venues.derive_ledger()["open_orders"])
