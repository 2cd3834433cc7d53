"""Solvers: what turns the local blocks of a linearised system into spectra, profiles and steady states."""
