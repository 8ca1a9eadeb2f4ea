"""The density of a solution at its recorded times: a function, arrays on a grid, a plot, a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import is_traced, require
from jaxkin.numerics.extras import require_extra
from jaxkin.observables.density import Density


class DensityPath(eqx.Module):
    """f(t, ·) at the times of a solution, from `solve(…, density=True).density`.

    f(t, v) of velocities, (k, …) for types; f_n(t, x) of masses, (M, …); f(t, x, v) in a slab.

    Attributes:
        equation: that was solved.
        times: (times,) at which f is known.
        states: of the equation, with a leading axis (times,).
    """

    equation: KineticEquation
    times: Float[Array, " times"]
    states: Any

    def at(self, time: Any) -> Density:
        """Return the density at one of the recorded times.

        Args:
            time: t, equal to one of `times` to rounding.

        Raises:
            ValueError: it is none of them.
        """
        k = jnp.argmin(jnp.abs(self.times - time))
        if not is_traced(self.times, time):
            found, known = float(self.times[k]), np.asarray(self.times, float)
            # To rounding, and by far less than to the next recorded time.
            gap = float(np.diff(known).min()) if known.size > 1 else abs(found)
            require(
                abs(found - float(time)) <= max(1e-3 * gap, 4e-7 * abs(found)),
                "time",
                "be one of the recorded times",
                f"it is {float(time):g}, and the nearest is {found:g}",
                "Ask `solve` for that time, too.",
            )
        return self.equation.measure(jax.tree.map(lambda x: x[k], self.states))

    def __call__(self, time: Any, *places: Any) -> Array:
        """Return f at one of the recorded times.

        Args:
            time: t.
            places: velocities (…, d); places (…, d); or a place x and velocities in a slab.
        """
        return self.at(time)(*places)

    def on_grid(self, *axes: Sequence[Any]) -> Any:
        """Return f at all times on a grid of yours, as an `xarray.DataArray`.

        Args:
            axes: for each argument of f the list of its axes: numbers (n,), or one number for a
                component that is held. `on_grid((v1, v2, 0.0))` for velocities in d = 3,
                `on_grid((x, 0.5))` for places in d = 2, `on_grid((x,), (v1, 0.0, 0.0))` in a slab.

        Returns:
            Dimensions `time`, `mass` or `type` where f has them, and x_1 … and v_1 … of the axes
            that are not held. It can be saved: `.to_netcdf(path, engine="h5netcdf")`.

        Raises:
            ValueError: the axes do not fit the arguments of f.
            ImportError: xarray is missing; it comes with `pip install 'jaxkin[xarray]'`.
        """
        xarray = require_extra("xarray", "xarray", "DensityPath.on_grid")
        names = self.at(self.times[0]).arguments
        require(
            len(axes) == len(names),
            "axes",
            f"hold one list for each argument of f, {names}",
            f"there are {len(axes)}",
        )
        grids, shape, coords = [], [], {}
        for name, own in zip(names, axes, strict=True):
            marks = [np.atleast_1d(np.asarray(a, float)) for a in own]
            require(
                all(a.ndim == 1 for a in marks), "axes", "hold numbers or lists", f"they are {own}"
            )
            grids.append(np.stack(np.meshgrid(*marks, indexing="ij"), -1))
            for k, (given, a) in enumerate(zip(own, marks, strict=True)):
                if np.ndim(given):
                    coords[f"{name[0] if name == 'velocity' else 'x'}_{k + 1}"] = a
                    shape.append(a.size)
        values = np.asarray(_all_times(self, tuple(jnp.asarray(g) for g in grids)))
        leading = values.shape[1 : values.ndim - sum(g.ndim - 1 for g in grids)]
        dims = ["time"]
        labels: dict[str, Any] = {"time": np.asarray(self.times)}
        if leading:
            dims.append(self.at(self.times[0]).leading or "component")
            labels[dims[-1]] = np.arange(1, leading[0] + 1)
        values = values.reshape(len(self.times), *leading, *shape)
        return xarray.DataArray(values, labels | coords, [*dims, *coords], name="density")

    def save(self, path: str | Path, *axes: Sequence[Any]) -> None:
        """Write f on a grid into a NetCDF file; arguments and errors as in `on_grid`."""
        self.on_grid(*axes).to_netcdf(Path(path), engine="h5netcdf")

    def plot(self, *grid: Sequence[Any], time: Any = None, axes: Any = None) -> Any:
        """Draw f along one axis as lines, at all times or at one, or along two as an image.

        Args:
            grid: as in `on_grid`, with one axis or two that are not held.
            time: one of the recorded times; None for all, or the last for an image, which shows the
                first mass or type.
            axes: of matplotlib; None makes new ones.

        Returns:
            The matplotlib axes (needs the extras `plots` and `xarray`).
        """
        pyplot = require_extra("matplotlib.pyplot", "plots", "DensityPath.plot")
        found = self.on_grid(*grid)
        free = [d for d in found.dims if d not in ("time", "mass", "type", "component")]
        require(
            len(free) in (1, 2),
            "grid",
            "leave one axis or two free",
            f"it leaves {len(free)}",
            "Give one number for each component that is held.",
        )
        if axes is None:
            axes = pyplot.subplots()[1]
        if time is not None:
            found = found.isel(time=[int(np.argmin(np.abs(np.asarray(self.times) - float(time))))])
        lead = [d for d in found.dims if d not in ("time", *free)]
        if len(free) == 2:
            last = found.isel(time=-1)
            label = f"f at t = {float(last.time):.3g}" + (f", {lead[0]} 1" if lead else "")
            last = last.isel({lead[0]: 0}) if lead else last
            image = axes.pcolormesh(found[free[0]], found[free[1]], last.T, shading="nearest")
            axes.figure.colorbar(image, ax=axes, label=label)
            axes.set(xlabel=free[0], ylabel=free[1])
            return axes
        for k in range(found.sizes["time"]):
            row = found.isel(time=k)
            for j in range(row.sizes[lead[0]] if lead else 1):
                line = row.isel({lead[0]: j}) if lead else row
                label = f"t = {float(row.time):.3g}" + (f", {lead[0]} {j + 1}" if lead else "")
                axes.plot(found[free[0]], line, label=label)
        axes.set(xlabel=free[0], ylabel="f")
        axes.legend()
        return axes


@eqx.filter_jit
def _all_times(path: DensityPath, grids: tuple[Array, ...]) -> Array:
    def one(state: Any) -> Array:
        density = path.equation.measure(state)
        if len(grids) == 1:
            return density(grids[0])
        # In a slab: one place x after the other, whose axis comes behind the types.
        rows = jax.lax.map(lambda x: density(x, grids[1]), grids[0].reshape(-1))
        return jnp.moveaxis(rows, 0, rows.ndim - grids[1].ndim)

    return jax.lax.map(one, path.states)
