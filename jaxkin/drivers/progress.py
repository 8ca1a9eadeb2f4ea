"""A progress bar that the host advances; nothing is called back from inside a compiled loop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jaxkin.numerics.extras import require_extra


@contextmanager
def progress_bar(show: bool, total: int, label: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that advances the bar by a number of steps, from any thread.

    Raises:
        ImportError: `show` is set and tqdm is missing.
    """
    if not show:
        yield lambda steps: None
        return
    tqdm = require_extra("tqdm.auto", "progress", "progress=True", "Or leave `progress` out.").tqdm
    lock = threading.Lock()
    with tqdm(total=total, desc=label) as bar:

        def advance(steps: int) -> None:
            with lock:
                bar.update(steps)

        yield advance
