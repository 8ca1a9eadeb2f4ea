"""The examples of the documentation run, and the README shows the one that runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
DEMO = "coagulation.py"  # `make demo` runs it; it takes minutes


# Minutes of compiling for what other tests cover.
SLOW = ("fit_rates.py", "inhomogeneous.py", "fit_kernel.py")


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(e, marks=pytest.mark.slow if e.name in SLOW else ())
        for e in EXAMPLES
        if e.name != DEMO
    ],
    ids=lambda path: path.stem,
)
def test_example_runs_and_prints(example, tmp_path):
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    environment.pop("EQX_ON_ERROR", None)  # as a user runs it
    done = subprocess.run(
        [sys.executable, str(example)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not re.search(r"\bnan\b", done.stdout)


def test_readme_shows_the_contract_example():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    assert (ROOT / "docs" / "examples" / "contract.py").read_text("utf-8") == blocks[0]
