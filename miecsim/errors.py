"""What can go wrong, told in one line. The command line turns each kind into its exit code."""

from __future__ import annotations


class MiecsimError(Exception):
    """Base of every error that is meant for the user."""

    exit_code = 1


class InputError(MiecsimError):
    """The input cannot be used: says where it stands, what was read and what is allowed (exit code 2)."""

    exit_code = 2


class SolveError(MiecsimError):
    """A solve did not reach its tolerance: says what failed and where (exit code 3)."""

    exit_code = 3


class CheckError(MiecsimError):
    """The run finished, but a figure that the case expects was not reached (exit code 4)."""

    exit_code = 4


class InterruptedRunError(MiecsimError):
    """The run was interrupted, and can be gone on with: says where it stands and how (exit code 130)."""

    exit_code = 130
