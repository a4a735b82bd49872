# SPDX-License-Identifier: Apache-2.0
"""Visits people by their references, through its own sidecar's `control`, with stock pycapnp.

usage: visitor.py unix:SOCKET CAPFILE|IMPORT...
"""

import asyncio
import pathlib
import sys

import capnp
from schemas import cause, connect, people, vatmesh


def find(sidecar, what):
    """The object behind a cap file or the name of an import. It need not be there yet."""
    if what.endswith(".cap"):
        # `import` is a word of Python's.
        import_uri = getattr(sidecar, "import")
        found = import_uri(uri=pathlib.Path(what).read_text().strip())
    else:
        found = sidecar.lookup(importName=what)
    return found.capability.cast_as(people.Person)


async def visit(sidecar, what):
    try:
        # Sent before the connection to the other vat is there.
        print(f"{what}: {(await find(sidecar, what).greet('the visitor')).text}", flush=True)
        return True
    except (capnp.KjException, OSError) as error:
        print(f"{what}: failed: {cause(error)}", flush=True)
        return False


async def main(arguments):
    if len(arguments) < 2 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 64
    try:
        client = capnp.TwoPartyClient(await connect(arguments[0]))
        sidecar = client.bootstrap().cast_as(vatmesh.Sidecar)
        return 0 if all([await visit(sidecar, what) for what in arguments[1:]]) else 1
    except (capnp.KjException, OSError) as error:
        print(f"visitor.py: {arguments[0]}: {cause(error)}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(capnp.run(main(sys.argv[1:]))))
