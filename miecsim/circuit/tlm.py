"""Lines in closed form: de Levie's pore, the two-rail line, mixed conductors, and their finite-volume ladders.

Rail 1 carries ions, rail 2 electrons; `Phi_k` are rail voltages (electrochemical potential / z_k F). With z1, z2
[ohm/m] and z_f [ohm m] (interfacial impedance times length)

    Phi_1' = -z1 i_1,   Phi_2' = -z2 i_2,   i_1' = -i_2' = -(Phi_1 - Phi_2)/z_f.

For a composite of area A: z1 = 1/(sigma_ion A), z2 = 1/(sigma_eon A), z_f = Z_interface/(A a_v) with Z_interface
[ohm m2] and a_v [1/m]; for a mixed conductor z_f = 1/(j w c_chem A). With A = 1 every result is per area [ohm m2].

R. de Levie, Electrochim. Acta 8 (1963) 751; G. Paasch, K. Micka, P. Gersdorf, Electrochim. Acta 38 (1993) 2653;
J. Bisquert, Phys. Chem. Chem. Phys. 2 (2000) 4185; J. Jamnik, J. Maier, J. Electrochem. Soc. 146 (1999) 4183 and Phys.
Chem. Chem. Phys. 3 (2001) 1668. The formulas were derived anew and are tested against the matrix exponential of the
equations above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from miecsim.circuit.elements import (
    Impedance,
    add_series,
    as_complex,
    branches_of,
    coth_excess,
    csch_deficit,
    eliminate,
    is_short,
    merge,
    nodal_admittance,
    reciprocal,
    tanh_over_x,
    x_coth_x,
    x_csch_x,
)
from miecsim.constants import FARADAY, GAS_CONSTANT
from miecsim.errors import InputError
from miecsim.typing import Array, Complex

Side = Literal["left", "right"]
CONFIGURATIONS = ("ie", "ee", "ii", "ie_same", "ie_same_short", "i_both", "e_both", "both_both", "ii_ee")


def de_levie(r: Impedance, z_wall: Impedance, length: float, end: Impedance | None = None) -> Complex:
    """Impedance [ohm] (n_f,) of a pore: Z = sqrt(r z_w) coth(L sqrt(r/z_w)) for an insulating bottom.

    r [ohm/m] along the pore, z_wall [ohm m] wall impedance times length, `end` [ohm] the impedance Z_e of the pore's
    bottom: Z = Z_c (Z_e + Z_c tanh x)/(Z_c + Z_e tanh x). Evaluated without forming Z_c, so r may be 0. de Levie 1963.
    """
    total, wall = as_complex(r) * length, as_complex(z_wall) / length
    x = np.sqrt(total / wall)
    if end is None:
        return wall * x_coth_x(x)
    opened = np.isinf(as_complex(end))
    z_end, t = np.where(opened, 0, as_complex(end)), tanh_over_x(x)
    return np.where(opened, wall / t, (z_end + total * t) / (1 + z_end / wall * t))


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
    ratio = as_complex(length) * (as_complex(z1) + z2) * reciprocal(z_f)
    x = np.sqrt(length * ratio)
    return _line_admittance(as_complex(z1), as_complex(z2), as_complex(z12), length, x, np.zeros_like(x))


def ladder_admittance(
    z1: Impedance, z2: Impedance, z_f: Impedance, length: float, n_cells: int, z12: Impedance = 0.0
) -> Complex:
    """`two_rail_admittance` of a ladder of n_cells cell-centred control volumes, half a resistance at both ends.

    Exact, with h = L/n and sinh(theta/2) = sqrt(z_s h^2/z_f)/2: the continuum formulas with x -> n theta and
    Z_c -> Z_c cosh(theta/2).
    """
    if n_cells < 1:
        raise InputError(f"a ladder of {n_cells} cells; at least 1 is needed")
    h = length / n_cells
    half = np.arcsinh(np.sqrt(h * h * (as_complex(z1) + z2) * reciprocal(z_f)) / 2)
    return _line_admittance(
        as_complex(z1), as_complex(z2), as_complex(z12), length, 2 * n_cells * half, coth_excess(half)
    )


def _line_admittance(z1: Complex, z2: Complex, z12: Complex, length: float, x: Complex, excess: Complex) -> Complex:
    """The four-terminal line whose characteristic impedance is z_s L (1 + excess)/x."""
    z_s = z1 + z2
    unit = 1 / (z_s * length)
    through = z1 * z2 + z12 * z_s
    if np.any(through == 0):
        raise InputError("two-rail line: a rail of zero resistance has no nodal admittance; use two_rail_impedance")
    cross = z12 * z_s / through  # 1 - z_p/(z_p + z12)
    same_side = unit * ((coth_excess(x) - excess) / (1 + excess) + cross)
    diagonal = unit * ((csch_deficit(x) + excess) / (1 + excess) - cross)
    direct = x_csch_x(x) / (1 + excess)
    shape = np.broadcast_shapes(same_side.shape, z1.shape, z2.shape)
    branches = np.zeros((*shape, 4, 4), dtype=np.complex128)
    for i, j, value in (
        (0, 1, same_side),
        (2, 3, same_side),
        (0, 3, diagonal),
        (1, 2, diagonal),
        (0, 2, unit * (z2 * z2 / through + direct)),
        (1, 3, unit * (z1 * z1 / through + direct)),
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
    if configuration not in CONFIGURATIONS:
        raise InputError(f"two-rail configuration: read {configuration!r}; allowed {', '.join(CONFIGURATIONS)}")
    a, b, zf = as_complex(z1), as_complex(z2), as_complex(z_f)
    z_s = a + b
    x = np.sqrt(length * length * z_s / zf)
    total, interface = z_s * length, zf / length  # Z_c x and Z_c/x
    if configuration == "ie_same":
        return interface * x_coth_x(x)
    if configuration == "ie_same_short":
        return total * tanh_over_x(x)
    if configuration == "ii_ee":
        return interface * x_coth_x(x / 2)
    through = (a * b / z_s + as_complex(z12)) * length
    t1, t2 = b / z_s, a / z_s
    if configuration == "ie":
        return through + interface * ((t1 * t1 + t2 * t2) * x_coth_x(x) + 2 * t1 * t2 * x_csch_x(x))
    share = {"ee": t1 * t1, "e_both": t1 * t1, "ii": t2 * t2, "i_both": t2 * t2}.get(configuration)
    if share is None:
        return np.broadcast_to(through, x.shape).copy()
    return through + total * share * tanh_over_x(x / 2 if configuration in ("ee", "ii") else x)


# --- mixed conductors -----------------------------------------------------------------------------


@dataclass(frozen=True)
class MixedConductor:
    """Transport of an ion (1) and an electronic carrier (2) on an immobile background."""

    sigma_ion: float  # S/m
    sigma_eon: float  # S/m
    sigma_amb: float  # S/m, sigma_ion sigma_eon/(sigma_ion + sigma_eon)
    c_chem: float  # F/m^3, chemical capacitance per volume
    D_chem: float  # m^2/s, sigma_amb/c_chem


def mixed_conductor_parameters(
    charges: Sequence[float], concentrations: Sequence[float], diffusivities: Sequence[float], temperature: float
) -> MixedConductor:
    """Dilute mixed conductor: sigma_k = z_k^2 F^2 c_k D_k/RT, c_chem = (F^2/RT)/(1/(z_1^2 c_1) + 1/(z_2^2 c_2)).

    charges [-], concentrations [mol/m3], diffusivities [m2/s] of (ion, electron or hole); temperature [K]. Jamnik and
    Maier 2001.
    """
    scale = FARADAY**2 / (GAS_CONSTANT * temperature)
    kappa_1, kappa_2 = (scale * z * z * c for z, c in zip(charges, concentrations, strict=True))
    sigma_ion, sigma_eon = kappa_1 * diffusivities[0], kappa_2 * diffusivities[1]
    sigma_amb = sigma_ion * sigma_eon / (sigma_ion + sigma_eon)
    c_chem = kappa_1 * kappa_2 / (kappa_1 + kappa_2)
    return MixedConductor(sigma_ion, sigma_eon, sigma_amb, c_chem, sigma_amb / c_chem)


def symmetric_mixed_conductor(
    omega: Array,
    sigma_ion: float,
    sigma_eon: float,
    c_chem: float,
    length: float,
    area: float = 1.0,
    contact_ion: Impedance = 0.0,
    contact_eon: Impedance = 0.0,
) -> Complex:
    """Impedance [ohm] (n_f,) of contact | mixed conductor | contact, both contacts equal; infinite contact = blocking.

    With a, b the contact impedances of ions and electrons, X = Z_c tanh(x/2), t the transference numbers:
    Z = L/(sigma A) + 2 [a b + X(t_ion^2 a + t_eon^2 b)]/(a + b + X). Jamnik and Maier 1999; W. Lai, S. M. Haile, J. Am.
    Ceram. Soc. 88 (2005) 2979.
    """
    sigma = sigma_ion + sigma_eon
    t_ion, t_eon = sigma_ion / sigma, sigma_eon / sigma
    w = np.atleast_1d(np.asarray(omega, dtype=np.float64))
    z_s = sigma / (sigma_ion * sigma_eon * area)
    half = np.sqrt(1j * w * c_chem * area * z_s) * length / 2
    line = z_s * length / 2 * tanh_over_x(half)
    a, b = np.broadcast_arrays(as_complex(contact_ion), as_complex(contact_eon))
    blocked_a, blocked_b = np.isinf(a), np.isinf(b)
    a, b = np.where(blocked_a, 0, a), np.where(blocked_b, 0, b)
    partial = (a * b + line * (t_ion**2 * a + t_eon**2 * b)) / (a + b + line)
    partial = np.where(blocked_a, b + t_ion**2 * line, np.where(blocked_b, a + t_eon**2 * line, partial))
    total = length / (sigma * area) + 2 * partial
    return np.where(blocked_a & blocked_b, complex(np.inf, 0), total)


def film_on_blocking_substrate(
    omega: Array, R_0: float, R_i: float, C_i: float, C_e: float, R_s: float, C_s: float
) -> Complex:
    """Impedance (n_f,) of a mixed-conducting film on an electron-blocking substrate.

    The ion line of R_i and C_i ends in the surface exchange z_a = R_s/(1 + s R_s C_s), s = j w; the interface to the
    substrate, z_d = 1/(s C_e), lies in parallel, R_0 in series. With a = sqrt(s R_i C_i) this is the printed
    Z = R_0 + [R_i z_d tanh a + z_d z_a a]/[(R_i + z_a z_d a^2/R_i) tanh a + (z_a + z_d) a]
    of the authors' fitting program for La1-xSrxMnO3 microelectrodes (github.com/hailegroup/LSM-type_fitting).
    """
    s = 1j * np.atleast_1d(np.asarray(omega, dtype=np.float64))
    film = de_levie(R_i, reciprocal(s * C_i), 1.0, as_complex(R_s / (1 + s * R_s * C_s)))
    return as_complex(R_0 + 1 / (1 / film + s * C_e))


# --- diffusion elements ---------------------------------------------------------------------------


def warburg_short(omega: Array, R: float, tau: float) -> Complex:
    """Finite-length (transmissive) diffusion R tanh(s)/s, s = sqrt(j w tau): R [ohm] at low frequency."""
    return R * tanh_over_x(np.sqrt(1j * np.atleast_1d(np.asarray(omega, dtype=np.float64)) * tau))


def warburg_open(omega: Array, R: float, tau: float) -> Complex:
    """Finite-space (reflective) diffusion R coth(s)/s, s = sqrt(j w tau): R/3 + R/(j w tau) at low frequency."""
    square = 1j * np.atleast_1d(np.asarray(omega, dtype=np.float64)) * tau
    return R * x_coth_x(np.sqrt(square)) / square


def gerischer(omega: Array, R: float, tau: float) -> Complex:
    """Semi-infinite diffusion with a reaction of rate 1/tau: R/sqrt(1 + j w tau)."""
    return as_complex(R / np.sqrt(1 + 1j * np.atleast_1d(np.asarray(omega, dtype=np.float64)) * tau))
