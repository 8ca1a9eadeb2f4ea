"""`simulate`: run replicas of a particle system, in tiles, and record observables.

Replica r draws from fold_in(key, r), and interval k of it from fold_in(fold_in(key, r), k), so
that neither the tile, nor the number of tiles in flight, nor the devices that share a tile
(`jaxkin.drivers.devices`) change what a replica does. An observable that draws (random
directions, say) has a key of its own for each replica and each time, so that it disturbs nothing.

The host loops over tiles and over the intervals between observation times: there it advances the
progress bar, writes checkpoints and raises faults. A model compiles two programs, the start and
the interval; each also returns the record and the flags of faults, so that an interval is one
dispatch. What was recorded is gathered by NumPy, which compiles nothing. Under an outer `jit`,
`vmap` or `grad` there is no host; then one tile runs in one scan, and `error_if` takes the place
of the exceptions.
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
from jaxkin.drivers.devices import on_each, replica_mesh, spread, tile_size
from jaxkin.drivers.progress import progress_bar
from jaxkin.model import Particles
from jaxkin.numerics.checks import is_traced, require, require_increasing, whole
from jaxkin.numerics.guards import not_differentiable
from jaxkin.observables.base import Observable, chosen_observables
from jaxkin.trajectory import Trajectory

# Below the key of a replica: 0 is for the start, k + 1 for interval k, and this for observables.
_OBSERVATION = np.uint32(2**32 - 1)


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
    if is_traced(particles, law, times, key):
        keys = _replica_keys(key, np.arange(replicas))
        return _simulate_traced(particles, law, jnp.asarray(times), keys, chosen, events)

    mesh = replica_mesh(replicas)
    share = replicas if mesh is None else -(-replicas // mesh.size)
    tile = tile_size(replicas, particles.tile(share), mesh)
    starts = range(0, replicas, tile)
    with progress_bar(progress, len(starts) * len(times), "simulate") as bar:

        def run(start: int):
            # The last tile repeats its last replica so that all tiles share one compiled shape.
            members = np.minimum(np.arange(start, start + tile), replicas - 1)
            keys = _replica_keys(key, members)
            saved = Checkpoint(checkpoint, start, (particles, law, times, keys), chosen)
            return _run_tile(
                particles,
                law,
                np.asarray(times),
                keys,
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
        jax.device_put(jax.tree.map(lambda *x: np.concatenate(x), *pieces))
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
    keys, recorded = spread(keys, mesh), []
    state, record, flags = _start(particles, law, keys, chosen, mesh)
    _raise_faults(particles, state, flags, recorded, times, first, real, 0.0, law)
    done = 0
    if (stored := saved.load((state, record))) is not None:
        done, state, recorded = stored
        bar(done)
    for k in range(done, len(times)):
        start = times[k - 1] if k else np.zeros_like(times[0])
        if times[k] > start:
            # `device_put` compiles nothing, where `asarray` of a scalar does.
            interval = jax.device_put((start, times[k], np.int32(k)))
            state, record, flags = _advance(particles, state, *interval, keys, chosen, mesh)
            yield
            _raise_faults(particles, state, flags, recorded, times, first, real, times[k], law)
        recorded.append(record)
        saved.save(k + 1, state, recorded)
        bar(1)
    log = _drain(particles, state) if events else None
    require(
        not events or log is not None,
        "events",
        "be asked of a model that logs events",
        f"{type(particles).__name__} keeps no log",
    )
    return _stack(recorded, real), jax.tree.map(lambda x: np.asarray(x)[:real], log)


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


def _stack(recorded, real):
    """Return records with the axis of times behind that of the `real` replicas, on the host."""
    return jax.tree.map(lambda *x: np.stack(x, axis=1)[:real], *jax.device_get(recorded))


@jax.jit
def _replica_keys(key, members):
    return jax.vmap(lambda r: jax.random.fold_in(key, r))(members)


@eqx.filter_jit
def _start(particles, law, keys, chosen, mesh=None):
    def start(keys):
        state = jax.vmap(lambda k: particles.sample(law, key=jax.random.fold_in(k, 0)))(keys)
        return _look(particles, state, chosen, keys, 0)

    state, record, flags = on_each(start, mesh)(keys)
    return state, record, _as_rows(flags, keys)


@eqx.filter_jit
def _advance(particles, state, start, stop, interval, keys, chosen, mesh=None):
    def advance(state, keys):
        step_keys = jax.vmap(lambda k: jax.random.fold_in(k, interval + 1))(keys)
        state = particles.advance_tile(state, start, stop, keys=step_keys)
        return _look(particles, state, chosen, keys, interval)

    state, record, flags = on_each(advance, mesh)(state, keys)
    return state, record, _as_rows(flags, keys)


def _look(particles, state, chosen, keys, k):
    """Return the state of a tile, what is recorded of it at time k of the list, and its flags."""

    def observe(state, key):
        key = jax.random.fold_in(jax.random.fold_in(key, _OBSERVATION), k)
        return {
            o.name: particles.observe(state, o, key=jax.random.fold_in(key, position))
            for position, o in enumerate(chosen)
        }

    # The first state may be of weak type where the later ones are not: that would compile twice.
    state = jax.tree.map(lambda x: jax.lax.convert_element_type(x, x.dtype), state)
    return state, jax.vmap(observe)(state, keys), jax.vmap(particles.faults)(state)


def _as_rows(flags, keys):
    """Return one array of flags, (messages, replicas): the host waits for one array."""
    none = jnp.zeros((0, *keys.shape), bool)
    return jnp.concatenate([none, *(f[None].astype(bool) for f in jax.tree.leaves(flags))])


@eqx.filter_jit
def _drain(particles, state):
    return jax.vmap(particles.drain)(state)


def _messages(particles, state):
    """Return the messages of faults in the order of their rows; compiles nothing."""
    return list(jax.eval_shape(jax.vmap(particles.faults), state))


def _raise_faults(particles, state, flags, recorded, times, first, real, time, law):
    flags = np.asarray(flags)[:, :real]
    if not flags.any():
        return
    row = int(np.flatnonzero(flags.any(axis=1))[0])
    partial = None
    if recorded:
        partial = Trajectory(
            jnp.asarray(times[: len(recorded)]),
            jax.device_put(_stack(recorded, real)),
            None,
            particles.metadata(law) | {"replicas": real},
        )
    replica = first + int(np.flatnonzero(flags[row])[0])
    raise SimulationFault(
        f"{_messages(particles, state)[row]} (replica {replica}, before time {time:g}; what was "
        "recorded until then is in `.partial` of this exception, and replicas that had ended in "
        "`.finished`)",
        partial,
        replica,
        float(time),
    )


def _simulate_traced(particles, law, times, keys, chosen, events):
    def interval(state, k):
        start = jnp.where(k > 0, times[jnp.maximum(k - 1, 0)], 0)
        state, record, flags = _advance(particles, state, start, times[k], k, keys, chosen)
        return state, (record, flags)

    state, _, flags = _start(particles, law, keys, chosen)
    state, (observed, later) = jax.lax.scan(interval, state, jnp.arange(times.size))
    flags = flags | jnp.any(later, axis=0)
    for message, row in zip(_messages(particles, state), flags, strict=True):
        observed = eqx.error_if(observed, row, message)
    observed = {name: jnp.swapaxes(values, 0, 1) for name, values in observed.items()}
    log = jax.vmap(particles.drain)(state) if events else None
    return Trajectory(times, observed, log, {"replicas": keys.shape[0]})
