"""Pictures of composite electrodes: where each phase is, what it makes of transport, and which paths carriers take."""
