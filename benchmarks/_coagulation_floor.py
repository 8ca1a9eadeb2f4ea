"""Screens of pairs alone, and what part of whole runs they take."""

import math

import jax
import jax.numpy as jnp
from _coagulation_runs import DURATION, SCHEMES, gas, run
from _report import Stopwatch, table

from jaxkin.numerics.pair_screen import pack_bits
from jaxkin.particles.brownian.swarm import Swarm


def floor(options):
    """How far from the machine: the screens of pairs alone, and a matrix product."""
    n, rows = 4096, []
    keys = jax.random.split(jax.random.key(0), 3)
    still = jnp.zeros((3, n))
    swarm = Swarm(
        jax.random.uniform(keys[0], (3, n)),
        0.05 * jax.random.normal(keys[1], (3, n)),
        still[0],
        still,
        jnp.ones(n, jnp.int32),
        jax.random.bits(keys[2], (2, n)),
    )
    step = jnp.float32(1e-3)
    pairs = gas(n, "pair_law").pair_table(-jnp.log(jnp.float32(n)))

    def screen_of(scheme):
        @jax.jit
        def screen(swarm):
            traits = scheme.traits(swarm, pairs, step, n)
            own = jax.tree.map(lambda x: x[:, None], traits)
            return pack_bits(scheme.may_react(own, traits, pairs, step))

        return screen

    matrix = jax.random.normal(keys[0], (2048, 2048))
    cases = {
        "contact": (screen_of(SCHEMES["contact"]), (swarm,), 30 * n * n),
        "pair_law": (screen_of(SCHEMES["pair_law"]), (swarm,), 75 * n * n),
        "matrix product": (jax.jit(jnp.matmul), (matrix, matrix), 2 * 2048**3),
    }
    for name, (function, arguments, operations) in cases.items():
        jax.block_until_ready(function(*arguments))
        with Stopwatch() as watch:
            for _ in range(10):
                jax.block_until_ready(function(*arguments))
        rows.append(
            {
                "what": name,
                "gops_per_cpu_s": operations * 10 / watch.cpu / 1e9,
                "gops_per_s": operations * 10 / watch.wall / 1e9,
                "pairs_per_cpu_s": math.nan if name == "matrix product" else n * n * 10 / watch.cpu,
            }
        )
    pairs_per_s = {r["what"]: r["pairs_per_cpu_s"] for r in rows}
    table(
        "Floor: the screens of all pairs (30 and 75 operations a pair), and a matrix product",
        ["what", "Gop per CPU s", "Gop/s", "pairs per CPU s"],
        [[r["what"], r["gops_per_cpu_s"], r["gops_per_s"], r["pairs_per_cpu_s"]] for r in rows],
    )
    shares = []
    for scheme in ("contact", "pair_law"):
        for n_run, replicas in ((50, 256), (200, 48), (1000, 8)):
            _, row = run(gas(n_run, scheme), replicas if options.quick else 2 * replicas, seed=4)
            # All places against all, both orders: what the screen really visits in each step.
            visited = row["replicas"] * n_run**2 * DURATION / row["step"]
            shares.append(
                {
                    "scheme": scheme,
                    "n": n_run,
                    "pairs_per_cpu_s": visited / row["cpu"],
                    "share_of_screen": visited / pairs_per_s[scheme] / row["cpu"],
                }
            )
    table(
        "Whole runs: pairs visited, and the part of the time that the bare screen would take",
        ["scheme", "N", "pairs per CPU s", "part"],
        [[r["scheme"], r["n"], r["pairs_per_cpu_s"], r["share_of_screen"]] for r in shares],
    )
    return {"rows": rows, "shares": shares}
