"""How fast do hard spheres collide, against N, replicas and dimension?

One type, c₁ = 1. Prints a table; saves out/benchmarks/hard_spheres.json and hard_spheres.md.
Usage: python benchmarks/hard_spheres.py [--quick] [--out FOLDER]
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from _report import Stopwatch, a_device_for_each_core, machine, save, table

import jaxkin as jk


def measure(n, dimension, replicas, collisions, dtype=np.float64):
    """Collisions per second, without the time to place the spheres."""
    gas = jk.HardSphereMixture(
        (n,), dtype([1]), dtype([(1 / n) ** (1 / (dimension - 1))]), dimension=dimension
    )
    law = jk.laws.ByType(jk.laws.Maxwellian(dimension))
    sphere = 2 * np.pi if dimension == 2 else 4 * np.pi
    # Each of n spheres collides at the rate |S^{d−1}|√(1/π) for θ = 2.
    span = collisions / (0.5 * n * replicas * sphere / np.sqrt(np.pi))
    options = {"replicas": replicas, "events": True, "observe": ["temperature"]}

    def run(key, times):
        data = jk.simulate(gas, law, jnp.asarray(times, dtype), key=jax.random.key(key), **options)
        return jax.block_until_ready(data.events)

    for times in ([0.0], [0.0, span]):
        run(0, times)
    with Stopwatch() as start:
        run(1, [0.0])
    with Stopwatch() as watch:
        events = run(1, [0.0, span])
    number = int(events.collisions.sum())
    return {
        "d": dimension,
        "N": n,
        "replicas": replicas,
        "dtype": np.dtype(dtype).name,
        "collisions": number,
        "per round": number / int(events.rounds.sum()),
        "place, s": start.wall,
        "per second": number / (watch.wall - start.wall),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the collisions")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)
    a_device_for_each_core()
    total = 10_000 if options.quick else 100_000
    cases = [(n, d, r) for d in (3, 2) for n, r in ((100, 40), (1000, 8), (10_000, 2))]
    rows = [measure(n, d, r, total) for n, d, r in [*cases, (1000, 3, 1), (1000, 3, 64)]]
    rows.append(measure(1000, 3, 8, total, np.float32))
    keys = list(rows[0])
    table("Collisions of hard spheres", keys, [[r[k] for k in keys] for r in rows])
    speed = {(r["d"], r["N"]): r["per second"] for r in rows[:6]}
    growth = {d: float(np.log10(speed[d, 1000] / speed[d, 10_000])) for d in (2, 3)}
    print("\ncost of a collision from N = 10³ to 10⁴, as a power of N, by d:", growth)
    host = machine()
    lines = [
        "| d | N | replicas | type | collisions in a round | collisions per second |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        cells = [r["d"], r["N"], r["replicas"], r["dtype"], f"{r['per round']:.1f}"]
        lines.append("| " + " | ".join(map(str, [*cells, f"{r['per second']:.0f}"])) + " |")
    lines += [
        "",
        "c = 1, all replicas together, without the time to place spheres. From N = 10³ to 10⁴ the "
        f"cost of a collision grows as N^{growth[3]:.2f} in d = 3 and N^{growth[2]:.2f} in d = 2. "
        f"{host['cpu']}, {host['cores']} cores, {host['device']}, JAX {host['jax']}.",
    ]
    (options.out / "hard_spheres.md").write_text("\n".join(lines) + "\n")
    print(save({"rows": rows, "growth": growth}, options.out, "hard_spheres"))


if __name__ == "__main__":
    main()
