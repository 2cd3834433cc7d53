"""Figures for papers, from the records of a run. Functions return matplotlib Figures; `save` writes PNG and SVG."""

from __future__ import annotations

from miecsim.plot.attribution import attribution_map, parts_nyquist, parts_stacked
from miecsim.plot.bode import bode
from miecsim.plot.fields import current_maps, reaction_maps, share_maps
from miecsim.plot.microstructure import phase_map
from miecsim.plot.nyquist import nyquist
from miecsim.plot.planes import plane_parts
from miecsim.plot.profiles import rail_profiles
from miecsim.plot.steady import steady
from miecsim.plot.style import save

__all__ = [
    "attribution_map",
    "bode",
    "current_maps",
    "nyquist",
    "parts_nyquist",
    "parts_stacked",
    "phase_map",
    "plane_parts",
    "rail_profiles",
    "reaction_maps",
    "save",
    "share_maps",
    "steady",
]
