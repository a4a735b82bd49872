# SPDX-License-Identifier: Apache-2.0
"""Alice and Bob in Python: as people-host, with stock pycapnp.

usage: host.py export unix:SOCKET FOLDER   exports while it runs, writes FOLDER/alice.cap and bob.cap
       host.py serve unix:SOCKET           is asked for alice and bob
"""

import asyncio
import os
import pathlib
import sys

import capnp
from schemas import cause, connect, people, vatmesh

NAMES = ("alice", "bob")


class Person(people.Person.Server):
    def __init__(self, name):
        self.name = name

    async def greet(self, visitor, **_):
        return f"{self.name} greets {visitor}"


class House(vatmesh.Application.Server):
    """What the sidecar asks for the objects behind its exports."""

    async def bootstrap(self, peer, _context, **_):
        """Each peer has a door of its own, which knows it."""
        who = f"key {peer.fingerprint[:4].hex()}" if peer.fingerprint else "no key"
        _context.results.capability = Person(f"the door, seeing {who},")

    async def restore(self, ref, peer, _context, **_):
        """The names are those of `ref` in host.yaml."""
        name = ref.as_text()
        if name not in NAMES:
            raise ValueError("nobody of that name lives here")
        _context.results.capability = Person(name)


def write_cap_file(path, uri):
    """A URI is a secret: the file is for its owner's eyes."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(uri + "\n")


async def export_all(sidecar, folder):
    """The handles are what keeps the exports alive."""
    handles = []
    for name in NAMES:
        exported = await sidecar.export(capability=Person(name), label=name)
        write_cap_file(folder / f"{name}.cap", exported.uri)
        handles.append(exported.handle.as_interface(vatmesh.Export))
    return handles


async def main(arguments):
    if not (len(arguments) == 3 and arguments[0] == "export"
            or len(arguments) == 2 and arguments[0] == "serve"):
        print(__doc__, file=sys.stderr)
        return 64
    try:
        # Either end of a connection can offer and ask; this one does both.
        connection = capnp.TwoPartyServer(await connect(arguments[1]), bootstrap=Person("the house"))
        sidecar = connection.bootstrap().cast_as(vatmesh.Sidecar)
        if arguments[0] == "export":
            folder = pathlib.Path(arguments[2])
            folder.mkdir(exist_ok=True)
            handles = await export_all(sidecar, folder)
        else:
            handles = await sidecar.serve(application=House())
        print("host.py: alice and bob are at home", flush=True)
        await connection.on_disconnect()
        del handles
        print("host.py: the sidecar is gone", file=sys.stderr)
    except (capnp.KjException, OSError) as error:
        print(f"host.py: {arguments[1]}: {cause(error)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(capnp.run(main(sys.argv[1:]))))
