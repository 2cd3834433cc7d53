"""Closed forms of lines and cells, independent of the discretised engine."""
