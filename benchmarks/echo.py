"""Does a gas of hard spheres return when all velocities are reversed (Loschmidt)?

Two types, one of two beams, the other warm; H = Σ (N_α/N) ∫ f_α log f_α from histograms of all
replicas falls by collisions. Reversed after k collisions of each sphere (2·events/N) the echo's H
rises as long as rounding has not grown over the paths. In double and in single precision. Saves
out/benchmarks/echo.png, echo.md and echo.json. Usage: python benchmarks/echo.py [--quick] [--out F]
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from _report import Stopwatch, machine, options, save, table

import jaxkin as jk
from jaxkin.laws.velocities import GaussianMixture, Maxwellian

NUMBERS, MASSES = (500, 500), (1.0, 4.0)


class Velocities(jk.observables.Observable):
    """The velocities of all spheres, (N, d)."""

    name: str = eqx.field(static=True)

    def of_particles(self, measured, *, key=None):
        """Return them as they are."""
        return measured.coordinates.velocity

    def of_density(self, density):
        """Refuse: a density has no spheres."""
        raise ValueError("Argument `observe` must hold what a density has, but those are spheres.")


def boltzmann_h(velocity):
    """H of (replicas, N, 3) velocities of a gas that is symmetric about the first axis.

    Bins of equal size in (v₁, v₂² + v₃²), whose volume is π times that; the bias of a histogram,
    (bins that are met − 1)/(2 samples), is taken off.
    """
    total = 0.0
    for part, mass in zip(np.split(velocity, [NUMBERS[0]], axis=1), MASSES, strict=True):
        v = part.reshape(-1, 3) * np.sqrt(mass)
        edges = np.linspace(-5, 5, 41), np.linspace(0, 16, 41)
        counts = np.histogram2d(v[:, 0], v[:, 1] ** 2 + v[:, 2] ** 2, bins=edges)[0].ravel()
        p = counts[counts > 0] / len(v)
        volume = np.pi * 0.25 * 0.4 / mass**1.5
        h = np.sum(p * np.log(p / volume)) - (p.size - 1) / (2 * len(v))
        total += h * part.shape[1] / velocity.shape[1]
    return total


def echo(mean_collisions, dtype, replicas):
    """Simulate to the time of so many collisions of each sphere, and back."""
    law = jk.laws.ByType(
        GaussianMixture([0.5, 0.5], [[1.2, 0, 0], [-1.2, 0, 0]], [[0.05] * 3] * 2),
        Maxwellian(3, temperature=1.0 / MASSES[1]),
    )
    # A sphere meets Σ_β c_{αβ} 4π√(θ/2π) others in unit time at T = ½; near enough for a time.
    speed = np.sqrt(0.5 * (1 / np.array(MASSES)[:, None] + 1 / np.array(MASSES)) / (2 * np.pi))
    time = mean_collisions / (4 * np.pi * speed.sum(1).mean() * 0.5)
    diameter = (0.5 / NUMBERS[0]) ** 0.5
    gas = jk.HardSphereMixture(
        NUMBERS, np.array(MASSES, dtype), np.full(2, diameter, dtype), reverse_at=time
    )
    times = jnp.asarray(np.linspace(0, 2 * time, 49), dtype)
    data = jk.simulate(
        gas,
        law,
        times,
        key=jax.random.key(3),
        replicas=replicas,
        observe=[Velocities("velocities")],
        events=True,
    )
    v = np.asarray(data["velocities"], np.float64)
    h = [boltzmann_h(v[:, k]) for k in range(v.shape[1])]
    apart = np.linalg.norm(v[:, -1] + v[:, 0], axis=-1)
    happened = 2 * float(np.mean(np.sum(data.events.collisions, (1, 2)))) / sum(NUMBERS) / 2
    return {
        "type": np.dtype(dtype).name,
        "collisions of a sphere": happened,
        "median error": float(np.median(apart)),
        "H(0)": h[0],
        "H at the reversal": h[24],
        "H(2t)": h[-1],
        "recovered": (h[-1] - h[24]) / (h[0] - h[24]),
        "path": h,
    }


def draw(rows, path):
    """Draw H there and back for three depths, and what returns against the depth."""
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    twin = axes[1].twinx()
    for name, style in (("float64", "-"), ("float32", "--")):
        mine = [r for r in rows if r["type"] == name]
        shown = [mine[k] for k in sorted({0, len(mine) // 2 - 1, len(mine) - 2})]
        for color, r in enumerate(shown):
            depth = r["collisions of a sphere"]
            x = np.linspace(0, 2, len(r["path"])) * depth
            axes[0].plot(x, r["path"], f"C{color}{style}", lw=1.2, label=f"{depth:.1f}, {name}")
        x = [r["collisions of a sphere"] for r in mine]
        axes[1].semilogy(x, [r["median error"] for r in mine], "C0o" + style, ms=4, label=name)
        twin.plot(x, [r["recovered"] for r in mine], "C3s" + style, ms=4)
    axes[0].set(xlabel="collisions of a sphere, there and back", ylabel="H", title="reversed after")
    axes[1].set(
        xlabel="collisions of a sphere before the reversal",
        ylabel="median |v(2t) + v(0)| (blue)",
        ylim=(1e-16, 10),
    )
    twin.set(ylabel="share of H that returns (red)", ylim=(-0.1, 1.1))
    axes[0].grid(alpha=0.3)
    axes[1].grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    axes[1].legend(fontsize=8, loc="center right")
    figure.savefig(path, dpi=130)


def main() -> None:
    """Measure, print and draw."""
    chosen = options(__doc__, "fewer replicas and times")
    replicas = 4 if chosen.quick else 16
    depths = (1, 2, 4) if chosen.quick else (1, 1.5, 2, 3, 4, 5, 6, 8)
    with Stopwatch() as watch:
        rows = [echo(k, dtype, replicas) for dtype in (np.float64, np.float32) for k in depths]
    keys = [k for k in rows[0] if k != "path"]
    table("Echo of hard spheres", keys, [[r[k] for k in keys] for r in rows])
    draw(rows, chosen.out / "echo.png")
    write(rows, replicas, chosen.out, watch.wall)


def write(rows, replicas, folder, seconds):
    """Write the table and the numbers."""
    host = machine()
    lines = [
        "| precision | collisions of a sphere | median error of v | H(0) | H(t) | H(2t) | back |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        cells = [r["type"], f"{r['collisions of a sphere']:.2f}", f"{r['median error']:.1e}"]
        cells += [f"{r[k]:.3f}" for k in ("H(0)", "H at the reversal", "H(2t)", "recovered")]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        f"N = {sum(NUMBERS)}, d = 3, c = ½, masses 1 and 4, {replicas} replicas; type 1 in two "
        f"beams at first. {host['cpu']}, JAX {host['jax']}.",
    ]
    (folder / "echo.md").write_text("\n".join(lines) + "\n")
    print(save({"rows": rows, "replicas": replicas, "seconds": seconds}, folder, "echo"))


if __name__ == "__main__":
    main()
