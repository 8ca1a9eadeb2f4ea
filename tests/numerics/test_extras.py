"""What is installed on demand is asked for by name, and a missing package names its extra."""

import sys
import tomllib
from pathlib import Path

import h5netcdf  # noqa: F401 (it remembers whether h5py was there when it was imported)
import jax.numpy as jnp
import pytest

from jaxkin.numerics.extras import require_extra
from jaxkin.trajectory import Trajectory

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def test_a_package_that_is_there():
    assert require_extra("importlib.util", "plots", "nothing").find_spec("sys")


def test_what_a_package_lacks_is_not_blamed_on_it(tmp_path, monkeypatch):
    """A package that is installed and whose own import fails: its error, and not ours."""
    (tmp_path / "broken_package.py").write_text("import no_such_module_anywhere")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'no_such_module_anywhere'"):
        require_extra("broken_package", "plots", "nothing")


@pytest.mark.parametrize(
    "package, extra, call",
    [
        ("matplotlib", "plots", lambda data, path: data.plot("n")),
        ("xarray", "xarray", lambda data, path: data.to_xarray()),
        ("h5netcdf", "xarray", lambda data, path: data.save(path)),
        ("h5py", "xarray", lambda data, path: data.save(path)),
        ("xarray", "xarray", lambda data, path: Trajectory.load(path)),
    ],
)
def test_missing(tmp_path, monkeypatch, package, extra, call):
    """The extra that the message names brings the package that is missing."""
    for module in {package, *(name for name in sys.modules if name.split(".")[0] == package)}:
        monkeypatch.setitem(sys.modules, module, None)
    data = Trajectory(jnp.arange(2.0), {"n": jnp.arange(2.0)})
    with pytest.raises(ImportError, match=rf"{package} is not installed.*'jaxkin\[{extra}\]'"):
        call(data, tmp_path / "run.nc")
    assert any(need.startswith(package) for need in PROJECT["optional-dependencies"][extra])
