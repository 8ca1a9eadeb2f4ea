"""The constant kernel in ReaDDy 2: fusion A + A → A of Brownian particles in the unit torus.

Rate α/ε² within the educt distance ε = 1/N, all particles alike. A step is "move, then react";
its bias depends on γ = √(2 D Δt)/ε with D = 2d. ReaDDy moves everybody in every step, so what a
step costs depends on the number n of particles alone: runs from different n give c(n) = c₀ + c₁n.

Prints one JSON line after what ReaDDy prints. The reaction handler and the skin of the neighbour
list are those that cost least in a scan (Gillespie 5–40 µs a step, UncontrolledApproximation
20 µs more; skin 0 makes (1/ε)³ cells and is up to 10³ times slower).
"""

import argparse
import json
import time

import numpy as np
import readdy
from readdy._internal.readdybinding.common import set_logging_level

KERNEL, HANDLER, SKIN = "SingleCPU", "Gillespie", 0.1


def simulate(n_particles: int, start: int, steps: int, options, seed: int) -> dict:
    """Run from `start` particles; return CPU and wall seconds, events and exposure.

    The exposure is Σ n(n−1)/2 Δt over steps; β̂ = events/exposure, in the unit volume.
    """
    epsilon = 1 / n_particles
    timestep = options.gamma**2 * epsilon**2 / (4 * options.diffusivity)
    system = readdy.ReactionDiffusionSystem(
        [1.0, 1.0, 1.0], unit_system=None, periodic_boundary_conditions=[True] * 3
    )
    system.add_species("A", options.diffusivity)
    system.reactions.add_fusion(
        "merge",
        "A",
        "A",
        "A",
        rate=options.strength / epsilon**2,
        educt_distance=epsilon,
        weight1=0.5,
        weight2=0.5,
    )
    simulation = system.simulation(KERNEL)
    simulation.show_progress = simulation.evaluate_forces = False
    simulation.evaluate_topology_reactions = False
    simulation.reaction_handler, simulation.skin = HANDLER, SKIN
    places = np.random.default_rng(seed).random((start, 3)) - 0.5
    simulation.add_particles("A", places)
    counts = []
    stride = max(1, steps // 500)
    simulation.observe.number_of_particles(
        stride, ["A"], callback=lambda n: counts.append(int(n[0]))
    )
    cpu, wall = time.process_time(), time.perf_counter()
    simulation.run(steps, timestep, show_summary=False)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    n = np.array(counts, dtype=float)
    pairs = n * (n - 1) / 2
    exposure = np.sum((pairs[1:] + pairs[:-1]) / 2) * stride * timestep
    return {
        "start": start,
        "steps": steps,
        "timestep": timestep,
        "cpu": cpu,
        "wall": wall,
        "events": int(n[0] - n[-1]),
        "exposure": float(exposure),
        "mean_number": float(n.mean()),
    }


def main() -> None:
    """Measure the cost of a step at several numbers of particles, and the rate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--particles", type=int, required=True)
    parser.add_argument("--strength", type=float, default=20.0)
    parser.add_argument("--diffusivity", type=float, default=1.0)
    parser.add_argument("--duration", type=float, default=0.1)
    parser.add_argument("--gamma", type=float, default=0.1)
    parser.add_argument("--budget", type=float, default=30.0, help="CPU seconds, about")
    options = parser.parse_args()
    set_logging_level("warn")
    number = options.particles
    whole = round(options.duration * 4 * options.diffusivity * (number / options.gamma) ** 2)
    probe = simulate(number, number, 4000, options, 0)
    affordable = options.budget * probe["steps"] / probe["cpu"]
    runs = []
    if affordable > 6 * whole:  # whole replicas: nothing about n(t) need be assumed
        spent, seed = 0.0, 1
        while spent < options.budget:
            runs.append(simulate(number, number, whole, options, seed))
            spent, seed = spent + runs[-1]["cpu"], seed + 1
    else:
        for seed, part in enumerate((1.0, 0.75, 0.5), start=1):
            runs.append(simulate(number, int(part * number), int(affordable / 3), options, seed))
    costs = [
        simulate(number, int(p * number), max(4000, int(affordable / 60)), options, 99)
        for p in (1.0, 0.75, 0.5)
    ]
    answer = {
        "readdy": readdy.__version__,
        "kernel": KERNEL,
        "threads": 1,
        "handler": HANDLER,
        "skin": SKIN,
        "gamma": options.gamma,
        "steps_per_replica": whole,
        "runs": runs,
        "costs": costs,
        "whole_replicas": runs[0]["steps"] == whole,
    }
    print("\n" + json.dumps(answer))


if __name__ == "__main__":
    main()
