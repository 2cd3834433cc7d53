"""Transients: the residual in time, protocols, integration and what it leaves behind."""
