"""A progress bar that the host advances; nothing is called back from inside a compiled loop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(show: bool, total: int, label: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that advances the bar by a number of steps, from any thread.

    Raises:
        ImportError: `show` is set and tqdm is missing.
    """
    if not show:
        yield lambda steps: None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            "Argument `progress` must be False without tqdm, but it is True. "
            "Install it with `pip install jaxkin[progress]`."
        ) from error
    lock = threading.Lock()
    with tqdm(total=total, desc=label) as bar:

        def advance(steps: int) -> None:
            with lock:
                bar.update(steps)

        yield advance
