"""How fast is Kac's gas, exact in law, against a sequential loop in the same run?

Maxwell molecules and hard spheres in d = 3, N·R = 10⁶ velocities. Prints tables and saves
out/benchmarks/kac.json. Usage: python benchmarks/kac.py [--quick] [--out FOLDER]
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from _report import Stopwatch, machine, save, table

import jaxkin as jk


def measure(n, exponent, total, dtype):
    """Collisions per second of `total` velocities in replicas of n."""
    gas = jk.KacGas(n, kernel=jk.PowerKernel(dtype(1), dtype(exponent)))
    law, replicas = jk.velocity_laws.Maxwellian(3), max(1, total // n)
    observe = [jk.Observable("energy", lambda z: 0.5 * jnp.sum(z.velocity**2))]
    options = {"replicas": replicas, "events": True, "observe": observe}
    times = jnp.array([0.0, 2.0])
    jax.block_until_ready(jk.simulate(gas, law, times, key=jax.random.key(0), **options).events)
    with Stopwatch() as watch:
        data = jk.simulate(gas, law, times, key=jax.random.key(1), **options)
        jax.block_until_ready(data.events)
    energy = np.asarray(data["energy"], float)
    collisions = int(np.sum(data.events["count"]))
    return {
        "n": n,
        "exponent": exponent,
        "dtype": np.dtype(dtype).name,
        "replicas": replicas,
        "collisions": collisions,
        "per_s": collisions / watch.wall,
        "ns_cpu": 1e9 * watch.cpu / collisions,
        "energy_drift": float(np.max(np.abs(energy[:, 1] / energy[:, 0] - 1))),
    }


def peer(n):
    """Collisions per second of the loop, or None without numba."""
    script = Path(__file__).parent / "peers" / "kac_numba.py"
    command = [sys.executable, str(script), "--particles", str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode else json.loads(done.stdout)["per_s"]


def main() -> None:
    """Measure and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the velocities")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    total, rows = 10**5 if options.quick else 10**6, []
    jax.config.update("jax_enable_x64", True)
    for n in (100, 10_000, 1_000_000):
        loop = peer(n)
        for exponent in (0.0, 1.0):
            for dtype in (np.float32, np.float64):
                if n <= total:
                    rows.append(measure(n, exponent, total, dtype) | {"loop_per_s": loop})
    keys = ["n", "exponent", "dtype", "replicas", "per_s", "ns_cpu", "loop_per_s", "energy_drift"]
    table(
        "Collisions per second, all cores, and of the loop on one",
        keys,
        [[r[k] for k in keys] for r in rows],
    )
    print(save({"rows": rows, "machine": machine()}, options.out, "kac"))


if __name__ == "__main__":
    main()
