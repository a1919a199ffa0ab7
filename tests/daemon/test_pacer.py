from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.channel import Pace
from daemon.delivery.pacer import Pacer


def test_a_burst_goes_at_once_and_then_it_is_paced() -> None:
    pacer = Pacer(Pace(per_s=1.0, burst=3))
    waits = []
    for _ in range(5):
        waits.append(pacer.wait_s(100.0))
        pacer.take(100.0)
    assert waits == [0.0, 0.0, 0.0, 1.0, 2.0]


def test_a_hold_is_obeyed_and_never_shortened() -> None:
    pacer = Pacer(Pace(per_s=1000.0))
    pacer.hold(50.0)
    pacer.hold(20.0)
    assert pacer.wait_s(19.0) == 31.0
    assert pacer.held_s(50.0) == 0.0
    assert pacer.wait_s(50.0) == 0.0


@given(
    per_s=st.floats(0.1, 100),
    burst=st.integers(1, 10),
    idle=st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_no_window_ever_holds_more_than_the_pace_allows(per_s: float, burst: int, idle: list[float]) -> None:
    pacer, now, taken = Pacer(Pace(per_s, burst)), 0.0, []
    for pause in idle:
        now += pause
        now += pacer.wait_s(now)
        pacer.take(now)
        taken.append(now)
    for first, begin in enumerate(taken):
        for last in range(first, len(taken)):
            span = taken[last] - begin
            assert last - first + 1 <= burst + span * per_s + 1e-6
