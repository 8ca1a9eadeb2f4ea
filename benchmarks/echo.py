"""Does a gas of hard spheres return when all velocities are reversed (Loschmidt)?

Two types, one of two beams, the other warm; H = Σ (N_α/N) ∫ f_α log f_α from histograms of all
replicas falls by collisions. Reversed after k collisions of each sphere (2·events/N) the echo's H
rises as long as rounding has not grown over the paths. In double and in single precision. Saves
out/benchmarks/echo.png, echo.md and echo.json. Usage: python benchmarks/echo.py [--quick] [--out F]
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from _report import Stopwatch, a_device_for_each_core, machine, save, table

import jaxkin as jk
from jaxkin.velocity_laws import GaussianMixture, Maxwellian

NUMBERS, MASSES = (500, 500), (1.0, 4.0)
DOWN, UP = range(25), range(24, 49)  # places of the times before and after the reversal


class Velocities(jk.Observable):
    """The velocities of all spheres, (N, d)."""

    def evaluate(self, measured):
        """Return them as they are."""
        return measured.coordinates.velocity


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
    law = jk.ByType(
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
    happened = 2 * float(np.mean(np.sum(data.events["collisions"], (1, 2)))) / sum(NUMBERS) / 2
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


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer replicas and times")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)
    a_device_for_each_core()
    replicas = 4 if options.quick else 16
    depths = (1, 2, 4) if options.quick else (0.5, 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 10)
    with Stopwatch() as watch:
        rows = [echo(k, dtype, replicas) for dtype in (np.float64, np.float32) for k in depths]
    keys = [k for k in rows[0] if k != "path"]
    table("Echo of hard spheres", keys, [[r[k] for k in keys] for r in rows])

    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    for name, style in (("float64", "-"), ("float32", "--")):
        mine = [r for r in rows if r["type"] == name]
        for r in mine:
            if (
                round(r["collisions of a sphere"]) in (2, 4, 8)
                and r["collisions of a sphere"] > 1.7
            ):
                x = np.linspace(0, 2, 49) * r["collisions of a sphere"]
                color = {2: "C0", 4: "C1", 8: "C2"}[round(r["collisions of a sphere"])]
                axes[0].plot(x, r["path"], style, color=color, lw=1.2)
        x = [r["collisions of a sphere"] for r in mine]
        axes[1].semilogy(x, [r["median error"] for r in mine], "o" + style, label=f"{name}: error")
    axes[0].plot([], [], "k-", label="float64")
    axes[0].plot([], [], "k--", label="float32")
    axes[0].set(
        xlabel="collisions of a sphere, there and back",
        ylabel="H",
        title="reversed after about 2, 4, 8",
    )
    axes[1].set(
        xlabel="collisions of a sphere before the reversal",
        ylabel="median |v(2t) + v(0)|",
        title=f"N = {sum(NUMBERS)}, {replicas} replicas",
    )
    axes[1].set_ylim(1e-16, 10)
    twin = axes[1].twinx()
    for name, style in (("float64", "-"), ("float32", "--")):
        mine = [r for r in rows if r["type"] == name]
        x = [r["collisions of a sphere"] for r in mine]
        twin.plot(x, [r["recovered"] for r in mine], "s" + style, color="C3", ms=4, label=name)
    twin.set(ylabel="share of H that returns (red)", ylim=(-0.1, 1.1))
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(options.out / "echo.png", dpi=130)

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
        f"beams at first. {host['cpu']}, JAX {host['jax']}, {watch.wall:.0f} s.",
    ]
    (options.out / "echo.md").write_text("\n".join(lines) + "\n")
    print(save({"rows": rows, "replicas": replicas}, options.out, "echo"))


if __name__ == "__main__":
    main()
