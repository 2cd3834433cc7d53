"""Physical constants, exact by the SI of 2019 where they are exact (CODATA 2018 otherwise)."""

from __future__ import annotations

FARADAY = 96485.33212331001  # C/mol
GAS_CONSTANT = 8.31446261815324  # J/(mol K)
BOLTZMANN = 1.380649e-23  # J/K
ELEMENTARY_CHARGE = 1.602176634e-19  # C
VACUUM_PERMITTIVITY = 8.8541878128e-12  # F/m
ATMOSPHERE = 101325.0  # Pa


def thermal_voltage(temperature: float) -> float:
    """V_T = R T / F [V] at `temperature` [K]."""
    return GAS_CONSTANT * temperature / FARADAY
