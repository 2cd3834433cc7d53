"""Symmetric cells that contact one of two carriers at both ends and block the other, and what the model says of them.

The cells of direct-current polarisation, of the Bruce-Vincent method and of the current-carrying electrode.
"""

from __future__ import annotations

import numpy as np

from miecsim.errors import InputError
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Element, Reversible
from miecsim.physics.layers import ChargedLayer, CompositeLayer
from miecsim.physics.models import AnyLayer, Model
from miecsim.physics.terminals import Contact, Terminal, Wiring
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.impedance import impedance
from miecsim.solvers.steady import OperatingPoint
from miecsim.system import System, build_system
from miecsim.typing import Array

PLUS, MINUS = "plus", "minus"
SEARCHED = (1e-8, 1e9)  # Hz, where a relaxation is looked for
LINEAR = 0.03  # of the whole relaxation of the admittance: where its growth is still that of the lowest frequencies
SETTLED = 100.0  # mean relaxation times of a run: exponentials are gone, and power laws nearly


def blocking_cell(
    model: Model, carrier: str, *, area: float | None, mesh: Mesh | None, contact: Element | Reversible
) -> System:
    """`model` with `carrier` contacted at the left by terminal "plus" and at the right by "minus", others blocked."""
    ends = ((PLUS, "left"), (MINUS, "right"))
    wiring = Wiring(tuple(Terminal(name, (Contact(side, carrier, contact),)) for name, side in ends))
    return build_system(model, wiring, area=area, mesh=mesh)


def conductivities(model: Model, carrier: str) -> Array:
    """sigma [S/m] of a carrier in each layer, (layers,), from the model's own coefficients (Nernst-Einstein for
    carriers). InputError where a layer lacks the carrier."""
    sigma = np.array([_sigma(layer, carrier, model.temperature) for layer in model.layers])
    if not np.all(sigma > 0):
        raise InputError(f'blocking cells: every layer must conduct "{carrier}"; read {sigma.tolist()} S/m')
    return sigma


def _sigma(layer: AnyLayer, carrier: str, temperature: float) -> float:
    if not isinstance(layer, ChargedLayer):
        return {"ion": layer.sigma_ion, "electron": layer.sigma_eon}.get(carrier, 0.0)
    found = [k for k, c in enumerate(layer.carriers) if c.name == carrier and c.mobile]
    return layer.sigma(found[0], temperature) if found else 0.0


def two_carriers(model: Model, first: str, second: str) -> tuple[Array, Array]:
    """Conductivities [S/m] of both carriers in each layer. InputError unless these are all that move and the model is
    electroneutral: with a dielectric the cells have no common resistance at high frequency."""
    if any(getattr(layer, "permittivity", None) is not None for layer in model.layers):
        raise InputError("blocking cells: need layers without permittivity")
    names = [c.name for c in model.carriers]
    if sorted(names) != sorted((first, second)):
        raise InputError(f'blocking cells: needs the two carriers "{first}" and "{second}"; read {names}')
    return conductivities(model, first), conductivities(model, second)


def mean_conductivity(model: Model, sigma: Array) -> float:
    """L / sum(L_i/sigma_i) [S/m] of layers in series."""
    thickness = np.array([layer.thickness for layer in model.layers])
    return float(thickness.sum() / (thickness / sigma).sum())


def leaks(model: Model) -> bool:
    """Whether direct current can pass from rail to rail inside the electrode."""
    layers = (layer for layer in model.layers if isinstance(layer, CompositeLayer))
    step = np.array([1e-6])
    return any(la.interface is not None and float(la.interface.current(step)[0]) != 0 for la in layers)


def two_point_admittance(point: OperatingPoint) -> float:
    """dI/dV [S] of a cell of two terminals under direct current."""
    return float(dc_admittance(point)[0, 0])


def relaxation_time(point: OperatingPoint) -> float:
    """Mean time constant [s] of the current after a small step of the voltage, its modes weighted by their share.

    By the admittance at low frequencies, Y = Y_0 + i w sum(tau_n Y_n), over Y_infinity - Y_0 = sum(Y_n). InputError
    where nothing relaxes.
    """
    f = np.geomspace(*SEARCHED, 35)
    excess = np.abs(1 / impedance(point, f).Z - two_point_admittance(point))
    whole = float(excess[-1])
    if whole < 1e-9 * abs(two_point_admittance(point)):
        raise InputError("blocking cell: nothing in it relaxes; give a duration")
    first = int(np.argmax(excess > LINEAR * whole))
    return float(excess[first] / (2 * np.pi * f[first] * whole))
