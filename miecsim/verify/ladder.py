"""The finite ladder in closed form, against the same circuit drawn element by element and solved."""

from __future__ import annotations

import numpy as np

from miecsim.circuit import tlm
from miecsim.typing import Array, Complex
from miecsim.verify.proof import ConvergenceCurve, Outcome, Proof, Settings, SpectrumCurve, compare
from miecsim.verify.two_rail import BAND, CHAIN, EQUATIONS, LENGTH, SOURCE, rails, terminals, wall

FAMILY = "ladder"
NODAL = 1e-11  # of a dense solve of the drawn circuit


def drawn(omega: Array, cells: int) -> Complex:
    """Y (n_f, 4, 4) of the rail ends: per cell two half resistances on each rail and a wall impedance between them.

    The nodal matrix is assembled element by element and its inner nodes eliminated by a dense solve.
    """
    h = LENGTH / cells
    z1, z2 = rails()
    inner = 2 * cells  # cell k has nodes 2k and 2k + 1; the four ends follow
    G = np.zeros((inner + 4, inner + 4))
    B = np.zeros((inner + 4, inner + 4))

    def join(matrix: Array, a: int, b: int, y: float) -> None:
        matrix[[a, b], [a, b]] += y
        matrix[[a, b], [b, a]] -= y

    for rail, z in enumerate((z1, z2)):
        join(G, inner + rail, rail, 2 / (z * h))
        join(G, inner + 2 + rail, 2 * (cells - 1) + rail, 2 / (z * h))
        for k in range(cells - 1):
            join(G, 2 * k + rail, 2 * (k + 1) + rail, 1 / (z * h))
    for k in range(cells):
        join(B, 2 * k, 2 * k + 1, h)
    Y = G + B / wall(omega)[:, None, None]
    gain = np.linalg.solve(Y[:, :inner, :inner], Y[:, :inner, inner:])
    return np.asarray(Y[:, inner:, inner:] - Y[:, inner:, :inner] @ gain)


def _configuration(name: str, settings: Settings) -> Proof:
    def measure() -> Outcome:
        low, high = np.log10(BAND)
        f = np.logspace(low, high, 13 if settings.quick else 31)
        omega, (contacts, links) = 2 * np.pi * f, terminals(name)
        n = min(settings.cells, 60)  # a dense matrix of twice as many nodes
        closed = tlm.two_terminal(
            tlm.terminate(tlm.ladder_admittance(*rails(), wall(omega), LENGTH, n), contacts, links)
        )
        circuit = tlm.two_terminal(tlm.terminate(drawn(omega, n), contacts, links))
        value, reference, error, worst = compare(circuit, closed)
        return Outcome(
            value, reference, error, note=f"{n} cells, worst at {f[worst]:.3g} Hz",
            spectrum=SpectrumCurve(f, circuit, closed, "ohm"),
        )  # fmt: skip

    return Proof(
        f"{FAMILY}.{name}", f"ladder drawn and solved = closed form, terminals {name}", FAMILY,
        EQUATIONS[name] + "; " + CHAIN, "difference equation of a uniform ladder; derived for miecsim", NODAL, measure,
    )  # fmt: skip


def _order(settings: Settings) -> Proof:
    def measure() -> Outcome:
        omega = 2 * np.pi * np.array([BAND[0], np.sqrt(BAND[0] * BAND[1])])
        exact = tlm.two_rail_impedance(*rails(), wall(omega), LENGTH, "ie")
        cells = np.array([4, 8, 16]) * settings.cells
        contacts = terminals("ie")[0]
        found = [
            compare(
                tlm.two_terminal(tlm.terminate(tlm.ladder_admittance(*rails(), wall(omega), LENGTH, int(n)), contacts)),
                exact,
            )
            for n in cells
        ]
        errors = np.array([each[2] for each in found])
        order = float(-np.polyfit(np.log(cells), np.log(errors), 1)[0])
        value, reference, error, _ = found[-1]
        curve = ConvergenceCurve(cells.astype(float), errors)
        return Outcome(value, reference, error, order=order, note=f"up to {cells[-1]} cells", convergence=curve)

    return Proof(
        f"{FAMILY}.order",
        "ladder → line as N⁻²",
        FAMILY,
        "Z_ladder − Z_line = O(N⁻²)",
        SOURCE,
        1e-4,
        measure,
        order=2.0,
    )


def _intercept(settings: Settings) -> Proof:
    """A capacitive wall: the ladder keeps half a cell of each rail in series at infinite frequency."""

    def measure() -> Outcome:
        n, (z1, z2) = settings.cells, rails()
        line = tlm.ladder_admittance(z1, z2, 1 / (2j * np.pi * np.array([1e15])), LENGTH, n)
        value = float(tlm.two_terminal(tlm.terminate(line, terminals("ie")[0]))[0].real)
        parallel = z1 * z2 / (z1 + z2) * LENGTH
        reference = parallel * (1 - 1 / n) + (z1 + z2) * LENGTH / (2 * n)
        return Outcome(value, reference, abs(value / reference - 1), note=f"{n} cells; the line has {parallel:.5g} ohm")

    return Proof(
        f"{FAMILY}.high_frequency", "intercept of the ladder, terminals ie", FAMILY,
        "Z(∞) = z_p L (1 − 1/N) + (z₁ + z₂) L/(2N)", "difference equation of a uniform ladder", 1e-9, measure,
    )  # fmt: skip


def _low_frequency(settings: Settings) -> Proof:
    def measure() -> Outcome:
        n, r = settings.cells, 1.37e6
        omega = np.array([0.1])
        line = tlm.ladder_admittance(r, 1e-15 * r, 1 / (1j * omega * 0.083), LENGTH, n)
        Z = tlm.two_terminal(tlm.terminate(line, terminals("ie")[0]))[0]
        reference = r * LENGTH * (1 / 3 + 1 / (6 * n**2))
        return Outcome(float(Z.real), reference, float(abs(Z.real / reference - 1)), note=f"{n} cells")

    return Proof(
        f"{FAMILY}.low_frequency", "low-frequency resistance of a blocking ladder", FAMILY,
        "Re Z → R_ion (1/3 + 1/(6N²))", "difference equation of a uniform ladder", 1e-9, measure,
    )  # fmt: skip


def proofs(settings: Settings) -> list[Proof]:
    """Nine configurations against the drawn circuit, and what a finite ladder gets wrong."""
    found = [_configuration(name, settings) for name in tlm.CONFIGURATIONS]
    return [*found, _order(settings), _intercept(settings), _low_frequency(settings)]
