"""What a simulation or a solution returns: times and named observables.

Leading axes are (replica, time) for a simulation and (time,) for a solution. Counts are
densities, N_n·Z/N, so that both compare as they stand (Hammond, §1.7).
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.logs import Log, log_class
from jaxkin.numerics.checks import require
from jaxkin.numerics.extras import require_extra

# Attributes of a saved log and of saved tuples.
_CLASS, _TUPLES = "log", "tuples"


class Metadata(dict):
    """A dictionary of numbers, words and tuples that can be hashed, so that it may be static."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((k, str(v)) for k, v in self.items())))


class Trajectory(eqx.Module):
    """Observables of a run at given times.

    Attributes:
        times: (times,) the times at which the run was observed.
        observables: name -> array of shape (replicas, times, …) or (times, …).
        events: the log that the particles kept (`jaxkin.logs`), or None.
        density: f(t, ·) of a solution that kept it (`solve(…, density=True)`), or None.
        metadata: numbers that describe the run (N, Z, ε, step …), kept with the data.

    `trajectory["counts"]` is short for `trajectory.observables["counts"]`.
    """

    times: Float[Array, " times"]
    observables: dict[str, Array]
    events: Log | None = None
    metadata: Metadata = eqx.field(static=True, default_factory=Metadata, converter=Metadata)
    density: Any = None

    def __check_init__(self) -> None:
        require(
            self.events is None or isinstance(self.events, Log),
            "events",
            "be a log, or None",
            f"it is a {type(self.events).__name__}",
            "Take one of `jaxkin.logs`, or derive a class from `jaxkin.logs.Log`.",
        )

    def __contains__(self, name: object) -> bool:
        """Whether an observable of this name was recorded."""
        return name in self.observables

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

        The masses of `counts` are its coordinate `mass_class`, since `mass` is an observable. Each
        array of the log is a variable `event_…`, whose attributes are the class of the log and its
        static fields.

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
        if self.events is not None:
            data |= _variables(self.events)
        coords: dict[str, Any] = {"time": np.asarray(self.times)}
        if "counts" in data:
            coords["mass_class"] = np.arange(
                1, np.asarray(self.observables["counts"]).shape[-1] + 1
            )
        return xarray.Dataset(data, coords, attrs=_plain(self.metadata))

    def save(self, path: str | Path) -> None:
        """Write a NetCDF file of the observables, events and metadata; a `density` is not written.

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
        kept, logged, told = {}, {}, {}
        for name, values in dataset.data_vars.items():
            array = jnp.asarray(values.to_numpy())
            if _CLASS in values.attrs:
                logged[str(name).removeprefix("event_")] = array
                told = _rich(values.attrs)
            else:
                kept[str(name)] = array
        events = _log(told.pop(_CLASS), logged, told) if logged else None
        return cls(jnp.asarray(dataset["time"]), kept, events, Metadata(_rich(dataset.attrs)))

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


def _variables(log: Log) -> dict[str, Any]:
    """Return the arrays of a log as variables: dimensions, values and attributes by name."""
    told = _plain({_CLASS: type(log).__name__, **log.described()})
    found = {}
    for name, values in log.arrays().items():
        own = [f"event_{name}_{k}" for k in range(values.ndim - 1)]
        dims = ("replica", "event")[: values.ndim] if values.ndim < 3 else ("replica", *own)
        found[f"event_{name}"] = (dims, np.asarray(values), told)
    return found


def _log(name: str, arrays: dict[str, Array], described: dict[str, Any]) -> Log:
    """Return the log of a class, with None for what was not kept."""
    kind = log_class(name)
    missing = {f.name: None for f in dataclasses.fields(kind)}
    return kind(**(missing | arrays | described))


def _plain(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes that NetCDF can hold: it has no truth values, no tuples and no None.

    A tuple becomes an array. One entry comes back as a number, so that tuples are named.
    """
    plain: dict[str, Any] = {}
    for name, value in described.items():
        if value is None:
            continue
        if isinstance(value, tuple):
            require(
                all(isinstance(x, bool | int | float) for x in value) and len(value) > 0,
                "metadata",
                "hold tuples of numbers, one or more",
                f"{name!r} is {value!r}",
            )
            plain[name] = np.array([int(x) if isinstance(x, bool) else x for x in value])
        elif isinstance(value, bool):
            plain[name] = int(value)
        else:
            plain[name] = value if isinstance(value, str | int | float) else str(value)
    tuples = [name for name, value in described.items() if isinstance(value, tuple)]
    return plain | ({_TUPLES: " ".join(tuples)} if tuples else {})


def _rich(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `_plain` was given, with 0 and 1 for truth values."""
    tuples = attributes.get(_TUPLES, "").split()
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in tuples:
            found[str(name)] = tuple(np.atleast_1d(value).tolist())
        elif name != _TUPLES:
            found[str(name)] = value.item() if hasattr(value, "item") else value
    return found
