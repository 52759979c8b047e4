"""A short run of `scripts/faults`: what the venues say and what the traders believe, after a rough while."""

from flow import storm

ROUGH = "delay=0.1%:100ms,reorder=0.3%,duplicate=0.3%,drop=0.1%,gap=0.5%,freeze=0.02%:1s,reject=2%,cut=0.005%"
KINDS = {"delay", "reorder", "duplicate", "drop", "gap"}


def test_after_faults_of_every_kind_nothing_is_in_doubt(tmp_path):
    """Both ledgers equal, no unknown order, no order left, and no book that is believed wrong at any look."""
    verdict = storm.run(tmp_path / "storm", 9.0, fault=ROUGH, seed=4, look_every_s=3.0, wanted=KINDS)
    assert verdict.failures == []
    assert verdict.faults.keys() >= KINDS
    assert sum(look.same for look in verdict.looks) > 0
    assert sum(figures["orders"] for figures in verdict.figures.values()) > 0
