"""How large a picture must be to stand for the whole: sub-volumes of it compared, as part of effective transport.

The coefficient of variation of a property over sub-volumes falls as a power of their edge, edge^(-dim/2) where far
voxels know nothing of each other (Kanit et al. 2003). The edge at which it has come down to what is wanted is the
representative one; the textbook's side is that of the picture at hand, which is taken for representative.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.volumes import Decay, Volumes, representative_volume
from miecsim.techniques.record import Compared, Table

PROPERTIES = ("fraction", "conductivity")
FARTHEST = 30.0  # of the largest sub-volume: how far a fitted power is carried on


def representative(
    structure: Microstructure, phase: str, parts: Sequence[int], axis: int, variation: float
) -> tuple[dict[str, Table], list[Compared], tuple[str, ...]]:
    """Tables volumes_<phase> (one row for each size) and decay_<phase> (the fit: exponents, the variation of whole
    pictures like this one, and the edge for the wanted one), representative edges compared with that of the picture,
    and remarks. Conductivity is that of the phase alone along `axis`, over its own: phases that
    conduct nothing count. Raises InputError as `representative_volume`."""
    found = representative_volume(structure, phase, tuple(parts), axis)
    edge = float(np.prod(structure.extent)) ** (1 / structure.dim)
    compared, remarks = [], []
    decays: dict[str, tuple[np.ndarray, str]] = {
        "edge": (np.array([edge]), "m"),
        "wanted": (np.array([variation]), "1"),
    }
    for name in PROPERTIES:
        decay: Decay = getattr(found, name)
        needed = _edge(found, decay, variation)
        decays |= {
            f"exponent_{name}": (np.array([decay.exponent]), "1"),
            f"variation_{name}": (np.array([decay.prefactor * edge**-decay.exponent]), "1"),
            f"edge_{name}": (np.array([needed]), "m"),
        }
        if np.isfinite(needed):
            what, how = f"representative_edge, {phase}, {name}", f"the picture, for a variation of {variation:g}"
            compared.append(Compared(what, edge, needed, "m", how))
        else:
            slow = "the sub-volumes do not tell at which edge the variation of the"
            remarks.append(f"{phase}: {slow} {name} would be {variation:g}")
    blocked = float(np.max(found.tortuosity.missing))
    if blocked > 0:
        remarks.append(f"{phase}: up to {blocked:.0%} of the sub-volumes of a size conduct nothing, which counts as 0")
    return {f"volumes_{phase}": _sizes(found), f"decay_{phase}": decays}, compared, tuple(remarks)


def _edge(found: Volumes, decay: Decay, variation: float) -> float:
    """nan where the variation does not fall, or so slowly that the edge lies far beyond the sizes that were seen."""
    edge = decay.length_for(variation) if decay.exponent > 0 else np.inf
    return edge if edge < FARTHEST * found.length.max() else float("nan")


def _sizes(found: Volumes) -> Table:
    out: dict[str, tuple[np.ndarray, str]] = {
        "edge": (found.length, "m"),
        "count": (found.count.astype(float), "1"),
        "conducting": (1 - found.tortuosity.missing, "1"),
    }
    for name in PROPERTIES:
        decay: Decay = getattr(found, name)
        out |= {name: (decay.mean, "1"), f"variation_{name}": (decay.variation, "1")}
    return out
