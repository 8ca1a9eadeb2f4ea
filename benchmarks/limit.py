"""How fast do particles approach their limit? (Hammond, Proposition 3.1)

The annihilating gas (α = 20, d = 1, unit ball, Z = 1) has the limit h(t) = 1/(1 + βt). The gap
N(h_N − h) at t = 0.1 is measured with the contact-resolving scheme, which does not know β, and
with the pair law; its order is the slope of ln|h_N − h| against ln N. At N = 1000 the mean must
lie within 5 standard errors of h + c/N, with c extrapolated by this rule: the weighted mean of
N(h_N − h) over the measured N ≥ 24. The naive rate α∫V is rejected there.

Run: `python benchmarks/limit.py [--quick]`; saves out/benchmarks/limit.json and limit.png.
"""

import argparse
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import jaxkin as jk

TIME = 0.1
SCHEMES = {"contact": jk.schemes.Contact(), "pair_law": jk.schemes.PairLaw()}
REPLICAS = {12: 24_000, 24: 24_000, 48: 24_000, 100: 12_000}


def gas(n_particles: int, scheme: str) -> jk.BrownianCoagulation:
    """The annihilating gas of §3 in single precision."""
    return jk.BrownianCoagulation(
        n_particles,
        strength=np.float32(20),
        diffusivity=np.float32(1),
        scheme=SCHEMES[scheme],
        interaction=jk.interactions.Ball(np.float32(1)),
        reaction="annihilation",
    )


def density(n_particles: int, scheme: str, replicas: int, seed: int) -> tuple[float, float]:
    """Return the mean of h_N at TIME over replicas, and its standard error."""
    data = jk.simulate(
        gas(n_particles, scheme),
        jk.laws.Monodisperse(),
        jnp.array([TIME]),
        key=jax.random.key(seed),
        replicas=replicas,
    )
    return float(data.mean("number")[0]), float(data.standard_error("number")[0])


def slope(numbers, gaps, errors) -> tuple[float, float]:
    """Return the weighted least-squares slope of ln|gap| against ln N, and its error."""
    x, y = np.log(numbers), np.log(np.abs(gaps))
    weight = (np.abs(gaps) / errors) ** 2
    centre = np.sum(weight * x) / weight.sum()
    spread = np.sum(weight * (x - centre) ** 2)
    return float(np.sum(weight * (x - centre) * y) / spread), float(spread**-0.5)


def measure(quick: bool) -> dict:
    """Run both schemes over the range of N in which each holds."""
    beta, naive = float(jk.ball_rate(20.0, 2.0)), 20.0 * 4 * np.pi / 3
    limit = 1 / (1 + beta * TIME)
    share = 8 if quick else 1
    found: dict = {"limit": limit, "naive": 1 / (1 + naive * TIME), "schemes": {}}
    for scheme, numbers in (("contact", (12, 24, 48)), ("pair_law", (48, 100))):
        rows = []
        for n in numbers:
            mean, error = density(n, scheme, REPLICAS[n] // share, seed=n)
            rows.append({"N": n, "mean": mean, "error": error, "gap": mean - limit})
            print(
                f"{scheme:9s} N={n:5d}  h_N−h = {mean - limit:+.5f} ± {error:.5f}  "
                f"N(h_N−h) = {n * (mean - limit):+.3f} ± {n * error:.3f}",
                flush=True,
            )
        order = slope(*(np.array([r[k] for r in rows]) for k in ("N", "gap", "error")))
        found["schemes"][scheme] = {"rows": rows, "slope": order}
        print(f"{scheme:9s} order {order[0]:+.2f} ± {order[1]:.2f}", flush=True)
    rows = [r for s in found["schemes"].values() for r in s["rows"] if r["N"] >= 24]
    weight = np.array([(r["N"] * r["error"]) ** -2 for r in rows])
    coefficient = np.sum(weight * [r["N"] * r["gap"] for r in rows]) / weight.sum()
    found["coefficient"] = [float(coefficient), float(weight.sum() ** -0.5)]
    for scheme, replicas in (("contact", 32), ("pair_law", 128)):
        mean, error = density(1000, scheme, replicas // (4 if quick else 1), seed=1000)
        z = (mean - limit - coefficient / 1000) / np.hypot(error, found["coefficient"][1] / 1000)
        found[f"thousand_{scheme}"] = {
            "mean": mean,
            "error": error,
            "z": float(z),
            "naive_z": float((mean - found["naive"]) / error),
        }
        print(
            f"{scheme:9s} N= 1000  h_N = {mean:.5f} ± {error:.5f}, {z:+.2f} s.e. from the limit "
            f"with its 1/N term, {(mean - found['naive']) / error:.0f} s.e. from the naive one"
        )
    return found


def draw(found: dict, path: Path) -> None:
    """Gap against N with the line c/N."""
    _, axes = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
    labels = {"contact": "contacts resolved", "pair_law": "pair law"}
    for color, (scheme, result) in zip(("C0", "C3"), found["schemes"].items(), strict=True):
        rows = result["rows"]
        axes.errorbar(
            [r["N"] for r in rows],
            [-r["gap"] for r in rows],
            [2 * r["error"] for r in rows],
            fmt="o",
            color=color,
            capsize=3,
            label=f"{labels[scheme]}: order {result['slope'][0]:.2f} ± {result['slope'][1]:.2f}",
        )
    n = np.geomspace(10, 120)
    c = found["coefficient"]
    axes.plot(n, -c[0] / n, "k--", lw=1, label=f"{-c[0]:.2f} ± {c[1]:.2f} over N")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="number of particles N",
        ylabel=r"$h(t) - h_N(t)$ at $t = 0.1$ (± 2 s.e.)",
        title="Annihilating Brownian particles approach their limit as 1/N",
    )
    axes.legend(frameon=False)
    plt.savefig(path, dpi=150)


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="an eighth of the replicas")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = measure(options.quick)
    (options.out / "limit.json").write_text(json.dumps(found, indent=1))
    draw(found, options.out / "limit.png")


if __name__ == "__main__":
    main()
