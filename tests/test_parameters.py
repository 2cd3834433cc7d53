"""Numbers of a system by address: what is found, what is changed and what is not, against systems built afresh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import systems
from porous_cells import OXIDE, SALT, particles

import miecsim as mx
from miecsim.errors import InputError
from miecsim.inverse.parameters import addresses, value_of, with_values
from miecsim.physics.porous import PorousLayer

FREQUENCY = np.array([0.3, 31.0, 4.7e4])
MESH = mx.Mesh(cells=5, grading=2.0)


def spectrum(system: mx.System) -> np.ndarray:
    return mx.impedance(mx.rest_point(system), FREQUENCY).Z


def composite(p: dict[str, float], mesh: mx.Mesh = MESH) -> mx.System:
    layers = [
        mx.CompositeLayer("separator", 2e-5, p["separator.sigma_ion"]),
        mx.CompositeLayer(
            "cathode",
            7e-5,
            p["cathode.sigma_ion"],
            p["cathode.sigma_eon"],
            mx.ButlerVolmer(p["cathode.interface.exchange_current"], systems.V_T, 0.4, p["cathode.interface.C"]),
            p["cathode.area_density"],
        ),
    ]
    contacts = (
        ("A", mx.Contact("left", "ion", mx.Lumped(R=p["A.ion.R"], Q=0.1, alpha=p["A.ion.alpha"]))),
        ("B", mx.Contact("right", "electron", mx.Reversible())),
    )
    links = (mx.Link("right", ("ion", "electron"), mx.Lumped(R=p["right.link.R"])),)
    seam = mx.Junction(("separator", "cathode"), "ion", mx.Lumped(R=p["separator|cathode.ion.R"], C=0.02))
    wiring = replace(
        systems.wires(*contacts, links=links), reference_planes=(mx.ReferencePlane("probe", 1.1e-5, "ion"),)
    )
    model = mx.composite_electrode(layers, temperature=298.15, junctions=[seam])
    return mx.build_system(model, wiring, area=3e-5, mesh=mesh)


COMPOSITE = {
    "separator.sigma_ion": 0.31,
    "cathode.sigma_ion": 0.021,
    "cathode.sigma_eon": 0.4,
    "cathode.interface.exchange_current": 1.7,
    "cathode.interface.C": 0.13,
    "cathode.area_density": 3e5,
    "A.ion.R": 2e-3,
    "A.ion.alpha": 0.83,
    "right.link.R": 0.07,
    "separator|cathode.ion.R": 1.3e-3,
}


def salt(p: dict[str, float]) -> mx.System:
    ions = (mx.CarrierIn("cation", 1, 4.0, p["salt.cation.diffusivity"]), mx.CarrierIn("anion", -1, 4.0, 7.7e-10))
    layer = mx.ChargedLayer("salt", 3e-7, ions, permittivity=p["salt.permittivity"])
    model = mx.nernst_planck_poisson([layer], temperature=p["temperature"])
    return mx.build_system(model, mx.metal_plates(("cation",)), mesh=MESH)


SALT_NUMBERS = {"salt.cation.diffusivity": 2.1e-10, "salt.permittivity": 6.1e-10, "temperature": 298.15}


def conductor(p: dict[str, float]) -> mx.System:
    layer = mx.ConductorLayer("film", 3e-5, p["film.sigma_ion"], 0.41, p["film.chemical_capacitance"])
    return mx.build_system(mx.mixed_conductor([layer]), mx.preset("ion_blocking"), mesh=MESH)


def neutral(p: dict[str, float]) -> mx.System:
    carriers = (
        mx.CarrierIn("vacancy", 2, p["film.vacancy.concentration"], 3e-11, site_density=p["film.vacancy.site_density"]),
        mx.CarrierIn("electron", -1, 140.0, 2e-9),
    )
    layer = mx.ChargedLayer("film", 3e-6, carriers)
    return mx.build_system(mx.mixed_conductor([layer]), mx.preset("ion_blocking", ion="vacancy"), mesh=MESH)


def porous(p: dict[str, float]) -> mx.System:
    electrolyte = replace(SALT, concentration=p["electrolyte.concentration"])
    oxide = particles("oxide", OXIDE, 0.41, volume_fraction=p["cathode.oxide.volume_fraction"])
    oxide = replace(oxide, double_layer=mx.Lumped(C=p["cathode.oxide.double_layer.C"]))
    layers = [
        PorousLayer("separator", 2e-5, electrolyte, 0.5, 0.3),
        PorousLayer("cathode", 5e-5, electrolyte, p["cathode.porosity"], 0.2, 3.0, (oxide,)),
    ]
    model = mx.porous_cell(layers, temperature=p["temperature"])
    return mx.build_system(model, mx.preset("battery"), mesh=mx.Mesh(cells=4))


MODELS = {
    "composite": (composite, COMPOSITE),
    "conductor": (conductor, {"film.sigma_ion": 0.013, "film.chemical_capacitance": 3.1e6}),
    "neutral": (neutral, {"film.vacancy.concentration": 70.0, "film.vacancy.site_density": 900.0}),
    "salt": (salt, SALT_NUMBERS),
    "porous": (
        porous,
        {
            "electrolyte.concentration": 1130.0,
            "cathode.oxide.volume_fraction": 0.37,
            "cathode.oxide.double_layer.C": 0.15,
            "cathode.porosity": 0.33,
            "temperature": 309.0,
        },
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_another_number_is_another_system(name):
    """Every number alone, and all together, give what a system built with them gives, on the same grid."""
    build, numbers = MODELS[name]
    system = build(numbers)
    before = spectrum(system)
    moved = {address: 1.07 * value for address, value in numbers.items()}
    for change in ({address: moved[address]} for address in moved):
        assert value_of(system, next(iter(change))) == numbers[next(iter(change))]
        other = with_values(system, change)
        assert other.grid is system.grid and other.terminals == system.terminals
        assert np.array_equal(other.nodes.volume > 0, system.nodes.volume > 0)
        Z = spectrum(other)
        np.testing.assert_allclose(Z, spectrum(build(numbers | change)), rtol=1e-12)
        assert np.max(np.abs(Z / before - 1)) > 1e-7, change
    other = with_values(system, moved)
    assert {address: value_of(other, address) for address in numbers} == moved
    np.testing.assert_allclose(spectrum(other), spectrum(build(moved)), rtol=1e-12)
    np.testing.assert_array_equal(spectrum(with_values(system, numbers)), before)


@pytest.mark.parametrize("name", MODELS)
def test_every_address_stands_for_one_number(name):
    """One that is changed leaves all others as they were, apart from V_T, which goes with the temperature."""
    build, numbers = MODELS[name]
    system = build(numbers)
    known = addresses(system)
    values = {address: value_of(system, address) for address in known}
    assert set(numbers) <= set(known)
    for address in known:
        new = 0.93 * values[address] if np.isfinite(values[address]) else 5e3
        other = with_values(system, {address: new})
        now = {a: value_of(other, a) for a in known}
        different = {a for a in known if now[a] != values[a]} - {address}
        assert now[address] == new
        assert all(address == "temperature" and a.endswith("thermal_voltage") for a in different)


@pytest.mark.parametrize("name", systems.ALL)
def test_nothing_changes_without_a_change(name):
    system = systems.ALL[name](1)
    same = with_values(system, {address: value_of(system, address) for address in addresses(system)})
    for key, law in vars(system.laws.state_map).items():
        if isinstance(law, np.ndarray):
            np.testing.assert_array_equal(getattr(same.laws.state_map, key), law)
    np.testing.assert_array_equal(spectrum(same), spectrum(system))


def test_temperature_takes_butler_and_volmer_along():
    """Of a composite at rest i0 and V_T are all that a temperature changes: as a larger i0 would."""
    system, factor = composite(COMPOSITE), 1.11
    warm = with_values(system, {"temperature": factor * 298.15})
    assert value_of(warm, "cathode.interface.thermal_voltage") == pytest.approx(factor * systems.V_T, rel=1e-15)
    slow = with_values(system, {"cathode.interface.exchange_current": 1.7 / factor})
    np.testing.assert_allclose(spectrum(warm), spectrum(slow), rtol=1e-12)


def test_planes_and_grids_stay():
    """In two dimensions, of any width and with reference planes."""
    system = composite(COMPOSITE, mx.Mesh(cells=4, dimension=2, lateral_cells=3))
    other = with_values(system, {"cathode.sigma_ion": 0.05})
    fresh = composite(COMPOSITE | {"cathode.sigma_ion": 0.05}, mx.Mesh(cells=4, dimension=2, lateral_cells=3))
    ours, theirs = (mx.impedance(mx.rest_point(s), FREQUENCY) for s in (other, fresh))
    np.testing.assert_allclose(ours.plane("probe"), theirs.plane("probe"), rtol=1e-12)


def test_names_that_return():
    """Two contacts of one carrier and two links at one side keep apart."""
    laws = [mx.Lumped(R=r) for r in (1e-3, 2e-3, 3e-3, 4e-3)]
    contacts = (
        ("A", mx.Contact("left", "ion", laws[0])),
        ("A", mx.Contact("right", "ion", laws[1])),
        ("B", mx.Contact("right", "electron", mx.Reversible())),
    )
    links = tuple(mx.Link("right", ("ion", "electron"), law) for law in laws[2:])
    layer = mx.CompositeLayer("cathode", 1e-5, 0.1, 0.4, mx.Lumped(C=0.1), 3e5)
    system = mx.build_system(mx.composite_electrode([layer]), systems.wires(*contacts, links=links), mesh=MESH)
    expected = {"A.ion.left.R": 1e-3, "A.ion.right.R": 2e-3, "right.link.R": 3e-3, "right.link#2.R": 4e-3}
    assert {address: value_of(system, address) for address in expected} == expected
    other = with_values(system, {"right.link#2.R": 5e-3})
    assert [link.law.R for link in other.wiring.links] == [3e-3, 5e-3]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"cathod.sigma_ion": 1.0}, "read 'cathod.sigma_ion'; .*did you mean cathode.sigma_ion"),
        ({"cathode.interface.R": 1.0}, "did you mean cathode.interface.C"),
        ({"cathode.thickness": 1e-5}, "cathode.thickness: it decides the grid"),
        ({"cathode.interface.exchange_current": -1.0}, "exchange_current: read -1.0"),
        ({"A.ion.alpha": 1.2}, "alpha: read 1.2"),
        ({"cathode.sigma_ion": np.nan}, "expected a number"),
        ({"temperature": -3.0}, "positive number of kelvin"),
        ({"cathode.sigma_eon": 0.0}, "both must conduct"),
    ],
)
def test_bad_values(values, told):
    with pytest.raises(InputError, match=told):
        with_values(composite(COMPOSITE), values)
