"""Are the constants of a mixture found from its collisions, and is (1.12) seen to hold?

For each c₁, c₂, b and d the constants from counts of collisions over exposure, with and without the
contact value χ, against those of the scaling, and the test of (1.12). Prints a table; saves
out/benchmarks/mixture_constants.md and .json.
Usage: python benchmarks/mixture_constants.py [--quick] [--out FOLDER]
"""

import jax
import jax.numpy as jnp
import numpy as np
from _report import Stopwatch, machine, options, save, table

import fitting
import jaxkin as jk
from jaxkin.laws.velocities import Maxwellian

CASES = [(0.3, 0.5, 1.0, 3), (0.5, 0.3, 2.0, 3), (0.5, 0.5, 3.0, 3), (0.5, 0.4, 2.0, 2)]


def measure(c1, c2, b, dimension, replicas):
    """Return the estimate for temperatures 1 and 2, masses 1 and 3, and the gas."""
    n_1 = round(150 * max(1, c1 / (c2 * b ** (dimension - 1))))
    gas = jk.HardSphereMixture.from_scaling(c1, c2, b, n_1, masses=(1.0, 3.0), dimension=dimension)
    law = jk.laws.ByType(Maxwellian(dimension, 1.0), Maxwellian(dimension, 2.0 / 3.0))
    data = jk.simulate(
        gas,
        law,
        jnp.linspace(0.0, 1.5, 5),
        key=jax.random.key(7),
        replicas=replicas,
        events=True,
        observe=[jk.RelativeSpeed(2)],
    )
    return gas, fitting.constants_from_collisions(data)


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__)
    rows = []
    with Stopwatch() as watch:
        for c1, c2, b, dimension in CASES:
            gas, found = measure(c1, c2, b, dimension, 6 if chosen.quick else 24)
            truth = np.asarray(gas.constants)
            for name, place in {"c₁": (0, 0), "c₂": (1, 1), "c₁₂": (0, 1), "c₂₁": (1, 0)}.items():
                value, error = found.constants[place], found.standard_error[place]
                rows.append(
                    {
                        "d": dimension,
                        "b": b,
                        "N": " + ".join(map(str, gas.numbers)),
                        "": name,
                        "exact": float(truth[place]),
                        "found": float(value),
                        "s.e.": float(error),
                        "z": float((value - truth[place]) / error),
                        "with χ": float(found.raw[place]),
                        "p of (1.12)": found.compatible().p,
                    }
                )
    keys = list(rows[0])
    table("Constants from collisions", keys, [[r[k] for k in keys] for r in rows])
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    for r in rows:
        digits = {"exact": "#.4g", "found": "#.4g", "s.e.": ".2g", "z": "+.2f", "with χ": "#.4g"}
        cells = [format(r[k], digits[k]) if k in digits else str(r[k]) for k in keys[:-1]]
        p = f"{r['p of (1.12)']:.2f}" if r[""] == "c₁" else ""
        lines.append("| " + " | ".join([*cells, p]) + " |")
    host = machine()
    lines += [
        "",
        "Masses 1 and 3, temperatures 1 and 2 at first, "
        f"{6 if chosen.quick else 24} replicas. {host['cpu']}, JAX {host['jax']}.",
    ]
    (chosen.out / "mixture_constants.md").write_text("\n".join(lines) + "\n")
    print(save({"rows": rows, "seconds": watch.wall}, chosen.out, "mixture_constants"))


if __name__ == "__main__":
    main()
