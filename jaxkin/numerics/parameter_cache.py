"""A small cache for what is computed from the parameters of a model: the last few results stay.

The key is the structure of the model and the bytes of its leaves. Nothing traced is kept: neither
what depends on a traced parameter nor what was computed inside a trace.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxkin.numerics.checks import is_traced

ENTRIES = 8
_kept: OrderedDict[Any, Any] = OrderedDict()


def remembered(model: Any, compute: Callable[[], Any]) -> Any:
    """Return `compute()`, or what it gave for a model with the same parameters.

    Args:
        model: a pytree whose static fields are hashable.
        compute: a function of the model alone.
    """
    if is_traced(model):
        return compute()
    leaves, structure = jax.tree.flatten(model)
    arrays = [np.asarray(leaf) for leaf in leaves]
    key = (structure, tuple((str(a.dtype), a.shape, a.tobytes()) for a in arrays))
    if key in _kept:
        _kept.move_to_end(key)
        return _kept[key]
    result = compute()
    if not is_traced(result):
        _kept[key] = result
        while len(_kept) > ENTRIES:
            _kept.popitem(last=False)
    return result
