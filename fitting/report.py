"""What a fit says: estimates, how well they are known, and how the search went."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import stdtrit

from fitting.hypotheses import Compatibility, conditions_tested, nearest
from fitting.parametrisation import Parametrisation, leaf_paths
from fitting.uncertainty import confidence_interval
from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import require


class FitResult(eqx.Module):
    """Estimates of the unknown parameters of an equation.

    Attributes:
        equation: the fitted equation, or a tuple if several were given. Entries that the data do
            not identify hold the value at which the search kept them, so that it can be solved.
        names: of the q unknown entries, such as "rate[1,2]"; indices count from 1.
        values: (q,) estimates; NaN where the data identify nothing.
        covariance: (q, q) of the values; NaN where unknown.
        log_error: (q,) standard error of the logarithm, for positive parameters, else NaN.
        degrees: degrees of freedom of Student's t in `interval`: R − 1, or for each entry (q,)
            those of Welch and Satterthwaite for several experiments.
        history: "value" and "decrement" of every step of the search.
        converged: whether the search reached its minimum.
        degenerate: pairs of names that the data hardly tell apart, each with the correlation of
            its estimates (beyond ±0.99).
        conservative: whether intervals allow for parameters that others may stand in for; they
            need not in the likelihood of events, whose information is diagonal.
        parametrisation: which leaves were fitted.
        objective: the value of the objective at the estimate.
        tested: of a `constrained` result the tests of the free one, else None.
    """

    equation: KineticEquation | tuple[KineticEquation, ...]
    values: Float[np.ndarray, " q"]
    covariance: Float[np.ndarray, "q q"]
    log_error: Float[np.ndarray, " q"]
    history: dict[str, np.ndarray]
    parametrisation: Parametrisation
    objective: float
    degrees: int | Float[np.ndarray, " q"]
    names: tuple[str, ...] = eqx.field(static=True)
    converged: bool = eqx.field(static=True)
    conservative: bool = eqx.field(static=True, default=True)
    degenerate: tuple[tuple[str, str, float], ...] = eqx.field(static=True, default=())
    tested: dict[str, Compatibility] | None = None

    @property
    def errors(self) -> Float[np.ndarray, " q"]:
        """Standard errors of the values, (q,)."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def correlation(self) -> Float[np.ndarray, "q q"]:
        """Correlations of the values, (q, q)."""
        return self.covariance / np.outer(self.errors, self.errors)

    @property
    def estimate(self) -> Any:
        """The estimate in the shape of the field (a dictionary by path if there are several)."""
        return self._whole(self.values, None)

    @property
    def standard_error(self) -> Any:
        """The standard error in the shape of the field; 0 for entries that were kept fixed."""
        return self._whole(self.errors, 0.0)

    def _whole(self, values: np.ndarray, base: float | None) -> Any:
        leaves = self.parametrisation.leaves(values, base)
        arrays = {path: np.asarray(leaf) for path, leaf in leaves.items()}
        return next(iter(arrays.values())) if len(arrays) == 1 else arrays

    def interval(self, level: float = 0.95) -> Float[np.ndarray, "q 2"]:
        """Return confidence intervals of the values, one row for each name.

        Student's t with `degrees` degrees of freedom. The interval of a positive parameter reaches
        up on the logarithm and down to x − t·s.e. or 0 (on the logarithm, if it is not
        `conservative`): it covers too often rather than too seldom where errors are large. No
        interval leaves the domain of its parameter.

        Args:
            level: probability that an interval covers the truth, between 0 and 1.
        """
        require(
            0 < level < 1, "level", "lie between 0 and 1", f"it is {level!r}", "Give 0.95 for 95 %."
        )
        degrees = np.asarray(self.degrees, float)
        quantile = stdtrit(np.where(degrees > 0, degrees, np.nan), 0.5 + level / 2)
        return confidence_interval(
            self.values,
            self.errors,
            np.isfinite(self.log_error),
            quantile,
            bounds=self.parametrisation.bounds,
            conservative=self.conservative,
        )

    def compatible(self) -> dict[str, Compatibility]:
        """Return the tests of the equation's `conditions()`, such as (1.12) of a mixture.

        A small p says that the condition does not hold, or that the equation does not describe the
        data (the finite density of hard spheres changes rates, see `kinetic_limit(finite=True)`).
        NaN where an entry that is needed was not identified. For a `constrained` result it is the
        test of the free one.
        """
        if self.tested is not None:
            return self.tested
        degrees = float(np.min(np.asarray(self.degrees)))
        replicas = int(degrees) + 1 if np.isfinite(degrees) else 0
        return conditions_tested(self._conditions, self.values, self.covariance, replicas)

    def constrained(self) -> "FitResult":
        """Return the estimate under the equation's `conditions()`: the nearest in the covariance.

        `objective` stays that of the free estimate.

        Raises:
            ValueError: there are no conditions, or entries that the data do not identify, or no
                entries that are free meet the conditions.
        """
        known = self._conditions(jnp.asarray(self.values))
        require(len(known) > 0, "result", "have an equation with conditions", "it has none")
        unknown = [n for n, e in zip(self.names, self.errors, strict=True) if not np.isfinite(e)]
        require(not unknown, "result", "know all entries and errors", f"it does not: {unknown}")

        def together(values: Array) -> Array:
            return jnp.concatenate(list(self._conditions(values).values()))

        require(
            bool(np.all(np.isfinite(self.log_error))),
            "result",
            "be of positive parameters",
            f"some of {list(self.names)} are not",
        )
        values, covariance = nearest(together, self.values, self.covariance)
        require(
            bool(np.all(np.isfinite(values))),
            "result",
            "have free entries that can meet the conditions",
            f"with {list(self.names)} the search does not arrive",
        )
        return dataclasses.replace(
            self,
            equation=self._at(jnp.asarray(values)),
            values=values,
            covariance=covariance,
            log_error=np.sqrt(np.diagonal(covariance)) / values,
            degenerate=(),
            tested=self.compatible(),
        )

    def _at(self, values: Array) -> Any:
        if isinstance(self.equation, tuple):
            return tuple(self.parametrisation.place(values, each) for each in self.equation)
        return self.parametrisation.place(values, self.equation)

    def _conditions(self, values: Array) -> dict[str, Array]:
        # Several equations share their unknown parameters.
        one = self.equation[0] if isinstance(self.equation, tuple) else self.equation
        return self.parametrisation.place(values, one).conditions()

    def summary(self, reference: KineticEquation | None = None) -> str:
        """Return a table: name, estimate ± standard error, and beside a reference the z-score.

        Below it stand the test of each condition that the parameters may be asked to meet
        (`compatible`), and which estimates are nearly degenerate, and by how much the standard
        error of one would shrink, were the other known: √(1 − ρ²).

        Args:
            reference: an equation whose parameters are shown for comparison.
        """
        truth = None
        if reference is not None:
            known = leaf_paths(reference)
            missing = [f.path for f in self.parametrisation.fields if f.path not in known]
            require(
                not missing,
                "reference",
                f"have the fields {missing}",
                f"it is a {type(reference).__name__}",
            )
            truth = np.concatenate(
                [
                    np.asarray(known[f.path]).ravel()[list(f.places)]
                    for f in self.parametrisation.fields
                ]
            )
        width = max([len(n) for n in self.names] + [len("parameter")])
        head = f"{'parameter':<{width}}  {'estimate':>12}  {'± s.e.':>10}"
        lines = [head + (f"  {'reference':>12}  {'z':>6}" if truth is not None else "")]
        for k, name in enumerate(self.names):
            line = f"{name:<{width}}  {_number(self.values[k], 12)}  {_number(self.errors[k], 10)}"
            if truth is not None:
                z = (self.values[k] - truth[k]) / self.errors[k]
                line += f"  {_number(truth[k], 12)}  {f'{z:+.2f}' if np.isfinite(z) else '–':>6}"
            lines.append(line)
        taken = int(np.isfinite(self.history["value"]).sum())
        state = "converged" if self.converged else "NOT CONVERGED"
        lines.append(f"{state} after {taken} evaluations, objective {self.objective:.6g}")
        if not np.all(np.isfinite(self.values)):
            lines.append("– : not identified by the data")
        held = "" if self.tested is None else "holds by construction; free: "
        lines += [f"{name}: {held}{test}" for name, test in self.compatible().items()]
        for one, other, rho in self.degenerate:
            lines.append(
                f"{one} and {other} are nearly degenerate (correlation {rho:+.4f}): were one "
                f"known, the other's s.e. would be {np.sqrt(1 - rho**2):.2g} of what it is"
            )
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()


def _number(value: Array | float, width: int) -> str:
    return f"{float(value):>{width}.5g}" if np.isfinite(value) else f"{'–':>{width}}"
