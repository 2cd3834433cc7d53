"""How long a user waits for `import miecsim` and for `miecsim --help`, best of five, beside a bare interpreter."""

from __future__ import annotations

import pytest
from stopwatch import shortest_process


@pytest.mark.parametrize(
    ("arguments", "limit"),
    # times a bare interpreter, which takes 0.02 s on a common machine: 0.5 s to import, 0.3 s to help
    [(("-c", "import miecsim"), 25), (("-m", "miecsim", "--help"), 15)],
    ids=["import", "help"],
)
def test_start(arguments, limit, record_property):
    bare, ours = shortest_process(5, "-c", "pass"), shortest_process(5, *arguments)
    told = f"python {' '.join(arguments)}: {ours:.3f} s, {ours / bare:.1f} times a bare interpreter ({bare:.3f} s)"
    record_property("start", told)
    print(told)
    assert ours < limit * bare, f"{told}; the limit is {limit} times"
