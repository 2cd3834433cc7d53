"""Cells with a closed form, and the proofs that every one of them goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Element, Reversible
from miecsim.physics.models import Model
from miecsim.physics.terminals import Contact, Link, Terminal, Wiring
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.impedance import impedance
from miecsim.solvers.steady import solve_steady
from miecsim.system import System, build_system
from miecsim.typing import Array, Complex, Ints
from miecsim.verify.proof import ConvergenceCurve, Outcome, Proof, Settings, SpectrumCurve, compare

CONTINUUM = 1e-3  # largest relative error on a default mesh
ROUND_OFF = 1e-12  # between two ways to solve the same network
CAUSAL = 1e-8  # of the Kramers-Kronig integral
SYMMETRIC = 1e-11  # of |Y_ij - Y_ji|/sqrt(|Y_ii Y_jj|)
DIRECT = 1e-9  # of the resistance that Z tends to
RESOLVED = 0.3  # cells per decay length from which the order of convergence is read
EXACT = 1e-10  # meshes that all lie closer than this to the closed form converge no further

Formula = Callable[[Array], Complex]
End = tuple[str, str, str, Element | Reversible]  # terminal, side, carrier, law


@dataclass(frozen=True)
class Sample:
    """A cell: model, terminals, area [m2], band of frequencies [Hz], and its closed form Z(omega) [ohm]."""

    id: str
    title: str
    family: str
    model: Model
    wiring: Wiring
    area: float
    band: tuple[float, float]
    exact: Formula
    equation: str
    source: str
    coordinates: str = "cartesian"  # around an axis or a centre, the right side has the area

    def frequencies(self, settings: Settings) -> Array:
        """Frequencies of the band, more than the quick run has."""
        low, high = np.log10(self.band)
        return np.asarray(np.logspace(low, high, 13 if settings.quick else 31))

    def system(self, cells: int | None = None) -> System:
        """On `cells` equal cells per layer, or on the default mesh of the band."""
        mesh = Mesh(cells="auto" if cells is None else cells, resolve=self.band[1], coordinates=self.coordinates)
        return build_system(self.model, self.wiring, area=self.area, mesh=mesh)

    def spectrum(self, frequency: Array, cells: int | None = None) -> Complex:
        """Z (n_f,) at rest."""
        return impedance(solve_steady(self.system(cells)), frequency).Z


def wired(*ends: End, links: tuple[Link, ...] = ()) -> Wiring:
    """Terminals from (terminal, side, carrier, law)."""
    poles: dict[str, list[Contact]] = {name: [] for name, *_ in ends}
    for name, side, carrier, law in ends:
        poles[name].append(Contact(side, carrier, law))
    return Wiring(tuple(Terminal(name, tuple(contacts)) for name, contacts in poles.items()), links)


def continuum(sample: Sample, settings: Settings) -> Proof:
    """The continuum on its default mesh against the closed form, and the order of convergence on refined meshes."""

    def measure() -> Outcome:
        f = sample.frequencies(settings)
        Z, exact = sample.spectrum(f), sample.exact(2 * np.pi * f)
        value, reference, error, worst = compare(Z, exact)
        curve, order = _convergence(sample, settings, f)
        note = f"largest error at {f[worst]:.3g} Hz"
        if order is None:
            note += "; exact on every mesh"
        return Outcome(
            value, reference, error, order=order, note=note, spectrum=SpectrumCurve(f, Z, exact, "ohm"),
            convergence=curve,
        )  # fmt: skip

    return Proof(
        f"{sample.id}.continuum",
        f"{sample.title}: continuum = closed form",
        sample.family,
        sample.equation,
        sample.source,
        CONTINUUM,
        measure,
        order=2.0,
    )


def _convergence(sample: Sample, settings: Settings, f: Array) -> tuple[ConvergenceCurve, float | None]:
    """Errors on refined meshes at the frequencies that the coarsest of them resolves, and the fitted order."""
    layers = sample.model.layers
    decay = [
        min(sample.model.decay_length(i, 2 * np.pi * each) / layer.thickness for i, layer in enumerate(layers))
        for each in f
    ]
    resolved = int(np.sum(np.array(decay) * settings.cells * RESOLVED >= 1))
    f = f[: max(resolved, 2)]
    exact = sample.exact(2 * np.pi * f)
    cells = np.array(settings.refined)
    errors = np.array([compare(sample.spectrum(f, int(n)), exact)[2] for n in cells])
    curve = ConvergenceCurve(cells.astype(float), errors)
    if errors.max() < EXACT:
        return curve, None
    return curve, float(-np.polyfit(np.log(cells), np.log(errors), 1)[0])


def ladder(sample: Sample, formula: Callable[[Array, int], Complex], settings: Settings, equation: str) -> Proof:
    """The discretisation on N equal cells against the same N cells drawn as a ladder: equal to round-off."""

    def measure() -> Outcome:
        f = sample.frequencies(settings)
        value, reference, error, worst = compare(
            sample.spectrum(f, settings.cells), formula(2 * np.pi * f, settings.cells)
        )
        return Outcome(value, reference, error, note=f"{settings.cells} cells per layer; worst at {f[worst]:.3g} Hz")

    return Proof(
        f"{sample.id}.ladder",
        f"{sample.title}: discretisation = N-cell ladder",
        sample.family,
        equation,
        "finite-volume balance of a cell, Z_c → Z_c cosh(θ/2), x → Nθ with sinh(θ/2) = h/2λ",
        ROUND_OFF,
        measure,
    )


def kramers_kronig(sample: Sample, settings: Settings) -> Proof:
    """Im Z from Re Z by the Hilbert transform, over ten decades more than the band."""

    def measure() -> Outcome:
        low, high = np.log10(sample.band)
        f = np.logspace(low - 5, high + 5, 10 * int(np.ceil(high - low + 10)) + 1)
        Z = impedance(solve_steady(sample.system(settings.cells)), f).Z
        band = np.flatnonzero((f >= sample.band[0]) & (f <= sample.band[1]))
        value, reference, error, worst = kramers_kronig_error(f, Z, band)
        return Outcome(value, reference, error, note=f"worst at {f[worst]:.3g} Hz")

    return Proof(
        f"{sample.id}.kramers_kronig",
        f"{sample.title}: Kramers-Kronig",
        sample.family,
        "Im Z(ω) = (1/π) ∫ Re Z(ω eᵘ)/sinh u du − 1/(ωC)",
        "Kramers 1927; Kronig 1926",
        CAUSAL,
        measure,
    )


def kramers_kronig_error(f: Array, Z: Complex, band: Ints) -> tuple[float, float, float, int]:
    """(-Im Z from Re Z, -Im Z, largest difference over |Z|, its index) at the indices `band` of log-spaced f (n_f,).

    The points at odd distance from each frequency form a midpoint rule, which converges exponentially for a response
    that is analytic in the right half plane. Beyond the ends Re Z is continued as a constant; the capacitor in series,
    of which Re Z knows nothing, is read at the lowest frequency.
    """
    h, pad = float(np.log(f[1] / f[0])), 40 * int(1 / np.log10(f[1] / f[0]))
    real = np.pad(Z.real, pad, mode="edge")
    odd = np.arange(1, pad, 2)
    weight = 2 * h / np.pi / np.sinh(odd * h)
    at = np.arange(f.size)[:, None] + pad
    transform = np.einsum("k,fk->f", weight, real[np.minimum(at + odd, real.size - 1)] - real[np.maximum(at - odd, 0)])
    rest = (Z.imag - transform) * f
    pole = rest[0]  # -1/(2 pi C)
    found = transform + pole / f
    error = np.abs(found - Z.imag)[band] / np.abs(Z[band])
    worst = int(band[np.argmax(error)])
    return float(-found[worst]), float(-Z.imag[worst]), float(error.max()), worst


def direct_current(sample: Sample, resistance: float) -> Proof:
    """Z at low frequency, the slope of the steady current, and the resistance in closed form."""

    def measure() -> Outcome:
        point = solve_steady(sample.system())
        low = impedance(point, np.array([sample.band[0] * 1e-11])).Z[0]
        slope = _resistance(dc_admittance(point))
        apart = abs(low - slope) / slope
        away = abs(slope / resistance - 1)
        note = f"closed form {resistance:.6g} ohm, {away:.1e} away"
        return Outcome(float(low.real), slope, float(apart if away < CONTINUUM else away), note=note)

    return Proof(
        f"{sample.id}.direct_current",
        f"{sample.title}: Z(ω → 0) = slope of the steady current",
        sample.family,
        "lim Z(ω) = dV/dI",
        "implicit differentiation of the steady balance",
        DIRECT,
        measure,
    )


def _resistance(Y: Array) -> float:
    """Between the first two ports, all others open."""
    keep = [0, *range(2, Y.shape[0])]
    return float(np.linalg.inv(Y[np.ix_(keep, keep)])[0, 0])


def reciprocity(sample: Sample, wiring: Wiring, settings: Settings) -> Proof:
    """Y over several terminals is symmetric."""

    def measure() -> Outcome:
        f = sample.frequencies(settings)
        Y = impedance(solve_steady(replace(sample, wiring=wiring).system(settings.cells)), f).Y
        own = np.abs(np.einsum("fii->fi", Y))
        error = np.abs(Y - Y.transpose(0, 2, 1)) / np.sqrt(own[:, :, None] * own[:, None, :])
        n, i, j = np.unravel_index(int(np.argmax(error)), error.shape)
        value, reference = float(abs(Y[n, i, j])), float(abs(Y[n, j, i]))
        note = f"{Y.shape[1]} terminals; error over √|Y_ii Y_jj|, worst at {f[n]:.3g} Hz"
        return Outcome(value, reference, float(error[n, i, j]), unit="S", note=note)

    return Proof(
        f"{sample.id}.reciprocity",
        f"{sample.title}: reciprocity",
        sample.family,
        "Y = Yᵀ between all pairs of terminals",
        "Onsager 1931; Lorentz 1896",
        SYMMETRIC,
        measure,
    )
