"""What a simulation or a solution returns: times and named observables.

Leading axes are (replica, time) for a simulation and (time,) for a solution. Counts are
densities, N_n·Z/N, so that both compare as they stand (Hammond, §1.7).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.checks import require
from jaxkin.numerics.extras import require_extra


class Metadata(dict):
    """A dictionary of plain numbers and words that can be hashed, so that it may be static."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((k, str(v)) for k, v in self.items())))


class Trajectory(eqx.Module):
    """Observables of a run at given times.

    Attributes:
        times: (times,) the times at which the run was observed.
        observables: name -> array of shape (replicas, times, …) or (times, …).
        events: log of events, name -> (replicas, capacity) array padded with NaN times, or None.
            Coagulation logs `time`, `mass_i`, `mass_j` and `count` (replicas,).
        metadata: numbers that describe the run (N, Z, ε, step …), kept with the data.

    `trajectory["counts"]` is short for `trajectory.observables["counts"]`.
    """

    times: Float[Array, " times"]
    observables: dict[str, Array]
    events: dict[str, Array] | None = None
    metadata: Metadata = eqx.field(static=True, default_factory=Metadata, converter=Metadata)

    def __getitem__(self, name: str) -> Array:
        require(
            name in self.observables,
            "name",
            f"be one of {sorted(self.observables)}",
            f"it is {name!r}",
            "Ask for it with `observe=` when the data are made.",
        )
        return self.observables[name]

    @property
    def replicated(self) -> bool:
        """Whether the observables have a leading replica axis."""
        first = next(iter(self.observables.values()))
        return first.ndim >= 2 and self.metadata.get("replicas") is not None

    def mean(self, name: str) -> Array:
        """Mean over replicas, (times, …)."""
        return self[name].mean(0) if self.replicated else self[name]

    def standard_error(self, name: str) -> np.ndarray:
        """Standard error of the mean over replicas, (times, …); zero for a solution."""
        values = np.asarray(self[name])
        if not self.replicated:
            return np.zeros_like(values)
        if values.shape[0] == 1:
            return np.full(values.shape[1:], np.nan)
        return values.std(0, ddof=1) / np.sqrt(values.shape[0])

    def to_xarray(self) -> Any:
        """Return an `xarray.Dataset` with dimensions replica, time and one per further axis.

        The masses of `counts` are its coordinate `mass_class`, since `mass` is an observable.

        Raises:
            ImportError: xarray is missing; it comes with `pip install 'jaxkin[xarray]'`.
        """
        xarray = require_extra("xarray", "xarray", "Trajectory.to_xarray")
        lead = ("replica", "time") if self.replicated else ("time",)
        data: dict[str, Any] = {}
        for name, values in self.observables.items():
            array = np.asarray(values)
            extra = tuple(
                "mass_class" if name == "counts" else f"{name}_{k}"
                for k in range(array.ndim - len(lead))
            )
            data[name] = (lead + extra, array)
        for name, values in (self.events or {}).items():
            array = np.asarray(values)
            own = [f"event_{name}_{k}" for k in range(array.ndim - 1)]
            dims = ("replica", "event")[: array.ndim] if array.ndim < 3 else ("replica", *own)
            data[f"event_{name}"] = (dims, array)
        coords: dict[str, Any] = {"time": np.asarray(self.times)}
        if "counts" in data:
            coords["mass_class"] = np.arange(
                1, np.asarray(self.observables["counts"]).shape[-1] + 1
            )
        return xarray.Dataset(data, coords, attrs=_plain(self.metadata))

    def save(self, path: str | Path) -> None:
        """Write a NetCDF file.

        Raises:
            ImportError: xarray, h5netcdf or h5py is missing; `pip install 'jaxkin[xarray]'` brings
                all three.
        """
        for package in ("xarray", "h5netcdf", "h5py"):
            require_extra(package, "xarray", "Trajectory.save")
        self.to_xarray().to_netcdf(Path(path), engine="h5netcdf")

    @classmethod
    def load(cls, path: str | Path) -> "Trajectory":
        """Read what `save` wrote.

        Raises:
            ImportError: as for `save`.
        """
        for package in ("h5netcdf", "h5py"):
            require_extra(package, "xarray", "Trajectory.load")
        xarray = require_extra("xarray", "xarray", "Trajectory.load")
        with xarray.open_dataset(Path(path), engine="h5netcdf") as stored:
            dataset = stored.load()
        values = {str(k): jnp.asarray(v.to_numpy()) for k, v in dataset.data_vars.items()}
        events = {k.removeprefix("event_"): v for k, v in values.items() if k.startswith("event_")}
        kept = {k: v for k, v in values.items() if not k.startswith("event_")}
        metadata = {str(k): v.item() if hasattr(v, "item") else v for k, v in dataset.attrs.items()}
        return cls(jnp.asarray(dataset["time"]), kept, events or None, Metadata(metadata))

    def plot(self, name: str = "counts", *, axes: Any = None, label: str = "", **style: Any) -> Any:
        """Draw an observable against time, with a band of ± 2 standard errors for replicas.

        Args:
            name: of the observable; each of its entries has a line of its own.
            axes: matplotlib axes to draw into; None: those of a new figure.
            label: of the lines, with the number of the entry; empty: the observable's name.
            **style: of the lines, passed on to matplotlib's `plot`.

        Returns:
            The matplotlib axes.

        Raises:
            ImportError: matplotlib is missing; it comes with `pip install 'jaxkin[plots]'`.
            ValueError: there is no such observable, or `axes` is called `ax`.
        """
        require(
            "ax" not in style,
            "axes",
            "be given by this name",
            "it is called `ax`",
            "Write `axes=`.",
        )
        if axes is None:
            axes = require_extra("matplotlib.pyplot", "plots", "Trajectory.plot").subplots()[1]
        mean = np.asarray(self.mean(name)).reshape(len(self.times), -1)
        error = np.asarray(self.standard_error(name)).reshape(len(self.times), -1)
        for k in range(mean.shape[1]):
            (line,) = axes.plot(self.times, mean[:, k], label=f"{label or name} {k + 1}", **style)
            if self.replicated:
                low, high = mean[:, k] - 2 * error[:, k], mean[:, k] + 2 * error[:, k]
                axes.fill_between(self.times, low, high, color=line.get_color(), alpha=0.2, lw=0)
        axes.set_xlabel("time")
        axes.set_ylabel(name)
        return axes


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    # NetCDF has no truth values.
    numbers = {k: int(v) if isinstance(v, bool) else v for k, v in metadata.items()}
    return {k: v if isinstance(v, str | int | float) else str(v) for k, v in numbers.items()}
