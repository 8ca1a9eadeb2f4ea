"""Regenerate every table and figure that the documentation shows (within an hour on two cores).

Run: `make validate`, or `python benchmarks/validate.py --only accuracy demo`, say.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"
OUT = ROOT / "out" / "benchmarks"
KINDS = ("png", "md")

# name -> command, and (file made, file shown in the documentation)
PARTS: dict[str, tuple[list[str], list[tuple[Path, str]]]] = {
    "accuracy": (["benchmarks/accuracy.py"], [(OUT / "accuracy.md", "accuracy.md")]),
    "limit": (["benchmarks/limit.py"], [(OUT / "limit.png", "limit.png")]),
    "demo": (["docs/examples/coagulation.py"], [(ROOT / "out" / "demo.png", "demo.png")]),
    "operators": (
        ["benchmarks/boltzmann.py"],
        [(OUT / "boltzmann.png", "boltzmann.png"), (OUT / "boltzmann.md", "boltzmann.md")],
    ),
    "kac": (
        ["benchmarks/kac.py"],
        [(OUT / "kac.png", "kac.png"), (OUT / "kac.md", "kac.md")],
    ),
    "decay": (
        ["benchmarks/decay.py"],
        [(OUT / "decay.png", "decay.png"), (OUT / "decay.md", "decay.md")],
    ),
    "chaos": (
        ["benchmarks/chaos.py"],
        [(OUT / "chaos.png", "chaos.png"), (OUT / "chaos.md", "chaos.md")],
    ),
    "annihilation": (
        ["benchmarks/annihilation.py"],
        [(OUT / f"annihilation.{kind}", f"annihilation.{kind}") for kind in KINDS],
    ),
    "hard_spheres": (
        ["benchmarks/hard_spheres.py"],
        [(OUT / "hard_spheres.md", "hard_spheres.md")],
    ),
    "echo": (["benchmarks/echo.py"], [(OUT / f"echo.{kind}", f"echo.{kind}") for kind in KINDS]),
    "mixture": (
        ["benchmarks/mixture.py"],
        [(OUT / f"mixture.{kind}", f"mixture.{kind}") for kind in KINDS],
    ),
    "mixture_constants": (
        ["benchmarks/mixture_constants.py"],
        [(OUT / "mixture_constants.md", "mixture_constants.md")],
    ),
    "mixture_operator": (
        ["benchmarks/mixture_operator.py"],
        [(OUT / "mixture_operator.md", "mixture_operator.md")],
    ),
    "chambers": (
        ["benchmarks/chambers.py"],
        [(OUT / f"chambers.{kind}", f"chambers.{kind}") for kind in KINDS],
    ),
    "coverage": (["benchmarks/coverage.py"], []),
    "speed": (
        ["benchmarks/coagulation.py"],
        [(OUT / "coagulation.png", "coagulation.png"), (OUT / "speed.md", "speed.md")],
    ),
}


def main() -> None:
    """Run the parts one after another and copy what the documentation shows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    FIGURES.mkdir(parents=True, exist_ok=True)
    for name in parser.parse_args().only:
        command, made = PARTS[name]
        began = time.perf_counter()
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
        for source, shown in made:
            shutil.copy(source, FIGURES / shown)
        print(f"== {name}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
