"""The table of accuracy: what the deterministic parts reach, each against an independent truth.

Run: `python benchmarks/accuracy.py [--out FILE]`; prints the table and saves it as Markdown.
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jaxkin as jk

KAPPA = np.geomspace(1e-3, 1e2, 26)


def exact_ball(strength: float, diffusivity: float) -> float:
    """4πD(1 − tanh κ/κ), or its series in κ² where that cancels (to 1e-13 at κ = 0.1)."""
    square = strength / diffusivity
    if square > 0.01:
        kappa = np.sqrt(square)
        return 4 * np.pi * diffusivity * (1 - np.tanh(kappa) / kappa)
    terms = (1, -2 / 5, 17 / 105, -62 / 945, 1382 / 51975, -21844 / 2027025, 929569 / 212837625)
    return strength * 4 * np.pi / 3 * sum(c * square**k for k, c in enumerate(terms))


def recipe() -> list[tuple[str, str, float]]:
    """Errors of β against closed forms and identities."""
    ball, bump, unit = jk.interactions.Ball(), jk.interactions.Bump(), 1.0
    strength = jnp.asarray(2 * KAPPA**2)
    truth = np.array([exact_ball(float(a), 2.0) for a in strength])
    rate = np.asarray(jk.coagulation_rate(strength, jnp.full(KAPPA.size, 2.0), ball))

    def slope(a):
        return jax.grad(lambda s: jk.coagulation_rate(s, 2.0, ball))(a)

    def exact_slope(a):
        kappa = np.sqrt(a / 2)
        if kappa < 0.1:
            terms = (1, -2 / 5, 17 / 105, -62 / 945, 1382 / 51975, -21844 / 2027025)
            return 4 * np.pi / 3 * sum((k + 1) * c * (a / 2) ** k for k, c in enumerate(terms))
        return 2 * np.pi * (np.tanh(kappa) / kappa**3 - 1 / (kappa * np.cosh(kappa)) ** 2)

    slopes = [float(slope(a)) / exact_slope(float(a)) - 1 for a in strength[::5]]
    general = [
        float(jk.coagulation_rate(a, unit, bump, method="general"))
        / float(jk.coagulation_rate(a, unit, bump))
        - 1
        for a in (1.0, 30.0, 100.0)
    ]
    flux = []
    wave = jk.interactions.Radial(lambda r: jnp.where(r <= 1, 1 + 0.5 * jnp.cos(6 * r), 0))
    for a in (1.0, 30.0, 1000.0):
        slope = jax.grad(jk.collision_probability(a, unit, wave).profile)(1.0)
        flux.append(-4 * np.pi * float(slope) / float(jk.coagulation_rate(a, unit, wave)) - 1)
    return [
        (
            "β, radial solver",
            "closed form of the ball, κ = 1e-3 … 1e2",
            np.max(abs(rate / truth - 1)),
        ),
        ("dβ/dα, radial solver", "derivative of the closed form", np.max(np.abs(slopes))),
        ("β, general solver", "radial solver, bump, αV(0)/D ≤ 100", np.max(np.abs(general))),
        ("flux −4πD u′(1)", "β = α∫V(1−u), V = 1 + cos(6r)/2", np.max(np.abs(flux))),
    ]


def equation() -> list[tuple[str, str, float]]:
    """Errors of the ODE and the PDE against exact solutions."""
    from scipy.special import gammaln

    k = np.arange(1, 81)
    law, rows = jk.laws.Monodisperse(), []
    t = 0.5
    theta = 1 - np.exp(-t)
    kernels = jk.coagulation_kernels
    for name, kernel, exact in (
        ("constant", kernels.constant_kernel, (t / 2) ** (k - 1) / (1 + t / 2) ** (k + 1)),
        (
            "additive",
            kernels.additive_kernel,
            np.exp(-t + (k - 1) * np.log(k * theta) - k * theta - gammaln(k + 1)),
        ),
        (
            "multiplicative",
            kernels.multiplicative_kernel,
            np.exp((k - 1) * np.log(t) + (k - 2) * np.log(k) - k * t - gammaln(k + 1)),
        ),
    ):
        system = jk.Smoluchowski(kernel, max_mass=80)
        solution = jk.solve(system, law, jnp.array([t]))
        error = np.max(np.abs(np.asarray(solution["counts"])[-1, :40] - exact[:40]))
        rows.append((f"ODE, {name} kernel", "exact solution, t = 0.5, masses to 40", error))
        total = float(solution["mass"][-1] + solution["overflow"][-1])
        rows.append((f"mass + overflow, {name} kernel", "1", abs(total - 1)))
    wave = jk.laws.Inhomogeneous(
        lambda x: jnp.array([1 + 0.5 * jnp.cos(2 * jnp.pi * x[0])]), maximum=1.6, max_mass=1
    )
    mode = jk.observables.FourierMode([(1, 0, 0)])
    moved = jk.solve(
        jk.Smoluchowski(0.0, 0.3, max_mass=1, modes=8), wave, jnp.array([0.1]), observe=[mode]
    )
    exact_mode = 0.25 * np.exp(-4 * np.pi**2 * 0.3 * 0.1)
    rows.append(
        (
            "PDE, pure diffusion",
            "exact decay of a mode",
            abs(float(moved["modes"][-1, 0, 0]) - exact_mode),
        )
    )
    return rows


def main() -> None:
    """Print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/accuracy.md"))
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    lines = ["| quantity | against | largest error |", "|---|---|---|"]
    lines += [f"| {what} | {truth} | {error:.1e} |" for what, truth, error in recipe() + equation()]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
