"""Derivatives of the small-signal equations by parameters, and what they do to Z.

With x and v of `miecsim.solvers.adjoint`, a face between nodes l and r and a node i contribute

    dZ = - (v_l - v_r) . [dK_left (x_l - x_r) + (dK_left - dK_right) x_r] - v_i . (dS_g + i w dS_c + d(Y M)) x_i.

Only entries of the equations that some parameter changes enter; for all parameters together they are one product of
matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from miecsim.blocks import Blocks
from miecsim.errors import InputError
from miecsim.inverse.colours import Parts, PartsAt, differences
from miecsim.inverse.family import Family, Parameters, colours_in, disturbed, moved_by, rest_of
from miecsim.linearise import linearise
from miecsim.solvers.adjoint import Adjoint, adjoint
from miecsim.solvers.steady import OperatingPoint
from miecsim.typing import Array, Complex, Values

Build = Callable[[Parameters], OperatingPoint]


@dataclass(frozen=True)
class Slopes:
    """d/dp of everything in `Blocks` that depends on a parameter, p (n_p,) first.

    K_left, K_right (n_p, F, m, m); S_g, S_c (n_p, N, m, m); extras: law (n_p, n_f) and matrix (n_p, n, m, m) of each;
    junctions: left_c, right_c, law, left_e, right_e of each; contacts: t (n_p, n, m) and admittance (n_p, n_f, n).
    """

    K_left: Array
    K_right: Array
    S_g: Array
    S_c: Array
    extras: tuple[tuple[Complex, Array], ...]
    junctions: tuple[tuple[Array, Array, Complex, Array, Array], ...]
    contacts: tuple[tuple[Array, Complex], ...]


def by_line(
    build: Build,
    parameters: Mapping[str, float],
    f: Array,
    point: OperatingPoint | None = None,
    compiled: bool | None = None,
) -> tuple[Complex, Complex]:
    """Z (n_f,) and dZ/dp (n_p, n_f) of a line at frequencies f [Hz]; see `miecsim.inverse.gradients.gradients`.
    point: what `build` makes of the parameters, where it is known already; compiled: see `gradients`."""
    omega, point = 2 * np.pi * f, build(parameters) if point is None else point
    blocks = point.small_signal.blocks
    if isinstance(build, Family):
        slopes = _of_family(build, parameters, point, omega)
    else:
        slopes = _read(differences(_checked(lambda p: build(p).small_signal.blocks, blocks, omega), parameters), blocks)
    found = adjoint(blocks, omega, compiled)
    return found.Z, change_of_Z(found, blocks, slopes, omega)


def _checked(blocks_at: Callable[[Parameters], Blocks], blocks: Blocks, omega: Array) -> PartsAt:
    """Parts of the equations at some parameters, which must be of the same make as `blocks`."""

    def parts_at(values: Parameters) -> Parts:
        moved = blocks_at(values)
        _check_same(blocks, moved)
        return _parts(moved, omega)

    return parts_at


def _of_family(family: Family, parameters: Parameters, point: OperatingPoint, omega: Array) -> Slopes:
    """Along the state: at rest that of each system, else from the derivatives of the equations at one state."""
    blocks = point.small_signal.blocks
    if family.at_rest:

        def resting(values: Parameters) -> Blocks:
            system = family.system(values)
            return linearise(system, *rest_of(system))

        parts_at = _checked(resting, blocks, omega)
        return _read(differences(parts_at, parameters, colours_in(family, "line", parts_at, parameters)), blocks)
    demand = family.demand(point.system, parameters)

    def standing(values: Parameters, at: OperatingPoint = point) -> Parts:
        system = family.system(values)
        moved = linearise(system, at.u, at.voltages)
        _check_same(blocks, moved)
        return family.left_over(at, demand, system, values) + _parts(moved, omega)

    anywhere = partial(standing, at=disturbed(point))  # a state in which nothing vanishes by symmetry
    parts = differences(standing, parameters, colours_in(family, "line", anywhere, parameters))
    du, dV = moved_by(point, demand, parts[:3])
    return _read([a + b for a, b in zip(parts[3:], _along(point, du, dV, omega), strict=True)], blocks)


def _along(point: OperatingPoint, du: Array, dV: Array, omega: Array) -> Parts:
    """What states that move by du (n_p, m, N) and dV (n_p, P) per unit of a parameter change in the equations."""
    system = point.system
    state_map = system.laws.state_map
    size = np.full(point.u.shape, state_map.thermal_voltage)
    for k, carrier in enumerate(state_map.carriers):
        if carrier.stored:
            size[k] = np.maximum(np.abs(point.u[k]), np.finfo(float).tiny)
    out: list[Parts] = []
    for du_p, dV_p in zip(du, dV, strict=True):
        fastest = max(np.max(np.abs(du_p) / size, initial=0.0), np.max(np.abs(dV_p)) / state_map.thermal_voltage)
        unit = 1.0 / fastest if fastest > 0 else 1.0

        def parts_at(values: Parameters, du_p: Array = du_p, dV_p: Array = dV_p, unit: float = unit) -> Parts:
            way = values["way"] * unit
            return _parts(linearise(system, point.u + way * du_p, point.voltages + way * dV_p), omega)

        out.append([part[0] / unit for part in differences(parts_at, {"way": 0.0})])
    return [np.array(parts) for parts in zip(*out, strict=True)]


def _parts(blocks: Blocks, omega: Array) -> Parts:
    """Everything that may depend on a parameter, in a fixed order; `_read` puts it back in its places."""
    out: Parts = [blocks.K_left, blocks.K_right, blocks.S_g, blocks.S_c]
    for extra in blocks.extras:
        out += [extra.law(omega), extra.matrix]
    for j in blocks.junctions:
        law = np.zeros(omega.size, dtype=complex) if j.law is None else j.law(omega)
        out += [j.left_c, j.right_c, law, j.left_e, j.right_e]
    for contact in blocks.contacts:
        out += [contact.t, contact.admittance(omega)]
    return out


def _read(whole: Sequence[Values], blocks: Blocks) -> Slopes:
    parts = iter(whole)

    def take(n: int) -> tuple[Values, ...]:
        return tuple(next(parts) for _ in range(n))

    K_left, K_right, S_g, S_c = take(4)
    extras = tuple(take(2) for _ in blocks.extras)
    junctions = tuple(take(5) for _ in blocks.junctions)
    contacts = tuple(take(2) for _ in blocks.contacts)
    return Slopes(K_left, K_right, S_g, S_c, extras, junctions, contacts)  # type: ignore[arg-type]


def _check_same(blocks: Blocks, moved: Blocks) -> None:
    """Whether two sets of equations are of the same make."""
    same = len(blocks.extras) == len(moved.extras) and len(blocks.junctions) == len(moved.junctions)
    same = same and len(blocks.contacts) == len(moved.contacts)
    pairs = [(b.left, b.right, b.active) for b in (blocks, moved)]
    same = same and all(np.array_equal(a, b) for a, b in zip(*pairs, strict=True))
    same = same and all(np.array_equal(a.nodes, b.nodes) for a, b in zip(blocks.extras, moved.extras, strict=False))
    same = same and all(a.strong == b.strong for a, b in zip(blocks.contacts, moved.contacts, strict=False))
    if not same:
        raise InputError(
            "gradients: a small change of a parameter changes which equations there are; use a grid that does not "
            "depend on it, and values at which nothing vanishes"
        )


# ---------------------------------------------------------------- what they do to Z


def change_of_Z(found: Adjoint, blocks: Blocks, slopes: Slopes, omega: Array) -> Complex:
    """dZ/dp (n_p, n_f)."""
    x, v = found.x, found.v
    fall, drop = v[:, blocks.left] - v[:, blocks.right], x[:, blocks.left] - x[:, blocks.right]
    there = x[:, blocks.right]
    total = _product(slopes.K_left, fall, drop) + _product(slopes.K_left - slopes.K_right, fall, there)
    total += _product(slopes.S_g, v, x) + 1j * omega * _product(slopes.S_c, v, x)
    for extra, (law, matrix) in zip(blocks.extras, slopes.extras, strict=True):
        ends = v[:, extra.nodes], x[:, extra.nodes]
        total += law * _product(extra.matrix[None], *ends) + extra.law(omega) * _product(matrix, *ends)
    for j, (left_c, right_c, law, left_e, right_e) in zip(blocks.junctions, slopes.junctions, strict=True):
        at = (fall[:, j.faces], drop[:, j.faces]), (fall[:, j.faces], there[:, j.faces])
        own = np.zeros(omega.size, dtype=complex) if j.law is None else j.law(omega)
        for factor, left, right in (
            (1j * omega, left_c, right_c),
            (law, j.left_e[None], j.right_e[None]),
            (own, left_e, right_e),
        ):
            total += factor * (_product(left, *at[0]) + _product(left - right, *at[1]))
    return -(total + _contacts(found, blocks, slopes, omega))


def _contacts(found: Adjoint, blocks: Blocks, slopes: Slopes, omega: Array) -> Complex:
    total = np.zeros((len(slopes.K_left), omega.size), dtype=complex)
    for c, (dt, dy) in zip(blocks.contacts, slopes.contacts, strict=True):
        x = found.x[:, c.nodes]
        change = np.einsum("fnm,pnm->pfn", x, dt)
        if c.strong:
            total += np.einsum("pfn,fn->pf", change, found.imposed[:, c.nodes, c.row])
            continue
        per_charge = 1j * omega if c.charge_row else np.ones(omega.size)
        held = found.v[:, c.nodes, c.row] - (per_charge * found.V_adj[:, c.port])[:, None]
        driving = np.einsum("fnm,nm->fn", x, c.t) - found.V[:, c.port, None]
        total += np.einsum("fn,pfn->pf", held, dy * driving + c.admittance(omega) * change)
    return total


def _product(slope: Array, v: Complex, x: Complex) -> Complex:
    """Sum over places n of v_n . slope_n x_n: (n_p, n, m, m), (n_f, n, m), (n_f, n, m) -> (n_p, n_f)."""
    n, r, c = np.nonzero(np.any(slope != 0, axis=0))
    entries = slope[:, n, r, c]
    pairs = v[:, n, r] * x[:, n, c]
    return np.asarray(entries @ pairs.real.T + 1j * (entries @ pairs.imag.T))
