"""The bias of both schemes in the benchmark of coagulating particles."""

import math

from _coagulation_runs import ALPHA, BETA, DURATION, D, gas, rate, run
from _report import table
from derived_bias import bias_of_gamma, bias_of_pair_law

import jaxkin as jk


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
