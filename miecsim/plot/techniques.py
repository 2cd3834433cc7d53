"""What draws the record of each technique that a case can name."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from miecsim.plot.technique_afm_impedance import technique_afm_impedance
from miecsim.plot.technique_bruce_vincent import technique_bruce_vincent
from miecsim.plot.technique_conductivity_relaxation import technique_conductivity_relaxation
from miecsim.plot.technique_contact_capacitance import technique_contact_capacitance
from miecsim.plot.technique_current_carrying import technique_current_carrying
from miecsim.plot.technique_dc_polarisation import technique_dc_polarisation
from miecsim.plot.technique_four_line_probe import technique_four_line_probe
from miecsim.plot.technique_fraction_sweep import technique_fraction_sweep
from miecsim.plot.technique_gitt import gitt_map, technique_gitt
from miecsim.plot.technique_hebb_wagner import technique_hebb_wagner
from miecsim.plot.technique_homogenise import technique_homogenise
from miecsim.plot.technique_local_impedance import technique_local_impedance
from miecsim.plot.technique_microstructure import (
    path_distribution_figure,
    path_map_figure,
    technique_effective_transport,
    technique_optimal_paths,
)
from miecsim.plot.technique_oxygen_membrane import technique_oxygen_membrane
from miecsim.plot.technique_pitt import technique_pitt
from miecsim.plot.technique_protocol import technique_protocol
from miecsim.plot.technique_reference_electrode import technique_reference_electrode
from miecsim.plot.technique_space_charge import space_charge_arcs, technique_space_charge
from miecsim.plot.technique_strain_microscopy import technique_strain_microscopy
from miecsim.plot.technique_volumes import technique_volumes
from miecsim.techniques.record import TechniqueRecord

FIGURES: dict[str, Callable[[TechniqueRecord], Figure]] = {
    "protocol": technique_protocol,
    "pitt": technique_pitt,
    "gitt": technique_gitt,
    "gitt_error_map": gitt_map,
    "four_line_probe": technique_four_line_probe,
    "conductivity_relaxation": technique_conductivity_relaxation,
    "dc_polarisation": technique_dc_polarisation,
    "bruce_vincent": technique_bruce_vincent,
    "current_carrying": technique_current_carrying,
    "hebb_wagner": technique_hebb_wagner,
    "oxygen_membrane": technique_oxygen_membrane,
    "reference_electrode": technique_reference_electrode,
    "space_charge": technique_space_charge,
    "contact_capacitance": technique_contact_capacitance,
    "local_impedance": technique_local_impedance,
    "afm_impedance": technique_afm_impedance,
    "strain_microscopy": technique_strain_microscopy,
    "effective_transport": technique_effective_transport,
    "optimal_paths": technique_optimal_paths,
    "homogenise": technique_homogenise,
    "fraction_sweep": technique_fraction_sweep,
}
# further figures of a record, by what follows the technique in the name of the file
MORE: dict[str, dict[str, Callable[[TechniqueRecord], Figure]]] = {
    "space_charge": {"arcs": space_charge_arcs},
    "effective_transport": {"volumes": technique_volumes},
    "optimal_paths": {"maps": path_map_figure, "distributions": path_distribution_figure},
}


def further(technique: str, record: TechniqueRecord) -> dict[str, Callable[[TechniqueRecord], Figure]]:
    """What else draws the record of a technique, by what follows the technique in the name of the file."""
    found = MORE.get(technique, {})
    without = not any(name.startswith("volumes_") for name in record.tables)
    return {what: draw for what, draw in found.items() if not (what == "volumes" and without)}
