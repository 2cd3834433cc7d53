"""What the preset names of terminals mean: which carriers are contacted where."""

from __future__ import annotations

from miecsim.case.data import Contact, Layer, MixedCarriers, Terminal

Ends = tuple[tuple[str, str], ...]  # (side, carrier) of everything that one terminal holds
# Terminal A, terminal B. "ion" and "electron" stand for whatever plays that part in the layer.
PRESETS: dict[str, tuple[Ends, Ends]] = {
    "ion_blocking": ((("left", "electron"),), (("right", "electron"),)),
    "electron_blocking": ((("left", "ion"),), (("right", "ion"),)),
    "battery": ((("left", "ion"),), (("right", "electron"),)),
    "ion_both": ((("left", "ion"),), (("right", "ion"), ("right", "electron"))),
    "electron_both": ((("left", "electron"),), (("right", "ion"), ("right", "electron"))),
    "both_rails_left": ((("left", "ion"),), (("left", "electron"),)),
    "symmetric": ((("left", "ion"), ("left", "electron")), (("right", "ion"), ("right", "electron"))),
}
# Of cells of porous layers, beside those above: two electrodes, and one against lithium metal.
CELL_PRESETS: dict[str, tuple[Ends, Ends]] = {
    "full_cell": ((("left", "electron"),), (("right", "electron"),)),
    "half_cell": ((("left", "ion"),), (("right", "electron"),)),
}
_ALL = PRESETS | CELL_PRESETS
POISSON_PRESETS = ("blocking", "reversible")


def presets_of(model: str) -> tuple[str, ...]:
    """The words that `terminals` takes in a case of this model."""
    own = {"nernst_planck_poisson": POISSON_PRESETS, "porous_cell": tuple(_ALL)}
    return (*own.get(model, tuple(PRESETS)), "custom")


def carrier_in_part(layer: Layer, part: str) -> str | None:
    """The mobile carrier that plays the `part` "ion" or "electron" in a layer; None where there is none, or a choice.

    Ions are the carrier named ion, or else the only mobile carrier that is not named electron.
    """
    if part in layer.mobile:
        return part
    if part == "electron":
        return None
    others = [word for word in layer.mobile if word != "electron"]
    known = layer.material.carriers == ("vacancy", "electron") or isinstance(layer.material, MixedCarriers)
    return others[0] if known and len(others) == 1 else None


def missing_part(preset: str, first: Layer, last: Layer) -> tuple[str, str, Layer] | None:
    """(part, side, layer) of the first contact of a preset that finds no carrier; None where all are there."""
    for ends in _ALL.get(preset, ()):
        for side, part in ends:
            layer = first if side == "left" else last
            if carrier_in_part(layer, part) is None:
                return part, side, layer
    return None


def expand(preset: str, first: Layer, last: Layer) -> tuple[Terminal, ...]:
    """Terminals A and B of a preset on a stack from the layer `first` to `last`, all contacts reversible.

    With Nernst-Planck-Poisson both ends are metal plates: the potential is held, and "reversible" adds the mobile
    carriers. Contacts that `missing_part` would tell of are left out.
    """
    layers = {"left": first, "right": last}
    if preset in POISSON_PRESETS:
        held = {s: ("potential", *(layer.mobile if preset == "reversible" else ())) for s, layer in layers.items()}
        return tuple(
            Terminal(label, tuple(Contact(side, carrier) for carrier in held[side]))
            for label, side in (("A", "left"), ("B", "right"))
        )
    terminals = []
    for label, ends in zip("AB", _ALL[preset], strict=True):
        found = [(side, carrier_in_part(layers[side], part)) for side, part in ends]
        terminals.append(Terminal(label, tuple(Contact(side, carrier) for side, carrier in found if carrier)))
    return tuple(terminals)
