"""Does a mixture of hard spheres relax as the Boltzmann system says, and how fast with N?

Left: T₁, T₂ of particles, of the system and of the system with fitted constants. Right: the gap of
T₁ − T₂ to the system at fixed c₁, c₂, b against N, d = 2 and 3, which the contact values predict to
be of order N^{−1/(d−1)}. Saves out/benchmarks/mixture.png, mixture.md and mixture.json.
Usage: python benchmarks/mixture.py [--quick] [--out FOLDER]
"""

import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from _report import Stopwatch, machine, options, save, table

import fitting
import jaxkin as jk
from jaxkin.laws.velocities import Maxwellian

MASSES, WARM = (1.0, 2.0), (1.5, 0.5)


def thermal(temperatures, masses, dimension):
    """Maxwellians of these temperatures."""
    return jk.laws.ByType(
        *(
            Maxwellian(dimension, temperature=t / m)
            for t, m in zip(temperatures, masses, strict=True)
        )
    )


def gap(n, dimension, replicas):
    """Return T₁ − T₂ of particles less that of the system at one time, and what χ predicts.

    T₁(0) and T₂(0) have known means and make most of the scatter: their part is regressed away.
    """
    c = {2: 2.0, 3: 1.0}[dimension]
    law, time = thermal(WARM, MASSES, dimension), {2: 0.1, 3: 0.08}[dimension]
    gas = jk.HardSphereMixture.from_scaling(c, c, 1.0, n, masses=MASSES, dimension=dimension)
    times = jnp.array([0.0, time])
    data = jk.simulate(
        gas, law, times, key=jax.random.key(n), replicas=replicas, observe=["temperature"]
    )
    T = np.asarray(data["temperature"])
    known = np.column_stack([np.ones(len(T)), T[:, 0] - np.array(WARM)])
    difference = T[:, 1] @ [1, -1]
    slope, rest, *_ = np.linalg.lstsq(known, difference, rcond=None)
    scatter = np.sqrt(rest[0] / (len(T) - 3) * np.linalg.inv(known.T @ known)[0, 0])
    exact = [
        np.asarray(jk.solve(e, law, times, rtol=1e-8)["temperature"])[1] @ [1, -1]
        for e in (gas.kinetic_limit(), gas.kinetic_limit(finite=True))
    ]
    print(f"d = {dimension}, N₁ = {n}: {slope[0] - exact[0]:.4f} ± {scatter:.4f}", flush=True)
    return {
        "d": dimension,
        "N₁": n,
        "replicas": replicas,
        "gap": float(slope[0] - exact[0]),
        "s.e.": float(scatter),
        "by χ": float(exact[1] - exact[0]),
    }


def order(rows):
    """Return the slope of log|gap| in log N₁ and its error, by weighted least squares."""
    x = np.log([r["N₁"] for r in rows])
    y = np.log(np.abs([r["gap"] for r in rows]))
    w = np.array([r["gap"] / r["s.e."] for r in rows]) ** 2
    middle = np.sum(w * x) / np.sum(w)
    spread = np.sum(w * (x - middle) ** 2)
    return float(np.sum(w * (x - middle) * y) / spread), float(spread**-0.5)


def relax(n, replicas):
    """Return particles, the system and the fitted one, for c₁ = c₂ = ½, b = 2, masses 1 and 4."""
    gas = jk.HardSphereMixture.from_scaling(0.5, 0.5, 2.0, n, masses=(1.0, 4.0))
    law, times = thermal((2.0, 1.0), (1.0, 4.0), 3), jnp.linspace(0.0, 0.6, 13)
    data = jk.simulate(gas, law, times, key=jax.random.key(0), replicas=replicas)
    method = jk.operators.HermiteMixture(temperature=1.4)
    equation = gas.kinetic_limit(method, finite=True)
    result = fitting.fit(equation, law, data, unknown="constants", observables=("temperature",))
    fine = jnp.linspace(0.0, 0.6, 61)
    curves = {
        "limit": jk.solve(gas.kinetic_limit(method), law, fine),
        "fit": jk.solve(result.equation, law, fine),
    }
    return data, result.summary(reference=equation), fine, curves


def main() -> None:
    """Measure, print and draw."""
    chosen = options(__doc__)
    spheres = 20_000 if chosen.quick else 60_000
    with Stopwatch() as watch:
        rows = [
            gap(n, d, spheres * (2 if d == 2 else 1) // n)
            for d, sizes in ((3, (64, 128, 256, 512, 1024)), (2, (32, 64, 128, 256)))
            for n in sizes
        ]
        keys = list(rows[0])
        table("Gap of T₁ − T₂ to the system", keys, [[r[k] for k in keys] for r in rows])
        orders = {d: order([r for r in rows if r["d"] == d and r["N₁"] >= 64]) for d in (3, 2)}
        print("\norder in N, by d:", orders)
        data, summary, fine, curves = relax(60 if chosen.quick else 200, 40)
    print("\n" + summary)

    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    mean, error = np.asarray(data.mean("temperature")), data.standard_error("temperature")
    for kind in (0, 1):
        axes[0].errorbar(
            data.times,
            mean[:, kind],
            2 * error[:, kind],
            fmt=f"C{kind}o",
            ms=3,
            lw=1,
            label=f"particles, type {kind + 1}",
        )
        for name, style in (("limit", ":"), ("fit", "-")):
            label = {"limit": "system of the limit", "fit": "fitted, times χ"}[name]
            T = np.asarray(curves[name]["temperature"])[:, kind]
            axes[0].plot(fine, T, f"C{kind}{style}", lw=1.2, label=label if kind == 0 else None)
    axes[0].set(xlabel="time", ylabel="temperature of each type")
    for k, (d, power) in enumerate(((3, -0.5), (2, -1.0))):
        mine = [r for r in rows if r["d"] == d]
        n, size = (np.array([r[key] for r in mine], float) for key in ("N₁", "gap"))
        axes[1].errorbar(
            n,
            np.abs(size),
            2 * np.array([r["s.e."] for r in mine]),
            fmt=f"C{k + 2}o",
            ms=4,
            label=f"d = {d}: order {orders[d][0]:.2f} ± {orders[d][1]:.2f}",
        )
        axes[1].plot(n, [abs(r["by χ"]) for r in mine], f"C{k + 2}-", lw=1, label="by χ")
        axes[1].plot(n, abs(mine[-1]["by χ"]) * (n / n[-1]) ** power, f"C{k + 2}:", lw=1)
    axes[1].set(xscale="log", yscale="log", xlabel="N₁ = N₂", ylabel="gap of T₁ − T₂ to the limit")
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(chosen.out / "mixture.png", dpi=130)

    host = machine()
    lines = [
        "| d | N₁ = N₂ | replicas | gap of T₁ − T₂ | by χ | gap·N^{1/(d−1)} |",
        "|" + "---|" * 6,
    ]
    for r in rows:
        scaled = r["gap"] * r["N₁"] ** (1 / (r["d"] - 1))
        cells = [r["d"], r["N₁"], r["replicas"], f"{r['gap']:.5f} ± {r['s.e.']:.5f}"]
        lines.append(
            "| " + " | ".join(map(str, [*cells, f"{r['by χ']:.5f}", f"{scaled:.2f}"])) + " |"
        )
    lines += [
        "",
        f"Order from N₁ = 64 on: {orders[3][0]:.2f} ± {orders[3][1]:.2f} in d = 3 (−1/2 in the "
        f"end), {orders[2][0]:.2f} ± {orders[2][1]:.2f} in d = 2 (−1). b = 1, masses 1 and 2, "
        f"c = 1 (d = 3) and 2 (d = 2). {host['cpu']}, JAX {host['jax']}, {watch.wall:.0f} s.",
        "",
        "```",
        summary,
        "```",
    ]
    (chosen.out / "mixture.md").write_text("\n".join(lines) + "\n")
    print(save({"rows": rows, "orders": orders, "summary": summary}, chosen.out, "mixture"))


if __name__ == "__main__":
    main()
