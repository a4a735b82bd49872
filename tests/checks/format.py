# SPDX-License-Identifier: Apache-2.0
"""Fails when clang-format-19 would change a C++ file."""

import pathlib
import re
import shutil
import subprocess
import sys

if __name__ == "__main__":
    # Its own folder would put this module in the place of others of the same name.
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from checks import main, tracked

PROGRAM = "clang-format-19"


def unavailable():
    """Why the check cannot run, or None."""
    return None if shutil.which(PROGRAM) else f"{PROGRAM} is not there; deploy/setup --lint installs it"


def check(root):
    """One line for each file that is not as clang-format-19 writes it."""
    files = [str(f) for f in tracked(root, "*.h", "*.cc")]
    if not files:
        return []
    output = subprocess.run([PROGRAM, "--dry-run", *files], cwd=root, capture_output=True,
                            text=True).stderr
    changed = re.findall(r"^([^:\s]+):(\d+):", output, re.MULTILINE)
    first = {}
    for name, line in changed:
        first.setdefault(name, line)
    return [f"{name}:{line}: run {PROGRAM} -i {name}" for name, line in first.items()]


if __name__ == "__main__":
    main(check)
