"""Packages that are installed on demand only: imported where they are used, or named if missing."""

import importlib
from types import ModuleType


def require_extra(module: str, extra: str, use: str, remedy: str = "") -> ModuleType:
    """Return a module of an optional dependency.

    Args:
        module: as in an import statement, `"matplotlib.pyplot"`.
        extra: the extra of jaxkin that installs it, `"plots"`.
        use: what needs it, as the user wrote it, `"Trajectory.plot"`.
        remedy: how the user may do without it, a sentence.

    Raises:
        ImportError: its package is missing. The message names the extra.
    """
    package = module.split(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or package).split(".")[0] != package:
            raise  # the package is there, and something that it needs is not
        message = (
            f"`{use}` needs {package}, but {package} is not installed. "
            f"Install it with `pip install 'jaxkin[{extra}]'`.{' ' + remedy if remedy else ''}"
        )
        raise ImportError(message, name=package) from error
