"""Compiled kernels on disk: loaded by the next process, each under a name of its own, and not missed where absent."""

from __future__ import annotations

import subprocess
import sys

from test_chain import ROOT, compiled, random_problem


def test_compiled_code_is_loaded_from_disk_by_the_next_process():
    compiled().response(*random_problem(3, 1, 1, 1, 2))
    code = (
        "import numpy as np\n"
        "from miecsim.solvers import chain_compiled as c\n"
        "from miecsim.solvers.chain import Chain, Ends\n"
        "one = np.ones((1, 1, 1), dtype=complex)\n"
        "a = np.ones((2, 1, 1))\n"
        "chain = Chain(a[:1], a[:1], a, a, np.full(2, -1), a)\n"
        "z = c.response(chain, Ends(one, one, one, one, one, one), np.ones(1), np.empty((0, 1), dtype=complex))\n"
        "stats = c._kernel(1, 1, 1).stats\n"
        "assert sum(stats.cache_hits.values()) == 1 and not stats.cache_misses, stats\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_kernels_share_no_name():
    """Not on disk and not among symbols: two processes compiling at once once left one's code under the other's key."""
    kernels = [compiled()._kernel(*shape) for shape in ((1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1), (1, 11, 1))]
    files = {kernel._cache._impl.filename_base for kernel in kernels}
    assert len(files) == len(kernels)


def test_plain_kernel_does_not_import_numba():
    code = "import sys, miecsim.solvers.chain; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
