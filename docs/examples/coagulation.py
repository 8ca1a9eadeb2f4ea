"""Learn the coagulation rates β(n,m) from Brownian particles that coagulate at contact.

The simulation resolves each contact: it knows the interaction V, the strengths α(n,m) and the
diffusivities d(n), and nothing of β. The fit sees the counts of each mass, and nothing else. The
recipe of the kinetic limit (1.8)–(1.9) is only drawn beside the result, and so is the naive guess
α(n,m)∫V, which forgets that particles near contact have already had a chance to react.

Run: `make demo`, or `python docs/examples/coagulation.py --help`.
"""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import fitting
import jaxkin as jk

MASSES = 3


def gas(n_particles: int) -> jk.BrownianCoagulation:
    """Three masses: heavier ones diffuse more slowly and react more strongly."""
    return jk.BrownianCoagulation(
        n_particles=n_particles,
        dimension=3,
        max_mass=MASSES,
        overflow="absorb",
        strength=lambda n, m: 12.0 * (n + m) ** 0.75,
        diffusivity=lambda n: n**-0.5,
        interaction=jk.interactions.Ball(),
    )


def table(result, recipe, naive) -> str:
    """One line for each pair: recipe, naive guess, fit, and its distance from the recipe."""
    lines = [f"{'pair':>6} {'recipe':>9} {'naive':>9} {'fitted':>9} {'± s.e.':>8} {'z':>7}"]
    for n in range(MASSES):
        for m in range(n, MASSES):
            value, error = result.estimate[n, m], result.standard_error[n, m]
            line = f"({n + 1}, {m + 1}) {recipe[n, m]:9.2f} {naive[n, m]:9.2f} "
            if np.isfinite(value):
                line += f"{value:9.2f} {error:8.2f} {(value - recipe[n, m]) / error:+7.2f}"
            else:
                line += "  not identified by the counts"
            lines.append(line)
    return "\n".join(lines)


def figure(data, fitted, predicted, result, recipe, naive, path: Path) -> None:
    """Counts with both curves on the left, rates on the right."""
    _, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
    times = np.asarray(data.times)
    mean, error = np.asarray(data.mean("counts")), np.asarray(data.standard_error("counts"))
    for n in range(MASSES):
        color = f"C{n}"
        left.fill_between(
            times,
            mean[:, n] - 2 * error[:, n],
            mean[:, n] + 2 * error[:, n],
            color=color,
            alpha=0.25,
            lw=0,
        )
        left.plot(times, mean[:, n], ".", color=color, ms=5, label=f"particles, mass {n + 1}")
        left.plot(times, fitted["counts"][:, n], "-", color=color, lw=1.5)
        left.plot(times, predicted["counts"][:, n], "--", color="black", lw=1)
    left.plot([], [], "-", color="gray", label="fitted equation")
    left.plot([], [], "--", color="black", lw=1, label="equation with the recipe")
    left.set(xlabel="time", ylabel="density of particles", title="Counts per mass (band: ± 2 s.e.)")
    left.legend(frameon=False, fontsize=9)

    pairs = [(n, m) for n in range(MASSES) for m in range(n, MASSES)]
    place = np.arange(len(pairs))
    value = np.array([result.estimate[p] for p in pairs])
    spread = np.array([result.standard_error[p] for p in pairs])
    right.bar(place, [naive[p] for p in pairs], color="0.88", label=r"naive guess $\alpha\int V$")
    right.plot(
        place,
        [recipe[p] for p in pairs],
        "_",
        ms=34,
        mew=2,
        color="black",
    )
    # The mark is as wide as a bar, too wide for a legend: a line stands for it.
    right.plot([], [], "-", lw=2, color="black", label="recipe (1.8)–(1.9)")
    right.errorbar(
        place,
        value,
        2 * spread,
        fmt="o",
        color="C3",
        capsize=3,
        label="fitted to the counts (± 2 s.e.)",
    )
    right.set_xticks(place, [f"({n + 1},{m + 1})" for n, m in pairs])
    right.set(
        xlabel="pair of masses",
        ylabel=r"rate $\beta(n,m)$",
        yscale="log",
        ylim=(5, 600),
        title="Rates: particles obey the recipe, not the guess",
    )
    right.legend(frameon=False, fontsize=9, loc="upper left")
    path.parent.mkdir(parents=True, exist_ok=True)
    plt.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Simulate, fit, print the table and save the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--particles", type=int, default=500)
    parser.add_argument("--replicas", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", type=Path, default=Path("out/demo.png"))
    options = parser.parse_args(arguments)
    began = time.perf_counter()

    particles = gas(options.particles)
    law = jk.laws.Monodisperse()
    times = jnp.linspace(0.0, 0.2, 25)
    data = jk.simulate(
        particles,
        law,
        times,
        key=jax.random.key(options.seed),
        replicas=options.replicas,
        progress=True,
    )
    equation = particles.kinetic_limit()
    result = fitting.fit(equation, law, data, unknown="rate")

    recipe = np.asarray(equation.rate)
    naive = np.asarray(particles.strength * particles.interaction.integral(3))
    print(f"\n{options.replicas} replicas of {options.particles} particles, contacts resolved\n")
    print(table(result, recipe, naive))
    figure(
        data,
        jk.solve(result.equation, law, times),
        jk.solve(equation, law, times),
        result,
        recipe,
        naive,
        options.figure,
    )
    print(f"\nsaved {options.figure} ({time.perf_counter() - began:.0f} s)")


if __name__ == "__main__":
    main()
