"""How does a gas that annihilates decay: n(t), T(t), the profile, and the exponents, both sides.

Hard spheres: n ~ t^{−ξ}, T ~ t^{−ζ}, ξ + ζ/2 = 1. From particles the exponents follow from the
slope q = Δ ln T/Δ ln n between n = 0.1 and n = 0.003, ξ = 1/(1 + q/2), ζ = q ξ; those of the
equation follow in the same way, and as its limit t → ∞. Prints tables; saves
out/benchmarks/decay.json, decay.md and decay.png.
Usage: python benchmarks/decay.py [--quick] [--out FOLDER]
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import scipy.integrate
import scipy.special
from _report import save, table

import jaxkin as jk

matplotlib.use("Agg")
FROM, TO = 0.1, 0.003  # densities between which slopes are taken
DEGREES = {3: 40, 2: 28}  # where the series has converged best
HARD = jk.PowerKernel(np.float32(1), np.float32(1))


def pure(law, dimension, power, times):
    """n, T of f = f₀ e^{−Φ} for B̄ = |v−v*| on a fine radial grid, and f·|S|r^{d−1} at its nodes."""
    x, w = np.polynomial.legendre.leggauss(400)
    r, w = 4 * (x + 1), 4 * w
    start = np.asarray(law.density(jnp.asarray(r[:, None] * np.eye(1, dimension))))
    area = 2 * np.pi ** (dimension / 2) / scipy.special.gamma(dimension / 2)
    start = start * area * r ** (dimension - 1) * w
    big, small = np.maximum.outer(r, r), np.minimum.outer(r, r)
    mean = big * scipy.special.hyp2f1(-0.5, -dimension / 2 + 0.5, dimension / 2, (small / big) ** 2)
    solved = scipy.integrate.solve_ivp(
        lambda t, f: -f * (mean @ f), (0, times[-1]), start, "LSODA", times, rtol=1e-9, atol=1e-15
    )
    n = solved.y.sum(0)
    return n, (r**2 @ solved.y) / (dimension * n)


def exponents(n, T):
    """ξ and ζ from the slope between the two densities, by interpolation in ln n."""
    assert n[-1] < TO < FROM < n[0]
    x, y = -np.log(n), np.log(T)
    low, high = -np.log(FROM), -np.log(TO)
    slope = (np.interp(low, x, y) - np.interp(high, x, y)) / (high - low)
    return 1 / (1 + slope / 2), slope / (1 + slope / 2)


def particles(gas, law, times, replicas):
    """n and T of the ensemble, and the exponents with their error by blocks of replicas."""
    data = jk.simulate(
        gas, law, times, key=jax.random.key(0), replicas=replicas, observe=["density", "energy"]
    )
    n, energy = (np.asarray(data[k], float) for k in ("density", "energy"))

    def both(chosen):
        mean = n[chosen].mean(0)
        return mean, 2 * energy[chosen].mean(0) / (gas.dimension * mean)

    # The delete-one-block jackknife.
    blocks = np.array_split(np.arange(replicas), min(replicas, 20))
    left = [np.setdiff1d(np.arange(replicas), block) for block in blocks]
    found = np.array([exponents(*both(chosen)) for chosen in left])
    error = np.sqrt((len(blocks) - 1) * found.var(0))
    return *both(np.arange(replicas)), exponents(*both(np.arange(replicas))), error


def case(alpha, dimension, power, size, replicas):
    """One gas, its equation and its limit."""
    law = jk.laws.PowerMaxwellian(dimension, power)
    # n from 1 to below TO; the mean relative speed at the start is 2.26 in d = 3, 1.77 in d = 2.
    times = np.concatenate([[0.0], np.geomspace(0.05, 500.0, 60)]) / alpha
    gas = jk.AnnihilatingGas(size, np.float32(alpha), HARD, dimension=dimension)
    n, T, seen, error = particles(gas, law, times, replicas)
    if alpha == 1:
        known = pure(law, dimension, power, times)
        long = jk.annihilation_profile(1.0, power, dimension=dimension)
    else:
        kernel = jk.PowerKernel(np.float64(1), np.float64(1))
        operator = jk.operators.Sonine(
            kernel, dimension=dimension, degree=DEGREES[dimension], width=0.5
        )
        equation = jk.SelfSimilarAnnihilation(operator, np.float64(alpha))
        solved = jk.solve(equation, law, times, observe=["density", "energy"])
        density = np.asarray(solved["density"])
        known = density, 2 * np.asarray(solved["energy"]) / (dimension * density)
        long = jk.decay(equation)
    told = exponents(*known)
    row = {
        "d": dimension,
        "alpha": alpha,
        "mu": power,
        "particles ξ": seen[0],
        "± ξ": error[0],
        "equation ξ": told[0],
        "limit ξ": float(long.mass_exponent),
        "particles ζ": seen[1],
        "± ζ": error[1],
        "equation ζ": told[1],
        "limit ζ": float(long.temperature_exponent),
        "error of the limit": float(long.error),
        "z": (seen[1] - told[1]) / error[1],
    }
    return row, (times, n, T, *known)


def survivors(replicas):
    """Histogram of |v|/√(2T) at n ≈ 0.01 of α = 1 and two μ, and the profiles."""
    found = []
    edges = np.linspace(0, 2.5, 26)
    for power in (0, 2):
        gas = jk.AnnihilatingGas(20_000, np.float32(1), HARD)
        law = jk.laws.PowerMaxwellian(3, power)
        bins = tuple(np.linspace(0, 4, 401))

        def histogram(z, bins=bins):
            r = jnp.sqrt(jnp.sum(z.velocity**2))
            below = r < jnp.asarray(bins, r.dtype)
            return (below[1:] & ~below[:-1]).astype(r.dtype)

        data = jk.simulate(
            gas,
            law,
            np.array([120.0]),
            key=jax.random.key(7),
            replicas=replicas,
            observe=[jk.observables.Mean("speeds", histogram), "density", "energy"],
        )
        n, energy = (float(np.asarray(data[k], float).mean()) for k in ("density", "energy"))
        scale = np.sqrt(2 * 2 * energy / (3 * n))
        share = np.asarray(data["speeds"], float).mean((0, 1)) / n
        middle = (np.array(bins[1:]) + np.array(bins[:-1])) / 2 / scale
        density, _ = np.histogram(middle, edges, weights=share)
        profile = jk.annihilation_profile(1.0, power, dimension=3)
        found.append((power, n, (edges[1:] + edges[:-1]) / 2, density / np.diff(edges), profile))
    return found


def draw(curves, profiles, path):
    """n and T against t, and the law of the survivors."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    for k, ((alpha, d, power), (t, n, T, known_n, known_T)) in enumerate(curves.items()):
        label = f"α = {alpha:g}, d = {d}, μ = {power}"
        for axis, seen, known in ((axes[0], n, known_n), (axes[1], T, known_T)):
            axis.loglog(alpha * t[1:], known[1:], "-", color=f"C{k}", lw=1)
            axis.loglog(alpha * t[1::3], seen[1::3], "o", color=f"C{k}", ms=3, label=label)
    axes[0].set(xlabel="αt", ylabel="n")
    axes[1].set(xlabel="αt", ylabel="T")
    axes[0].legend(fontsize=7)
    for k, (power, n, r, density, profile) in enumerate(profiles):
        label = f"particles, μ = {power}, n = {n:.3f}"
        axes[2].plot(r, density, "o", color=f"C{k}", ms=4, label=label)
        speed = 4 * np.pi * profile.radius**2 * profile.density
        axes[2].plot(profile.radius, speed, "-", color=f"C{k}", lw=1, label="self-similar")
    axes[2].set(xlim=(0, 2.5), xlabel="|v|/√(2T)", ylabel="law of the speed", title="α = 1, d = 3")
    axes[2].legend(fontsize=7)
    for axis in axes:
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=130)


def page(rows, path):
    """The table of the documentation."""
    lines = [
        "| d | α | μ | ξ of particles | of the equation | t → ∞ | ζ of particles | of the equation "
        "| t → ∞ |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        cells = [r["d"], r["alpha"], r["mu"]]
        for letter in "ξζ":
            cells.append(f"{r[f'particles {letter}']:.4f} ± {r[f'± {letter}']:.4f}")
            cells.append(f"{r[f'equation {letter}']:.4f}")
            cells.append(f"{r[f'limit {letter}']:.4f}")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    worst = max(r["error of the limit"] for r in rows)
    lines += [
        "",
        f"Hard spheres. Particles and equation between n = {FROM} and n = {TO}, from the slope of "
        f"ln T against ln n; the limits are known to {worst:.0e}.",
    ]
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the replicas")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)
    size, replicas = 100_000, 4 if options.quick else 40
    rows, curves = [], {}
    for alpha, d, power in [(1, 3, 0), (1, 3, 2), (1, 2, 0), (1, 2, 2), (0.5, 3, 0), (0.5, 2, 0)]:
        row, curve = case(alpha, d, power, size, replicas)
        rows.append(row)
        curves[alpha, d, power] = curve
        print(row, flush=True)
    keys = list(rows[0])
    table("Exponents of decay", keys, [[r[k] for k in keys] for r in rows])
    draw(curves, survivors(10 * replicas), options.out / "decay.png")
    page(rows, options.out / "decay.md")
    print(save({"rows": rows}, options.out, "decay"))


if __name__ == "__main__":
    main()
