# SPDX-License-Identifier: Apache-2.0
"""Checks of the source tree: each module has check(root) -> list of problems, one line each."""

import pathlib
import subprocess


def tracked(root, *patterns):
    """Files of the tree as paths below root: what git knows or would add; all files without git."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True)
    top = pathlib.Path(root)
    if listing.returncode == 0:
        names = {pathlib.PurePosixPath(n) for n in listing.stdout.split("\0") if n}
    else:
        names = {pathlib.PurePosixPath(p.relative_to(top)) for p in top.rglob("*") if p.is_file()}
    found = [n for n in sorted(names) if (top / n).is_file()]
    return [n for n in found if any(n.match(p) for p in patterns)] if patterns else found


def main(check):
    """A check as a program: prints the problems, and ends with 1 when there are any."""
    problems = check(pathlib.Path(__file__).resolve().parents[2])
    for problem in problems:
        print(problem)
    raise SystemExit(1 if problems else 0)
