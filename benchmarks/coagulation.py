"""How fast and how exact are the two schemes of coagulating Brownian particles, and ReaDDy 2?

α = 20, d = 1, V the unit ball, Z = 1, up to T = 0.1, in single precision. CPU seconds count all
threads; compilation is reported apart. Prints tables; saves out/benchmarks/coagulation.json and
.png. Usage:

    python benchmarks/coagulation.py [--quick] [--out FOLDER] [--only speed bias …]
"""

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from _coagulation_page import draw, page, targets
from _report import Stopwatch, machine, save, table
from derived_bias import bias_of_gamma, bias_of_pair_law

import jaxkin as jk
from fitting import estimate_from_events
from jaxkin.numerics.pair_screen import pack_bits
from jaxkin.particles.brownian.swarm import Swarm

ALPHA, DIFFUSIVITY, DURATION = 20.0, 1.0, 0.1
LAW, BALL, MASSES = jk.laws.Monodisperse(), jk.interactions.Ball(), 32
D = 2 * DIFFUSIVITY
SCHEMES = {"contact": jk.schemes.Contact(), "pair_law": jk.schemes.PairLaw()}
BETA = float(jk.ball_rate(ALPHA, D))


def gas(n, scheme, reaction="annihilation", **options):
    """Return the model; products of merging stay below 32 masses almost always."""
    masses = 1 if reaction == "annihilation" else MASSES
    return jk.BrownianCoagulation(
        n,
        strength=ALPHA,
        diffusivity=DIFFUSIVITY,
        interaction=BALL,
        scheme=SCHEMES.get(scheme, scheme),
        reaction=reaction,
        max_mass=masses,
        overflow="absorb",
        **options,
    )


def run(model, replicas, seed=0, duration=DURATION):
    """Compile on a very short run of the same shape, then run; return data and costs."""
    simulated = {"replicas": replicas, "events": True}
    step = float(model.macro_step())
    with Stopwatch() as compiling:
        short = jk.simulate(model, LAW, jnp.array([0, step]), key=jax.random.key(1), **simulated)
        jax.block_until_ready(short.events)
    with Stopwatch() as running:
        data = jk.simulate(
            model, LAW, jnp.array([0, duration]), key=jax.random.key(100 + seed), **simulated
        )
        jax.block_until_ready(data.events)
    events = int(np.sum(data.events.count))
    return data, {
        "n": model.n_particles,
        "scheme": {"Contact": "contact", "PairLaw": "pair_law"}[type(model.scheme).__name__],
        "reaction": model.reaction,
        "replicas": replicas,
        "step": step,
        "events": events,
        "wall": running.wall,
        "cpu": running.cpu,
        "compile": compiling.wall,
    }


def rate(data):
    """Return β̂ and its standard error, all pairs of masses together, as all react alike."""
    found = estimate_from_events(data)
    events, exposure = found.events.sum(), found.exposure.sum()
    return float(events / exposure), float(math.sqrt(events) / exposure)


def exponent(rows, key="cpu_per_replica"):
    """Return the slope of log cost against log N, all rows and the last two alone."""
    x, y = (np.log([row[name] for row in rows]) for name in ("n", key))
    slope = float(np.polyfit(x, y, 1)[0]) if len(rows) > 1 else math.nan
    last = float((y[-1] - y[-2]) / (x[-1] - x[-2])) if len(rows) > 1 else math.nan
    return slope, last


def speed(options):
    """Particle-steps and replicas per second against N."""
    numbers = {
        "contact": {50: 512, 200: 64, 1000: 12, 5000: 1},
        "pair_law": {50: 5240, 200: 1308, 1000: 130, 5000: 13, 20000: 3, 100000: 1},
    }
    rows = []
    for scheme, cases in numbers.items():
        for n, replicas in cases.items():
            if options.quick and n > 1000:
                continue
            replicas = max(1, replicas // 4) if options.quick else replicas
            data, row = run(gas(n, scheme), replicas)
            gone = np.minimum(np.nan_to_num(np.asarray(data.events.time), nan=DURATION), DURATION)
            alive = replicas * n * DURATION - 2 * np.sum(DURATION - gone)
            row |= {
                "cpu_per_replica": row["cpu"] / replicas,
                "replicas_per_s": replicas / row["wall"],
                "particle_steps_per_s": float(alive / row["step"] / row["wall"]),
            }
            rows.append(row)
    keys = [
        "scheme",
        "n",
        "replicas",
        "cpu_per_replica",
        "replicas_per_s",
        "particle_steps_per_s",
        "compile",
    ]
    table("Speed (wall seconds; compilation apart)", keys, [[r[k] for k in keys] for r in rows])
    slopes = {s: exponent([r for r in rows if r["scheme"] == s]) for s in numbers}
    for scheme, (slope, last) in slopes.items():
        print(f"  {scheme}: CPU per replica ~ N^{slope:.2f}, between the last two N^{last:.2f}")
    return {"rows": rows, "exponents": slopes}


def precision(options):
    """Seconds to a standard error of 1 % of β, which takes 10⁴ events; full tiles at least."""
    rows = []
    cases = [(n, s, "annihilation") for s in ("contact", "pair_law") for n in (50, 200, 1000)]
    if options.quick:
        cases = [case for case in cases if case[0] == 1000]
    cases += [(n, s, "coagulation") for s in ("contact", "pair_law") for n in (50, 200, 1000)]
    for n, scheme, reaction in cases:
        each = (0.32 if reaction == "annihilation" else 0.48) * n  # events in a replica
        replicas = math.ceil((2500 if options.quick else 1e4) / each)
        model = gas(n, scheme, reaction)
        data, row = run(model, max(replicas, model.tile(10**6)), seed=1)
        beta, error = rate(data)
        scale = 1e4 * (error / beta) ** 2  # what is run to what 1 % takes
        row |= {
            "beta": beta,
            "error": error,
            "wall_to_1%": row["wall"] * scale,
            "cpu_to_1%": row["cpu"] * scale,
            "scaled_by": scale,
        }
        rows.append(row)
    table(
        "Seconds to 1 % of β (scaled from the error that was reached)",
        ["reaction", "scheme", "N", "wall", "CPU", "scaled by", "β̂/β − 1", "± "],
        [
            [
                r["reaction"],
                r["scheme"],
                r["n"],
                r["wall_to_1%"],
                r["cpu_to_1%"],
                r["scaled_by"],
                r["beta"] / BETA - 1,
                r["error"] / BETA,
            ]
            for r in rows
        ],
    )
    print("  β̂ exceeds β by about 3.6/N when particles annihilate.")
    return {"rows": rows}


def peer(options):
    """ReaDDy 2 on the constant kernel, in CPU seconds to 1 %."""
    rows = []
    script = Path(__file__).parent / "peers" / "readdy_coagulation.py"
    for n in (50, 200):
        command = [
            sys.executable,
            str(script),
            "--particles",
            str(n),
            "--strength",
            str(ALPHA),
            "--diffusivity",
            str(DIFFUSIVITY),
            "--duration",
            str(DURATION),
            "--budget",
            "8" if options.quick else "30",
        ]
        with Stopwatch() as total:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"\nReaDDy 2 did not run (pip install readdy): {done.stderr.splitlines()[-1:]}")
            return {"rows": []}
        found = json.loads(done.stdout.strip().splitlines()[-1])
        runs = found["runs"]
        events, exposure, cpu = (sum(r[k] for r in runs) for k in ("events", "exposure", "cpu"))
        costs = runs + found["costs"]
        present, cost = ([r["mean_number"] for r in costs], [r["cpu"] / r["steps"] for r in costs])
        weight = np.sqrt([r["steps"] for r in costs])
        slope, base = np.polyfit(present, cost, 1, w=weight / np.array(cost))
        # n(t) = N/(1 + βt/2); steps of every replica, at the cost for the number that is left.
        t = (np.arange(1000) + 0.5) / 1000 * DURATION
        left = n / (1 + BETA * t / 2)
        replica = found["steps_per_replica"] * float(np.mean(base + slope * left))
        per_replica = n * (1 - 1 / (1 + BETA * DURATION / 2))
        modelled = 1e4 / per_replica * replica
        whole = found["whole_replicas"]
        rows.append(
            {
                "n": n,
                "cpu_measured": cpu,
                "cpu_with_start": total.cpu,
                "events": events,
                "beta": n * events / exposure,
                "error": n * math.sqrt(events) / exposure,
                "base": float(base),
                "slope": float(slope),
                "cpu_to_1%_by_cost": modelled,
                "cpu_to_1%": cpu * 1e4 / events if whole else modelled,
                "whole_replicas": whole,
                "bias": bias_of_gamma(found["gamma"], ALPHA, D),
                "settings": {k: v for k, v in found.items() if k not in ("runs", "costs")},
            }
        )
    settings = rows[0]["settings"]
    table(
        f"ReaDDy {settings['readdy']} ({settings['kernel']}, 1 thread, {settings['handler']}), "
        f"merging, γ = {settings['gamma']} (bias {rows[0]['bias']:+.2%})",
        ["N", "CPU run", "events", "β̂/β − 1", "±", "µs/step at N", "CPU to 1 %", "by c(n)", "from"],
        [
            [
                r["n"],
                r["cpu_measured"],
                r["events"],
                r["beta"] / BETA - 1,
                r["error"] / BETA,
                1e6 * (r["base"] + r["slope"] * r["n"]),
                r["cpu_to_1%"],
                r["cpu_to_1%_by_cost"],
                "whole replicas" if r["whole_replicas"] else "c(n), n(t)",
            ]
            for r in rows
        ],
    )
    print(
        "  Extrapolated: the CPU of whole replicas × 10⁴/events; where a replica takes too long, "
        "c(n) = c₀ + c₁n\n  is fitted to short runs and summed along n(t) = N/(1 + βt/2), "
        "10⁴/(N − n(T)) replicas."
    )
    return {"rows": rows}


def bias(options):
    """Bias of β against `leaf` and `step`: derived for a pair alone, measured at N = 100."""
    n, events = 100, 3000 if options.quick else 30000
    replicas, rows = math.ceil(events / (0.33 * n)), []

    def measured(model, seed):
        return rate(run(model, replicas, seed=seed)[0])

    step = float(gas(n, "contact").macro_step())
    rho2 = 1 / n**2
    every = 2 if options.quick else 1
    for leaf in (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)[every - 1 :: every]:
        steps = math.ceil(DURATION / step - 1e-6)
        actual = D * DURATION / steps / rho2
        actual *= 2.0 ** -math.ceil(math.log2(actual / leaf))  # segments are halved
        beta, error = measured(gas(n, jk.schemes.Contact(leaf=leaf)), seed=2)
        rows.append(
            {
                "scheme": "contact",
                "value": leaf,
                "size": actual,
                "derived": bias_of_gamma(math.sqrt(actual), ALPHA, D),
                "beta": beta,
                "error": error,
            }
        )
    for s in (3, 6, 10, 20, 40, 75)[::every]:  # below 3 refused, above 80 at N = 100 too long
        beta, error = measured(gas(n, "pair_law", step=s * rho2 / D), seed=3)
        rows.append(
            {
                "scheme": "pair_law",
                "value": s * rho2 / D,
                "size": float(s),
                "derived": bias_of_pair_law(s, ALPHA, D),
                "beta": beta,
                "error": error,
            }
        )
    reference = next(row for row in rows if row["value"] == 0.003)
    for row in rows:
        row["measured"] = row["beta"] / reference["beta"] - 1
        row["measured_error"] = math.hypot(row["error"], reference["error"]) / BETA
    table(
        f"Bias of β: D h/ρ² of the leaves, or s = Dτ/ρ²; measured against leaf = 0.003, N = {n}",
        ["scheme", "leaf or τ", "size", "derived", "measured", "±"],
        [
            [
                r["scheme"],
                r["value"],
                r["size"],
                f"{r['derived']:+.5f}",
                f"{r['measured']:+.4f}",
                f"{r['measured_error']:.4f}",
            ]
            for r in rows
        ],
    )
    return {"rows": rows}


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


PARTS = {"speed": speed, "precision": precision, "peer": peer, "bias": bias, "floor": floor}


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer replicas and smaller N")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts; the others are kept"
    )
    options = parser.parse_args()
    results = {"quick": options.quick, "beta": BETA}
    before = options.out / "coagulation.json"
    if before.exists() and set(options.only) != set(PARTS):  # keep the other parts
        results = json.loads(before.read_text()) | results
    begun = time.perf_counter()
    for name in options.only:
        results[name] = PARTS[name](options)
        save(results, options.out, "coagulation")
    results["targets"] = targets(results)
    results["machine"] = machine()
    results["seconds"] = time.perf_counter() - begun
    draw(results, options.out / "coagulation.png")
    if set(PARTS) <= set(results):
        (options.out / "speed.md").write_text(page(results))
    print(f"\n{save(results, options.out, 'coagulation')}, {results['seconds']:.0f} s")


if __name__ == "__main__":
    main()
