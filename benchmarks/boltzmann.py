"""Work and precision of the spectral Boltzmann operator on BKW at t = 6.5, in double precision.

Prints a table; saves out/benchmarks/boltzmann.json and .png. Usage:

    python benchmarks/boltzmann.py [--quick] [--out FOLDER]
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
from _report import Stopwatch, machine, save, table

import jaxkin as jk

matplotlib.use("Agg")


def measure(dimension, points, directions, support, width, batch=1):
    """L∞ error of Q and milliseconds for one state, alone or in a batch."""
    kernel = jk.PowerKernel(jnp.float64(1), jnp.float64(0))
    equation = jk.Boltzmann(
        kernel,
        dimension=dimension,
        points=points,
        support=support,
        half_width=width * support,
        directions=directions,
        conserve=False,
    )
    law = jk.velocity_laws.BKW.at(6.5, dimension)
    f, prepared = equation.project(law), equation.prepare()
    exact = law.rate_of_change(
        jnp.asarray(equation.velocities()), (dimension - 1) / (4 * dimension)
    )
    states = jnp.broadcast_to(f, (batch, *f.shape))
    Q = jax.jit(lambda f: jax.lax.map(lambda g: equation.collision(g, prepared), f))
    found = jax.block_until_ready(Q(states))
    with Stopwatch() as watch:
        jax.block_until_ready(Q(states))
    return {
        "dimension": dimension,
        "points": points,
        "directions": directions,
        "support": support,
        "half_width/support": width,
        "batch": batch,
        "error": float(jnp.max(jnp.abs(found[0] - exact))),
        "ms": 1e3 * watch.wall / batch,
        "cpu_ms": 1e3 * watch.cpu / batch,
    }


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without N = 64 in d = 3")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    published, cases = (3 + 2**0.5) / 2, []
    for width in (2.0, published):
        cases += [(2, n, 16, 3.5, width) for n in (16, 32, 64)]
        cases += [(3, n, 12, 4.0, width) for n in ((16, 32) if options.quick else (16, 32, 64))]
    cases += [(2, 32, 16, 3.5, 2.0, 64), (3, 16, 12, 4.0, 2.0, 64)]
    rows = [measure(*case) for case in cases]
    keys = list(rows[0])
    table("Q of BKW at t = 6.5", keys, [[r[k] for k in keys] for r in rows])
    figure, axis = plt.subplots(figsize=(6, 4.4), layout="constrained")
    for dimension in (2, 3):
        for width in (2.0, published):
            chosen = [
                r
                for r in rows
                if (r["dimension"], r["half_width/support"], r["batch"]) == (dimension, width, 1)
            ]
            axis.loglog(
                [r["ms"] for r in chosen],
                [r["error"] for r in chosen],
                "o-",
                label=f"d = {dimension}, L = {width:.2f} S",
            )
            for r in chosen:
                axis.annotate(f"{r['points']}", (r["ms"], r["error"]), fontsize=8)
    axis.set(xlabel="milliseconds per Q", ylabel="largest error of Q", title="BKW at t = 6.5")
    axis.grid(alpha=0.3)
    axis.legend()
    path = save({"rows": rows, "machine": machine()}, options.out, "boltzmann")
    figure.savefig(options.out / "boltzmann.png", dpi=130)
    print(path)


if __name__ == "__main__":
    main()
