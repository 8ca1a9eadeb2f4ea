"""Compare the source distribution with the repository: every file that git keeps must be in it.

Usage: python .ci/check_sdist.py DIRECTORY, which holds the one archive that was just built.
"""

import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(directory: str) -> None:
    """Print what is missing and exit with 1, or say how many files there are."""
    (archive,) = Path(directory).glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        held = {member.name.split("/", 1)[-1] for member in tar.getmembers() if member.isfile()}
    git = ["git", "-C", str(ROOT), "ls-files", "-z"]
    kept = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]
    missing = sorted(set(kept) - held)
    if missing:
        sys.exit(f"{archive.name} lacks {len(missing)} files:\n" + "\n".join(missing))
    print(f"{archive.name} holds all {len(kept)} files of the repository")


if __name__ == "__main__":
    main(sys.argv[1])
