"""Which further experiment separates what one spectrum leaves open."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import miecsim as mx
from miecsim.errors import InputError
from miecsim.inverse.gradients import Gradients

LOW = np.logspace(-4, -2.5, 8)
TRUTH = {"sigma_ion": 0.0166, "sigma_eon": 0.056, "Q": 0.02, "alpha": 0.85}


def spectrum(cell: str, frequency: np.ndarray = LOW, thickness: float = 470e-6) -> Gradients:
    def system(p: Mapping[str, float]) -> mx.System:
        wall = mx.Lumped(Q=p["Q"], alpha=p["alpha"])
        layer = mx.CompositeLayer("composite", thickness, p["sigma_ion"], p["sigma_eon"], wall, 5e5)
        return mx.build_system(mx.composite_electrode([layer]), mx.preset(cell), area=0.785e-4, mesh=mx.Mesh(cells=30))

    return mx.gradients(mx.Family(system), TRUTH, frequency)


def test_the_second_blocking_cell_is_what_one_asks_for() -> None:
    """Electrons alone pass the ion-blocking cell: of cells like it, none tells sigma_ion at low frequency."""
    candidates = {
        "the same again": spectrum("ion_blocking"),
        "twice as thick": spectrum("ion_blocking", thickness=940e-6),
        "electron-blocking": spectrum("electron_blocking"),
        "all frequencies": spectrum("ion_blocking", np.logspace(-4, 6, 60)),
    }
    found = mx.next_experiments([spectrum("ion_blocking")], candidates)
    assert {c.name for c in found[:2]} == {"electron-blocking", "all frequencies"}
    by_name = {c.name: c for c in found}
    assert "sigma_ion" in by_name["electron-blocking"].fixes
    assert "sigma_ion" in by_name["the same again"].open and not by_name["the same again"].fixes
    assert str(by_name["the same again"]).startswith("the same again: fixes nothing that is open; sigma_ion")
    assert by_name["all frequencies"].gain > by_name["electron-blocking"].gain


def test_repeating_an_experiment_halves_every_variance() -> None:
    """Where all is known already: the gain is n/2 ln 2 for n parameters."""
    wide = spectrum("ion_blocking", np.logspace(-4, 6, 60))
    (again,) = mx.next_experiments([wide], {"again": wide})
    assert again.gain == pytest.approx(0.5 * len(TRUTH) * np.log(2), rel=1e-6)
    assert again.open == () and again.fixes == ()


def test_nothing_at_hand_is_one_line() -> None:
    with pytest.raises(InputError, match="one or more spectra at hand"):
        mx.next_experiments([], {})
