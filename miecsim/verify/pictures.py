"""Pictures of composites: conduction through them, their interfaces and thresholds, electrodes resolved on them, and
probes on bodies of revolution."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import pi
from typing import Any

import numpy as np

from miecsim.circuit import media
from miecsim.microstructure.generators import checkerboard, laminate
from miecsim.microstructure.networks import power, through
from miecsim.microstructure.percolation import percolation_threshold, self_dual_box
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.surfaces import interface_area
from miecsim.microstructure.transport import effective_conductivity, effective_tensor
from miecsim.typing import Array, Complex, Values
from miecsim.verify import picture_electrodes, picture_probes
from miecsim.verify.proof import ConvergenceCurve, Outcome, Proof, Settings, compare, single

FAMILY = "pictures"
DYKHNE = "Dykhne 1971, Sov. Phys. JETP 32, 63; Mendelson 1975"
NEUTRAL = "Hashin and Shtrikman 1962, J. Appl. Phys. 33, 3125"
LAMINATE = "Milton 2002, The Theory of Composites, chapter 9"

ONE, WORKED = 0.007947, 0.06125  # S/m
FINER = np.array([24, 48, 96])  # voxels along an edge of the picture
THRESHOLD = 0.59274605079  # of the square lattice, by site

LAYERED = 1e-10  # laminates: exact on voxels
BOARD = 1e-3  # checkerboards, extrapolated at the order that they should have
PHASE = 1e-12
DUAL = 1e-12
NEAR_THRESHOLD = 0.003 / THRESHOLD
STAIRS = 5e-3  # of the length of a circle from voxels
COATED = 2.5e-3  # neutral disc drawn in voxels


def _laminates() -> list[Proof]:
    """Layers across, along and at an angle to the current, in two and three dimensions."""
    fractions, sigma = {"a": 0.35, "b": 0.25, "c": 0.4}, {"a": 1.7, "b": 3.1e-6, "c": 0.29}
    flat = laminate((40, 7), (1.1e-6, 0.37e-6), fractions, 20 * 1.1e-6)
    share = list(fractions.values())

    def along(axis: int, exact: complex) -> Outcome:
        normal = "across" if axis == 0 else "along"
        return single(effective_conductivity(flat, sigma, axis), exact, "S/m", f"{normal} three phases, 1 : 5e5")

    def complex_tensor() -> Outcome:
        s = laminate((5, 20, 7), (1.1e-6, 0.37e-6, 2.9e-6), fractions, 20 * 0.37e-6, normal=(0, 1, 0), periodic=(0, 1))
        mixed = {"a": 1.7 + 0.1j, "b": 3e-4j, "c": 0.3}
        found, exact = effective_tensor(s, mixed), media.laminate(share, list(mixed.values()), (0, 1, 0))
        return _tensors(found, exact, "five voxels by twenty by seven, periodic along two axes")

    return [
        _proof(
            "laminate.series", "layers across the current", "1/σ = Σ φ/σ_i", LAMINATE, LAYERED,
            lambda: along(0, media.series(share, list(sigma.values()))),
        ),
        _proof(
            "laminate.parallel", "layers along the current", "σ = Σ φ σ_i", LAMINATE, LAYERED,
            lambda: along(1, media.parallel(share, list(sigma.values()))),
        ),
        _proof(
            "laminate.complex", "layers of complex conductivity in three dimensions: the whole tensor",
            "σ = σ_series n n + σ_parallel (1 − n n)", LAMINATE, LAYERED, complex_tensor,
        ),
        _proof(
            "laminate.rotated", "layers at 45° as stairs, periodic: the whole tensor",
            "σ = σ_series n n + σ_parallel (1 − n n)", LAMINATE, LAYERED, _rotated, order=1.0,
        ),
    ]  # fmt: skip


def _rotated() -> Outcome:
    """Stairs blur the layers by a voxel, in proportion to which the tensor errs: nothing is left of it at none."""
    h, sigma = 1.3e-6, (1.0, 3.3)
    exact = media.laminate((7 / 24, 17 / 24), sigma, (1, 1))
    found = []
    for n in FINER:
        fractions = {"a": 7 / 24, "b": 17 / 24}
        # the offset puts every voxel's centre half a step away from the edges of the layers
        s = laminate(
            (n, n), h, fractions, n * h / np.sqrt(2), normal=(1, 1), offset=float(0.5 / n), periodic=(0, 1)
        )  # fmt: skip
        found.append(effective_tensor(s, dict(zip("ab", sigma, strict=True))))
    errors = np.array([np.abs(each - exact).max() for each in found]) / abs(exact).max()
    limit = _limit(np.array(found), 1.0)
    note = f"extrapolated from {FINER[-2]} and {FINER[-1]} voxels a period, the finer {errors[-1]:.1e} away"
    return _tensors(limit, exact, note, errors)


def _tensors(found: Values, exact: Values, note: str, errors: Array | None = None) -> Outcome:
    """The largest element, and the largest error of all elements relative to it."""
    at = np.unravel_index(int(np.argmax(np.abs(exact))), exact.shape)
    error = float(np.abs(found - exact).max() / abs(exact[at]))
    return Outcome(float(abs(found[at])), float(abs(exact[at])), error, "S/m", note=note, **_curve(errors))


def _checkerboards() -> list[Proof]:
    """Contrasts whose orders of convergence differ, down to where corners carry much of the current."""
    contrasts = {"2": 2.0, "4": 4.0, "worked": WORKED / ONE, "10": 10.0}
    return [
        _proof(
            f"checkerboard.{name}", f"checkerboard of contrast {contrast:.4g}",
            f"σ = √(σ₁σ₂), order (8/π) atan(contrast^−½) = {media.checkerboard_order(contrast):.3f}", DYKHNE, BOARD,
            partial(_checkerboard, contrast), order=media.checkerboard_order(contrast),
        )
        for name, contrast in contrasts.items()
    ]  # fmt: skip


def _checkerboard(contrast: float) -> Outcome:
    sigma = {"even": ONE, "odd": contrast * ONE}
    exact = float(np.real(media.checkerboard(*sigma.values())))
    found = np.array([np.real(effective_conductivity(_board(n), sigma)) for n in FINER])
    errors = np.abs(found / exact - 1)
    limit = float(_limit(found, media.checkerboard_order(contrast)))
    note = (
        f"extrapolated at that order from {FINER[-2]} and {FINER[-1]} voxels a square, the finer {errors[-1]:.1e} low"
    )
    return Outcome(limit, exact, abs(limit / exact - 1), "S/m", note=note, **_curve(errors))


def _board(voxels: int) -> Microstructure:
    """Between mirrors: squares of so many voxels, cut through their middle."""
    return checkerboard((2, 2), voxels // 2, 1e-6)


def _limit(found: Values, order: float) -> Values:
    """What the last two of figures on meshes twice as fine each tend to at a known order."""
    return np.asarray(found[-1] + (found[-1] - found[-2]) / (2**order - 1))


def _curve(errors: Array | None) -> dict[str, Any]:
    """The errors on `FINER` with the order between the finer two of them, as fields of an outcome."""
    if errors is None:
        return {}
    curve = ConvergenceCurve(FINER.astype(float), errors, "voxels along an edge of the picture")
    return {"order": float(np.log2(errors[-2] / errors[-1])), "convergence": curve}


def _resistor_and_capacitor() -> list[Proof]:
    """Squares of a resistor and of a capacitor."""
    R, C = 3.7, 0.21

    def Z(omega: Array, voxels: int) -> Complex:
        board = _board(voxels)
        return np.array([1 / effective_conductivity(board, {"even": 1 / R, "odd": 1j * w * C}) for w in omega])

    def phase() -> Outcome:
        at = np.array([1 / (R * C)])
        angle = float(-np.degrees(np.angle(Z(at, 20)[0])))
        return single(angle, 45.0, "°", "20 voxels a square, at ω = 1/RC, where exchange of the phases conjugates Z")

    def element() -> Outcome:
        omega = np.array([0.8, 1.0, 1.25]) / (R * C)
        exact = np.sqrt(R / C) * (1j * omega) ** -0.5
        value, reference, error, worst = compare(Z(omega, 48), exact)
        return Outcome(
            value, reference, error, "ohm m", note=f"48 voxels a square; worst at ωRC = {omega[worst] * R * C:g}"
        )

    return [
        _proof(
            "checkerboard.phase", "checkerboard of resistor and capacitor: 45° on every mesh",
            "−arg Z = 45° at ωRC = 1", DYKHNE, PHASE, phase,
        ),
        _proof(
            "checkerboard.cpe", "checkerboard of resistor and capacitor = constant phase element of exponent ½",
            "Z = √(R/C) (jω)^−½", DYKHNE, BOARD, element,
        ),
    ]  # fmt: skip


def _self_dual(n: int) -> list[Proof]:
    """Boxes of bonds, every configuration of them."""
    bonds = (n + 1) ** 2 + n * n
    on = ((np.arange(2**bonds)[:, None] >> np.arange(bonds)) & 1).astype(bool)
    note = f"all {2**bonds} configurations of {bonds} bonds"
    title = f"self-dual box of {n + 2} × {n + 1} nodes"

    def crossing() -> Outcome:
        first, second = self_dual_box(on * 1.0, n).reached()
        crossed = (first & second).reshape(len(on), -1).any(axis=1)
        return single(float(crossed.mean()), 0.5, "1", note)

    def logarithm() -> Outcome:
        s1, s2 = 1.7, 0.031
        network = self_dual_box(np.where(on, s1, s2), n)
        spent = power(network, through(network).potential)
        G = np.bincount(np.concatenate([network.left, network.node]) // (n * (n + 1)), np.real(spent))
        return single(float(np.exp(np.mean(np.log(G)))), float(np.sqrt(s1 * s2)), "S", note)

    return [
        _proof(
            f"self_dual.{n}.crossing", f"{title}: half of all conduct", "P(½) = ½", "duality of the square lattice",
            DUAL, crossing,
        ),
        _proof(
            f"self_dual.{n}.logarithm", f"{title}: mean logarithm of the conductance", "⟨ln G⟩ = ½ ln(s₁s₂)", DYKHNE,
            DUAL, logarithm,
        ),
    ]  # fmt: skip


def _threshold(settings: Settings) -> Proof:
    samples = 200 if settings.quick else 400

    def measure() -> Outcome:
        found = percolation_threshold((16, 32, 64), samples)
        note = f"{samples} boxes each of 16², 32² and 64² sites, standard error {found.error:.4f}; 0.003 allowed"
        return single(found.value, THRESHOLD, "1", note)

    return _proof(
        "percolation", "site percolation threshold of the square lattice", "m_L = p_c + b L^−1.75",
        "Ziff 1992, Phys. Rev. Lett. 69, 2670; Newman and Ziff 2000, Phys. Rev. Lett. 85, 4104", NEAR_THRESHOLD,
        measure,
    )  # fmt: skip


def _neutral_disc() -> Proof:
    """A disc with its coat, in a medium that it leaves as it was."""

    def measure() -> Outcome:
        n, core, sigma = 128, 0.4, {"core": 10.0, "coat": 1.0}
        around = float(np.real(media.maxwell((core, 1 - core), list(sigma.values()), sigma["coat"], 2)))
        r = np.hypot(*np.meshgrid(*[(np.arange(n) + 0.5) / n * 2 - 1] * 2))
        labels = np.where(r < 0.9 * np.sqrt(core), 0, np.where(r < 0.9, 1, 2))
        s = Microstructure(labels, (2e-6, 2e-6), (*sigma, "around"))
        found = effective_conductivity(s, sigma | {"around": around})
        return single(found, around, "S/m", f"{n} × {n} voxels")

    return _proof(
        "neutral_disc", "a coated disc leaves Hashin and Shtrikman's medium as it was",
        "σ = σ₁ + φ₂/(1/(σ₂ − σ₁) + φ₁/2σ₁)", NEUTRAL, COATED, measure,
    )  # fmt: skip


def _disc_area() -> Proof:
    """Length of a circle drawn in voxels; its centre lies anywhere in one."""

    def measure() -> Outcome:
        radius, h = 23.7, 1.3e-7
        at = np.indices((62, 62)) + 0.5
        inside = (at[0] - 31.137) ** 2 + (at[1] - 30.709) ** 2 < radius**2
        s = Microstructure(inside.astype(np.uint8), (h, h), ("outside", "inside"))
        stairs = interface_area(s, "inside", "outside", corrected=False) / (2 * pi * radius * h)
        note = f"radius of {radius} voxels; stairs alone: {stairs:.3f} times as long, 4/π = 1.273"
        return single(interface_area(s, "inside", "outside"), 2 * pi * radius * h, "m", note)

    return _proof(
        "area", "length of the boundary of a disc from its voxels", "Σ A_f |n_k| = 2πr", "geometry", STAIRS, measure
    )


def _proof(
    name: str,
    title: str,
    equation: str,
    source: str,
    tolerance: float,
    measure: Callable[[], Outcome],
    order: float | None = None,
) -> Proof:
    return Proof(f"{FAMILY}.{name}", title, FAMILY, equation, source, tolerance, measure, order)


def proofs(settings: Settings) -> list[Proof]:
    """Effective media, percolation and areas; electrodes resolved on pictures; probes on bodies of revolution."""
    found = [*_laminates(), *_checkerboards(), *_resistor_and_capacitor(), *_self_dual(1), *_self_dual(2)]
    found += [_threshold(settings), _neutral_disc(), _disc_area()]
    return found + picture_electrodes.proofs(FAMILY, settings) + picture_probes.proofs(FAMILY)
