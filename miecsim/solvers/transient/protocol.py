"""What is done to a cell in time: steps of imposed voltages and currents, with what ends them early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from miecsim.errors import InputError
from miecsim.typing import Array

Quantity = Literal["voltage", "current"]


@dataclass(frozen=True)
class Constant:
    """value, from the beginning to the end of a step."""

    value: float

    def at(self, t: float, duration: float) -> float:
        return self.value

    def rate(self, t: float, duration: float) -> float:
        return 0.0


@dataclass(frozen=True)
class Ramp:
    """From `start` to `end`, linear in time."""

    start: float
    end: float

    def at(self, t: float, duration: float) -> float:
        return self.start + (self.end - self.start) * t / duration

    def rate(self, t: float, duration: float) -> float:
        return (self.end - self.start) / duration


@dataclass(frozen=True)
class Sine:
    """offset + amplitude sin(2 pi frequency t + phase); t counts from the beginning of the step, frequency in Hz."""

    offset: float
    amplitude: float
    frequency: float
    phase: float = 0.0

    def at(self, t: float, duration: float) -> float:
        return self.offset + self.amplitude * float(np.sin(2 * np.pi * self.frequency * t + self.phase))

    def rate(self, t: float, duration: float) -> float:
        omega = 2 * np.pi * self.frequency
        return self.amplitude * omega * float(np.cos(omega * t + self.phase))


Waveform = Constant | Ramp | Sine


@dataclass(frozen=True)
class Control:
    """A voltage [V] or a current [A] (per m2 for a system without area), imposed on a terminal."""

    quantity: Quantity
    waveform: Waveform


def voltage(value: float | Waveform) -> Control:
    """Hold (or ramp, or oscillate) the voltage of a terminal [V]."""
    return Control("voltage", value if isinstance(value, Waveform) else Constant(float(value)))


def current(value: float | Waveform) -> Control:
    """Impose the current [A] from a terminal into the cell; 0 is rest."""
    return Control("current", value if isinstance(value, Waveform) else Constant(float(value)))


@dataclass(frozen=True)
class Limit:
    """Ends a step (or, with `ends_run`, the protocol) when a quantity crosses `value`.

    quantity: 'voltage' or 'current' of the terminal `name`, or 'concentration' [mol/m3] of the carrier `name`: the
    smallest anywhere for a limit from above ('below'), the largest for one from below ('above').
    """

    quantity: Literal["voltage", "current", "concentration"]
    name: str
    side: Literal["below", "above"]
    value: float
    ends_run: bool = False


@dataclass(frozen=True)
class Step:
    """One step: controls by terminal (missing ones: 0 V), duration [s], limits, and how much is kept of it.

    outputs: times [s] from the beginning of the step at which the whole state is kept, besides its end; every internal
    step of the integrator keeps time, voltages, currents and charges.
    """

    name: str
    controls: Mapping[str, Control]
    duration: float
    limits: Sequence[Limit] = ()
    outputs: Sequence[float] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.duration) and self.duration > 0):
            raise InputError(f"step {self.name}: duration {self.duration!r}; expected a positive number of seconds")
        times = np.asarray(self.outputs, dtype=float)
        if times.size and not (np.all(np.diff(times) > 0) and times[0] > 0 and times[-1] <= self.duration):
            raise InputError(f"step {self.name}: outputs must rise within 0 to {self.duration:g} s")


def repeat(steps: Sequence[Step], times: int) -> list[Step]:
    """The steps `times` times over, names numbered."""
    return [replace(step, name=f"{step.name} {i + 1}") for i in range(times) for step in steps]


def pulse_train(
    terminal: str, amplitude: float, on: float, off: float, pulses: int, limits: Sequence[Limit] = ()
) -> list[Step]:
    """GITT: `pulses` times a current [A] for `on` seconds and rest for `off` seconds."""
    pulse = Step("pulse", {terminal: current(amplitude)}, on, limits)
    return repeat([pulse, Step("rest", {terminal: current(0.0)}, off)], pulses)


def log_times(duration: float, first: float, per_decade: int = 10) -> Array:
    """Times from `first` to `duration` [s], evenly spaced in log t."""
    n = max(2, int(np.ceil(np.log10(duration / first) * per_decade)) + 1)
    times = np.geomspace(first, duration, n)
    times[-1] = duration
    return np.asarray(times)
