"""Closed forms that a study can be compared with, built from the same case by another route than the continuum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from miecsim.case import data, laws
from miecsim.case.load import Case
from miecsim.circuit import mixed, pnp, tlm
from miecsim.circuit.electrolyte import salt_cell_impedance
from miecsim.circuit.elements import lumped
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.electrolytes import BinarySalt
from miecsim.physics.layers import ChargedLayer, CompositeLayer, ConductorLayer
from miecsim.physics.models import Model
from miecsim.physics.porous import PorousLayer
from miecsim.run.build import model_of
from miecsim.typing import Array, Complex


def reference(case: Case, study: data.Study) -> dict[str, Complex]:
    """The closed form that the study names, {name: Z (n_f,)} in ohm (ohm m2 per area); empty for 'none'.

    Raises InputError where the case is not one that the formula describes.
    """
    if study.reference == "none":
        return {}
    if case.grid.coordinates != "cartesian":
        raise InputError(f'study {study.name}: reference {study.reference!r} describes a slab; use reference = "none"')
    omega = 2 * np.pi * np.asarray(study.frequency)
    return {study.reference: _FORMULAS[study.reference](case, study, omega)}


def _refuse(study: data.Study, why: str) -> InputError:
    return InputError(f"study {study.name}: reference {study.reference!r} does not describe this case: {why}")


def _impedance(law: laws.Law, omega: Array, temperature: float, area: float) -> Complex | float:
    """Impedance [ohm] of a law on `area` [m2], 0 where reversible and inf where blocking."""
    match law:
        case laws.Reversible():
            return 0.0
        case laws.Blocking():
            return np.inf
    R, C, Q = (getattr(law, name, None) for name in ("R", "C", "Q"))
    if isinstance(law, laws.ButlerVolmer):
        R = thermal_voltage(temperature) / law.exchange_current
    alpha = 1.0 if Q is None else getattr(law, "alpha", 1.0)
    return np.asarray(lumped(omega, R=R, C=C, Q=Q, alpha=alpha, Rs=getattr(law, "Rs", 0.0)) / area)


def _line(sigma: tuple[float, float], thickness: float, wall: Callable[[], Complex], area: float) -> Complex:
    """Four-terminal admittance of one layer of two rails."""
    s1, s2 = sigma
    z = [np.inf if s == 0 else 1 / (s * area) for s in (s1, s2)]
    z_f = np.inf if 0 in (s1, s2) else wall()
    return tlm.two_rail_admittance(z[0], z[1], z_f, thickness)


def _terminated(case: Case, study: data.Study, omega: Array, model: Model, lines: list[Complex]) -> Complex:
    """Wire the stacked lines as the study says and read the first two terminals."""
    area, temperature = case.area or 1.0, case.temperature
    names = [layer.name for layer in model.layers]
    rails = [c.name for c in model.carriers[:2]]
    between: list[tuple[Complex | float, Complex | float] | None] = [None] * (len(lines) - 1)
    for i in case.interfaces:
        pair = list(between[names.index(i.left)] or (0.0, 0.0))
        pair[rails.index(i.carrier)] = _impedance(i.law, omega, temperature, area)
        between[names.index(i.left)] = (pair[0], pair[1])
    line = tlm.stack_admittance(lines, between)
    contacts = [
        tlm.Contact(port, rails.index(c.carrier), _side(c.side), _impedance(c.law, omega, temperature, area))
        for port, t in enumerate(study.terminals)
        for c in t.contacts
        if not isinstance(c.law, laws.Blocking)
    ]
    links = [
        (_side(link.side), _impedance(link.law, omega, temperature, area))
        for link in study.links
        if not isinstance(link.law, laws.Blocking)
    ]
    return tlm.two_terminal(tlm.terminate(line, contacts, links))


def _side(side: str) -> tlm.Side:
    return "left" if side == "left" else "right"


def _two_rail(case: Case, study: data.Study, omega: Array) -> Complex:
    model, area = model_of(case), case.area or 1.0
    lines = []
    for layer, given in zip(model.layers, case.layers, strict=True):
        if not isinstance(layer, CompositeLayer) or not isinstance(given.material, data.Composite):
            raise _refuse(study, "its layers are not composite electrodes; try mixed_conductor")
        if layer.sigma_cross:
            raise _refuse(study, "a cross conductivity is present")
        interface = given.material.interface

        def wall(interface: data.VolumeInterface | None = interface) -> Complex:
            if interface is None:
                return np.full(omega.size, np.inf + 0j)
            z = _impedance(interface.law, omega, case.temperature, area * interface.area_density)
            return np.asarray(z * np.ones(omega.size, dtype=complex))

        lines.append(_line((layer.sigma_ion, layer.sigma_eon), layer.thickness, wall, area))
    return _terminated(case, study, omega, model, lines)


def _porous_electrode(case: Case, study: data.Study, omega: Array) -> Complex:
    """Layers of a single-ion conductor with particles as the wall (Meyers et al. 2000). A log-normal distribution is
    averaged with so many classes of size that their number no longer shows."""
    from miecsim.run.meyers import NoClosedFormError, wall_of

    area, lines, model = case.area or 1.0, [], model_of(case)
    try:
        for layer, given in zip(model.layers, case.layers, strict=True):
            wall = wall_of(layer, given, omega, case.temperature, area)
            sigma = (layer.sigma_ion, layer.sigma_eon) if isinstance(layer, PorousLayer) else (0.0, 0.0)
            lines.append(_line(sigma, given.thickness, wall, area))
    except NoClosedFormError as error:
        raise _refuse(study, str(error)) from None
    return _terminated(case, study, omega, model, lines)


def _salt_cell(case: Case, study: data.Study, omega: Array) -> Complex:
    """A salt in one separator between two electrodes of its cation, whose contacts come in series."""
    model, area, ends = model_of(case), case.area or 1.0, [t.contacts for t in study.terminals]
    layer = model.layers[0]
    plain = len(model.layers) == 1 and isinstance(layer, PorousLayer) and not layer.particles and layer.sigma_eon == 0
    if not plain or not isinstance(layer, PorousLayer) or not isinstance(layer.electrolyte, BinarySalt):
        raise _refuse(study, "it needs one layer with a salt and without particles")
    places = sorted((c.side, c.carrier) for contacts in ends for c in contacts)
    if places != [("left", "ion"), ("right", "ion")] or len(ends) != 2:
        raise _refuse(study, "it needs one terminal on the ions at either side")
    salt = layer.electrolyte
    given = (salt.conductivity, salt.diffusivity, salt.transference_number, salt.thermodynamic_factor)
    c = np.array([salt.concentration])
    kappa, D, t, factor = (float(np.real(np.ravel(value(c) if callable(value) else value)[0])) for value in given)
    Z = salt_cell_impedance(
        omega,
        layer.transport * kappa,
        layer.transport * D,
        t,
        salt.concentration,
        layer.thickness,
        thermodynamic_factor=factor,
        porosity=layer.porosity,
        temperature=case.temperature,
        area=area,
    )
    return np.asarray(Z + sum(_impedance(c.law, omega, case.temperature, area) for end in ends for c in end))


def _de_levie(case: Case, study: data.Study, omega: Array) -> Complex:
    layer, area = case.layers[0], case.area or 1.0
    m = layer.material
    if len(case.layers) != 1 or not isinstance(m, data.Composite) or m.ion is None or m.interface is None:
        raise _refuse(study, "it needs one composite layer with an interface")
    if study.preset != "battery":
        raise _refuse(study, "it needs the battery terminals (ions in at one end, electrons out at the other)")
    z = _impedance(m.interface.law, omega, case.temperature, area * m.interface.area_density)
    return tlm.de_levie(1 / (m.ion.conductivity * area), z, layer.thickness)


def _mixed_conductor(case: Case, study: data.Study, omega: Array) -> Complex:
    model, area = model_of(case), case.area or 1.0
    lines = []
    for layer in model.layers:
        if isinstance(layer, ConductorLayer) and layer.permittivity is None and not layer.sigma_cross:
            c_chem, sigma = layer.chemical_capacitance, (layer.sigma_ion, layer.sigma_eon)
        elif isinstance(layer, ChargedLayer) and layer.permittivity is None and len(layer.carriers) == 2:
            c_chem = layer.chemical_capacitance(case.temperature)
            sigma = (layer.sigma(0, case.temperature), layer.sigma(1, case.temperature))
        else:
            raise _refuse(study, "it needs two electroneutral carriers without cross conductivity in every layer")

        def wall(c: float = c_chem) -> Complex:
            return np.asarray(1 / (1j * omega * c * area))

        lines.append(_line(sigma, layer.thickness, wall, area))
    return _terminated(case, study, omega, model, lines)


def _film(case: Case, study: data.Study, omega: Array) -> Complex:
    layer = model_of(case).layers[0]
    links = {link.side: link.law for link in study.links}
    contact = study.terminals[0].contacts[0]
    fits = (
        len(case.layers) == 1
        and isinstance(layer, ConductorLayer)
        and layer.permittivity is None
        and isinstance(links.get("left"), laws.Capacitor)
        and isinstance(links.get("right"), laws.RC)
        and (contact.side, contact.carrier) == ("left", "ion")
        and isinstance(contact.law, laws.Resistance)
    )
    if not fits or not isinstance(layer, ConductorLayer):
        raise _refuse(
            study,
            "it needs one layer, ions fed through a resistance and a capacitor link at the left, and an r_c link "
            "at the right",
        )
    area = case.area or 1.0
    left, right = links["left"], links["right"]
    assert isinstance(left, laws.Capacitor) and isinstance(right, laws.RC) and isinstance(contact.law, laws.Resistance)
    return mixed.film_on_blocking_substrate(
        omega,
        R_0=contact.law.R / area,
        R_i=layer.thickness / (layer.sigma_ion * area),
        C_i=layer.chemical_capacitance * layer.thickness * area,
        C_e=left.C * area,
        R_s=right.R / area,
        C_s=right.C * area,
    )


def _linear_pnp(case: Case, study: data.Study, omega: Array) -> Complex:
    layer = model_of(case).layers[0]
    if len(case.layers) != 1 or not isinstance(layer, ChargedLayer) or layer.permittivity is None:
        raise _refuse(study, "it needs one layer with a permittivity")
    mobile = [c for c in layer.carriers if c.mobile]
    net = sum(c.charge * c.concentration for c in layer.carriers) * FARADAY + (layer.fixed_charge or 0.0)
    if layer.fixed_charge is not None and abs(net) > 1e-6 * FARADAY * max(c.concentration for c in mobile):
        raise _refuse(study, "the layer is not neutral at rest, so that its bands are not flat")
    if any(np.isfinite(c.site_density) or c.thermodynamic_factor != 1 for c in mobile):
        raise _refuse(study, "its carriers are not dilute")
    ends = {}
    for t in study.terminals:
        stern: float | None = 0.0
        g: dict[str, complex | Complex] = {c.name: 0.0 for c in mobile}
        for contact in t.contacts:
            z = _impedance(contact.law, omega, case.temperature, 1.0)
            if contact.carrier == "potential":
                stern = contact.law.C if isinstance(contact.law, laws.Capacitor) else None
            else:
                g[contact.carrier] = np.inf if isinstance(contact.law, laws.Reversible) else 1 / z
        ends[t.contacts[0].side] = pnp.FlatContact(stern, tuple(g.values()))
    if set(ends) != {"left", "right"}:
        raise _refuse(study, "it needs one terminal at either side")
    Z = pnp.linear_pnp_impedance(
        omega,
        [c.charge for c in mobile],
        [c.concentration for c in mobile],
        [c.diffusivity for c in mobile],
        layer.permittivity,
        layer.thickness,
        case.temperature,
        ends["left"],
        ends["right"],
    )
    return np.asarray(Z / (case.area or 1.0))


_FORMULAS: dict[str, Callable[[Case, data.Study, Array], Complex]] = {
    "two_rail": _two_rail,
    "de_levie": _de_levie,
    "mixed_conductor": _mixed_conductor,
    "film_on_blocking_substrate": _film,
    "linear_pnp": _linear_pnp,
    "porous_electrode": _porous_electrode,
    "salt_cell": _salt_cell,
}
