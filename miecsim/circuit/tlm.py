"""Lines in closed form: de Levie's pore, the two-rail line with any terminals, and their finite-volume ladders.

Rail 1 carries ions, rail 2 electrons; `Phi_k` are rail voltages (electrochemical potential / z_k F). With z1, z2
[ohm/m] and z_f [ohm m] (interfacial impedance times length)

    Phi_1' = -z1 i_1,   Phi_2' = -z2 i_2,   i_1' = -i_2' = -(Phi_1 - Phi_2)/z_f.

For a composite of area A: z1 = 1/(sigma_ion A), z2 = 1/(sigma_eon A), z_f = Z_interface/(A a_v) with Z_interface
[ohm m2] and a_v [1/m]; for a mixed conductor z_f = 1/(j w c_chem A) (`mixed`). With A = 1 every result is per area.

R. de Levie, Electrochim. Acta 8 (1963) 751; G. Paasch, K. Micka, P. Gersdorf, Electrochim. Acta 38 (1993) 2653;
J. Bisquert, Phys. Chem. Chem. Phys. 2 (2000) 4185. The formulas were derived anew and are tested against the matrix
exponential and the modes of the equations above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from miecsim.circuit.elements import (
    Impedance,
    add_series,
    as_complex,
    branches_of,
    coth_excess,
    coth_excess_of_square,
    csch_deficit,
    eliminate,
    is_short,
    merge,
    nodal_admittance,
    reciprocal,
    scaled,
    x_coth_x,
    x_csch_x,
)
from miecsim.errors import InputError
from miecsim.typing import Complex

Side = Literal["left", "right"]
Centred = Literal["cell", "vertex"]
CONFIGURATIONS = ("ie", "ee", "ii", "ie_same", "ie_same_short", "i_both", "e_both", "both_both", "ii_ee")


@np.errstate(under="ignore")
def de_levie(r: Impedance, z_wall: Impedance, length: float, end: Impedance | None = None) -> Complex:
    """Impedance [ohm] (n_f,) of a pore: Z = sqrt(r z_w) coth(L sqrt(r/z_w)) for an insulating bottom.

    r [ohm/m] along the pore, z_wall [ohm m] wall impedance times length, `end` [ohm] the impedance Z_e of the pore's
    bottom: Z = Z_c (Z_e + Z_c tanh x)/(Z_c + Z_e tanh x). Evaluated without forming Z_c, so r may be 0; a wall or a
    bottom that lets nothing pass is infinite. de Levie 1963.
    """
    total, wall = as_complex(r) * length, scaled(as_complex(z_wall), 1 / length)
    leak = reciprocal(wall)
    h = 1 + coth_excess_of_square(total * leak)
    if end is None:
        return scaled(wall, h)
    opened = np.isinf(as_complex(end))
    z_end = np.where(opened, 0, as_complex(end))
    closed = (z_end + total / h) / (1 + z_end * leak / h)
    return np.where(opened, scaled(wall, h), closed) if opened.any() else closed


# --- the two-rail line as a network of four terminals ---------------------------------------------


def rail_resistances(
    sigma_ion: float, sigma_eon: float, area: float = 1.0, sigma_cross: float = 0.0
) -> tuple[float, float, float]:
    """(z1, z2, z12) [ohm/m] of a conductivity matrix [S/m] with cross term: i_k = -A sum_m sigma_km Phi_m'.

    With rho = inverse of sigma: z12 = rho_12/A, z1 = (rho_11 - rho_12)/A, z2 = (rho_22 - rho_12)/A; the line then obeys
    Phi_k' = -z_k i_k - z12 (i_1 + i_2). InputError unless sigma is positive definite.
    """
    determinant = sigma_ion * sigma_eon - sigma_cross**2
    if not (sigma_ion > 0 and sigma_eon > 0 and determinant > 0):
        raise InputError(
            f"conductivities {sigma_ion}, {sigma_eon} with cross term {sigma_cross} S/m are not positive definite"
        )
    if sigma_cross == 0:
        return 1 / (sigma_ion * area), 1 / (sigma_eon * area), 0.0
    scale = determinant * area
    return (sigma_eon + sigma_cross) / scale, (sigma_ion + sigma_cross) / scale, -sigma_cross / scale


@np.errstate(under="ignore")
def two_rail_admittance(z1: Impedance, z2: Impedance, z_f: Impedance, length: float, z12: Impedance = 0.0) -> Complex:
    """Admittance [S] (n_f, 4, 4) of a uniform line, nodes (rail 1, 0), (rail 2, 0), (rail 1, L), (rail 2, L).

    Currents are counted into the line. With z_s = z1 + z2, z_p = z1 z2/z_s, x = L sqrt(z_s/z_f), Z_c = sqrt(z_s z_f),
    v = (z2, z1)/z_s, s = (1, -1) and g = 1/((z_p + z12) L)

        Y(0,0) = Y(L,L) = g v v^T + (coth x/Z_c) s s^T,   Y(0,L) = Y(L,0) = -g v v^T - (csch x/Z_c) s s^T.

    z1, z2 > 0; an infinite one is a rail that is absent (z_f is then not used); z_f may be infinite. Each entry off the
    diagonal is accurate to rounding for any x, so that `stack_admittance` and `terminate` keep the smallest leak. With
    z12 (see `rail_resistances`) the relative accuracy of that leak is 1e-16 |z12/z_p|/|x|^2: to keep all of it, leave
    z12 out here and give the sum of z12 L over the layers to `terminate`. InputError for a rail of zero resistance.
    """
    absent = bool(np.isinf(as_complex(z1)).any()), bool(np.isinf(as_complex(z2)).any())
    if any(absent):
        return _single_rail_admittance((z1, z2), absent, length)
    x = np.sqrt(length * length * (as_complex(z1) + z2) * reciprocal(z_f))
    line = _LineFunctions(coth_excess(x), csch_deficit(x), x_csch_x(x))
    return _line_admittance(as_complex(z1), as_complex(z2), as_complex(z12), length, line)


@np.errstate(under="ignore")
def ladder_admittance(
    z1: Impedance,
    z2: Impedance,
    z_f: Impedance,
    length: float,
    n_cells: int,
    z12: Impedance = 0.0,
    centred: Centred = "cell",
) -> Complex:
    """`two_rail_admittance` of a finite ladder, exact: the continuum formulas with x -> n theta, Z_c -> Z_c r^(+-1).

    h = L/n, sinh(theta/2) = sqrt(z_s h^2/z_f)/2, r = cosh(theta/2) = sqrt(1 + z_s h^2/(4 z_f)). 'cell': n
    cell-centred control volumes, half a resistance at both ends (T cells), Z_c r. 'vertex': n segments between n + 1
    vertices, half a volume at both ends (Pi cells), Z_c/r.
    """
    half = _half_angle(z1, z2, z_f, length, n_cells, centred)
    x, n = 2 * n_cells * half, n_cells
    if centred == "cell":
        f = x_coth_x(half)  # the ladder's characteristic impedance times x/(z_s L)
        excess = coth_excess(half)
        line = _LineFunctions((coth_excess(x) - excess) / f, (csch_deficit(x) + excess) / f, x_csch_x(x) / f)
    else:
        f, deficit = x_csch_x(2 * half), csch_deficit(2 * half)
        direct = x_csch_x(x) / f
        near = np.abs(half) < 0.5
        across = np.where(near, (csch_deficit(x) - deficit) / f, 1 - direct) if n > 1 else np.zeros_like(x)
        line = _LineFunctions((coth_excess(x) + deficit) / f, across, direct)
    return _line_admittance(as_complex(z1), as_complex(z2), as_complex(z12), length, line)


def _half_angle(z1: Impedance, z2: Impedance, z_f: Impedance, length: float, n_cells: int, centred: Centred) -> Complex:
    """theta/2 of a ladder."""
    if n_cells < 1:
        raise InputError(f"a ladder of {n_cells} cells; at least 1 is needed")
    if centred not in ("cell", "vertex"):
        raise InputError(f"centre of a ladder's volumes: read {centred!r}; allowed 'cell' and 'vertex'")
    h = length / n_cells
    return as_complex(np.arcsinh(np.sqrt(h * h * (as_complex(z1) + z2) * reciprocal(z_f)) / 2))


class _LineFunctions(NamedTuple):
    """z_s L coth(x)/Z_c - 1, 1 - z_s L csch(x)/Z_c and z_s L csch(x)/Z_c, each to its own relative accuracy."""

    coth_excess: Complex
    csch_deficit: Complex
    csch: Complex


@np.errstate(under="ignore")
def _line_admittance(z1: Complex, z2: Complex, z12: Complex, length: float, line: _LineFunctions) -> Complex:
    """The four-terminal network of a line or ladder."""
    z_s = z1 + z2
    unit = 1 / (z_s * length)
    through = z1 * z2 + z12 * z_s
    if np.any(through == 0):
        raise InputError("two-rail line: a rail of zero resistance has no nodal admittance; use two_rail_impedance")
    cross = z12 * z_s / through  # 1 - z_p/(z_p + z12)
    same_side = unit * (line.coth_excess + cross)
    diagonal = unit * (line.csch_deficit - cross)
    shape = np.broadcast_shapes(same_side.shape, z1.shape, z2.shape)
    branches = np.zeros((*shape, 4, 4), dtype=np.complex128)
    for i, j, value in (
        (0, 1, same_side),
        (2, 3, same_side),
        (0, 3, diagonal),
        (1, 2, diagonal),
        (0, 2, unit * (z2 * z2 / through + line.csch)),
        (1, 3, unit * (z1 * z1 / through + line.csch)),
    ):
        branches[:, i, j] = branches[:, j, i] = value
    return nodal_admittance(branches)


def _single_rail_admittance(z: tuple[Impedance, Impedance], absent: tuple[bool, bool], length: float) -> Complex:
    if all(absent):
        raise InputError("two-rail line: both rails are absent")
    rail = 1 if absent[0] else 0
    value = reciprocal(as_complex(z[rail]) * length)
    branches = np.zeros((*value.shape, 4, 4), dtype=np.complex128)
    branches[:, rail, rail + 2] = branches[:, rail + 2, rail] = value
    return nodal_admittance(branches)


@np.errstate(under="ignore")
def stack_admittance(
    layers: Sequence[Complex], interfaces: Sequence[tuple[Impedance, Impedance] | None] | None = None
) -> Complex:
    """Admittance (n_f, 4, 4) of layers (n_f, 4, 4) joined left to right, the shared nodes eliminated.

    interfaces[i] = (rail 1, rail 2) series impedances [ohm], 0 to infinity, between layers i and i+1; None joins them
    directly. A rail may be absent (zero row) on either side.
    """
    if not layers:
        raise InputError("a stack needs at least one layer")
    between = [None] * (len(layers) - 1) if interfaces is None else list(interfaces)
    if len(between) != len(layers) - 1:
        raise InputError(f"a stack of {len(layers)} layers has {len(layers) - 1} interfaces; {len(between)} are given")
    sizes = [as_complex(impedance).size for interface in between for impedance in interface or ()]
    n_f = max([layer.shape[0] for layer in layers] + sizes)
    stack = branches_of(np.broadcast_to(layers[0], (n_f, 4, 4)))
    for layer, interface in zip(layers[1:], between, strict=True):
        for rail, impedance in enumerate(interface or ()):
            stack = add_series(stack, 2 + rail, impedance)
        both = np.zeros((n_f, 6, 6), dtype=np.complex128)
        both[:, :4, :4] = stack
        both[:, 2:, 2:] += branches_of(np.broadcast_to(layer, (n_f, 4, 4)))
        stack = eliminate(both, (2, 3))
    return nodal_admittance(stack)


# --- terminals ------------------------------------------------------------------------------------


class Contact(NamedTuple):
    """A rail end joined to a port through an impedance [ohm], 0 if reversible. What is not listed is blocked."""

    port: int
    rail: int  # 0 ions, 1 electrons
    side: Side
    impedance: Impedance


@np.errstate(under="ignore")
def terminate(
    admittance: Complex,
    contacts: Sequence[Contact | tuple[int, int, Side, Impedance]],
    links: Sequence[tuple[Side, Impedance]] = (),
    common: Impedance = 0.0,
) -> Complex:
    """Port admittance [S] (n_f, P, P), zero row sums, of a line (n_f, 4, 4) with `contacts` and rail-to-rail `links`.

    `common` [ohm]: a resistance that the total current i_1 + i_2 crosses on its way from left to right without joining
    the rails: the sum of z12 L over the layers (`rail_resistances`). InputError if ideal contacts join two ports.
    """
    listed = [Contact(*contact) for contact in contacts]
    n_ports = max((contact.port for contact in listed), default=-1) + 1
    if n_ports < 2:
        raise InputError("a line needs contacts to at least two ports, numbered from 0")
    n_f = max([admittance.shape[0], *(as_complex(c.impedance).size for c in listed), as_complex(common).size])
    # Nodes: the rail ends 0..3, then each port twice, once for its contacts on either side
    n_nodes = 4 + 2 * n_ports
    branches = np.zeros((n_f, n_nodes, n_nodes), dtype=np.complex128)
    branches[:, :4, :4] = branches_of(admittance)
    joins = [(_rail_end(c.rail, c.side), 4 + n_ports * _side(c.side) + c.port, c.impedance) for c in listed]
    joins += [(_rail_end(0, side), _rail_end(1, side), impedance) for side, impedance in links]
    ties = list(range(n_nodes))
    for i, j, impedance in joins:
        if is_short(impedance, "contact or link"):
            ties = [ties[i] if tie == ties[j] else tie for tie in ties]
        else:
            branches[:, i, j] += reciprocal(impedance)
            branches[:, j, i] = branches[:, i, j]
    split = _reduce_to_ports(branches, ties, n_ports)
    return nodal_admittance(_add_common(split, n_ports, as_complex(common)))


def two_terminal(ports: Complex, plus: int = 0, minus: int = 1) -> Complex:
    """Impedance [ohm] (n_f,) between two ports with the others open; infinite where nothing joins them."""
    others = [port for port in range(ports.shape[1]) if port not in (plus, minus)]
    return reciprocal(eliminate(branches_of(ports), others)[:, 0, 1])


def _side(side: str) -> int:
    if side not in ("left", "right"):
        raise InputError(f"side of a line: read {side!r}; allowed 'left' and 'right'")
    return 0 if side == "left" else 1


def _rail_end(rail: int, side: str) -> int:
    if rail not in (0, 1):
        raise InputError(f"rail of a line: read {rail!r}; allowed 0 (ions) and 1 (electrons)")
    return 2 * _side(side) + rail


def _reduce_to_ports(branches: Complex, ties: list[int], n_ports: int) -> Complex:
    """Branches between the 2 P half ports, everything else eliminated."""
    halves = ties[4:]
    if len(set(halves)) < len(halves):
        raise InputError("ideal contacts and links join two ports: their impedance is zero")
    inner = sorted(set(ties[:4]) - set(halves))
    order = {tie: position for position, tie in enumerate([*halves, *inner])}
    merged = merge(branches, [order[tie] for tie in ties])
    return eliminate(merged, range(2 * n_ports, len(order)))


def _add_common(split: Complex, n_ports: int, common: Complex) -> Complex:
    """Join the two halves of each port; the total current from left to right meets `common` on its way.

    A voltage source V inserted into both rails shifts the ports' right halves: I = a . V_ports + b V; with V = -R I the
    ports lose the rank-one term a a^T R/(1 + b R), whose rows sum to zero.
    """
    across = split[:, :n_ports, n_ports:]
    ports = merge(split, [*range(n_ports), *range(n_ports)])
    share = across.sum(axis=2) - across.sum(axis=1)
    factor = common / (1 + common * across.sum(axis=(1, 2)))
    joined: Complex = ports + factor[:, None, None] * share[:, :, None] * share[:, None, :]
    return joined


# --- explicit two-terminal formulas ---------------------------------------------------------------


@np.errstate(under="ignore")
def two_rail_impedance(
    z1: Impedance, z2: Impedance, z_f: Impedance, length: float, configuration: str, z12: Impedance = 0.0
) -> Complex:
    """Impedance [ohm] (n_f,) of a uniform two-rail line, ends not named blocked; lambda = sqrt(z_f/z_s), x = L/lambda:

    ie             rail 1 at 0 | rail 2 at L          z_p(L + 2 lambda/sinh x) + lambda (z1^2 + z2^2)/z_s coth x
    ee             rail 2 at 0 | rail 2 at L          z_p L + 2 lambda z2^2/z_s tanh(x/2)
    ii             rail 1 at 0 | rail 1 at L          z_p L + 2 lambda z1^2/z_s tanh(x/2)
    i_both         rail 1 at 0 | both at L            z_p L + lambda z1^2/z_s tanh x
    e_both         rail 2 at 0 | both at L            z_p L + lambda z2^2/z_s tanh x
    both_both      both at 0 | both at L              z_p L
    ie_same        rail 1 at 0 | rail 2 at 0          Z_c coth x
    ie_same_short  the same, rails joined at L        Z_c tanh x
    ii_ee          rail 1 at both | rail 2 at both    (Z_c/2) coth(x/2)

    z12 (see `rail_resistances`) adds z12 L to the first six and nothing to the last three, through which no net current
    flows. Paasch 1993, Bisquert 2000. InputError for another name.
    """
    z_s, interface = as_complex(z1) + z2, scaled(as_complex(z_f), 1 / length)
    total = z_s * length
    square = 0.25 * total * reciprocal(interface)
    return _configured(z1, z2, z12, length, configuration, interface, total, square)


@np.errstate(under="ignore")
def ladder_impedance(
    z1: Impedance,
    z2: Impedance,
    z_f: Impedance,
    length: float,
    n_cells: int,
    configuration: str,
    z12: Impedance = 0.0,
    centred: Centred = "cell",
) -> Complex:
    """`two_rail_impedance` of the finite ladder of `ladder_admittance`, in closed form for each configuration.

    The formulas of `two_rail_impedance` with x -> n theta and Z_c -> Z_c r ('cell') or Z_c/r ('vertex'); z_p stays.
    """
    half = _half_angle(z1, z2, z_f, length, n_cells, centred)
    shrunk = x_csch_x(half)  # (theta/2)/sinh(theta/2), the wave number's share of the continuum's
    r = np.cosh(half) if centred == "cell" else 1 / np.cosh(half)
    interface, total = scaled(as_complex(z_f), r / shrunk / length), (as_complex(z1) + z2) * length * r * shrunk
    return _configured(z1, z2, z12, length, configuration, interface, total, (n_cells * half) ** 2)


def _configured(
    z1: Impedance,
    z2: Impedance,
    z12: Impedance,
    length: float,
    configuration: str,
    interface: Complex,
    total: Complex,
    square: Complex,
) -> Complex:
    """Impedance of a line or ladder from Z_c/x, Z_c x and (x/2)^2, all by the one function h = (x/2) coth(x/2).

    Z_c coth x = Z_c/x h + Z_c x/(4 h), Z_c csch x = Z_c/x h - Z_c x/(4 h), 2 Z_c tanh(x/2) = Z_c x/h, x coth x = h +
    (x/2)^2/h. What would cancel is contracted: t_1^2 + t_2^2 = 1 - 2 t_1 t_2 and 1 - 4 t_1 t_2 = (t_1 - t_2)^2.
    """
    if configuration not in CONFIGURATIONS:
        raise InputError(f"two-rail configuration: read {configuration!r}; allowed {', '.join(CONFIGURATIONS)}")
    z_s = as_complex(z1) + z2
    if not z_s.all():
        raise InputError("two-rail line: both rails have zero resistance")
    h = 1 + coth_excess_of_square(square)
    if configuration == "ii_ee":
        return scaled(interface, h)
    if configuration == "ie_same":
        return scaled(interface, h) + total / (4 * h)
    if configuration == "ie_same_short":
        return total / (h + square / h)
    t1, t2 = z2 / z_s, z1 / z_s
    through = (t1 * z1 + z12) * length
    if configuration == "ie":
        return scaled(interface, h) + ((0.5 * (t1 - t2)) ** 2 * total / h + through)
    if configuration == "both_both":
        return np.broadcast_to(through, np.broadcast_shapes(h.shape, through.shape)).copy()
    share = t2 * t2 if configuration in ("ii", "i_both") else t1 * t1
    return through + share * total / (h if configuration in ("ee", "ii") else h + square / h)
