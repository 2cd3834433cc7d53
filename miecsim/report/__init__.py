"""Pages that can be mailed: one file of HTML with its figures inside."""
