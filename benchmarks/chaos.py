"""Do correlations of the annihilating gas factorise as the volume grows (Lods et al., §1.4 and §6)?

D_ℓ = ⟨f_ℓ^ε, φ^{⊗ℓ}⟩ − ⟨f, φ⟩^ℓ for φ = e^{−|v|²/2}, with f from the equation, and N₀ = Λ from 20
to 320: for Maxwell molecules Theorem 1.8 says D_ℓ → 0; for hard spheres Conjectures 6.1 and 6.2
expect it. Fits D_ℓ = A N^{−p} and D_ℓ = D_∞ + A/N + B/N², both with errors. Prints tables; saves
out/benchmarks/chaos.json, chaos.md and chaos.png.
Usage: python benchmarks/chaos.py [--quick] [--out FOLDER]
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from _report import save, table

import jaxkin as jk

matplotlib.use("Agg")
TIMES = np.array([0.5, 2.0, 8.0])
KERNELS = {
    "Maxwell": jk.MaxwellKernel(np.float64(1)),
    "hard spheres": jk.PowerKernel(np.float64(1), np.float64(1)),
}


def phi(z):
    """A test function in C₀."""
    return jnp.exp(-0.5 * jnp.sum(z.velocity**2))


OBSERVE = [jk.observables.Correlation(f"f{k}", [phi] * k) for k in (1, 2, 3, 4)]


def gaps(kernel, alpha, sizes, velocities):
    """D_ℓ and its standard error, (sizes, times, ℓ); the product, and the error of that."""
    law, rows = jk.laws.Maxwellian(3), []
    gas = jk.AnnihilatingGas(10, alpha, kernel)
    rough, exact = (
        jk.solve(
            gas.kinetic_limit(jk.operators.Sonine(degree=d, width=0.7)), law, TIMES, observe=OBSERVE
        )
        for d in (16, 20)
    )
    own = max(float(jnp.max(jnp.abs(rough[o.name] - exact[o.name]))) for o in OBSERVE)
    for n in sizes:
        gas = jk.AnnihilatingGas(n, alpha, kernel)
        data = jk.simulate(
            gas, law, TIMES, key=jax.random.key(n), replicas=velocities // n, observe=OBSERVE
        )
        row = []
        for o in OBSERVE:
            found = np.asarray(data[o.name], float)
            gap = found.mean(0) - np.asarray(exact[o.name])
            row.append((gap, found.std(0, ddof=1) / np.sqrt(found.shape[0])))
        rows.append(np.moveaxis(np.array(row), 0, -1))  # (2, times, ℓ)
    rows = np.moveaxis(np.array(rows), 1, 0)
    return rows[0], rows[1], np.stack([np.asarray(exact[o.name]) for o in OBSERVE], -1), own


def order(sizes, gap, error):
    """The order p of |D| ~ N^{−p} with its error, and D_∞ with its error.

    p from the sizes whose D exceeds 3 errors; NaN unless there are three of one sign.
    """
    n = np.asarray(sizes, float)
    seen = np.abs(gap) > 3 * error
    p = dp = np.nan
    if seen.sum() > 2 and np.ptp(np.sign(gap[seen])) == 0:
        weight, x = (gap / error)[seen] ** 2, np.log(n[seen])
        centre = np.sum(weight * x) / weight.sum()
        spread = np.sum(weight * (x - centre) ** 2)
        p = -np.sum(weight * (x - centre) * np.log(np.abs(gap[seen]))) / spread
        dp = spread**-0.5
    A = np.stack([np.ones_like(n), 1 / n, 1 / n**2], 1) / error[:, None]
    covariance = np.linalg.inv(A.T @ A)
    limit = covariance @ A.T @ (gap / error)
    return p, dp, limit[0], covariance[0, 0] ** 0.5


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the velocities")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)
    velocities = 1_000_000 if options.quick else 10_000_000
    sizes = (20, 40, 80, 160, 320)
    rows, curves, owns = [], [], []
    for name, kernel in KERNELS.items():
        for alpha in (0.1, 0.5, 1.0):
            gap, error, exact, own = gaps(kernel, alpha, sizes, velocities)
            owns.append(own)
            curves.append((name, alpha, gap, error))
            for t, time in enumerate(TIMES):
                for k in (0, 1, 3):
                    p, dp, left, dleft = order(sizes, gap[:, t, k], error[:, t, k])
                    rows.append(
                        {
                            "kernel": name,
                            "alpha": alpha,
                            "t": float(time),
                            "l": k + 1,
                            "f": float(exact[t, k]),
                            "order": float(p),
                            "order error": float(dp),
                            "limit": float(left),
                            "limit error": float(dleft),
                            "coefficient": float(gap[0, t, k] * sizes[0]),
                        }
                    )
    keys = list(rows[0])
    table("D = ⟨f_ℓ, φ…φ⟩ − ⟨f, φ⟩^ℓ", keys, [[r[k] for k in keys] for r in rows])
    worst = max(abs(r["limit"] / r["limit error"]) for r in rows)
    print(f"\nlargest |D_∞| in standard errors: {worst:.2f} of {len(rows)}")
    print(f"error of the equation: {max(owns):.1e}")

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
    for name, alpha, gap, error in curves:
        axis = axes[list(KERNELS).index(name)]
        axis.errorbar(
            sizes, abs(gap[:, 1, 3]), error[:, 1, 3], fmt="o-", label=f"α = {alpha:g}", capsize=2
        )
        axis.set(xscale="log", yscale="log", xlabel="N₀ = Λ", title=f"{name}, t = {TIMES[1]:g}")
    for axis in axes:
        axis.plot(sizes, 0.03 / np.array(sizes), "k:", label="1/N")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    axes[0].set(ylabel="|⟨f₄, φφφφ⟩ − ⟨f, φ⟩⁴|")
    figure.savefig(options.out / "chaos.png", dpi=130)

    lines = ["| kernel | α | t | ℓ | ⟨f, φ⟩^ℓ | order p | D_∞ |", "|---|---|---|---|---|---|---|"]
    for r in rows:
        if r["l"] != 1:
            order_cell = "–"
            if np.isfinite(r["order"]):
                order_cell = f"{r['order']:.2f} ± {r['order error']:.2f}"
            left = f"{r['limit']:.1e} ± {r['limit error']:.1e}"
            cells = (r["kernel"], r["alpha"], r["t"], r["l"], f"{r['f']:.4f}", order_cell, left)
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        f"{velocities:.0e} velocities for each N₀ = {', '.join(map(str, sizes))}; p from "
        f"those whose D exceeds 3 standard errors, where there are three. The equation errs by "
        f"{max(owns):.0e}. The largest of {len(rows)} |D_∞|, with those of ℓ = 1, is {worst:.1f} "
        "standard errors.",
    ]
    (options.out / "chaos.md").write_text("\n".join(lines) + "\n")
    print(save({"rows": rows, "velocities": velocities}, options.out, "chaos"))


if __name__ == "__main__":
    main()
