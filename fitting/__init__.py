"""Fits of kinetic equations to data, with honest uncertainty."""

from fitting.batches import BatchEstimates, fit_batches
from fitting.events import EventEstimate, estimate_from_events
from fitting.finite_size import WellMixed
from fitting.fit import fit
from fitting.optimisation import NotConverged, levenberg_marquardt
from fitting.report import FitResult

__all__ = [
    "BatchEstimates",
    "EventEstimate",
    "FitResult",
    "NotConverged",
    "WellMixed",
    "estimate_from_events",
    "fit",
    "fit_batches",
    "levenberg_marquardt",
]
