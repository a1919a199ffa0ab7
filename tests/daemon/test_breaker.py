from random import Random

from daemon.delivery.breaker import Breaker, BreakerState


def breaker(*, probing: bool = False) -> Breaker:
    return Breaker(failures=3, first_s=5.0, longest_s=30.0, chance=Random(1), probing=probing)


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    one = breaker()
    assert [one.failed(0.0), one.failed(0.0), one.succeeded(), one.failed(0.0)] == [False] * 4
    assert one.state(0.0) is BreakerState.CLOSED
    assert [one.failed(0.0), one.failed(0.0)] == [False, True]
    assert one.state(0.0) is BreakerState.OPEN
    assert one.wait_s(0.0) > 0.0


def test_probes_come_later_each_time_within_their_jitter_and_their_limit() -> None:
    one, now, pauses = breaker(), 0.0, []
    for _ in range(2):
        one.failed(now)
    for _ in range(6):
        one.failed(now)
        pauses.append(one.wait_s(now))
        now += pauses[-1]
        assert one.state(now) is BreakerState.HALF_OPEN
    for pause, longest in zip(pauses, (5, 10, 20, 30, 30, 30), strict=True):
        assert longest / 2 <= pause <= longest


def test_the_failure_of_a_send_that_began_before_it_opened_moves_no_probe() -> None:
    one = breaker()
    for _ in range(3):
        one.failed(0.0)
    before = one.wait_s(0.0)
    assert one.failed(0.0) is False
    assert one.wait_s(0.0) == before


def test_a_success_closes_it_and_says_so_once() -> None:
    one = breaker(probing=True)
    assert one.state(0.0) is BreakerState.HALF_OPEN
    assert [one.succeeded(), one.succeeded()] == [True, False]
    assert one.is_closed
