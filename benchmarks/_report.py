"""What every benchmark needs: a stopwatch for wall and CPU time, the machine, a place to save."""

import argparse
import json
import os
import platform
import resource
import time
from pathlib import Path
from typing import Any

import jax


class Stopwatch:
    """Wall and CPU seconds of a block; CPU time counts all threads and finished children."""

    def __enter__(self):
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()
        return self

    def __exit__(self, *_):
        self.wall = time.perf_counter() - self._wall
        self.cpu = _cpu_seconds() - self._cpu


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def a_device_for_each_core() -> None:
    """Let replicas run side by side on a CPU; to be called before anything runs."""
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)


def options(doc: str, quick: str = "fewer replicas") -> argparse.Namespace:
    """Read --quick and --out, make the folder, and run in double precision on all cores.

    Args:
        doc: of the script, whose first line is shown.
        quick: what --quick does.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)
    a_device_for_each_core()
    return chosen


def machine() -> dict[str, Any]:
    """Return the processor, its cores, the device that JAX runs on, and versions."""
    model = platform.processor()
    if (info := Path("/proc/cpuinfo")).exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    device = jax.devices()[0]
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "backend": jax.default_backend(),
        "device": device.device_kind,
        "jax": jax.__version__,
        "python": platform.python_version(),
    }


def save(results: dict[str, Any], folder: Path, name: str) -> Path:
    """Write results and the machine to folder/name.json."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(results | {"machine": machine()}, indent=1))
    return path


def table(title: str, header: list[str], rows: list[list[Any]]) -> None:
    """Print a table."""
    cells = [[f"{x:.4g}" if isinstance(x, float) else str(x) for x in row] for row in rows]
    width = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    print(f"\n{title}")
    for row in [header, *cells]:
        print("  " + "  ".join(x.rjust(w) for x, w in zip(row, width, strict=True)), flush=True)
