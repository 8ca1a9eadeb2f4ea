"""Fits of kinetic equations to data, with honest uncertainty."""

from fitting.batches import BatchEstimates, fit_batches
from fitting.collision_counts import CollisionEstimate, constants_from_collisions
from fitting.events import EventEstimate, estimate_from_events
from fitting.finite_size import WellMixed
from fitting.fit import fit
from fitting.hypotheses import Compatibility
from fitting.optimisation import NotConverged, levenberg_marquardt
from fitting.report import FitResult

__all__ = [
    "BatchEstimates",
    "CollisionEstimate",
    "Compatibility",
    "EventEstimate",
    "FitResult",
    "NotConverged",
    "WellMixed",
    "constants_from_collisions",
    "estimate_from_events",
    "fit",
    "fit_batches",
    "levenberg_marquardt",
]
