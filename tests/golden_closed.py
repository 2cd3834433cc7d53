"""Worked figures of insertion particles, porous electrodes and cathodes, in the pattern of `golden`.

Computed to 12 digits and checked by an independent solver. SI units; Z = {"re", "im"} lists in the order of freq_hz.
"""

from __future__ import annotations

from typing import Any

# fmt: off
GOLDEN: list[dict[str, Any]] = [
    {
        "case": "P015", "formula": "S5.sphere",
        "title": "intercalation particle impedance, sphere diffusion + R_ct + C_dl + film",
        "params": {
            "shape": "sphere", "a": 8.24e-07, "D": 1.972e-15, "dUdc": 3.723e-05, "R_ct": 0.003585, "C_dl": 0.1201,
            "R_film": 0.0003735, "C_film": 0.001959, "freq_hz": [5.809e-05, 0.001452, 0.05809, 1.0, 100.0, 10000.0],
        },
        "expected": {
            "Z": {
                "re": [
                    0.03619222462715046, 0.03579792699433478, 0.01402295792239451, 0.006385428221753128,
                    0.003790239313320486, 0.0003775683243059442
                ],
                "im": [
                    -3.848436611824888, -0.1567942476766617, -0.0115355738994004, -0.002549350406790207,
                    -0.001211090454572513, -0.0001494421979435119
                ],
            },
        },
        "rtol": 1e-12,
    },
    {
        "case": "P016", "formula": "S5.porous",
        "title": "porous electrode of spherical insertion particles, two-rail, config ie",
        "params": {
            "kappa_eff": 0.2122, "sigma_eff": 8.998, "L": 0.0001018, "area": 0.0002188, "particles": [{"a":
            7.415e-07, "a_v": 1182000.0, "D": 1.575e-14, "dUdc": 4.829e-05, "R_ct": 0.000954, "C_dl": 0.1567,
            "R_film": 1.699e-05, "C_film": 0.0002666}], "config": "ie", "freq_hz": [0.0001, 0.001, 0.01, 0.1, 1.0,
            10.0, 100.0, 1000.0, 10000.0],
        },
        "expected": {
            "Z": {
                "re": [
                    0.9638328933945136, 0.9635321756693545, 0.9371893976527053, 0.6905761865150245,
                    0.4692218672071012, 0.3737928646209578, 0.3376274953880538, 0.2678618061031903,
                    0.1220334138379719
                ],
                "im": [
                    -122.3711826177731, -12.2465089768467, -1.308851830666618, -0.2924312181862971,
                    -0.1154886674113084, -0.04598200538212993, -0.02972882564397823, -0.08859479837975592,
                    -0.05453639251265291
                ],
            },
        },
        "rtol": 1e-12,
    },
    {
        "case": "P021", "formula": "S8.als_finite",
        "title": "Adler-Lane-Steele finite-thickness porous MIEC cathode",
        "params": {
            "T": 1096.0, "gamma": 1.688, "c_v": 130.2, "D": 2.884e-10, "k": 2.855e-06, "a": 754500.0, "eps": 0.4171,
            "tau": 1.639, "L": 1.771e-05, "freq_hz": [0.0005882, 0.005882, 0.05882, 0.5882, 5.882, 58.82, 588.2],
        },
        "expected": {
            "Z": {
                "re": [
                    0.0002159777442431389, 0.0002159683992609115, 0.0002150422236655239, 0.000164650947658493,
                    4.992002149603011e-05, 1.516713397684518e-05, 4.774972539632575e-06
                ],
                "im": [
                    -1.145371539150087e-07, -1.145284894405862e-06, -1.1367026307037e-05, -6.91952998455132e-05,
                    -4.517630440131183e-05, -1.501623258692975e-05, -4.770200323478483e-06
                ],
            },
        },
        "rtol": 1e-12,
    },
]
# fmt: on

BY_CASE: dict[str, dict[str, Any]] = {case["case"]: case for case in GOLDEN}
