"""Runs of `simulate` that are cut short and taken up again, and the bar of their progress."""

import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walkers import KEY, LAW, MEAN, TIMES, WALKERS, Walkers, mean_of, walk

from jaxkin.drivers import checkpoints
from jaxkin.drivers.simulation import simulate
from jaxkin.laws import Monodisperse
from jaxkin.observables import Mean


class Crash(Exception):
    """The machine goes down."""


@pytest.fixture
def crash_after(monkeypatch):
    """Return a function that lets the driver save so many times and then breaks it down."""
    save = checkpoints.Checkpoint.save

    def arm(number):
        calls = []

        def breaking(self, *args):
            save(self, *args)
            calls.append(args[0])
            if len(calls) >= number:
                raise Crash

        monkeypatch.setattr(checkpoints.Checkpoint, "save", breaking)
        return calls

    yield arm
    monkeypatch.undo()


@pytest.mark.parametrize("number", [1, 3, 4, 6])
def test_resume_equals_an_uninterrupted_run(tmp_path, crash_after, monkeypatch, number):
    """To the bit, wherever it was cut: in the first tile, between tiles, in the second."""
    crash_after(number)
    with pytest.raises(Crash):
        walk(replicas=4, checkpoint=tmp_path, batch_size=1)
    monkeypatch.undo()
    resumed = walk(replicas=4, checkpoint=tmp_path, batch_size=1)
    np.testing.assert_array_equal(resumed["mean"], walk(replicas=4)["mean"])


def test_a_finished_run_is_read_back(tmp_path, monkeypatch):
    first = walk(replicas=4, checkpoint=tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["tile_000000.npz", "tile_000002.npz"]

    def forbidden(*args):
        raise AssertionError("a finished run must not be run again")

    monkeypatch.setattr("jaxkin.drivers.simulation._advance", forbidden)
    again = walk(replicas=4, checkpoint=tmp_path)
    np.testing.assert_array_equal(again["mean"], first["mean"])


def test_resume_really_reads_the_state(tmp_path, crash_after, monkeypatch):
    """A state altered on the disk shows in the result: the run did not start afresh."""
    crash_after(2)
    with pytest.raises(Crash):
        walk(replicas=2, checkpoint=tmp_path)
    monkeypatch.undo()
    (file,) = tmp_path.iterdir()
    with np.load(file) as stored:
        content = dict(stored)
    content["arr_0"] = content["arr_0"] + 100
    np.savez(file, **content)
    resumed = walk(replicas=2, checkpoint=tmp_path)["mean"]
    whole = walk(replicas=2)["mean"]
    np.testing.assert_array_equal(resumed[:, :2], whole[:, :2])
    np.testing.assert_allclose(resumed[:, 2:], whole[:, 2:] + 100, rtol=1e-12)


@pytest.mark.parametrize(
    "other",
    [
        {"key": jax.random.key(9)},
        {"model": Walkers(jnp.asarray(1.1))},
        {"model": Walkers(jnp.asarray(1.0), bound=50.0)},
        {"observe": [Mean("x", mean_of)]},
        {"times": TIMES * 2},
        {"law": Monodisperse(density=2.0)},
    ],
)
def test_another_run_is_refused(tmp_path, other):
    same = {"model": WALKERS, "law": LAW, "times": TIMES, "key": KEY, "observe": [MEAN]}

    def run(model, law, times, **options):
        return simulate(model, law, times, replicas=2, checkpoint=tmp_path, **options)

    run(**same)
    with pytest.raises(ValueError, match=r"`checkpoint` must belong to the same run.*empty folder"):
        run(**same | other)
    run(**same)


# Progress.


def test_the_bar_advances(monkeypatch, tmp_path):
    """Tiles × times steps in all, also when part of the run is read from a checkpoint."""
    bars = []

    class Bar:
        def __init__(self, total, desc):
            self.total, self.desc, self.n = total, desc, 0
            bars.append(self)

        def update(self, steps):
            self.n += steps

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.closed = True

    fake = types.ModuleType("tqdm.auto")
    fake.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm.auto", fake)
    walk(replicas=5, progress=True, checkpoint=tmp_path)
    walk(replicas=5, progress=True, checkpoint=tmp_path)
    assert [(b.desc, b.n, b.total, b.closed) for b in bars] == [("simulate", 12, 12, True)] * 2
    walk(replicas=5)
    assert len(bars) == 2


def test_the_bar_needs_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"`progress=True` needs tqdm.*jaxkin\[progress\]"):
        walk(progress=True)
