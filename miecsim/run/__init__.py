"""From a validated case to a record of what was computed: build, solve, compare, summarise."""
