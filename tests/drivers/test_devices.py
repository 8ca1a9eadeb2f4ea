"""Replicas spread over devices: the same numbers as on one, in a process of its own."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np

import jaxkin as jk
from jaxkin.drivers.devices import replica_mesh, tile_size

# 7 replicas on 3 devices in tiles of 2 each: the second tile is filled up with copies of the last.
RUN = """
import sys, jax, numpy as np, jax.numpy as jnp, jaxkin as jk

class Gas(jk.KacGas):
    def tile(self, replicas):
        return 2

gas = Gas(10, kernel=jk.PowerKernel(np.float32(1), np.float32(1)), dimension=2)
def run(checkpoint=None):
    return jk.simulate(gas, jk.laws.Maxwellian(2), jnp.array([0.0, 0.5, 2.0]),
        key=jax.random.key(3), replicas=7, events=True, observe=["stress"], checkpoint=checkpoint)
"""
ON_THREE = (
    RUN
    + """
assert len(jax.local_devices()) == 3
data, again = run(sys.argv[1]), run(sys.argv[1])
np.testing.assert_array_equal(data["stress"], again["stress"])
assert data["stress"].devices() == {jax.local_devices()[0]}
np.savez(sys.argv[2], stress=data["stress"], count=data.events.count)

class Faulty(Gas):
    def faults(self, state):
        return {"Too many": state.collisions > 8}
gas = Faulty(10, kernel=gas.kernel, dimension=2)
try:
    run()
except jk.SimulationFault as fault:
    assert fault.replica == int(np.argmax(data.events.count > 8)), fault.replica
    assert fault.partial["stress"].shape[0] in (1, 6)
else:
    raise AssertionError("no fault")
"""
)


def test_three_devices_give_the_numbers_of_one(tmp_path):
    """Also with checkpoints, faults, and a last tile that is not full."""
    found = tmp_path / "found.npz"
    done = subprocess.run(
        [sys.executable, "-c", ON_THREE, str(tmp_path / "kept"), str(found)],
        env=os.environ | {"JAX_NUM_CPU_DEVICES": "3", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    here: dict = {}
    exec(RUN, here)  # the same lines, on the device of this process
    data = here["run"]()
    with np.load(found) as theirs:
        np.testing.assert_array_equal(theirs["count"], data.events.count)
        np.testing.assert_allclose(theirs["stress"], data["stress"], rtol=1e-5, atol=1e-6)


def test_one_device_needs_no_mesh():
    assert replica_mesh(1) is None
    with jax.default_device(jax.devices()[0]):
        assert replica_mesh(100) is None


def test_tiles_are_equal_shares():
    assert tile_size(100, 30, None) == 25  # 4 tiles
    assert tile_size(7, 100, None) == 7


def test_batches_within_a_tile_change_no_replica(monkeypatch):
    """A tile of 37 replicas at once, and in batches of 4."""
    gas = jk.KacGas(12, kernel=jk.PowerKernel(1.0, 0.5))
    law, times = jk.laws.Maxwellian(3), jnp.array([1.0])

    def run(together):
        monkeypatch.setattr("jaxkin.particles.kac.collision_batch", lambda *_: together)
        jax.clear_caches()
        return jk.simulate(gas, law, times, key=jax.random.key(1), replicas=37, events=True)

    one, many = run(37), run(4)
    np.testing.assert_array_equal(one.events.count, many.events.count)
    np.testing.assert_allclose(one["stress"], many["stress"], rtol=1e-5, atol=1e-6)
    jax.clear_caches()
