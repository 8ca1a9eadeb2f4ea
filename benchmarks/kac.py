"""How fast is Kac's gas, exact and by disjoint pairs, against a sequential loop in the same run?

d = 3, N·R = 10⁶ velocities. Prints tables; saves out/benchmarks/kac.json, kac.png and kac.md.
Usage: python benchmarks/kac.py [--quick] [--out FOLDER] [--peer-python PYTHON]

The loop needs numba, in an environment of its own if need be: --peer-python names its Python.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from _report import Stopwatch, a_device_for_each_core, machine, save, table

import jaxkin as jk

matplotlib.use("Agg")
SCHEMES = {"exact": jk.schemes.Exact(), "disjoint": jk.schemes.Disjoint(fraction=0.1)}
SPAN = 20.0


def measure(gas, replicas, span=SPAN):
    """Collisions per second, the best of two runs, and the drift of the energy.

    Without the time to draw and record initial velocities, which the loop is not charged either.
    """
    law = jk.laws.Maxwellian(gas.dimension)
    observe = [jk.observables.Mean("energy", lambda z: 0.5 * jnp.sum(z.velocity**2))]
    options = {"replicas": replicas, "events": True, "observe": observe}
    key = jax.random.key(0)
    for times in ([0.0], [0.0, span]):
        jax.block_until_ready(jk.simulate(gas, law, jnp.array(times), key=key, **options).events)
    found = []
    for k in range(2):
        key = jax.random.key(1 + k)
        with Stopwatch() as start:
            data = jk.simulate(gas, law, jnp.array([0.0]), key=key, **options)
            jax.block_until_ready(data.events)
        with Stopwatch() as watch:
            data = jk.simulate(gas, law, jnp.array([0.0, span]), key=key, **options)
            jax.block_until_ready(data.events)
        energy = np.asarray(data["energy"], float)
        collisions = int(np.sum(np.asarray(data.events.count, np.int64)))
        found.append(
            {
                "n": gas.n_particles,
                "replicas": replicas,
                "dtype": str(gas.dtype),
                "collisions": collisions,
                "M/s": collisions / (watch.wall - start.wall) / 1e6,
                "with start": collisions / watch.wall / 1e6,
                "cpu ns": 1e9 * (watch.cpu - start.cpu) / collisions,
                "energy drift": float(np.max(np.abs(energy[:, 1] / energy[:, 0] - 1))),
            }
        )
    return max(found, key=lambda row: row["M/s"])


def peer(python, n, collisions):
    """Collisions per second of the loop on one core in millions, or None without numba."""
    script = Path(__file__).parent / "peers" / "kac_numba.py"
    command = [python, str(script), "--particles", str(n), "--collisions", str(collisions)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"\nthe loop did not run (pip install numba): {done.stderr.splitlines()[-1:]}")
        return None
    return json.loads(done.stdout)["per_s"] / 1e6


def speed(options, total):
    """Sizes, schemes, kernels and types, with the loop before and after each size."""
    rows = []
    for n in (100, 10_000, 1_000_000):
        if n > total:
            continue
        loops = [peer(options.peer_python, n, 20 * total)]
        own = []
        for scheme, chosen in SCHEMES.items():
            for kernel, exponent in (("Maxwell", None), ("hard spheres", 1)):
                for dtype in (np.float32, np.float64):
                    law = (
                        jk.MaxwellKernel(dtype(1))
                        if exponent is None
                        else jk.PowerKernel(dtype(1), dtype(exponent))
                    )
                    gas = jk.KacGas(n, kernel=law, scheme=chosen)
                    # Hard spheres are slower; both run long enough to forget the start.
                    span = SPAN if exponent is None else SPAN / 4
                    row = measure(gas, max(1, total // n), span)
                    own.append({"scheme": scheme, "kernel": kernel} | row)
        loops.append(peer(options.peer_python, n, 20 * total))
        known = [x for x in loops if x is not None]
        rows += [r | {"loop M/s": max(known) if known else None} for r in own]
    return rows


def growth(total):
    """Speed against the order K and against the number of replicas."""
    laws = jk.collision_laws
    orders, batches = [], []
    for K in (1, 2, 3, 4, 5):
        law = laws.Rotation() if K == 1 else laws.Symmetric(K, momentum=True)
        gas = jk.KacGas(1000, law, np.float32([1.0]))
        orders.append({"K": K} | measure(gas, total // 1000))
    for replicas in (1, 4, 16, 64, 256, 1024, 4096):
        if replicas * 200 <= total:
            gas = jk.KacGas(200, kernel=jk.MaxwellKernel(np.float32(1)))
            batches.append(measure(gas, replicas))
    return orders, batches


def drift(total):
    """Energy over a million collisions and more of one small gas, in single precision."""
    gas = jk.KacGas(100, kernel=jk.MaxwellKernel(np.float32(1)))
    law = jk.laws.Maxwellian(3)
    times = jnp.array([0.0, 20_000.0 if total >= 10**6 else 2000.0])
    data = jk.simulate(gas, law, times, key=jax.random.key(5), replicas=32, events=True)
    energy = np.asarray(data["energy"], float)
    change = energy[:, 1] / energy[:, 0] - 1
    return {
        "collisions per replica": float(np.mean(np.asarray(data.events.count, np.int64))),
        "mean drift": float(change.mean()),
        "rms drift": float(np.sqrt(np.mean(change**2))),
        "momentum drift": float(np.max(np.abs(np.diff(np.asarray(data["momentum"]), axis=1)))),
    }


def draw(rows, orders, batches, path):
    """Speed against N, K and R."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for scheme, mark in (("exact", "o-"), ("disjoint", "s--")):
        for kernel, colour in (("Maxwell", "C0"), ("hard spheres", "C1")):
            own = [r for r in rows if (r["scheme"], r["kernel"]) == (scheme, kernel)]
            own = [r for r in own if r["dtype"] == "float32"]
            label = f"{kernel}, {scheme}"
            axes[0].loglog(
                [r["n"] for r in own], [r["M/s"] for r in own], mark, color=colour, label=label
            )
    loop = {r["n"]: r["loop M/s"] for r in rows if r["loop M/s"]}
    axes[0].loglog(list(loop), list(loop.values()), "k:", label="numba loop, Maxwell, one core")
    axes[0].set(xlabel="particles N (N·R fixed)", ylabel="million collisions per second")
    axes[0].legend(fontsize=7)
    axes[1].plot([r["K"] for r in orders], [r["M/s"] for r in orders], "o-")
    axes[1].set(xlabel="order K", ylabel="million collisions per second", ylim=0)
    axes[2].loglog([r["replicas"] for r in batches], [r["M/s"] for r in batches], "o-")
    axes[2].set(xlabel="replicas of N = 200", ylabel="million collisions per second")
    for axis in axes:
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=130)


def page(rows, energy, path):
    """The table of the documentation."""
    host = machine()
    lines = [
        "| N | scheme | kernel | float32, M/s | float64, M/s | loop on one core, M/s |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        if r["dtype"] != "float32":
            continue
        key = ("n", "scheme", "kernel")
        other = next(q for q in rows if q["dtype"] == "float64" and all(q[k] == r[k] for k in key))
        loop = f"{r['loop M/s']:.1f}" if r["loop M/s"] and r["kernel"] == "Maxwell" else "–"
        cells = (r["n"], r["scheme"], r["kernel"], f"{r['M/s']:.1f}", f"{other['M/s']:.1f}", loop)
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        f"{host['cpu']}, {host['cores']} cores, {host['device']}, JAX {host['jax']}; a device for "
        "each core, without the time to draw initial velocities; the loop in single precision, "
        "timed before and after each N, of which the shorter time counts.",
        "",
        f"Over {energy['collisions per replica']:.2g} collisions of a gas of 100 in float32 the "
        f"energy drifts by {energy['mean drift']:.1e} in the mean over 32 gases, "
        f"{energy['rms drift']:.1e} r.m.s.",
    ]
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the velocities")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    parser.add_argument("--peer-python", default=sys.executable, help="a Python that has numba")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)
    a_device_for_each_core()
    total = 10**5 if options.quick else 10**6
    rows = speed(options, total)
    keys = ["n", "scheme", "kernel", "dtype", "replicas", "M/s", "with start", "cpu ns", "loop M/s"]
    table("Collisions per second, all cores", keys, [[r[k] for k in keys] for r in rows])
    orders, batches = growth(total)
    table("Order K, N = 1000", ["K", "M/s"], [[r["K"], r["M/s"]] for r in orders])
    table("Replicas of N = 200", ["R", "M/s"], [[r["replicas"], r["M/s"]] for r in batches])
    energy = drift(total)
    table("Energy in float32", list(energy), [list(energy.values())])
    draw(rows, orders, batches, options.out / "kac.png")
    page(rows, energy, options.out / "kac.md")
    results = {"rows": rows, "orders": orders, "batches": batches, "energy": energy}
    print(save(results, options.out, "kac"))


if __name__ == "__main__":
    main()
