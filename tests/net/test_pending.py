from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from atomizer.net.pending import Pending


class EachRequestEndsOnce(RuleBasedStateMachine):
    """Whatever the order of answers, timeouts and losses, nobody waits forever and nobody is told of a loss twice."""

    def __init__(self):
        super().__init__()
        self.pending = Pending()
        self.now_ns = 0
        self.waiting = {}
        self.late = set()
        self.ids = []

    @rule(patience_ns=st.integers(1, 50))
    def send(self, patience_ns):
        item = object()
        request_id = self.pending.add(item, self.now_ns + patience_ns)
        assert request_id not in self.ids
        self.ids.append(request_id)
        self.waiting[request_id] = (item, self.now_ns + patience_ns)

    @rule(pick=st.integers(0, 300))
    def answer(self, pick):
        request_id = self.ids[pick % len(self.ids)] if self.ids else 99
        expected = self.waiting.pop(request_id, (None, 0))[0]
        self.late.discard(request_id)
        assert self.pending.take(request_id) is expected

    @rule(step_ns=st.integers(1, 60))
    def let_time_pass(self, step_ns):
        self.now_ns += step_ns
        due = [i for i, (_, deadline_ns) in self.waiting.items() if deadline_ns <= self.now_ns and i not in self.late]
        assert self.pending.expire(self.now_ns) == [self.waiting[i][0] for i in due]
        self.late.update(due)

    @rule()
    def lose_the_connection(self):
        untold = [item for i, (item, _) in self.waiting.items() if i not in self.late]
        assert self.pending.cut_off() == untold
        self.waiting.clear()
        self.late.clear()

    @invariant()
    def counts_what_is_awaited(self):
        assert len(self.pending) == len(self.waiting) - len(self.late)


EachRequestEndsOnce.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_each_request_ends_once = EachRequestEndsOnce.TestCase
