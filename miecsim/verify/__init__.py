"""Proofs that a user can run: the continuum against closed forms, circuits and laws that every linear system obeys."""
