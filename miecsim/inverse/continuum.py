"""Systems built in Python as the model of a fit: one family for each spectrum, sharing parameters by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from miecsim.errors import InputError, SolveError
from miecsim.inverse.family import Family, Parameters
from miecsim.inverse.gradients import gradients
from miecsim.inverse.rails import spectrum
from miecsim.solvers.impedance import impedance
from miecsim.typing import Array, Complex


class Continuum:
    """Spectra of families at the frequencies (n_f,) [Hz] of their data (`miecsim.inverse.forward.Forward`).

    names: all parameters; every family is given all of them, and takes those that it knows. Its grid must not depend on
    them. Values of which no system can be made have no spectrum: SolveError.
    """

    def __init__(self, names: Sequence[str], families: Sequence[Family], frequencies: Sequence[Array]) -> None:
        if not families or len(families) != len(frequencies):
            raise InputError(f"continuum: read {len(families)} families and {len(frequencies)} sets of frequencies")
        self.names = tuple(names)
        self._pairs = tuple(zip(families, (np.asarray(f, dtype=float) for f in frequencies), strict=True))

    def spectra(self, values: Array) -> tuple[Complex, ...]:
        """Z (n_f,) of each family."""
        own = dict(zip(self.names, map(float, values), strict=True))
        with no_spectrum_there():
            return tuple(spectrum_of(family, own, f) for family, f in self._pairs)

    def gradients(self, values: Array) -> tuple[tuple[Complex, Complex], ...]:
        """Z (n_f,) and dZ/dp (n_p, n_f) of each family."""
        own = dict(zip(self.names, map(float, values), strict=True))
        with no_spectrum_there():
            found = [gradients(family, own, f, compiled=True) for family, f in self._pairs]  # a fit asks many times
        return tuple((one.Z, one.dZ) for one in found)


@contextmanager
def no_spectrum_there() -> Iterator[None]:
    """Values of which no model can be made have no spectrum: SolveError in place of InputError."""
    try:
        yield
    except InputError as error:
        raise SolveError(str(error)) from None


def spectrum_of(family: Family, values: Parameters, f: Array) -> Complex:
    """Z (n_f,) of a member of a family at frequencies f [Hz], by the quickest way that there is."""
    Z = spectrum(family, values, f)
    return impedance(family(values), f).Z if Z is None else Z
