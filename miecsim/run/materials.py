"""Properties of a case as the engine wants them: numbers, or functions of composition, at a temperature."""

from __future__ import annotations

from typing import Any

import numpy as np

from miecsim.case.expression import Expression
from miecsim.case.properties import Material, Measured
from miecsim.physics.curves import Curve, Property, Table, arrhenius
from miecsim.typing import Values


def property_at(material: Material, temperature: float) -> Property:
    """The property at `temperature` [K] as a number, or as a function of its variable."""
    scale, T_ref = _scale(material, temperature), material.reference_temperature
    if isinstance(material.law, float) and material.entropic is None:
        return material.law * scale
    own = _curve(material, temperature, scale)
    if material.entropic is None or T_ref is None:
        return own
    shift, dT = _curve(material.entropic, temperature, material.entropic.factor), temperature - T_ref
    return lambda x: np.asarray(own(x) + dT * shift(x))


def number_at(material: Material, temperature: float) -> float:
    """A property that depends on nothing but the temperature."""
    value = property_at(material, temperature)
    return float(np.real(value(np.ones(1))[0])) if callable(value) else value


def of_salt_and_stoichiometry(material: Material, temperature: float) -> Any:
    """The property as a number, or as a function of c [mol/m3] and x."""
    scale, law = _scale(material, temperature), material.law
    if isinstance(law, Expression):
        return lambda c, x: np.asarray(scale * law(c=c, x=x, T=temperature) + 0.0 * x)
    value = property_at(material, temperature)
    return (lambda _c, x: value(x)) if callable(value) else value


def _scale(material: Material, temperature: float) -> float:
    """Factor to SI, and that of Arrhenius."""
    if material.reference_temperature is None:
        return material.factor
    return material.factor * arrhenius(material.activation_energy, temperature, material.reference_temperature)


def _curve(material: Material, temperature: float, scale: float) -> Curve:
    law = material.law
    if isinstance(law, float):
        return lambda x: np.full(np.shape(x), law * scale) + 0.0 * x
    if isinstance(law, Measured):
        measured = Table(law.x, law.y)
        return lambda x: np.asarray(scale * measured(x))
    variable = material.variables[0] if material.variables else "x"

    def value(x: Values) -> Values:
        return np.asarray(scale * law(**{variable: x, "T": temperature}) + 0.0 * x)

    return value
