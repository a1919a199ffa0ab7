from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import monitors

MODULES = [f"monitors.{module.name}" for module in pkgutil.iter_modules(monitors.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_are_true(name: str) -> None:
    module = importlib.import_module(name)
    with np.errstate(all="raise", under="ignore"):
        assert doctest.testmod(module).failed == 0


def test_the_public_numbers_carry_an_example() -> None:
    carrying = [
        name
        for name in MODULES
        if any(test.examples for test in doctest.DocTestFinder().find(importlib.import_module(name)))
    ]
    assert len(carrying) >= 18
