"""`simulate`: run replicas of a particle system, in tiles, and record observables.

Replica r draws from fold_in(key, r), and interval k of it from fold_in(fold_in(key, r), k), so
that neither the tile, nor the number of tiles in flight, nor the devices that share a tile
(`jaxkin.drivers.devices`) change what a replica does. The host
loops over tiles and over the intervals between observation times: there it advances the
progress bar, writes checkpoints and raises faults. Under an outer `jit`, `vmap` or `grad` there
is no host; then one tile runs in one scan, and `error_if` takes the place of the exceptions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.drivers.checkpoints import Checkpoint
from jaxkin.drivers.devices import collect, on_each, replica_mesh, spread, tile_size
from jaxkin.drivers.progress import progress_bar
from jaxkin.model import Particles
from jaxkin.numerics.checks import is_traced, require, require_increasing, whole
from jaxkin.numerics.guards import not_differentiable
from jaxkin.observables.base import Observable, chosen_observables
from jaxkin.trajectory import Trajectory


class SimulationFault(RuntimeError):
    """A run went wrong; nothing that was recorded before is lost.

    Attributes:
        partial: the `Trajectory` of the faulty tile up to the last good time (None if the fault
            came first).
        finished: the `Trajectory` of the replicas that had ended before, or None.
        replica: index of the first faulty replica.
        time: the end of the interval in which it happened.
    """

    def __init__(self, message: str, partial: Trajectory | None, replica: int, time: float):
        super().__init__(message)
        self.partial, self.replica, self.time = partial, replica, time
        self.finished: Trajectory | None = None


def simulate(
    particles: Particles,
    law: Any,
    times: Float[Array, " times"],
    *,
    key: PRNGKeyArray,
    replicas: int = 1,
    batch_size: int | None = None,
    observe: Sequence[Observable | str] | None = None,
    events: bool | None = None,
    progress: bool = False,
    checkpoint: str | Path | None = None,
) -> Trajectory:
    """Simulate independent replicas and record observables at `times`.

    Args:
        particles: the microscopic model.
        law: what is known at time 0 (see `jaxkin.laws`).
        times: (times,) increasing, from 0 on; the run starts at 0 whether or not 0 is listed.
        key: a JAX random key; the same key gives the same bits on the same device.
        replicas: number of independent copies, spread over all local devices (a CPU is one, unless
            `jax_num_cpu_devices` says otherwise).
        batch_size: number of tiles in flight at once; changes no bit of the result. More than
            one keeps an accelerator busy while the host records; a CPU gains nothing.
        observe: observables, or names of the model's own; None records all of these
            (`particles.observables()`).
        events: also return the log of events (see `Trajectory.events`).
        progress: show a progress bar (needs the `progress` extra).
        checkpoint: folder in which the run is kept, one file for each tile; calling again with
            the same arguments resumes there.

    Returns:
        A `Trajectory` with observables of shape (replicas, times, …).

    Raises:
        ValueError: an argument is out of range.
        SimulationFault: a replica went wrong (say, a mass grew past `max_mass`).
        TypeError: the run is differentiated; a random simulation has jumps, so its pathwise
            gradient would be wrong. Differentiate `solve(particles.kinetic_limit(), …)` or fit.
    """
    require(
        isinstance(particles, Particles),
        "particles",
        "be a particle system",
        f"it is a {type(particles).__name__}",
        "Equations are solved by `solve`.",
    )
    require_increasing(times)
    replicas = whole(replicas, "replicas")
    require(
        batch_size is None or batch_size >= 1,
        "batch_size",
        "be a positive number of tiles",
        f"it is {batch_size!r}",
    )
    chosen = chosen_observables(observe, particles.observables())
    require(len(chosen) > 0, "observe", "name at least one observable", "it is empty")
    particles.check(law)
    particles, law, times = not_differentiable(
        (particles, law, times),
        "simulate is not differentiable: particles jump at random. Differentiate the limit, "
        "`solve(particles.kinetic_limit(), law, times)`, or estimate rates with `fitting.fit`.",
    )
    if isinstance(key, jax.Array) and key.dtype == jnp.uint32:
        key = jax.random.wrap_key_data(key)  # of the older jax.random.PRNGKey
    require(
        isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key),
        "key",
        "be a key of JAX",
        f"it is a {type(key).__name__}",
        "Use jax.random.key(0), say.",
    )
    keys = jax.vmap(lambda r: jax.random.fold_in(key, r))(jnp.arange(replicas))
    if is_traced(particles, law, times, key):
        return _simulate_traced(particles, law, jnp.asarray(times), keys, chosen, events)

    mesh = replica_mesh(replicas)
    share = replicas if mesh is None else -(-replicas // mesh.size)
    tile = tile_size(replicas, particles.tile(share), mesh)
    starts = range(0, replicas, tile)
    with progress_bar(progress, len(starts) * len(times), "simulate") as bar:

        def run(start: int):
            # The last tile repeats its last replica so that all tiles share one compiled shape.
            chosen_keys = keys[np.minimum(np.arange(start, start + tile), replicas - 1)]
            saved = Checkpoint(checkpoint, start, (particles, law, times, chosen_keys), chosen)
            return _run_tile(
                particles,
                law,
                np.asarray(times),
                chosen_keys,
                chosen,
                events,
                bar,
                saved,
                start,
                min(tile, replicas - start),
                mesh,
            )

        results: list = [None] * len(starts)
        try:
            _in_turn([run(start) for start in starts], batch_size or 1, results)
        except SimulationFault as fault:
            done = [r for r in results if r is not None]
            fault.finished = _join(particles, law, times, done) if done else None
            raise
    return _join(particles, law, times, results)


def _join(particles, law, times, results) -> Trajectory:
    observed, logs = (
        jax.tree.map(lambda *x: jnp.concatenate(x), *pieces)
        for pieces in zip(*results, strict=True)
    )
    replicas = jax.tree.leaves(observed)[0].shape[0]
    return Trajectory(
        jnp.asarray(times), observed, logs, particles.metadata(law) | {"replicas": replicas}
    )


def _run_tile(particles, law, times, keys, chosen, events, bar, saved, first, real, mesh):
    """One tile from time 0 to the end, interval by interval; resumes from `saved`.

    Its first `real` replicas are returned; the others fill the tile.

    A generator that yields when an interval is under way, so that others can be started.
    """
    keys = spread(keys, mesh)
    state, recorded = _sample(particles, law, keys, mesh), []
    _raise_faults(particles, state, recorded, times, first, real, 0.0, law)
    done = 0
    if (stored := saved.load((state, _observe(particles, state, chosen, mesh)))) is not None:
        done, state, recorded = stored
        bar(done)
    for k in range(done, len(times)):
        start = times[k - 1] if k else np.zeros_like(times[0])
        if times[k] > start:
            interval = (jnp.asarray(start), jnp.asarray(times[k]), jnp.asarray(k))
            state = _advance(particles, state, *interval, keys, mesh)
            yield
            _raise_faults(particles, state, recorded, times, first, real, times[k], law)
        recorded.append(_observe(particles, state, chosen, mesh))
        saved.save(k + 1, state, recorded)
        bar(1)
    log = jax.vmap(particles.drain)(state) if events else None
    require(
        not events or log is not None,
        "events",
        "be asked of a model that logs events",
        f"{type(particles).__name__} keeps no log",
    )
    return jax.tree.map(lambda x: x[:real], collect((_stack(recorded), log), mesh))


def _in_turn(runs, together, results):
    """Take the runs through their intervals, `together` of them at once, and fill in results.

    The device works on one while the host looks at another. No threads: two compiled loops that
    wait for the same pool of workers can stop each other on a CPU.
    """
    for first in range(0, len(runs), together):
        alive = {k: runs[k] for k in range(first, min(first + together, len(runs)))}
        while alive:
            for k, run in list(alive.items()):
                try:
                    next(run)
                except StopIteration as end:
                    results[k] = end.value
                    del alive[k]


def _stack(recorded):
    return jax.tree.map(lambda *x: jnp.stack(x, axis=1), *recorded)


@eqx.filter_jit
def _sample(particles, law, keys, mesh=None):
    def initial(key):
        return particles.sample(law, key=jax.random.fold_in(key, 0))

    return on_each(jax.vmap(initial), mesh)(keys)


@eqx.filter_jit
def _advance(particles, state, start, stop, interval, keys, mesh=None):
    def advance(state, keys):
        step_keys = jax.vmap(lambda k: jax.random.fold_in(k, interval + 1))(keys)
        return particles.advance_tile(state, start, stop, keys=step_keys)

    return on_each(advance, mesh)(state, keys)


@eqx.filter_jit
def _observe(particles, state, chosen, mesh=None):
    def observe(state):
        return {o.name: particles.observe(state, o) for o in chosen}

    return on_each(jax.vmap(observe), mesh)(state)


@eqx.filter_jit
def _faults(particles, state):
    return jax.vmap(particles.faults)(state)


def _raise_faults(particles, state, recorded, times, first, real, time, law):
    for message, flags in _faults(particles, state).items():
        if not (bad := np.flatnonzero(np.asarray(flags)[:real])).size:
            continue
        partial = None
        if recorded:
            observed = jax.tree.map(lambda x: x[:real], _stack(recorded))
            partial = Trajectory(
                jnp.asarray(times[: len(recorded)]),
                observed,
                None,
                particles.metadata(law) | {"replicas": real},
            )
        replica = first + int(bad[0])
        raise SimulationFault(
            f"{message} (replica {replica}, before time {time:g}; what was recorded until then is "
            "in `.partial` of this exception, and replicas that had ended in `.finished`)",
            partial,
            replica,
            float(time),
        )


def _simulate_traced(particles, law, times, keys, chosen, events):
    def interval(state, k):
        start = jnp.where(k > 0, times[jnp.maximum(k - 1, 0)], 0)
        state = _advance(particles, state, start, times[k], k, keys)
        return state, _observe(particles, state, chosen)

    state, observed = jax.lax.scan(interval, _sample(particles, law, keys), jnp.arange(times.size))
    for message, flags in _faults(particles, state).items():
        observed = eqx.error_if(observed, flags, message)
    observed = {name: jnp.swapaxes(values, 0, 1) for name, values in observed.items()}
    log = jax.vmap(particles.drain)(state) if events else None
    return Trajectory(times, observed, log, {"replicas": keys.shape[0]})
