"""Electrochemical strain microscopy: a bias at a tip moves ions in a mixed conductor, and the surface swells.

The film is a mixed conductor in cylindrical symmetry under a disc, at rest and at small signals. Where ions leave or
gather, the lattice shrinks or swells by Vegard's law, linear strain Omega/3 times the change of concentration; the rise
of the surface under the tip, per volt, is what the microscope reads.

Assumed: isotropic elasticity; strain follows composition at once and does not act back on it; no electrostatic force
on the tip and no strain of its own contact; the film is part of an elastic half space whose constants are the film's,
or it is so thin and its lateral variation so slow that the substrate clamps it everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.grid.cylinder import TipMesh, under_tip
from miecsim.physics.elements import Element, Reversible
from miecsim.physics.layers import ChargedLayer, ConductorLayer
from miecsim.physics.models import Model
from miecsim.physics.terminals import Wiring
from miecsim.solvers.impedance import amplitudes
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.system import build_on_grid
from miecsim.techniques.afm_impedance import tip_wiring
from miecsim.techniques.checks import array, positive
from miecsim.techniques.formulas_tip import clamped_swelling, swelling_weights
from miecsim.techniques.probed_volume import reach
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array, Bools, Complex

ELASTIC = ("half_space", "clamped")
ION, ELECTRON = "ion", "electron"
FAR = 8.0  # film thicknesses around the tip
FAST = 10.0  # times D/(2 pi a^2): where planar diffusion below the tip begins
PLANAR, DIFFUSION, CORNER = "planar diffusion, highest f", "diffusion length", "corner of the amplitude"
HALF = 0.5


@dataclass(frozen=True)
class _Specimen:
    """Conductivities [S/m], chemical capacitance [F/m3], thickness [m] of the film and the charge number of its ion."""

    sigma_ion: float
    sigma_eon: float
    c_chem: float
    thickness: float
    charge: int

    @property
    def D(self) -> float:
        """D_chem = sigma_ion sigma_eon/((sigma_ion + sigma_eon) c_chem)  [m2/s] (Maier)."""
        return self.sigma_ion * self.sigma_eon / ((self.sigma_ion + self.sigma_eon) * self.c_chem)


@dataclass(frozen=True)
class _Swelling:
    """Change of concentration per volt, (n_f, n_cells) [mol/(m3 V)], and rise of the surface under the tip, (n_f,)
    [m/V]; place [m] and weight in the rise [m] of each cell, and whether it is at the surface."""

    delta_c: Complex
    rise: Complex
    r: Array
    depth: Array
    weights: Array
    surface: Bools


def strain_microscopy(
    model: Model,
    *,
    radius: float,
    frequency: npt.ArrayLike,
    expansion: float,
    poisson_ratio: float = 0.3,
    tip: Sequence[str] | None = None,
    base: Sequence[str] | None = None,
    contact: Element | Reversible | None = None,
    elastic: str = "half_space",
    ion: str = ION,
    electron: str = ELECTRON,
    fineness: float = 1.0,
) -> TechniqueRecord:
    """Rise u_3 of the surface under a tip per volt, amplitude and phase over frequency, and where it comes from.

    model: one electroneutral film of a mixed conductor. radius a of the tip [m]; frequency [Hz]; expansion: partial
    molar volume Omega [m3/mol] of the ion; tip, base: the carriers that tip and metal exchange (default the ion, the
    electron), all others being blocked: a tip reversible to ions imposes a composition, one that blocks them a current.
    contact: element of the tip (default reversible). With Vegard's linear strain Omega delta_c/3, above the axis

        half_space   u_3 = (1 + nu)/pi Omega/3 int delta_c z/(r^2 + z^2)^(3/2) dV   (Morozovska et al. 2010)
        clamped      u_3 = (1 + nu)/(1 - nu) Omega/3 int delta_c dz  at r = 0: a film held by its substrate.

    The textbook has a tip that imposes a composition: diffusion of D = D_chem into a half space. Compared: the 'slope'
    d ln|u_3|/d ln f at the highest frequencies (-1/2), the 'displacement' there against planar diffusion under the tip,
    2 (1 + nu) (or the clamped factor) times Omega/3 c_chem/(z F) sqrt(D/w), the 'diffusivity' from the frequency D/(2
    pi a^2) where that line reaches the amplitude at the lowest frequency, and the 'resolution': the radius at which
    delta_c on the surface has fallen to half of that on the axis, against a + sqrt(D/w), at the lowest frequency.
    Tables: 'displacement' (over frequency), 'surface' (delta_c along the surface), 'map' (at the middle frequency),
    'tip'. InputError for other models and values that cannot be.
    """
    f = np.sort(np.atleast_1d(array(frequency)))
    positive("strain microscopy", radius=radius, frequency=f, expansion=expansion)
    if elastic not in ELASTIC:
        raise InputError(f"strain microscopy: read elastic {elastic!r}; expected one of {', '.join(ELASTIC)}")
    if not 0 <= poisson_ratio < 0.5:
        raise InputError(f"strain microscopy: read a Poisson ratio of {poisson_ratio:g}; expected 0 to 0.5")
    film, tip = _specimen(model, ion, electron), tip or (ion,)
    point = _under_tip(model, film, radius, f, tip_wiring(tip, base or (electron,), contact or Reversible()), fineness)
    gain = (clamped_swelling(poisson_ratio) if elastic == "clamped" else (1 + poisson_ratio) / np.pi) * expansion / 3
    swelling = _swelling(point, film, f, (ion, electron), gain, elastic == "clamped")
    planar = gain * (1 if elastic == "clamped" else 2 * np.pi)
    tables: dict[str, Table] = {
        "displacement": _table(swelling, film, f, radius, planar),
        "surface": _surface(swelling, f),
        "map": _map(swelling, f.size // 2),
        "tip": {"radius": (np.array([radius]), "m"), "film": (np.array([film.thickness]), "m")},
    }
    compared = _compared(swelling, film, f, radius, planar)
    remarks = _remarks(film, f, radius, tip, elastic, ion)
    return TechniqueRecord("strain_microscopy", tables, compared, remarks)


def _specimen(model: Model, ion: str, electron: str) -> _Specimen:
    """InputError unless the model is one electroneutral film that conducts both carriers."""
    if len(model.layers) != 1:
        raise InputError(f"strain microscopy: read {len(model.layers)} layers; expected one film")
    film = model.layers[0]
    if isinstance(film, ConductorLayer) and film.permittivity is None and (ion, electron) == (ION, ELECTRON):
        found = _Specimen(film.sigma_ion, film.sigma_eon, film.chemical_capacitance, film.thickness, 1)
    elif isinstance(film, ChargedLayer) and film.permittivity is None:
        names = [c.name for c in film.carriers if c.mobile]
        if sorted(names) != sorted((ion, electron)):
            raise InputError(f"strain microscopy: read carriers {', '.join(names)}; expected {ion} and {electron}")
        at = [[c.name for c in film.carriers].index(name) for name in (ion, electron)]
        sigma = [film.sigma(i, model.temperature) for i in at]
        c_chem = film.chemical_capacitance(model.temperature)
        found = _Specimen(sigma[0], sigma[1], c_chem, film.thickness, film.carriers[at[0]].charge)
    else:
        raise InputError("strain microscopy: expected an electroneutral film of a mixed conductor (no permittivity)")
    if not (found.sigma_ion > 0 and found.sigma_eon > 0 and found.c_chem > 0):
        raise InputError("strain microscopy: the film needs both conductivities and a chemical capacitance")
    return found


def _under_tip(
    model: Model, film: _Specimen, radius: float, f: Array, wiring: Wiring, fineness: float
) -> OperatingPoint:
    """The film at rest; cells at the surface resolve the diffusion length of the highest frequency."""
    skin = float(np.sqrt(film.D / (2 * np.pi * f[-1])))
    mesh = TipMesh(radius, radius + FAR * film.thickness, fineness, skin=skin)
    grid = under_tip([(model.layers[0].name, film.thickness)], mesh)
    return solve_steady(build_on_grid(model, wiring, grid, area=np.pi * radius**2))


def _swelling(
    point: OperatingPoint, film: _Specimen, f: Array, carriers: tuple[str, str], gain: float, clamped: bool
) -> _Swelling:
    """delta_c = c_chem (Phi_ion - Phi_eon)/(z F) in every cell, and what it lifts."""
    system, grid = point.system, point.system.grid
    found = amplitudes(point, f)
    rows = [system.laws.state_map.row(name) for name in carriers]
    cells = slice(0, grid.n_cells)  # nodes of a grid of two dimensions begin with its cells
    driving = found.potential[:, cells, rows[0]] - found.potential[:, cells, rows[1]]
    delta_c = film.c_chem * driving / (film.charge * FARADAY)
    i, j = np.unravel_index(np.arange(grid.n_cells), [len(e) - 1 for e in grid.edges], order="F")
    depth = grid.edges[1][-1] - grid.edges[1]
    r = grid.edges[0]
    if clamped:
        weights = np.where(i == 0, depth[j] - depth[j + 1], 0.0)
    else:
        weights = swelling_weights(r[i], r[i + 1], depth[j + 1], depth[j])
    return _Swelling(
        delta_c,
        np.asarray(gain * delta_c @ weights),
        grid.centers[:, 0],
        grid.edges[1][-1] - grid.centers[:, 1],
        weights,
        j == len(grid.edges[1]) - 2,
    )


def _planar(film: _Specimen, f: Array, planar: float) -> Array:
    """|u_3| [m/V] of planar diffusion from an imposed composition: gain c_chem/(z F) sqrt(D/w)."""
    return np.asarray(planar * film.c_chem / (abs(film.charge) * FARADAY) * np.sqrt(film.D / (2 * np.pi * f)))


def _table(swelling: _Swelling, film: _Specimen, f: Array, radius: float, planar: float) -> Table:
    parts = [np.abs(c) * swelling.weights for c in swelling.delta_c]
    return {
        "frequency": (f, "Hz"),
        "u_3 real": (swelling.rise.real, "m/V"),
        "u_3 imaginary": (swelling.rise.imag, "m/V"),
        "amplitude": (np.abs(swelling.rise), "m/V"),
        "phase": (np.degrees(np.angle(swelling.rise)), "deg"),
        "planar diffusion": (_planar(film, f, planar), "m/V"),
        "half width": (np.array([_half_width(swelling, k) for k in range(f.size)]), "m"),
        "depth of 50 %": (np.array([reach(swelling.depth, part, 0.5) for part in parts]), "m"),
        "depth of 90 %": (np.array([reach(swelling.depth, part, 0.9) for part in parts]), "m"),
        "diffusion length": (np.sqrt(film.D / (2 * np.pi * f)), "m"),
    }


def _half_width(swelling: _Swelling, k: int) -> float:
    """Radius [m] at which |delta_c| on the surface has fallen to half of that on the axis; nan where it never does."""
    r, c = swelling.r[swelling.surface], np.abs(swelling.delta_c[k, swelling.surface])
    below = np.flatnonzero(c < HALF * c[0])
    if below.size == 0:
        return float("nan")
    i = int(below[0])
    return float(np.interp(HALF * c[0], [c[i], c[i - 1]], [r[i], r[i - 1]]))


def _surface(swelling: _Swelling, f: Array) -> Table:
    """|delta_c| along the surface at the lowest, the middle and the highest frequency."""
    shown = sorted({0, f.size // 2, f.size - 1})
    r = swelling.r[swelling.surface]
    c = np.concatenate([np.abs(swelling.delta_c[k, swelling.surface]) for k in shown])
    return {
        "frequency": (np.repeat(f[shown], r.size), "Hz"),
        "r": (np.tile(r, len(shown)), "m"),
        "concentration": (c, "mol/(m^3 V)"),
    }


def _map(swelling: _Swelling, k: int) -> Table:
    return {
        "r": (swelling.r, "m"),
        "depth": (swelling.depth, "m"),
        "concentration real": (swelling.delta_c[k].real, "mol/(m^3 V)"),
        "concentration imaginary": (swelling.delta_c[k].imag, "mol/(m^3 V)"),
    }


def _compared(swelling: _Swelling, film: _Specimen, f: Array, radius: float, planar: float) -> tuple[Compared, ...]:
    size, line = np.abs(swelling.rise), _planar(film, f, planar)
    # where the line of planar diffusion reaches the amplitude at the lowest frequency
    corner = float(f[-1] * (line[-1] / size[0]) ** 2)
    out = [
        Compared("displacement", float(line[-1]), float(size[-1]), "m/V", PLANAR),
        Compared("diffusivity", 2 * np.pi * corner * radius**2, film.D, "m^2/s", CORNER),
    ]
    if f.size > 1:
        slope = float(np.log(size[-1] / size[-2]) / np.log(f[-1] / f[-2]))
        out.append(Compared("slope", -0.5, slope, "-", PLANAR))
    width = _half_width(swelling, 0)
    if np.isfinite(width):
        length = float(np.sqrt(film.D / (2 * np.pi * f[0])))
        out.append(Compared("resolution", radius + length, width, "m", DIFFUSION))
    return tuple(out)


def _remarks(film: _Specimen, f: Array, radius: float, tip: Sequence[str], elastic: str, ion: str) -> tuple[str, ...]:
    """What limits the textbook, in numbers."""
    out = [
        f"D/(2 pi a^2) = {film.D / (2 * np.pi * radius**2):.3g} Hz, D/(2 pi L^2) of the film "
        f"{film.D / (2 * np.pi * film.thickness**2):.3g} Hz"
    ]
    if ion not in tip:
        out.append("the tip blocks ions: a current moves them, not an imposed composition, and |u_3| falls as 1/f")
    elif film.sigma_eon < 30 * film.sigma_ion:
        out.append(
            f"sigma_eon is only {film.sigma_eon / film.sigma_ion:.3g} sigma_ion: resistance to electrons takes a part "
            "of the bias, and the composition under the tip is not what it would impose"
        )
    if f[-1] < FAST * film.D / (2 * np.pi * radius**2):
        out.append("the highest frequency is not far above D/(2 pi a^2): no planar diffusion under the tip")
    if elastic == "clamped" and radius < film.thickness:
        out.append("the film is thicker than the tip is wide: it is not clamped at every place by its substrate")
    return tuple(out)
