"""`python -m miecsim` is the `miecsim` command."""

from miecsim.cli import main

if __name__ == "__main__":
    main()
