"""Observables: what is recorded of particles and of densities, under one name."""

from jaxkin.observables.base import (
    Coordinates,
    Observable,
    PairDensity,
    Weighted,
    chosen_observables,
    fourier_mode,
)

__all__ = [
    "Coordinates",
    "Observable",
    "PairDensity",
    "Weighted",
    "chosen_observables",
    "fourier_mode",
]
