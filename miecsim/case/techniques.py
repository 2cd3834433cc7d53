"""The techniques that an [[experiment]] can name. Each has a runner of the same name in miecsim/run and a figure."""

from __future__ import annotations

from dataclasses import dataclass

from miecsim.case.parameters import Parameters
from miecsim.case.technique_composites import FractionSweep, Homogenise
from miecsim.case.technique_conductivity import ConductivityRelaxation, FourLineProbe
from miecsim.case.technique_insertion import Gitt, GittErrorMap, Pitt
from miecsim.case.technique_microstructure import EffectiveTransport, OptimalPaths
from miecsim.case.technique_polarisation import (
    BruceVincent,
    CurrentCarrying,
    DcPolarisation,
    HebbWagner,
    OxygenMembrane,
)
from miecsim.case.technique_profiles import ContactCapacitance, ReferenceElectrode, SpaceCharge
from miecsim.case.technique_protocol import Protocol
from miecsim.case.technique_tip import AfmImpedance, LocalImpedance, StrainMicroscopy


@dataclass(frozen=True)
class Technique:
    """How a technique is read: its parameters, the quantities that it compares, and whether it measures between
    terminals that the experiment wires (or else places contacts of its own). A place or a carrier may follow the name
    of a quantity: "Phi_ion at 12 um", "resistance across, vacancy"."""

    parameters: type[Parameters]
    quantities: tuple[str, ...]
    wired: bool = True


TECHNIQUES: dict[str, Technique] = {
    "protocol": Technique(Protocol, ("charge", "current", "voltage", "R_high", "R_low")),
    "pitt": Technique(Pitt, ("D_chem", "Lambda")),
    "gitt": Technique(Gitt, ("D_chem", "R")),
    "gitt_error_map": Technique(GittErrorMap, ("D_chem",)),
    "four_line_probe": Technique(FourLineProbe, ("conductivity",), wired=False),
    "dc_polarisation": Technique(
        DcPolarisation,
        ("sigma_ion", "sigma_eon", "sigma_total", "t_ion", "R_ion_blocked", "R_electron_blocked"),
        wired=False,
    ),
    "bruce_vincent": Technique(BruceVincent, ("t_cation",), wired=False),
    "current_carrying": Technique(
        CurrentCarrying,
        ("t_ion", "R_ee", "R_ii", "R_HF", "R_HF (1/R_ee + 1/R_ii)", "R_ion", "R_electron"),
        wired=False,
    ),
    "hebb_wagner": Technique(
        HebbWagner,
        ("sigma_n", "sigma_p", "sigma_e", "domain boundary", "pO2 of the domain boundary"),
        wired=False,
    ),
    "oxygen_membrane": Technique(
        OxygenMembrane,
        ("oxygen flux", "open-circuit voltage", "characteristic thickness", "ambipolar conductivity"),
        wired=False,
    ),
    "reference_electrode": Technique(
        ReferenceElectrode, ("Phi_ion", "overpotential", "reaction", "|Phi_ion|", "|overpotential|")
    ),
    "space_charge": Technique(
        SpaceCharge,
        ("resistance across", "conductance along", "potential of the core", "capacitance"),
        wired=False,
    ),
    "contact_capacitance": Technique(
        ContactCapacitance, ("capacitance", "carriers of the bulk", "flat-band voltage"), wired=False
    ),
    "effective_transport": Technique(
        EffectiveTransport,
        ("sigma_ion", "sigma_eon", "tortuosity_factor", "percolating", "area_density"),
        wired=False,
    ),
    "optimal_paths": Technique(
        OptimalPaths,
        ("L_ion", "L_eon", "path_tortuosity_ion", "path_tortuosity_eon", "limited_by_ion", "unreached"),
        wired=False,
    ),
    "homogenise": Technique(
        Homogenise,
        ("sigma_ion", "sigma_eon", "area_density", "charge_transfer", "R_low", "R_high", "largest_error"),
    ),
    "fraction_sweep": Technique(FractionSweep, ("sigma_ion", "sigma_eon", "threshold", "exponent"), wired=False),
    "local_impedance": Technique(LocalImpedance, ("conductivity", "resolution"), wired=False),
    "afm_impedance": Technique(AfmImpedance, ("conductivity", "boundary resistance", "probed depth"), wired=False),
    "strain_microscopy": Technique(
        StrainMicroscopy, ("displacement", "diffusivity", "slope", "resolution"), wired=False
    ),
    "conductivity_relaxation": Technique(ConductivityRelaxation, ("diffusivity", "exchange coefficient"), wired=False),
}
