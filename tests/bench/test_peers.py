"""The comparison with peers: our own rows in small, and what becomes of a peer that fails."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench.peers import data, forewarn
from bench.peers.__main__ import Round
from bench.peers.asking import Answer, ask
from bench.peers.environments import OURS, NotInstalledError, Peer, python_of
from bench.peers.page import page_of
from bench.peers.tables import flagged_table, grade, odd_table, run_length, time_table, wins_table
from bench.peers.worker import Contender, Family, alarms, flagged, odd, wins, work

ABSENT = Peer("Nobody", "nobody", "nobody")


def test_ours_answers_every_odd_input_rightly() -> None:
    found = odd(forewarn.contender(), data.odd_inputs(reference=6_000))["drift report"]
    assert isinstance(found, dict)
    assert {case: grade(found[case], right) for case, right in data.EXPECTED.items()} == dict.fromkeys(
        data.EXPECTED, "right"
    )


def test_ours_finds_most_shifts_and_flags_few_calm_windows() -> None:
    shares = flagged(forewarn.contender(), data.laws(windows=12, reference=5_000))["own windows 1 %"]
    assert isinstance(shares, dict)
    for law in ("normal", "t3"):
        calm, shifted, windows = shares[law]
        assert windows == 12
        assert calm <= 2 / 12
        assert shifted >= 10 / 12


def test_our_win_bets_notice_a_fall_and_seldom_cry_wolf() -> None:
    rows = wins(forewarn.contender(), data.win_streams(calm=(6, 2_000), changed=(6, 300, 1_500)))
    found = rows["e-detector, one per 5,000"]
    assert isinstance(found, dict)
    assert found["calm_trades"] == 2_000
    assert sum(at >= 0 for at in found["calm"]) <= 3
    assert all(at >= 0 for at in found["changed"])


def test_a_worker_prints_one_json_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "streams.npz"
    np.savez(path, allow_pickle=False, **{"daily:a": np.array([0.0, 3.0]), "wins:b": np.array([3.0])})
    high = Family(lambda setting: lambda value: value > setting["limit"], {}, ({"limit": 1}, {"limit": 5}))
    work(Contender(detectors={"high": high}), ["alarms", str(path)])
    found = json.loads(capsys.readouterr().out)
    assert [row["alarms"] for row in found["high"]] == [{"daily:a": [1]}, {"daily:a": []}]


def test_a_detector_runs_only_on_the_streams_that_it_takes() -> None:
    family = Family(lambda _: lambda _: True, {}, ({},), feeds=("wins",))
    found = alarms(Contender(detectors={"always": family}), {"daily:a": np.zeros(2), "wins:b": np.zeros(1)})
    assert found == {"always": [{"setting": {}, "alarms": {"wins:b": [0]}}]}


def test_what_a_library_raises_is_its_answer() -> None:
    def broken(ref: object, cur: object) -> bool:
        raise ZeroDivisionError(f"of {ref} and {cur}"[:4])

    found = odd(Contender(decisions={"broken": broken}), {"x_ref": np.zeros(1), "x_cur": np.zeros(1)})
    assert found == {"broken": {"x": "error: ZeroDivisionError: of ["}}


def test_a_peer_whose_module_fails_gives_an_error_row(tmp_path: Path) -> None:
    path = tmp_path / "nothing.npz"
    np.savez(path)
    answer = ask(ABSENT, Path(sys.executable), "odd", path)
    assert answer.found == {}
    assert "No module named bench.peers.nobody" in answer.error


def test_a_peer_that_does_not_answer_in_time_gives_an_error_row(tmp_path: Path) -> None:
    path = tmp_path / "nothing.npz"
    np.savez(path)
    answer = ask(OURS, Path(sys.executable), "wins", path, timeout_s=0.01)
    assert answer.error == "no answer to wins within 0.01 s"


def test_when_one_peer_fails_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.peers.__main__.PEERS", (ABSENT,))
    run = Round(tmp_path, tmp_path, Console(file=io.StringIO()))
    small = {"daily:a": np.zeros(3)}
    found = {answer.peer: answer for answer in run.answers("alarms", small, ("Forewarn", "Nobody"))}
    assert "shift bets" in found["Forewarn"].found
    assert found["Nobody"].error.startswith("alarms: ")


def test_a_peer_that_does_not_install_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer("Nobody", "nobody", "nobody", ("nobody==1.0",))

    def refuse(*_: object) -> Path:
        raise NotInstalledError("Nobody 1.0 does not install: no such release")

    monkeypatch.setattr("bench.peers.__main__.PEERS", (peer,))
    monkeypatch.setattr("bench.peers.__main__.python_of", refuse)
    run = Round(tmp_path, tmp_path, Console(file=io.StringIO()))
    assert run.ready == {}
    assert [answer.error for answer in run.missing] == 2 * ["Nobody 1.0 does not install: no such release"]


def test_an_environment_that_cannot_be_made_in_time_says_which_peer_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.peers.environments.INSTALL_S", 0.01)
    peer = Peer("Nobody", "nobody", "nobody", ("nobody==1",))
    with pytest.raises(
        NotInstalledError, match=r"Nobody 1 does not install: .* timed out after 0.01 seconds"
    ):
        python_of(peer, tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_the_tables_name_a_peer_that_failed_and_where_ours_lost() -> None:
    failed = Answer("Nobody", {}, "timed: gone")
    ours = Answer(
        "Forewarn",
        {
            "ms": {
                "PSI, reference prepared": 0.5,
                "PSI, KS, evidence and verdict, reference prepared": 4.0,
            },
            "extra_mib": {
                "PSI, reference prepared": 1.0,
                "PSI, KS, evidence and verdict, reference prepared": 9.0,
            },
        },
    )
    fast = Answer("Fast", {"ms": {"PSI": 0.25, "KS": 8.0}, "extra_mib": {"PSI": 1.0, "KS": 2.0}})
    table = time_table([ours, fast, failed], {"Forewarn": 0.5, "Fast": 0.25})
    assert table.rows[2][3] == "0.5x"
    assert table.rows[3][3] == "2.0x"
    assert table.rows[4][1] == "failed: timed: gone"
    assert table.losses == (
        "Fast, PSI: 0.25 ms against our 0.50 ms.",
        "Fast needs 2 MiB more at its peak, our readings 9.",
        "Fast imports in 0.25 s, ours in 0.50 s.",
    )
    page = page_of([table], [failed], (0.0, 0.0, 0.0))
    assert "Not installed: timed: gone." in page
    assert "- *Time*: Fast, PSI: 0.25 ms against our 0.50 ms." in page


def test_more_shifts_found_at_as_few_false_ones_is_a_loss() -> None:
    laws = ("normal", "t3", "ar1_0.95")
    ours = Answer("Forewarn", {"own windows 1 %": {law: [0.01, 0.5, 9] for law in laws}})
    rows = {"normal": [0.02, 0.6, 9], "t3": [0.3, 1.0, 9], "ar1_0.95": [0.0, 0.4, 9]}
    table = flagged_table([ours, Answer("Peer", {"rule": rows})])
    assert table.losses == ("Peer, rule, on normal: finds 60% of shifts with 2% false, ours 50% with 1%.",)


def test_answers_to_odd_inputs_are_graded() -> None:
    assert grade("drift", ("drift",)) == "right"
    assert grade("cannot judge: missing", ("cannot judge", "drift")) == "right"
    assert grade("no drift", ("drift",)) == "silent"
    assert grade("drift", ("no drift",)) == "false"
    assert grade("cannot judge: constant", ("drift",)) == "blind"
    assert grade("error: ValueError", ("drift",)) == "error"
    every = {case: right[0] for case, right in data.EXPECTED.items()}
    ours = Answer("Forewarn", {"report": {**every, "shift": "no drift"}})
    table = odd_table([ours, Answer("Peer", {"test": every})])
    assert table.losses == ("shift: ours is silent; right are Peer.",)
    assert table.rows[-1][2:] == ("11 of 12", "12 of 12")


def test_a_run_length_counts_the_trades_watched_of_streams_that_never_alarmed() -> None:
    assert run_length([99, -1, 199], 1_000) == (650.0, 2)
    assert run_length([-1, -1], 1_000) == (2_000.0, 0)


def test_delays_count_from_the_fall_and_early_alarms_are_told_apart() -> None:
    calm = {"calm": [4_999] * 2, "calm_trades": 20_000, "changed_trades": 4_000}
    ours = Answer("Forewarn", {"bets": {**calm, "changed": [1_199, 1_199, 500, -1]}})
    peer = Answer("Peer", {"test": {**calm, "changed": [1_099, 1_099, 1_099, 1_099]}})
    table = wins_table([ours, peer])
    assert table.rows[0] == ("Forewarn", "bets", "5,000", "25%", "200", "never")
    assert table.losses == ("Peer, test: 100 trades to the alarm, ours 200, at 5,000 to a false alarm.",)
