import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer.net.rate import RateBudget

WINDOW_NS = 1_000

requests = st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=200)


@settings(deadline=None)
@given(requests, st.integers(1, 12), st.integers(0, 11))
def test_no_window_ever_holds_more_than_the_limit(steps, limit, reserve):
    """Wherever a window is laid, it holds at most `limit` requests, of which others than cancels leave the reserve."""
    reserve = min(reserve, limit - 1)
    budget = RateBudget(limit, WINDOW_NS, reserve=reserve)
    now_ns, taken = 0, []
    for step_ns, is_cancel in steps:
        now_ns += step_ns
        before = [at_ns for at_ns in taken if at_ns > now_ns - WINDOW_NS]
        allowed = len(before) < (limit if is_cancel else limit - reserve)
        assert budget.try_take(now_ns, is_cancel=is_cancel) == allowed
        if allowed:
            taken.append(now_ns)


@settings(deadline=None)
@given(requests, st.integers(2, 8))
def test_the_announced_time_is_the_first_that_works(steps, limit):
    """`free_at_ns` names the first moment at which a request of that kind is let through."""
    budget = RateBudget(limit, WINDOW_NS, reserve=1)
    now_ns = 0
    for step_ns, is_cancel in steps:
        now_ns += step_ns
        free_ns = budget.free_at_ns(now_ns, is_cancel=is_cancel)
        if free_ns > now_ns:
            assert not budget.try_take(free_ns - 1, is_cancel=is_cancel)
        now_ns = free_ns
        assert budget.try_take(now_ns, is_cancel=is_cancel)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("ab"), st.booleans()), max_size=200))
def test_a_part_finds_room_in_itself_and_in_the_whole(steps):
    """What one part takes is gone for the other, where the whole is short; its own room is nobody else's."""
    whole = RateBudget(6, WINDOW_NS, reserve=1)
    parts = {name: RateBudget(4, WINDOW_NS, reserve=1, whole=whole) for name in "ab"}
    now_ns, taken = 0, []
    for step_ns, name, is_cancel in steps:
        now_ns += step_ns
        taken = [(at_ns, of) for at_ns, of in taken if at_ns > now_ns - WINDOW_NS]
        own = sum(of == name for _, of in taken)
        left = min(4 - own, 6 - len(taken)) - (0 if is_cancel else 1)
        if not is_cancel:
            assert parts[name].allowance(now_ns) == max(left, 0)
        assert parts[name].try_take(now_ns, is_cancel=is_cancel) == (left > 0)
        if left > 0:
            taken.append((now_ns, name))


@settings(deadline=None)
@given(requests, st.integers(1, 3))
def test_room_for_several_at_once_is_announced(steps, count):
    """At the time that `free_at_ns` names for so many there is room for all of them, and none a moment before."""
    budget = RateBudget(4, WINDOW_NS, reserve=1)
    now_ns, taken = 0, []
    for step_ns, is_cancel in steps:
        now_ns += step_ns
        if budget.try_take(now_ns, is_cancel=is_cancel):
            taken.append(now_ns)
        free_ns = budget.free_at_ns(now_ns, count=count)
        assert (free_ns == now_ns) == (budget.allowance(now_ns) >= count)
        sent = [at_ns for at_ns in taken if at_ns > free_ns - WINDOW_NS]
        assert len(sent) + count <= 3
        if free_ns > now_ns:
            assert len([at_ns for at_ns in taken if at_ns >= free_ns - WINDOW_NS]) + count > 3


def test_whoever_wants_to_know_is_told_what_was_taken():
    """Of a part by itself, also when it was sent without asking."""
    whole, told = RateBudget(6, WINDOW_NS), []
    part = RateBudget(4, WINDOW_NS, whole=whole)
    part.on_taken = lambda: told.append("part")
    part.try_take(0)
    part.take(0)
    whole.try_take(0)
    assert (told, whole.allowance(0)) == (["part", "part"], 3)


def test_a_hold_stops_everything_until_its_end():
    """After the venue's hint nothing leaves before its time, cancels included; an older hint does not shorten it."""
    budget = RateBudget(5, WINDOW_NS, reserve=1)
    budget.hold_until(500)
    budget.hold_until(300)
    assert not budget.try_take(499, is_cancel=True)
    assert budget.free_at_ns(10) == 500
    assert budget.try_take(500)


@pytest.mark.parametrize(("limit", "window_ns", "reserve"), [(0, 10, 0), (3, 10, 3), (3, 0, 1), (3, 10, -1)])
def test_a_budget_that_cannot_work_is_refused(limit, window_ns, reserve):
    """A budget needs a window, and room beside its reserve."""
    with pytest.raises(ValueError, match="budget"):
        RateBudget(limit, window_ns, reserve=reserve)
