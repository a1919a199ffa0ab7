"""The chart is a picture of the curve, whatever the curve holds."""

from __future__ import annotations

import io
import threading
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from numpy.typing import NDArray

from alerts.message import Curve
from alerts.render_chart import ChartError, render_chart
from tests.stand_ins.messages import CURVE

RED, BLUE = (0.70, 0.15, 0.12), (0.11, 0.37, 0.66)


def picture(curve: Curve) -> NDArray[np.float64]:
    png = render_chart(curve)
    assert png.startswith(b"\x89PNG\r\n")
    return np.asarray(matplotlib.image.imread(io.BytesIO(png)), dtype=np.float64)


def near(pixels: NDArray[np.float64], colour: tuple[float, float, float]) -> int:
    """Count the pixels of about that colour."""
    return int((np.abs(pixels[..., :3] - colour).max(axis=-1) < 0.05).sum())


def test_it_is_twice_as_many_pixels_as_a_mail_shows() -> None:
    assert picture(CURVE).shape[:2] == (504, 1200)


def test_it_is_dark_on_white() -> None:
    pixels = picture(CURVE)
    assert tuple(pixels[2, 2, :3]) == (1.0, 1.0, 1.0)
    assert near(pixels, (1.0, 1.0, 1.0)) > 0.8 * pixels[..., 0].size


def test_the_limit_is_drawn_where_there_is_one() -> None:
    assert near(picture(CURVE), RED) > 1000
    assert near(picture(replace(CURVE, limit=None)), RED) == 0
    assert near(picture(replace(CURVE, limit=float("inf"))), RED) == 0


def test_unknown_values_are_gaps() -> None:
    holes = tuple(None if n % 2 and n < 118 else value for n, value in enumerate(CURVE.values))
    assert 0 < near(picture(replace(CURVE, values=holes)), BLUE) < near(picture(CURVE), BLUE) / 2


@pytest.mark.parametrize(
    "curve",
    [
        Curve("one session", ("2026-03-12",), (0.3,), 0.2),
        Curve("one known among many", CURVE.sessions, (*(None for _ in range(119)), 1.0), None),
        Curve("$not maths_", CURVE.sessions[:3], (1e-12, -1e12, 0.0), 1e6),
        Curve("constant", CURVE.sessions[:3], (0.2, 0.2, 0.2), 0.2),
        Curve("not dates\n", ("a", "b"), (1.0, 2.0), None),
    ],
    ids=lambda curve: curve.label,
)
def test_any_known_value_makes_a_chart(curve: Curve) -> None:
    assert picture(curve).shape[:2] == (504, 1200)


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        (replace(CURVE, values=(None,) * 120), "no value of 'psi of momentum_21' is known"),
        (replace(CURVE, values=(float("nan"),) * 120), "no value"),
        (Curve("empty", (), (), None), "no value of 'empty'"),
        (replace(CURVE, values=(1.0,)), "1 values for 120 sessions"),
    ],
)
def test_a_curve_with_nothing_to_draw_is_an_error(curve: Curve, words: str) -> None:
    with pytest.raises(ChartError, match=words):
        render_chart(curve)


def test_threads_that_draw_at_once_draw_the_same() -> None:
    alone, drawn = render_chart(CURVE), []
    threads = [threading.Thread(target=lambda: drawn.append(render_chart(CURVE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [alone] * 4
