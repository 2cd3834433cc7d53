"""Virtual experiments: each composes solvers and owns no physics; the textbook formulas of each beside it."""
