"""Which process, layer and place each ohm of a spectrum belongs to.

Tellegen's theorem: voltages that obey Kirchhoff's voltage law and currents that obey his current law satisfy
sum_b v_b i_b = 0 over all branches of a circuit, the source included, at every frequency and without complex
conjugates (Tellegen 1952). With the current I through the terminals, and every element b of the netlist,

    Z(w) = sum over b of v_b i_b / I^2.

The parts add up to Z exactly; nothing is fitted. In a reciprocal circuit they are also the sensitivities
v_b i_b / I^2 = dZ / d ln z_b to each element's impedance z_b; away from equilibrium, where controlled sources appear,
the sensitivity is v_b i_b^adj / I^2 with the adjoint circuit's current, and `sensitivity` uses that.

In a cell the processes are: ion transport, what the conductivity kappa of the electrolyte costs; salt diffusion and
electrolyte storage, what gradients and content of the salt do; electron transport; charge transfer, interface
capacitance and film at the surface of particles; particle diffusion and particle storage inside them. A source that
reads the concentration of the salt counts to salt diffusion, or to the charge transfer that it drives.

How to read a part that is negative, or larger than Z: v_b i_b is not a power but a product of phasors, so a part is
complex and its real part may have either sign. A negative real part says that enlarging that impedance would *lower*
Re Z at this frequency, by diverting current to a better path: the ion rail of a composite at frequencies where the
double layer shunts it is the usual case. It says nothing about energy, and summed over all elements the real parts
still give Re Z > 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.circuit.netlist import NOWHERE, Elements, Netlist
from miecsim.circuit.nodal import Response, element_current, element_voltage, solve, solve_adjoint
from miecsim.errors import InputError
from miecsim.typing import Array, Complex

BETWEEN = ("layer interfaces", "terminals")  # processes that belong to no layer


@dataclass(frozen=True)
class Attribution:
    """Parts of Z [`netlist.unit`] of every element; parts[i] is (n_f, n) for netlist.elements[i].

    One-sided sources, which only state the potential of a neutral face, are left out of every sum: their currents add
    up to nothing at that node.
    """

    netlist: Netlist
    frequency: Array
    Z: Complex
    parts: tuple[Complex, ...]

    @property
    def total(self) -> Complex:
        """Sum of all parts, (n_f,): Z to round-off."""
        return np.asarray(sum(part.sum(axis=1) for _, part in self._groups()))

    def by_process(self) -> dict[str, Complex]:
        """Part of each process, (n_f,): ion transport, charge transfer, chemical capacitance, ..."""
        out: dict[str, Complex] = {}
        for group, part in self._groups():
            out[group.process] = out.get(group.process, 0.0) + part.sum(axis=1)
        return out

    def by_layer(self) -> dict[str, Complex]:
        """Part of each layer, (n_f,), a face between two layers divided as its resistance is; what stands between
        layers, or between a layer and a terminal, has entries of its own."""
        out: dict[str, Complex] = {}
        for (_, layer), part in self.by_process_and_layer().items():
            out[layer] = out.get(layer, 0.0) + part
        order = [name for name in (*self.netlist.regions, *BETWEEN) if name in out]
        return {name: out[name] for name in order}

    def by_process_and_layer(self) -> dict[tuple[str, str], Complex]:
        """Part of each process in each layer, (n_f,), keyed (process, layer)."""
        out: dict[tuple[str, str], Complex] = {}
        for group, part in self._groups():
            for layer, name in enumerate(self.netlist.regions):
                share = _layer_share(group, layer)
                if share.any():
                    key = group.process, group.process if group.process in BETWEEN else name
                    out[key] = out.get(key, 0.0) + part @ share
        return out

    def along(self, edges: Array) -> dict[str, Complex]:
        """Part of each process in each interval of `edges` (n_x + 1,) [m] along the cell, (n_f, n_x).

        An element between two control volumes is divided as its half cells are: with the cells' own edges this is Z
        cell by cell. InputError unless edges rise and hold the whole cell.
        """
        rising = edges.ndim == 1 and edges.size > 1 and bool(np.all(np.diff(edges) > 0))
        first, last = self.netlist.extent
        reach = 1e-9 * (last - first)
        if not rising or edges[0] > first + reach or edges[-1] < last - reach:
            raise InputError(f"edges: expected rising positions from {first:.4g} to {last:.4g} m")
        out: dict[str, Complex] = {}
        for group, part in self._groups():
            share = np.zeros((group.n, edges.size - 1))
            for x, weight in ((group.place.x_left, group.place.share), (group.place.x_right, 1 - group.place.share)):
                interval = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, edges.size - 2)
                np.add.at(share, (np.arange(group.n), interval), weight)
            out[group.process] = out.get(group.process, 0.0) + part @ share
        return out

    def dominant(self) -> tuple[str, ...]:
        """Name of the process with the largest |part| at each frequency."""
        parts = self.by_process()
        size = np.stack([np.abs(part) for part in parts.values()])
        return tuple(list(parts)[i] for i in size.argmax(axis=0))

    def _groups(self) -> list[tuple[Elements, Complex]]:
        pairs = zip(self.netlist.elements, self.parts, strict=True)
        return [(group, part) for group, part in pairs if not np.any(group.minus == NOWHERE)]


def _layer_share(group: Elements, layer: int) -> Array:
    """Part of each element that lies in a layer, (n,)."""
    place = group.place
    left, right = place.left == layer, place.right == layer
    return np.where(left, place.share, 0.0) + np.where(right, 1.0 - place.share, 0.0)


def attribute(netlist: Netlist, frequency: Array, terminals: tuple[str, str] | None = None) -> Attribution:
    """Split Z between two terminals (default: the first two) into the parts of its elements; see the module.

    frequency (n_f,) [Hz]. Raises InputError and SolveError as `nodal.solve`.
    """
    response = solve(netlist, frequency, terminals)
    return Attribution(netlist, response.frequency, response.Z, _products(netlist, response, response.voltage))


def sensitivity(netlist: Netlist, frequency: Array, terminals: tuple[str, str] | None = None) -> tuple[Complex, ...]:
    """dZ / d ln z of every element, one (n_f, n) per group of `netlist.elements`, at rest and at bias.

    z = 1/y for two-poles. For a controlled source of transconductance g it is -dZ / d ln g, the same formula.
    """
    response = solve(netlist, frequency, terminals)
    adjoint = response if netlist.reciprocal else solve_adjoint(netlist, frequency, terminals)
    return _products(netlist, response, adjoint.voltage)


def _products(netlist: Netlist, response: Response, voltage: Complex) -> tuple[Complex, ...]:
    """Current of each element times the voltage across it at `voltage` (n_f, n_nodes)."""
    omega = 2 * np.pi * response.frequency
    return tuple(
        element_voltage(group, voltage) * element_current(group, response.voltage, omega) for group in netlist.elements
    )
