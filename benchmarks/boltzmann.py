"""Work and precision of the Boltzmann operators on BKW, in double precision.

Prints tables; saves out/benchmarks/boltzmann.json, boltzmann.png and boltzmann.md. Usage:

    python benchmarks/boltzmann.py [--quick] [--out FOLDER]
"""

import argparse
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from _report import Stopwatch, machine, save, table

import jaxkin as jk

matplotlib.use("Agg")
BKW = jk.laws.BKW
SUPPORT, WIDTH = {2: 3.5, 3: 4.0}, 2.15  # of BKW, and L in units of it


def fourier(dimension, points, directions, **options):
    """The spectral method on the grid of the tables."""
    support = SUPPORT[dimension]
    options = {"conserve": False} | options
    return jk.operators.Fourier(
        options.pop("kernel", jk.MaxwellKernel(jnp.float64(1))),
        dimension=dimension,
        points=points,
        support=support,
        half_width=WIDTH * support,
        directions=directions,
        **options,
    )


def timed(function, argument, repeats=3):
    """The result, and wall seconds of the best run after the first."""
    result, best = jax.block_until_ready(function(argument)), np.inf
    for _ in range(repeats):
        with Stopwatch() as watch:
            jax.block_until_ready(function(argument))
        best = min(best, watch.wall)
    return result, best


def measure(name, operator, batch=64, each=False):
    """L∞ error of Q of BKW at t = 6.5 on a grid, and milliseconds alone and in a batch."""
    d = operator.dimension
    law = BKW.at(6.5, d)
    f, prepared = operator.project(law), operator.prepare()
    on_grid = isinstance(operator, jk.operators.Fourier)
    if on_grid:
        v = jnp.asarray(operator.velocities())
    else:
        axis = jnp.linspace(-SUPPORT[d], SUPPORT[d], 33)
        v = jnp.stack(jnp.meshgrid(*[axis] * d, indexing="ij"), -1)
    Q = jax.jit(lambda f: operator.collision(f, prepared))
    found, alone = timed(Q, f)
    values = found if on_grid else operator.density(found, v)
    error = float(jnp.max(jnp.abs(values - law.rate_of_change(v, (d - 1) / (4 * d)))))
    row = {"method": name, "d": d, "unknowns": f.size, "error": error, "ms": 1e3 * alone}
    if batch:
        many = jax.jit(lambda f: jax.lax.map(Q, f) if each else operator.collision(f, prepared))
        _, together = timed(many, jnp.broadcast_to(f, (batch, *f.shape)), repeats=2)
        row |= {"ms in 64": 1e3 * together / batch}
    return row


def defects(points=32):
    """Mass, momentum, energy of Q and |Q(M, M)| for each choice of the corrections."""
    beams = jk.laws.GaussianMixture(
        [0.6, 0.4], [[-0.6, 0.2], [0.9, -0.3]], [[0.5, 0.6], [0.4, 0.5]]
    )
    rows = []
    for conserve in (False, True):
        for steady in (False, True):
            kernel = jk.PowerKernel(jnp.float64(1), jnp.float64(1))
            operator = fourier(2, points, 16, kernel=kernel, conserve=conserve, steady=steady)
            prepared, v = operator.prepare(), jnp.asarray(operator.velocities())
            f = operator.project(beams)
            Q, cell = operator.collision(f, prepared), operator.spacing**2
            M = operator.maxwellian(f)
            rows.append(
                {
                    "conserve": conserve,
                    "steady": steady,
                    "mass": float(abs(Q.sum()) * cell),
                    "momentum": float(jnp.max(jnp.abs((Q[..., None] * v).sum((0, 1)))) * cell),
                    "energy": float(abs((Q * jnp.sum(v**2, -1)).sum()) * cell / 2),
                    "|Q(M, M)|": float(jnp.max(jnp.abs(operator.collision(M, prepared)))),
                    "|Q(f, f)|": float(jnp.max(jnp.abs(Q))),
                }
            )
    return rows


class OnGrid(jk.observables.Observable):
    """The values of f on the grid."""

    name: str = eqx.field(static=True)

    def of_particles(self, measured, *, key=None):
        """Refuse: particles have no grid."""
        raise ValueError("Argument `observe` must hold what particles have, but that is a grid.")

    def of_density(self, density):
        """Return f, (N, …, N)."""
        return density.values


def whole_run(points):
    """Largest error of f along BKW from t = 6 to 10 in d = 3, and that of Q at t = 6.5."""
    times = jnp.linspace(0.0, 4.0, 5)
    operator = fourier(3, points, 12)
    v = jnp.asarray(operator.velocities())
    with Stopwatch() as watch:
        found = jk.solve(
            jk.Boltzmann(operator),
            BKW.at(6.0),
            times,
            observe=[OnGrid("f")],
            rtol=1e-8,
            atol=1e-12,
        )["f"]
    exact = [BKW.at(6.0 + float(t)).density(v) for t in times]
    error = jnp.max(jnp.abs(found - jnp.stack(exact)), axis=(1, 2, 3))
    return {"points": points, "seconds": watch.wall, "error of f": [float(e) for e in error]}


def kernels(points=32):
    """Milliseconds per Q in d = 3 for every kind of kernel."""
    one = jnp.float64(1)
    chosen = {
        "Maxwell": (jk.MaxwellKernel(one), 12),
        "hard spheres": (jk.PowerKernel(one, one), 12),
        "uniform in ω": (jk.MaxwellKernel(one, jk.angles.UniformImpact()), 38),
        "variable soft spheres": (
            jk.PowerKernel(one, 0.5 * one, jk.angles.VariableSoft(1.5)),
            38,
        ),
    }
    rows = []
    for name, (kernel, directions) in chosen.items():
        operator = fourier(3, points, directions, kernel=kernel)
        prepared = operator.prepare()
        Q = jax.jit(lambda f, o=operator, p=prepared: o.collision(f, p))
        _, seconds = timed(Q, operator.project(BKW.at(6.5)), repeats=2)
        rows.append({"kernel": name, "directions": directions, "ms": 1e3 * seconds})
    return rows


def draw(rows, path):
    """Work against precision."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharey=True)
    for axis, key, title in ((axes[0], "ms", "one state"), (axes[1], "ms in 64", "64 states")):
        for name in dict.fromkeys(r["method"] for r in rows):
            own = [r for r in rows if r["method"] == name and key in r]
            if not own:
                continue
            axis.loglog([r[key] for r in own], [r["error"] for r in own], "o-", label=name)
            for r in own:
                axis.annotate(
                    r["size"],
                    (r[key], r["error"]),
                    fontsize=7,
                    xytext=(3, 3),
                    textcoords="offset points",
                )
        axis.set(xlabel="milliseconds per Q and state", title=title)
        axis.grid(alpha=0.3)
        axis.margins(x=0.12)
    axes[0].set(ylabel="largest error of Q(f, f), BKW at t = 6.5")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8)
    figure.savefig(path, dpi=130)


def markdown(header, rows):
    """A table of the documentation."""

    def cell(x):
        return f"{x:.2g}" if isinstance(x, float) else str(x)

    titles = [title.replace("|", "\\|") for title in header]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(cell(r.get(k, "–")) for k in header) + " |" for r in rows]


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without N = 64 in d = 3")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)
    rows = []
    for n in (16, 32, 64):
        row = measure("Fourier, d = 2, 16 directions", fourier(2, n, 16), each=True)
        rows.append(row | {"size": f"N={n}"})
    for directions in (12, 26):
        for n in (16, 32) if options.quick or directions == 26 else (16, 32, 64):
            batch = 64 if n == 16 or (n == 32 and directions == 12 and not options.quick) else 0
            name = f"Fourier, d = 3, {directions} directions"
            row = measure(name, fourier(3, n, directions), batch, each=True)
            rows.append(row | {"size": f"N={n}"})
    kernel = jk.MaxwellKernel(jnp.float64(1))
    for degree in (4, 6, 8, 10):
        operator = jk.operators.Hermite(kernel, degree=degree, width=0.68)
        rows.append(measure("Hermite, d = 3, width 0.68", operator) | {"size": f"D={degree}"})
    for degree in (8, 16, 24, 32, 40, 50):
        operator = jk.operators.Sonine(kernel, degree=degree)
        rows.append(measure("Sonine, d = 3, width 1", operator) | {"size": f"D={degree}"})
    keys = ["method", "size", "unknowns", "error", "ms", "ms in 64"]
    table("Q of BKW at t = 6.5", keys, [[r.get(k, "–") for k in keys] for r in rows])
    corrections, each, run = defects(), kernels(), whole_run(32)
    for title, found in (("Corrections, d = 2", corrections), ("Kernels, d = 3", each)):
        table(title, list(found[0]), [list(r.values()) for r in found])
    print("\nBKW from t = 6 to 10, N = 32:", run)
    draw(rows, options.out / "boltzmann.png")
    host = machine()
    text = [
        *markdown(keys, rows),
        "",
        f"S = 4 in d = 3 and 3.5 in d = 2, L = {WIDTH} S, R = 2S, N radii, cell-centred; "
        f"{host['cpu']}, {host['cores']} cores, JAX {host['jax']}, double precision.",
        "",
        *markdown(list(corrections[0]), corrections),
        "",
        "Hard spheres, two beams in d = 2, N = 32, 16 directions: what is lost per unit time.",
        "",
        *markdown(list(each[0]), each),
        "",
        f"N = 32 in d = 3. In a run along BKW from t = 6 to 10 (N = 32, {run['seconds']:.0f} s) "
        "the largest errors of f at t = 6, 7, 8, 9, 10 are "
        + ", ".join(f"{e:.1e}" for e in run["error of f"])
        + ".",
    ]
    (options.out / "boltzmann.md").write_text("\n".join(text) + "\n")
    results = {"rows": rows, "corrections": corrections, "kernels": each, "run": run}
    print(save(results, options.out, "boltzmann"))


if __name__ == "__main__":
    main()
