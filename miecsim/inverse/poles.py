"""The relaxation times of a model, each with the process that owns it: what the distribution of relaxation times of
its spectrum is made of.

At rest a discretisation is a circuit of resistors and capacitors, and

    Z(w) = R_inf + sum over k of R_k/(1 + i w tau_k) + 1/(i w C_dc)

(Foster 1924; `solvers.relaxation`). With x_k the shape of the potentials that decays as exp(-t/tau_k),

    1/tau_k = x_k^T G x_k / x_k^T C x_k = sum over elements of g_e v_e^2 / sum over elements of c_e v_e^2,

a Rayleigh quotient, stationary in x_k: the share of an element in the dissipation is d ln tau_k/d ln r_e, that in the
stored energy d ln tau_k/d ln c_e. A process owns a pole where it dissipates most of what decays, and keeps it where it
stores most. What a constant phase element loses inside is a share that depends on how fine its ladder is: it owns
nothing where any other process dissipates, else the process that keeps the pole owns it. Of a mutual conductance
(Onsager) each half counts to its own process, as in `circuit.attribution`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from miecsim.circuit.netlist import Netlist
from miecsim.errors import InputError
from miecsim.inverse.rc_network import CPE_LOSS, rc_form, without_cpe
from miecsim.inverse.relaxation_times import RelaxationTimes, relaxation_times
from miecsim.solvers.nodal_form import NONE, NodalForm
from miecsim.solvers.reduction import EXACT, reduce_network
from miecsim.solvers.relaxation import Relaxations, modes
from miecsim.solvers.shifted import Factorised, elimination_order
from miecsim.typing import Array, Complex

LOSSLESS = 1e-7  # share of a pole's dissipation that is none
INSTANT = 1e8  # over the highest frequency
ONE = 1e-9  # relative difference of relaxation times below which two poles are one


@dataclass(frozen=True, eq=False)
class Poles:
    """tau (k,) [s], ascending, and R (k,) of each; R_inf; C_dc, inf where a direct current passes: in ohm and F, or
    per area, as `unit` of Z says.

    shares (k, n_processes): of each process in the dissipation of each pole; storage (k, n_processes): in its stored
    energy; rows add up to 1. exact: every pole of the circuit, or (False) those of a reduced one that answers alike
    between the frequencies asked. ladder_error: largest relative error of a constant phase element's ladder.
    """

    tau: Array
    R: Array
    R_inf: float
    C_dc: float
    shares: Array
    storage: Array
    processes: tuple[str, ...]
    unit: str
    exact: bool
    ladder_error: float

    @property
    def owner(self) -> tuple[str, ...]:
        """The process that dissipates most of each pole; see the module for constant phase elements."""
        real = np.where(np.array(self.processes) == CPE_LOSS, 0.0, self.shares)
        lossy = real.max(axis=1, initial=0.0) > LOSSLESS
        largest = zip(lossy, real.argmax(axis=1), self.keeper, strict=True)
        return tuple(self.processes[i] if by_loss else keeper for by_loss, i, keeper in largest)

    @property
    def keeper(self) -> tuple[str, ...]:
        """The process that stores most of each pole."""
        return tuple(self.processes[i] for i in self.storage.argmax(axis=1))

    @property
    def polarisation(self) -> float:
        """Sum of all R_k: the resistance at w = 0 less R_inf, unless a capacitor blocks."""
        return float(self.R.sum())

    def by_owner(self) -> dict[str, float]:
        """Sum of the R_k of each process that owns any, the largest first."""
        owner = np.array(self.owner, dtype=object)
        total = {name: float(self.R[owner == name].sum()) for name in dict.fromkeys(self.owner)}
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def Z(self, frequency: Array) -> Complex:
        """The impedance (n_f,) [`unit`] that the poles add up to, at frequency (n_f,) [Hz]."""
        f = np.atleast_1d(np.asarray(frequency, dtype=float))
        return Relaxations(self.tau, self.R, self.R_inf, self.C_dc).Z(2 * np.pi * f)

    def seen(self, found: RelaxationTimes, **options: Any) -> RelaxationTimes:
        """The distribution that the method of `found` (its frequencies and its lambda) shows of these poles: what
        compares with it, as sharp and as blunt as that is. options: what else `relaxation_times` was told.

        Where direct current is blocked the capacitor is fitted beside, unless `options` say otherwise.
        """
        told: dict[str, Any] = {"capacitance": bool(np.isfinite(self.C_dc)), "regularisation": found.regularisation}
        return relaxation_times(found.frequency, self.Z(found.frequency), **(told | options))


def model_poles(
    netlist: Netlist,
    f_min: float,
    f_max: float,
    *,
    terminals: tuple[str, str] | None = None,
    tolerance: float = 1e-8,
    dimension: int = 1,
) -> Poles:
    """Poles of Z between two terminals (default: the first two) of a circuit at rest, others open: `Poles`.

    f_min, f_max [Hz]: where Z is wanted. Of up to 600 unknowns every pole is found, by a dense decomposition; of more
    those of a reduced network whose Z has an estimated relative error below `tolerance` there. A constant phase element
    is its ladder of R and C, good to `tolerance` there: its poles are as many as it takes and not its own (it has
    none), those beyond the frequencies stand for all that lies there. dimension: of the grid, by which it is chosen how
    a large circuit is solved. Raises InputError for a circuit with controlled sources (a steady current flows),
    negative elements or a user's admittance law, and for terminals that are not there or that nothing joins; SolveError
    where no reduction meets the tolerance.
    """
    if not 0 < f_min < f_max < np.inf:
        raise InputError(f"frequency: read {f_min!r} to {f_max!r} Hz; expected 0 < f_min < f_max")
    plus, ground = (netlist.terminal(name) for name in (terminals or netlist.terminals[:2]))
    if plus == ground:
        raise InputError(f"terminals: read {netlist.terminals[plus]!r} twice; expected two different ones")
    ideal, error = without_cpe(netlist, f_min, f_max, tolerance)
    form = rc_form(ideal, plus, ground)
    exact = form.n <= EXACT
    V = np.eye(form.n) if exact else _reduced(form, (f_min, f_max), tolerance, dimension)
    A, B = (part.root(V) for part in form.parts)
    found, x = modes(A, B, V[form.ports[0]], float(2 * np.pi * np.sqrt(f_min * f_max)))
    found, x = _distinct(found, V @ x, int(form.ports[0]))
    names = ideal.processes()
    dissipated, stored = _shares(ideal, form, x, names)
    used = np.any(dissipated != 0, axis=0) | np.any(stored != 0, axis=0) | (len(found.tau) == 0)
    processes = tuple(name for name, kept in zip(names, used, strict=True) if kept)
    values = found.tau, found.R, found.R_inf, found.C_dc, dissipated[:, used], stored[:, used]
    return Poles(*values, processes, netlist.unit, exact, error)


def _reduced(form: NodalForm, band: tuple[float, float], tolerance: float, dimension: int) -> Array:
    """Shapes (n, r) that make up the response between two frequencies [Hz], and that to a step's first instant: without
    it R_inf would be a pole, only faster than any other (as it is where iterations take the place of factors)."""
    reduced = reduce_network(form, *band, tolerance, dimension=dimension)
    if reduced.iterated:
        return np.hstack(reduced.V)
    drive = np.zeros((form.n, 1))
    drive[form.ports[0]] = 1.0
    fastest = Factorised.of(form.matrix(2 * np.pi * band[1] * INSTANT), elimination_order(form)).solve(drive)
    return np.hstack([*reduced.V, fastest / np.linalg.norm(fastest)])


def _distinct(found: Relaxations, x: Array, port: int) -> tuple[Relaxations, Array]:
    """Poles of one tau made one: of their shapes x (n, k) only the sum that the terminals drive is there to see."""
    if len(found.tau) < 2:
        return found, x
    starts = [0, *(np.flatnonzero(np.diff(found.tau) > ONE * found.tau[1:]) + 1).tolist(), len(found.tau)]
    tau, R, shapes = [], [], []
    for a, b in pairwise(starts):
        drive = x[port, a:b]
        tau.append(found.tau[a:b].mean())
        R.append(found.R[a:b].sum())
        shapes.append(x[:, a:b] @ (drive / np.linalg.norm(drive)))
    return Relaxations(np.array(tau), np.array(R), found.R_inf, found.C_dc), np.stack(shapes, axis=1)


def _shares(netlist: Netlist, form: NodalForm, x: Array, names: tuple[str, ...]) -> tuple[Array, Array]:
    """Of every process in dissipation and in storage (k, n_processes) of the shapes x (n, k), element by element."""
    place = form.place[:, 0]
    padded = np.concatenate([x.T, np.zeros((x.shape[1], 1))], axis=1)
    voltage = padded[:, np.where(place == NONE, form.n, place)]
    out = {kind: np.zeros((x.shape[1], len(names))) for kind in ("R", "C")}
    for group in netlist.elements:
        across = voltage[:, group.plus] - voltage[:, group.minus]
        drives = voltage[:, group.control_plus] - voltage[:, group.control_minus] if group.kind == "G" else across
        part = out["C" if group.kind == "C" else "R"]
        part[:, names.index(group.process)] += (across * drives) @ group.value
    dissipated, stored = (part / part.sum(axis=1, keepdims=True) for part in out.values())
    return dissipated, stored
