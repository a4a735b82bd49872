# SPDX-License-Identifier: Apache-2.0
"""The schemas of the example and of vatmesh, and how to connect."""

import os
import pathlib

import capnp

capnp.remove_import_hook()
HERE = pathlib.Path(__file__).resolve().parent
# pycapnp brings /capnp/c++.capnp along, which vatmesh.capnp imports.
IMPORTS = [str(pathlib.Path(capnp.__file__).parent.parent)]
people = capnp.load(str(HERE / "people.capnp"))
vatmesh = capnp.load(os.environ.get("VATMESH_SCHEMA", str(HERE.parents[2] / "rpc/schema/vatmesh.capnp")),
                     imports=IMPORTS)


async def connect(address):
    return await capnp.AsyncIoStream.create_unix_connection(address.removeprefix("unix:"))


def cause(error):
    """What the other side said, on one line, without pycapnp's trace."""
    return str(error).split("\nstack:")[0].split("remote exception: ")[-1]
