# SPDX-License-Identifier: Apache-2.0
"""Fails when the top level is not the fixed one, when a folder of it has no README.md, when a page does
not begin with its heading or points to a file that is not there, or when a source file does not name
its licence."""

import pathlib
import re
import sys

if __name__ == "__main__":
    # Its own folder would put its modules in the place of others of the same name.
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from checks import main, tracked

FOLDERS = {"sidecar", "rpc", "persistence", "deploy", "helm", "docker", "tests"}
FILES = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md"}
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def _top_level(files):
    for name in sorted({f.parts[0] for f in files}):
        is_folder = any(f.parts[0] == name and len(f.parts) > 1 for f in files)
        allowed = FOLDERS if is_folder else FILES
        if name not in allowed and not name.startswith("."):
            yield f"{name}: the top level is fixed: {', '.join(sorted(FOLDERS | FILES))}"
    for name in sorted(FOLDERS):
        if pathlib.PurePosixPath(name, "README.md") not in files:
            yield f"{name}: has no README.md"
    for name in sorted(FILES):
        if pathlib.PurePosixPath(name) not in files:
            yield f"{name}: is missing"


def _links(root, files):
    for path in (f for f in files if f.suffix == ".md"):
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            for target in LINK.findall(line):
                if "://" not in target and not (root / path.parent / target).exists():
                    yield f"{path}:{number}: {target} is not there"


def _headings(root, files):
    for path in (f for f in files if f.suffix == ".md"):
        if not (root / path).read_text().startswith("# "):
            yield f"{path}:1: begins without a heading, as in \"# {path.parent}: what it is\""


def _licences(root, files):
    for path in (f for f in files if f.suffix in (".cc", ".h", ".py")):
        head = (root / path).read_text(errors="replace")[:300]
        if "SPDX-License-Identifier: Apache-2.0" not in head:
            yield f"{path}: the first lines lack SPDX-License-Identifier: Apache-2.0"


def check(root):
    """All problems of the tree, one line each."""
    root = pathlib.Path(root)
    files = tracked(root)
    return [*_top_level(files), *_headings(root, files), *_links(root, files),
            *_licences(root, files)]


if __name__ == "__main__":
    main(check)
