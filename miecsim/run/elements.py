"""Laws of a case as elements of the engine."""

from __future__ import annotations

from miecsim.case import laws
from miecsim.constants import thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.elements import ButlerVolmer, Element, Lumped, Reversible


def element(law: laws.Law, temperature: float) -> Element | Reversible | None:
    """The engine's element for a law of the case, None where it blocks."""
    match law:
        case laws.Reversible():
            return Reversible()
        case laws.Blocking():
            return None
        case laws.Resistance(R=R):
            return Lumped(R=R)
        case laws.Capacitor(C=C):
            return Lumped(C=C)
        case laws.RC(R=R, C=C, Rs=Rs):
            return Lumped(R=R, C=C, Rs=Rs)
        case laws.CPE(Q=Q, alpha=alpha):
            return Lumped(Q=Q, alpha=alpha)
        case laws.RCPE(R=R, Q=Q, alpha=alpha, Rs=Rs):
            return Lumped(R=R, Q=Q, alpha=alpha, Rs=Rs)
        case laws.ButlerVolmer(exchange_current=i0, alpha=alpha, C=C):
            return ButlerVolmer(i0, thermal_voltage(temperature), alpha, C)


def inner(law: laws.Law, temperature: float) -> Element | None:
    """As `element`, of an interface, which is not reversible."""
    out = element(law, temperature)
    if isinstance(out, Reversible):
        raise InputError("an interface cannot be reversible; leave it out instead")
    return out
