# SPDX-License-Identifier: Apache-2.0
"""Fails when a ring includes upwards, when a top-level folder includes one that it must not know,
or when a third-party header stands outside the module that owns the library."""

import pathlib
import re
import sys

if __name__ == "__main__":
    # Its own folder would put its modules in the place of others of the same name.
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from checks import main, tracked

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# The first prefix that fits gives the ring. 0 words, 1 form, 2 engine, 3 effects, 4 glue, 5 process.
RINGS = [
    ("rpc/base/", 0),
    ("rpc/wire/", 1), ("rpc/schema/", 1),
    ("rpc/", 2), ("persistence/store.h", 2), ("persistence/record.", 2),
    ("sidecar/tls/", 3), ("sidecar/net/", 3), ("sidecar/event/", 3), ("persistence/", 3),
    ("sidecar/link/", 4), ("sidecar/restore/", 4), ("sidecar/control/", 4), ("sidecar/admin/", 4), ("sidecar/metrics/", 4),
    ("sidecar/config/", 4),
    ("sidecar/", 5), ("deploy/", 5),
    ("tests/", 6),
]

# Stock programs without vatmesh code: projects of their own, whose includes start in their folder,
# in that of the peers, or in that of the schema for programs. What they may know.
STRANGERS = {
    "deploy/examples/": ["deploy/examples/", "rpc/schema/vatmesh"],
    "tests/peers/": ["tests/peers/"],
    "tests/bench/": ["tests/bench/", "tests/peers/"],
}

# Who may include whom, by prefix; the first prefix that fits the including file decides.
KNOWS = [
    ("rpc/", ["rpc/"]),
    ("persistence/", ["persistence/", "rpc/base/", "rpc/crypto/"]),
    ("sidecar/", ["sidecar/", "rpc/", "persistence/"]),
    *STRANGERS.items(),
    ("deploy/", ["deploy/", "rpc/", "persistence/", "sidecar/config/", "sidecar/event/",
                 "sidecar/net/", "sidecar/tls/", "sidecar/link/"]),
    ("tests/", [""]),
]

# Third-party headers and the folders that own them. The first pattern that fits decides.
OWNERS = [
    (r"openssl/", ["rpc/crypto/", "sidecar/tls/", "tests/"]),
    (r"event2?/|event\.h|evhttp\.h", ["sidecar/event/", "sidecar/admin/", "tests/"]),
    (r"yaml-cpp/", ["sidecar/config/", "tests/"]),
    (r"prometheus/", ["sidecar/metrics/", "tests/"]),
    (r"sqlite3", ["persistence/", "tests/"]),
    (r"(gtest|gmock)/", ["tests/"]),
    # The RPC half of libcapnp and KJ's event loop: the engine and the sidecar have their own.
    (r"capnp/(rpc|ez-rpc|capability|membrane|reconnect|persistent|serialize-async|compat/)"
     r"|kj/(async|compat/)|kj/timer", ["deploy/cli/", "deploy/examples/", "tests/"]),
    (r"capnp/|kj/|capnpc/", ["rpc/wire/", "rpc/schema/", "deploy/cli/", "deploy/examples/", "tests/"]),
]

# Below the line there is no socket, no file, no thread and no clock.
EFFECT_HEADERS = re.compile(
    r"(sys/(socket|epoll|stat|mman|uio|un|wait|time|file)|netinet/.*|arpa/.*|netdb|poll|fcntl|unistd"
    r"|dirent|pthread|time|signal)\.h|fstream|filesystem|thread|mutex|shared_mutex"
    r"|condition_variable|future|ctime|csignal")


def _first(table, name):
    return next((value for prefix, value in table if name.startswith(prefix)), None)


def _quoted(source, target, files):
    """Problems of a project include."""
    if not files(target):
        return f'"{target}" is no file of the tree; includes are written from the root'
    if _first(RINGS, target) is None:
        return f'"{target}" lies in no ring'
    if not any(target.startswith(prefix) for prefix in _first(KNOWS, source) or []):
        return f"must not know {target}"
    if _first(RINGS, target) > _first(RINGS, source):
        return (f"ring {_first(RINGS, source)} includes ring {_first(RINGS, target)}: {target}")
    return None


def _angled(source, target):
    """Problems of a third-party or system include."""
    for pattern, owners in OWNERS:
        if re.match(pattern, target):
            if not any(source.startswith(owner) for owner in owners):
                return f"<{target}> belongs to {', '.join(o for o in owners if o != 'tests/')}"
            return None
    below_the_line = source.startswith("rpc/") or _first(RINGS, source) == 2
    if below_the_line and EFFECT_HEADERS.fullmatch(target):
        return f"<{target}>: no socket, file, thread or clock below the line"
    return None


def check(root):
    """All problems of the tree, as 'file:line: what'."""
    root = pathlib.Path(root)
    problems = []
    for path in tracked(root, "*.h", "*.cc"):
        source = str(path)
        if _first(RINGS, source) is None:
            problems.append(f"{source}: lies in no ring")
            continue

        def exists(target):
            # A generated header counts as its schema.
            return any((root / t).is_file() for t in (target, target.removesuffix(".h")))

        for number, line in enumerate((root / path).read_text(errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quoted, target = match[1] == '"', match[2]
            if quoted and source.startswith(tuple(STRANGERS)):
                homes = (f"{path.parent}/{target}", f"tests/peers/{target}",
                         f"rpc/schema/{target}")
                target = next((home for home in homes if exists(home)), homes[0])
            what = _quoted(source, target, exists) if quoted else _angled(source, target)
            if quoted and not what and target.endswith(".capnp.h"):
                # It brings libcapnp's headers along.
                what = _angled(source, "capnp/generated-header-support.h")
            if what:
                problems.append(f"{source}:{number}: {what}")
    return problems


if __name__ == "__main__":
    main(check)
