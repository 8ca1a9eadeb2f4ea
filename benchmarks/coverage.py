"""How often do 95 % intervals cover the truth, with and without the O(1/N) correction?

Prints a table for Marcus–Lushnikov data and saves it to out/coverage.json. Usage:

    python benchmarks/coverage.py [data sets, 1000 by default]
"""

import json
import sys
import time
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from fitting import fit_batches
from jaxkin.drivers.simulation import simulate
from jaxkin.laws import Monodisperse
from jaxkin.observables.census import census
from jaxkin.particles.marcus_lushnikov import MarcusLushnikov

RATE = np.array(
    [[2.0, 1.5, 1.2, 1.0], [1.5, 1.2, 1.0, 0.8], [1.2, 1.0, 0.8, 0.7], [1.0, 0.8, 0.7, 0.6]]
)
PAIRS = [(0, 0), (0, 1), (0, 2), (1, 1)]


def main(sets: int) -> None:
    """Run all cases and print one line for each."""
    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")
    free = np.zeros_like(RATE, dtype=bool)
    for i, j in PAIRS:
        free[i, j] = free[j, i] = True
    truth, law, rows = RATE[np.triu(free)], Monodisperse(), []
    print(f"{'N':>5} {'R':>5} {'finite_size':>12} {'seconds':>8}  coverage | bias/s.e.")
    for particles, replicas in [(200, 32), (100, 32), (100, 100), (60, 150), (50, 400)]:
        gas = MarcusLushnikov(particles, RATE, overflow="absorb")
        data = simulate(
            gas,
            law,
            jnp.linspace(0, 3, 11),
            key=jax.random.key(particles),
            replicas=sets * replicas,
            observe=census(4)[:1],
        )
        for finite_size in (None, "well-mixed"):
            begun = time.perf_counter()
            found = fit_batches(
                gas.kinetic_limit(),
                law,
                data,
                batches=sets,
                unknown="rate",
                free=free,
                finite_size=finite_size,
            )
            row = {
                "n_particles": particles,
                "replicas": replicas,
                "sets": sets,
                "finite_size": finite_size,
                "seconds": time.perf_counter() - begun,
                "names": found.names,
                "coverage": found.coverage(truth).tolist(),
                "bias": found.bias(truth).tolist(),
                "converged": float(found.converged.mean()),
            }
            rows.append(row)
            print(
                f"{particles:>5} {replicas:>5} {finite_size!s:>12} {row['seconds']:>8.1f}  "
                + " ".join(f"{c:.3f}" for c in row["coverage"])
                + " | "
                + " ".join(f"{b:+.2f}" for b in row["bias"]),
                flush=True,
            )
    Path("out").mkdir(exist_ok=True)
    Path("out/coverage.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
