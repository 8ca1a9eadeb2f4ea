"""The gas of the benchmark of coagulating particles, its timed runs and its estimates."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from _report import Stopwatch

import jaxkin as jk
from fitting import estimate_from_events

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
