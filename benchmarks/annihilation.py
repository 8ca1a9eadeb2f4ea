"""How fast does the annihilating gas run, and what do empty places cost?

d = 3, hard spheres and Maxwell molecules, float32. Prints tables; saves
out/benchmarks/annihilation.json, annihilation.md and annihilation.png.
Usage: python benchmarks/annihilation.py [--quick] [--out FOLDER]
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from _report import Stopwatch, machine, save, table

import jaxkin as jk

matplotlib.use("Agg")
MAXWELL = jk.MaxwellKernel(np.float32(1))
HARD = jk.PowerKernel(np.float32(1), np.float32(1))


def run(gas, times, replicas, key=1):
    """Seconds of a run without its compilation, and its densities and events."""
    law = jk.laws.Maxwellian(3)
    options = {"replicas": replicas, "events": True, "observe": ["density"]}
    # The same shapes once before: compiled then.
    jax.block_until_ready(jk.simulate(gas, law, times, key=jax.random.key(0), **options).events)
    with Stopwatch() as watch:
        data = jk.simulate(gas, law, times, key=jax.random.key(key), **options)
        jax.block_until_ready(data.events)
    left = np.asarray(data.events.number, np.int64)
    events = int(np.sum(np.asarray(data.events.count, np.int64) + (gas.n_particles - left) // 2))
    return {
        "n": gas.n_particles,
        "replicas": replicas,
        "seconds": watch.wall,
        "events": events,
        "M/s": events / watch.wall / 1e6,
        "left": float(left.mean() / gas.n_particles),
    }


def sizes(total):
    """Events per second against N₀ at N₀·R fixed, for two α and two kernels, to half the gas."""
    rows = []
    for n in (100, 1000, 10_000, 100_000):
        for kernel, name in ((MAXWELL, "Maxwell"), (HARD, "hard spheres")):
            for alpha in (0.1, 1.0):
                gas = jk.AnnihilatingGas(n, np.float32(alpha), kernel)
                # n = 1/(1 + αt) for Maxwell; hard spheres meet 2.3 times as often.
                span = 1 / alpha / (1 if kernel is MAXWELL else 2.3)
                row = run(gas, jnp.array([0.0, span]), max(1, total // n))
                rows.append({"kernel": name, "alpha": alpha} | row)
    return rows


def batches(total):
    """Events per second against the number of replicas of N₀ = 1000."""
    gas = jk.AnnihilatingGas(1000, np.float32(1), MAXWELL)
    return [run(gas, jnp.array([0.0, 1.0]), r) for r in (1, 8, 64, 512, 4096) if r * 500 <= total]


def to_one_percent(replicas):
    """The whole decay to 1 % survivors, N₀ = 1000."""
    rows = []
    for kernel, name, span in ((MAXWELL, "Maxwell", 99.0), (HARD, "hard spheres", 75.0)):
        for alpha in (1.0, 0.3):
            gas = jk.AnnihilatingGas(1000, np.float32(alpha), kernel)
            row = run(gas, jnp.array([0.0, span / alpha]), replicas)
            rows.append({"kernel": name, "alpha": alpha} | row)
    return rows


def thinning(replicas):
    """Seconds until the gas has halved k times, and of a gas that begins there.

    A thin gas must not cost what a full one does; what it costs more than a gas of its own size is
    the price of N₀ places.
    """
    full, rows = 4096, []
    law = jk.laws.Maxwellian(3)
    gas = jk.AnnihilatingGas(full, np.float32(1), MAXWELL)
    options = {"replicas": replicas, "observe": ["density"], "events": True}
    for k in range(1, 11):
        best = []
        for trial in range(4):  # the first compiles
            with Stopwatch() as watch:
                data = jk.simulate(
                    gas, law, jnp.array([2.0**k - 1]), key=jax.random.key(trial), **options
                )
                jax.block_until_ready(data.events)
            best.append(watch.wall)
        small = jk.AnnihilatingGas(full >> k, np.float32(1), MAXWELL)
        rows.append(
            {
                "left": full >> k,
                "seconds": min(best[1:]),
                "of a gas that begins there": run(small, jnp.array([0.0, 1.0]), replicas)[
                    "seconds"
                ],
            }
        )
    return rows


def draw(rows, many, thin, path):
    """Speed against N₀ and R, cost against what is left."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for name, colour in (("Maxwell", "C0"), ("hard spheres", "C1")):
        for alpha, mark in ((0.1, "o-"), (1.0, "s--")):
            own = [r for r in rows if (r["kernel"], r["alpha"]) == (name, alpha)]
            axes[0].loglog(
                [r["n"] for r in own],
                [r["M/s"] for r in own],
                mark,
                color=colour,
                label=f"{name}, α = {alpha:g}",
            )
    axes[0].set(xlabel="particles N₀ (N₀·R fixed)", ylabel="million events per second")
    axes[0].legend(fontsize=7)
    axes[1].loglog([r["replicas"] for r in many], [r["M/s"] for r in many], "o-")
    axes[1].set(xlabel="replicas of N₀ = 1000", ylabel="million events per second")
    left = [r["left"] for r in thin]
    axes[2].semilogx(left, [r["seconds"] for r in thin], "o-", label="from N₀ = 4096 to here")
    alone = [r["of a gas that begins there"] for r in thin]
    axes[2].semilogx(left, alone, "s--", label="a gas that begins here, to its half")
    axes[2].set(xlabel="particles that are left", ylabel="seconds", ylim=0)
    axes[2].legend(fontsize=7)
    for axis in axes:
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=130)


def page(rows, decay, thin, path):
    """The tables of the documentation."""
    host = machine()
    lines = ["| N₀ | kernel | α | million events per second |", "|---|---|---|---|"]
    lines += [f"| {r['n']} | {r['kernel']} | {r['alpha']:g} | {r['M/s']:.1f} |" for r in rows]
    lines += ["", "| decay of N₀ = 1000 | α | replicas | left | events | seconds |"]
    lines += ["|---|---|---|---|---|---|"]
    for r in decay:
        cells = (r["kernel"], f"{r['alpha']:g}", r["replicas"], f"{r['left']:.2%}")
        cells += (f"{r['events']:.3g}", f"{r['seconds']:.1f}")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        "| left of N₀ = 4096 | seconds until then | of a gas that begins so, to its half |",
    ]
    lines += ["|---|---|---|"]
    for r in thin:
        alone = r["of a gas that begins there"]
        lines.append(f"| {r['left']} | {r['seconds']:.3f} | {alone:.3f} |")
    lines += ["", f"{host['cpu']}, {host['cores']} cores, {host['device']}, JAX {host['jax']}."]
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    total = 10**5 if options.quick else 10**6
    rows = sizes(total)
    keys = ["n", "kernel", "alpha", "replicas", "M/s", "left"]
    table("Events per second, to half the gas", keys, [[r[k] for k in keys] for r in rows])
    many = batches(total)
    table("Replicas of N₀ = 1000", ["R", "M/s"], [[r["replicas"], r["M/s"]] for r in many])
    decay = to_one_percent(total // 100)
    keys = ["kernel", "alpha", "replicas", "left", "events", "seconds"]
    table("Decay of N₀ = 1000 to 1 %", keys, [[r[k] for k in keys] for r in decay])
    thin = thinning(total // 4000)
    keys = ["left", "seconds", "of a gas that begins there"]
    table("Seconds until so many are left of N₀ = 4096", keys, [[r[k] for k in keys] for r in thin])
    draw(rows, many, thin, options.out / "annihilation.png")
    page(rows, decay, thin, options.out / "annihilation.md")
    results = {"rows": rows, "batches": many, "decay": decay, "thinning": thin}
    print(save(results, options.out, "annihilation"))


if __name__ == "__main__":
    main()
