"""Hard spheres of two types from a warm and a cold chamber, and the Boltzmann system in a slab.

Above: the gas of one replica between walls that reflect. Below: energy per sphere of each type in
slices, mean over replicas, against the system; then how far apart they are in standard errors.
Saves out/benchmarks/chambers.png, chambers.md and chambers.json.
Usage: python benchmarks/chambers.py [--quick] [--out FOLDER]
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from _report import Stopwatch, machine, options, save

import jaxkin as jk
from jaxkin.laws.velocities import Maxwellian

TIMES, BINS, WARM, COLD = (0.0, 0.15, 0.6), 8, 1.5, 0.5


class State(jk.observables.Observable):
    """Positions and velocities of all spheres, (2, N, d)."""

    name: str = eqx.field(static=True)

    def of_particles(self, measured, *, key=None):
        """Return them as they are."""
        return jnp.stack([measured.coordinates.position, measured.coordinates.velocity])

    def of_density(self, density):
        """Refuse: a density has no spheres."""
        raise ValueError("Argument `observe` must hold what a density has, but those are spheres.")


def main() -> None:
    """Simulate, solve, compare and draw."""
    chosen = options(__doc__)
    masses, replicas = (1.0, 4.0), 8 if chosen.quick else 100
    gas = jk.HardSphereMixture.from_scaling(
        0.5, 0.5, 1.5, 400, masses=masses, dimension=2, boundary="reflecting"
    )
    law = jk.laws.ByType(
        *(jk.laws.Chambers(Maxwellian(2, WARM / m), Maxwellian(2, COLD / m), 0.5) for m in masses)
    )
    times, profiles = jnp.array(TIMES), jk.observables.mixture_profiles(2, BINS)
    with Stopwatch() as simulated:
        data = jk.simulate(
            gas,
            law,
            times,
            key=jax.random.key(0),
            replicas=replicas,
            observe=[*profiles, State("state")],
            events=True,
        )
    limit = gas.kinetic_limit(
        jk.operators.HermiteMixture(degree=9), law=law, finite=True, cells=32, bins=32
    )
    with Stopwatch() as solved:
        exact = jk.solve(limit, law, times)
    by_bins = jk.solve(limit, law, times, observe=list(profiles))
    energy = np.asarray(data["energy_profile"])
    error = energy.std(0, ddof=1) / replicas**0.5
    z = ((energy.mean(0) - np.asarray(by_bins["energy_profile"])) / error)[1:]
    met = 2 * float(data.events.collisions.sum()) / replicas / sum(gas.numbers)
    print(
        f"{met:.2f} collisions of a sphere, z: r.m.s. {np.sqrt(np.mean(z**2)):.2f}, "
        f"largest {np.abs(z).max():.2f} of {z.size}"
    )

    figure, axes = plt.subplots(2, 3, figsize=(9.6, 6.4), layout="constrained")
    kind, size = gas.kinds, np.asarray(gas.diameters)[gas.kinds]
    x, v = np.asarray(data["state"])[0].transpose(1, 0, 2, 3)
    heat = 0.5 * np.asarray(masses)[kind] * np.sum(v**2, -1)
    fine = (np.arange(32) + 0.5) / 32
    middle = (np.arange(BINS) + 0.5) / BINS
    for k, t in enumerate(TIMES):
        dots = axes[0, k].scatter(
            x[k, :, 0],
            x[k, :, 1],
            s=6 + 1e3 * size,
            c=np.minimum(heat[k], 3),
            cmap="coolwarm",
            vmin=0,
            vmax=3,
            linewidths=0,
        )
        axes[0, k].set(title=f"t = {t:g}", xlim=(0, 1), ylim=(0, 1), xticks=(), yticks=())
        axes[0, k].set_aspect("equal")
        for type_ in (0, 1):
            of = np.asarray(data["energy_profile"])[:, k, type_]
            share = np.asarray(data["density_profile"])[:, k, type_].mean(0)
            axes[1, k].errorbar(
                middle,
                of.mean(0) / share,
                2 * of.std(0, ddof=1) / replicas**0.5 / share,
                fmt=f"C{type_}o",
                ms=3,
                label=f"spheres, type {type_ + 1}",
            )
            line = np.asarray(exact["energy_profile"])[k, type_]
            line = line / np.asarray(exact["density_profile"])[k, type_]
            axes[1, k].plot(fine, line, f"C{type_}-", lw=1, label=f"system, type {type_ + 1}")
        axes[1, k].set(xlabel="x", ylim=(0.35, 1.65))
        axes[1, k].grid(alpha=0.3)
    axes[1, 0].set_ylabel("energy of a sphere")
    axes[1, 0].legend(fontsize=8)
    figure.colorbar(dots, ax=axes[0], label="energy of a sphere", shrink=0.8)
    figure.savefig(chosen.out / "chambers.png", dpi=130)

    host = machine()
    text = (
        f"N = {gas.numbers}, masses 1 and 4, d = 2, walls; {replicas} replicas, {met:.1f} "
        f"collisions of a sphere until t = {TIMES[-1]:g}. The energy in {BINS} slices is within "
        f"{np.abs(z).max():.1f} standard errors of the system (times χ) in all {z.size} values, "
        f"{np.sqrt(np.mean(z**2)):.2f} r.m.s. Simulation {simulated.wall:.0f} s, solution "
        f"{solved.wall:.0f} s with compiling. {host['cpu']}, JAX {host['jax']}.\n"
    )
    (chosen.out / "chambers.md").write_text(text)
    print(save({"z": z.tolist(), "text": text}, chosen.out, "chambers"))


if __name__ == "__main__":
    main()
