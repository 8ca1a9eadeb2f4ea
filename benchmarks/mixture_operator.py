"""What does the collision operator of a mixture cost, and how far is it from the truth?

Error: the largest of Q over its largest value, for the exact solution of Krook and Wu (Maxwell
molecules), with the Gaussians' widths those of the
solution and 5 % off; and for hard spheres d⟨|v|⁴⟩/dt of two Maxwellians against two degrees more.
Cost: milliseconds of one evaluation, alone and in batches of 64, and its multiplications over the
time against what a matrix product does here. Saves out/benchmarks/mixture_operator.md and .json.
Usage: python benchmarks/mixture_operator.py [--quick] [--out FOLDER]
"""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from _report import machine, save, table

import jaxkin as jk
from jaxkin.equations.krook_wu import KrookWu

MASS = 8.0


def clock(function, *arguments, least=0.2):
    """Return seconds of a call, the best of three series."""
    jax.block_until_ready(function(*arguments))
    best, calls = np.inf, 1
    while True:
        began = time.perf_counter()
        for _ in range(calls):
            out = function(*arguments)
        jax.block_until_ready(out)
        taken = time.perf_counter() - began
        if taken > least:
            break
        calls *= 2
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(calls):
            out = function(*arguments)
        jax.block_until_ready(out)
        best = min(best, (time.perf_counter() - began) / calls)
    return best


def peak(size=1024):
    """Return multiplications and additions a second of a matrix product in double precision."""
    a = jnp.ones((size, size))
    return size**3 / clock(jax.jit(lambda x: x @ x), a)


def spheres(degree, dimension):
    """Return fourth moments of Q of hard spheres, T = 1.5 and 0.8, masses 1 and 8."""
    law = jk.laws.ByType(
        jk.laws.Maxwellian(dimension, temperature=1.5),
        jk.laws.Maxwellian(dimension, temperature=0.8 / MASS),
    )
    operator = jk.operators.HermiteMixture(
        [1.0, MASS], dimension=dimension, degree=degree, temperature=1.15
    )
    rate = operator.collision(operator.project(law), operator.prepare())
    names = {o.name: o for o in operator.observables()}
    return np.asarray(names["fourth_moment"].of_density(operator.measure(rate)))


def measure(degree, dimension, reference, speed):
    """Return a row of the table."""
    began = time.perf_counter()
    operator = jk.operators.HermiteMixture([1.0, MASS], dimension=dimension, degree=degree)
    tensor = jax.block_until_ready(operator.prepare())
    made = time.perf_counter() - began
    run = jax.jit(lambda f, tensor: operator.collision(f, tensor))
    state = jax.random.normal(jax.random.key(0), (64, 2, operator.degrees().size))
    one, many = clock(run, state[0], tensor), clock(run, state, tensor) / 64
    work = sum(block.size for block in tensor)
    row = {
        "d": dimension,
        "degree": degree,
        "functions": operator.degrees().size,
        "tensor, s": made,
        "ms": 1e3 * one,
        "ms of 64": 1e3 * many,
        "share of peak": work / many / speed,
    }
    moved = spheres(degree, dimension)
    row["error, spheres"] = float(np.abs(moved - reference).max() / np.abs(reference).max())
    if dimension == 3:
        solution = KrookWu(MASS)
        row["error, own width"] = solution.error(0.2, degree)
        row["error, 5 % off"] = solution.error(0.2, degree, 1.05)
    return row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="up to degree 6")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)
    speed, rows = peak(), []
    degrees = (4, 6) if options.quick else (4, 6, 8)
    for dimension in (3, 2):
        reference = spheres(degrees[-1] + 2, dimension)
        rows += [measure(n, dimension, reference, speed) for n in degrees]
    keys = list(rows[0])
    table("Operator of a mixture of two", keys, [[r.get(k, "") for k in keys] for r in rows])
    head = ["d", "degree", "functions", "tensor, s", "ms, one", "ms, each of 64", "of a product"]
    head += ["error, spheres", "error, K–W", "error, K–W, widths 5 % off"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for r in rows:
        cells = [r["d"], r["degree"], r["functions"], f"{r['tensor, s']:.2f}", f"{r['ms']:.2f}"]
        cells += [f"{r['ms of 64']:.3f}", f"{100 * r['share of peak']:.0f} %"]
        errors = ("error, spheres", "error, own width", "error, 5 % off")
        cells += [f"{r[k]:.0e}" if k in r else "" for k in errors]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    host = machine()
    lines += [
        "",
        f"Two types, masses 1 and {MASS:g}, double precision; a product of 1024 × 1024 matrices "
        f"does {speed / 1e9:.0f}·10⁹ multiplications and additions a second. {host['cpu']}, "
        f"{host['cores']} cores, {host['device']}, JAX {host['jax']}.",
    ]
    (options.out / "mixture_operator.md").write_text("\n".join(lines) + "\n")
    print(save({"rows": rows, "peak": speed}, options.out, "mixture_operator"))


if __name__ == "__main__":
    main()
