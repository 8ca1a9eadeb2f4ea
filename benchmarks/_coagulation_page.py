"""What the benchmark of coagulating particles found: the goals, the figure and the page."""

import matplotlib
import matplotlib.pyplot as plt
from _report import table

matplotlib.use("Agg")


def targets(results):
    """Print what was to be reached, and what was."""
    rows = []
    ours = {
        (r["reaction"], r["scheme"], r["n"]): r
        for r in results.get("precision", {}).get("rows", [])
    }
    for other in results.get("peer", {}).get("rows", []):
        for scheme, goal in (("contact", 20), ("pair_law", 1000)):
            if (row := ours.get(("coagulation", scheme, other["n"]))) is not None:
                ratio = other["cpu_to_1%"] / row["cpu_to_1%"]
                rows.append(
                    [
                        f"times less CPU than ReaDDy, {scheme}, N={other['n']}",
                        f"≥ {goal}",
                        ratio,
                        ratio >= goal,
                    ]
                )
    for (reaction, scheme, n), row in ours.items():
        if n == 1000:
            goal = 300 if scheme == "contact" else 10
            rows.append(
                [
                    f"wall s to 1 %, {scheme}, {reaction}, N=1000",
                    f"< {goal}",
                    row["wall_to_1%"],
                    row["wall_to_1%"] < goal,
                ]
            )
    for row in results.get("speed", {}).get("rows", []):
        if row["n"] == 100000:
            rows.append(["wall s of one replica of N=10⁵", "< 600", row["wall"], row["wall"] < 600])
    if rows:
        table("To reach", ["what", "goal", "measured", "reached"], rows)
    return [dict(zip(("what", "goal", "measured", "reached"), row, strict=True)) for row in rows]


def draw(results, path):
    """Draw cost per replica, time to 1 %, and bias."""
    figure, axes = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    colours = {"contact": "C0", "pair_law": "C1", "ReaDDy 2": "C2"}
    for scheme in ("contact", "pair_law"):
        if rows := [r for r in results.get("speed", {}).get("rows", []) if r["scheme"] == scheme]:
            slope = results["speed"]["exponents"][scheme][0]
            axes[0].loglog(
                [r["n"] for r in rows],
                [r["cpu_per_replica"] for r in rows],
                "o-",
                color=colours[scheme],
                label=f"{scheme}: $N^{{{slope:.2f}}}$",
            )
        for reaction, style in (("annihilation", "o-"), ("coagulation", "s--")):
            if rows := [
                r
                for r in results.get("precision", {}).get("rows", [])
                if (r["scheme"], r["reaction"]) == (scheme, reaction)
            ]:
                axes[1].loglog(
                    [r["n"] for r in rows],
                    [r["cpu_to_1%"] for r in rows],
                    style,
                    color=colours[scheme],
                    label=f"{scheme}, {reaction}",
                )
        if rows := [r for r in results.get("bias", {}).get("rows", []) if r["scheme"] == scheme]:
            size = [r["size"] for r in rows]
            axes[2].loglog(
                size,
                [abs(r["derived"]) for r in rows],
                "-",
                color=colours[scheme],
                label=f"{scheme}, derived",
            )
            draw_measured(axes[2], rows, colours[scheme], f"{scheme}, measured")
    if rows := results.get("peer", {}).get("rows"):
        axes[1].loglog(
            [r["n"] for r in rows],
            [r["cpu_to_1%"] for r in rows],
            "^--",
            color=colours["ReaDDy 2"],
            label="ReaDDy 2, coagulation (extrapolated)",
        )
    axes[0].set(
        xlabel="particles $N$", ylabel="CPU seconds per replica, $T=0.1$", title="Cost of a replica"
    )
    axes[1].set(xlabel="particles $N$", ylabel="CPU seconds", title=r"To a 1 % error of $\beta$")
    axes[2].set(
        xlabel=r"$Dh/\rho^2$ of a leaf, or $D\tau/\rho^2$ of a step",
        ylim=(1e-6, 1),
        ylabel=r"$|\hat\beta/\beta-1|$",
        title="Bias of the time step",
    )
    for axis in axes:
        axis.grid(alpha=0.3)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=8)
    figure.savefig(path, dpi=130)


def draw_measured(axis, rows, colour, label):
    """Draw what stands above two standard errors with its error, of the rest an upper limit."""
    seen = [r for r in rows if abs(r["measured"]) > 2 * r["measured_error"]]
    noise = [r for r in rows if r not in seen and r["measured_error"] > 0]
    axis.errorbar(
        [r["size"] for r in seen],
        [abs(r["measured"]) for r in seen],
        [r["measured_error"] for r in seen],
        fmt="o",
        color=colour,
        label=label if seen else None,
    )
    axis.plot(
        [r["size"] for r in noise],
        [abs(r["measured"]) + 2 * r["measured_error"] for r in noise],
        "v",
        mfc="none",
        color=colour,
        label=f"{label}, below (2 s.e.)",
    )


def page(results):
    """Return the tables of the documentation, in Markdown."""
    machine = results["machine"]
    slopes = results["speed"]["exponents"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, JAX {machine['jax']}; α = 20, d = 1, the "
        "unit ball, density 1, T = 0.1, single precision.",
        "",
        "| scheme | N | CPU s per replica | replicas per s | particle-steps per s |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{r['scheme']}` | {r['n']} | {r['cpu_per_replica']:.2g} | {r['replicas_per_s']:.2g} "
        f"| {r['particle_steps_per_s']:.2g} |"
        for r in results["speed"]["rows"]
    ]
    lines += [
        "",
        f"The CPU time of a replica grows as N^{slopes['contact'][0]:.2f} (`contact`) and "
        f"N^{slopes['pair_law'][0]:.2f} (`pair_law`), between the last two N as "
        f"N^{slopes['contact'][1]:.2f} and N^{slopes['pair_law'][1]:.2f}.",
        "",
        "| to a standard error of 1 % of β, merging | N | CPU s | wall s |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{r['scheme']}` | {r['n']} | {r['cpu_to_1%']:.2g} | {r['wall_to_1%']:.2g} |"
        for r in results["precision"]["rows"]
        if r["reaction"] == "coagulation"
    ]
    lines += [
        f"| ReaDDy {r['settings']['readdy']}, bias of its step "
        f"{100 * r['bias']:+.1f} % | {r['n']} | {r['cpu_to_1%']:.3g} | |"
        for r in results["peer"]["rows"]
    ]
    return "\n".join(lines) + "\n"
