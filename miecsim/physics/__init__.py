"""Carriers, materials and laws: pure functions of the local state, without geometry."""
