"""Kac's gas of Maxwell molecules in a loop, one collision after another, compiled by numba.

Prints one line of JSON: collisions per second on one core. Needs `pip install numba`.
"""

import argparse
import json
import time

import numba
import numpy as np


@numba.njit(fastmath=True)
def collide(velocity, collisions, rng):
    """Let random pairs collide, isotropically in σ."""
    n = velocity.shape[0]
    for _ in range(collisions):
        i, j = int(n * rng.random()), int((n - 1) * rng.random())
        if j >= i:
            j += 1
        height, angle = 2 * rng.random() - 1, 2 * np.pi * rng.random()
        flat = np.sqrt(1 - height * height)
        speed = 0.0
        for k in range(3):
            speed += (velocity[i, k] - velocity[j, k]) ** 2
        half = 0.5 * np.sqrt(speed)
        turned = (half * flat * np.cos(angle), half * flat * np.sin(angle), half * height)
        for k in range(3):
            centre = 0.5 * (velocity[i, k] + velocity[j, k])
            velocity[i, k] = centre + turned[k]
            velocity[j, k] = centre - turned[k]


def main() -> None:
    """Measure after a warm-up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--particles", type=int, default=1000)
    parser.add_argument("--collisions", type=int, default=20_000_000)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    velocity = rng.normal(size=(options.particles, 3)).astype(np.float32)
    collide(velocity, 10, rng)
    began = time.perf_counter()
    collide(velocity, options.collisions, rng)
    seconds = time.perf_counter() - began
    print(json.dumps({"n": options.particles, "per_s": options.collisions / seconds}))


if __name__ == "__main__":
    main()
