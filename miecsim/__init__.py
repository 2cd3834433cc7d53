"""miecsim: impedance of mixed ionic-electronic conductors and composite electrodes, from the continuum equations.

Everything in `__all__` can be imported from here; modules load when a name is first used, so that `import miecsim` is
quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Lumped": "physics.elements",
    "ButlerVolmer": "physics.elements",
    "Admittance": "physics.elements",
    "Reversible": "physics.elements",
    "CompositeLayer": "physics.layers",
    "ConductorLayer": "physics.layers",
    "ChargedLayer": "physics.layers",
    "CarrierIn": "physics.layers",
    "Junction": "physics.layers",
    "effective_conductivity": "physics.layers",
    "composite_electrode": "physics.models",
    "mixed_conductor": "physics.models",
    "nernst_planck_poisson": "physics.models",
    "porous_cell": "physics.cells",
    "PorousLayer": "physics.porous",
    "ActiveParticles": "physics.porous",
    "Host": "physics.hosts",
    "Kinetics": "physics.kinetics",
    "MassAction": "physics.kinetics",
    "SingleIon": "physics.electrolytes",
    "BinarySalt": "physics.electrolytes",
    "Table": "physics.curves",
    "Contact": "physics.terminals",
    "Terminal": "physics.terminals",
    "Link": "physics.terminals",
    "ReferencePlane": "physics.terminals",
    "Wiring": "physics.terminals",
    "preset": "physics.terminals",
    "metal_plates": "physics.terminals",
    "Mesh": "grid.stack",
    "Patch": "grid.patches",
    "System": "system",
    "build_system": "system",
    "OperatingPoint": "solvers.steady",
    "solve_steady": "solvers.steady",
    "UnreachedError": "solvers.steady",
    "rest_point": "solvers.rest",
    "sweep_steady": "solvers.sweep",
    "current_voltage": "solvers.sweep",
    "limiting_current": "solvers.sweep",
    "Plateau": "solvers.sweep",
    "dc_admittance": "solvers.direct_current",
    "solve_transient": "solvers.transient.run",
    "Tolerance": "solvers.transient.run",
    "Trace": "solvers.transient.trace",
    "Step": "solvers.transient.protocol",
    "Limit": "solvers.transient.protocol",
    "Ramp": "solvers.transient.protocol",
    "Sine": "solvers.transient.protocol",
    "voltage": "solvers.transient.protocol",
    "current": "solvers.transient.protocol",
    "repeat": "solvers.transient.protocol",
    "pulse_train": "solvers.transient.protocol",
    "log_times": "solvers.transient.protocol",
    "snapshot": "solvers.transient.snapshot",
    "drift": "solvers.transient.snapshot",
    "step_admittance": "solvers.transient.fourier",
    "step_impedance": "solvers.transient.fourier",
    "harmonics": "solvers.transient.harmonics",
    "save_progress": "results.checkpoint",
    "load_progress": "results.checkpoint",
    "Spectrum": "solvers.impedance",
    "impedance": "solvers.impedance",
    "amplitudes": "solvers.impedance",
    "frequency_grid": "solvers.impedance",
    "Netlist": "circuit.netlist",
    "netlist_of": "circuit.extract",
    "netlist_impedance": "circuit.nodal",
    "spice_text": "circuit.spice",
    "run_ngspice": "circuit.spice",
    "netlist_json": "circuit.exchange",
    "read_netlist_json": "circuit.exchange",
    "parse_string": "circuit.cdc",
    "write_string": "circuit.cdc",
    "parse_cdc": "circuit.cdc",
    "write_cdc": "circuit.cdc",
    "Attribution": "circuit.attribution",
    "attribute": "circuit.attribution",
    "sensitivity": "circuit.attribution",
    "InputError": "errors",
    "SolveError": "errors",
    "CheckError": "errors",
}
__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'miecsim' has no attribute {name!r}")
    return getattr(import_module(f"miecsim.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
