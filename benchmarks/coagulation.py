"""How fast and how exact are the two schemes of coagulating Brownian particles, and ReaDDy 2?

α = 20, d = 1, V the unit ball, Z = 1, up to T = 0.1, in single precision. CPU seconds count all
threads; compilation is reported apart. Prints tables; saves out/benchmarks/coagulation.json and
.png. Usage:

    python benchmarks/coagulation.py [--quick] [--out FOLDER] [--only speed bias …]
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
from _coagulation_bias import bias
from _coagulation_floor import floor
from _coagulation_page import draw, page, targets
from _coagulation_peer import peer
from _coagulation_runs import BETA, DURATION, exponent, gas, rate, run
from _report import machine, save, table


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
