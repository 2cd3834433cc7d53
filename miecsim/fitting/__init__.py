"""Fits of measured spectra: the case is the model."""
