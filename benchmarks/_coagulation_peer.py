"""ReaDDy 2 in the benchmark of coagulating particles."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
from _coagulation_runs import ALPHA, BETA, DIFFUSIVITY, DURATION, D
from _report import Stopwatch, table
from derived_bias import bias_of_gamma


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
