"""Files from which a long simulation resumes: one for each tile, rewritten after each interval.

A file holds the state and what was recorded, with a fingerprint of everything that decides the
run (parameters, law, times, keys, names of the observables); resuming with another fingerprint
is an error rather than a silent mixture of two runs.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxkin.numerics.checks import require


class Checkpoint:
    """The checkpoint of one tile; does nothing when `folder` is None."""

    def __init__(self, folder: str | Path | None, tile: int, inputs: Any, chosen: Any):
        self.file = None if folder is None else Path(folder) / f"tile_{tile:06d}.npz"
        self.fingerprint = "" if folder is None else _fingerprint(inputs, chosen)

    def save(self, done: int, state: Any, recorded: list) -> None:
        """Keep the state after `done` intervals, and all that was recorded until then."""
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves((state, recorded))]
        temporary = self.file.with_suffix(".tmp.npz")
        np.savez(temporary, *leaves, done=np.int64(done), fingerprint=np.str_(self.fingerprint))
        os.replace(temporary, self.file)  # a killed run leaves the old file or the new one

    def load(self, like: tuple[Any, Any]) -> tuple[int, Any, list] | None:
        """Return (done, state, recorded), or None if there is nothing to resume.

        Args:
            like: a state and one record, for their tree structure.
        """
        if self.file is None or not self.file.exists():
            return None
        with np.load(self.file) as stored:
            require(
                str(stored["fingerprint"]) == self.fingerprint,
                "checkpoint",
                "belong to the same run",
                f"{self.file} was written by another one",
                "Name an empty folder, or repeat the arguments of the earlier call.",
            )
            done = int(stored["done"])
            leaves = [jnp.asarray(stored[f"arr_{k}"]) for k in range(len(stored.files) - 2)]
        state, record = like
        structure = jax.tree.structure((state, [record] * done))
        state, recorded = jax.tree.unflatten(structure, leaves)
        return done, state, recorded


def _fingerprint(inputs: Any, chosen: Any) -> str:
    digest = hashlib.sha256(repr([o.name for o in chosen]).encode())
    leaves, structure = jax.tree.flatten((inputs, chosen))
    # An address in memory differs from one process to the next.
    digest.update(re.sub(r" at 0x[0-9a-f]+", "", str(structure)).encode())
    for leaf in leaves:
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        if isinstance(leaf, jax.Array | np.ndarray | int | float):
            array = np.asarray(leaf)
            digest.update(f"{array.shape}{array.dtype}".encode() + array.tobytes())
    return digest.hexdigest()
