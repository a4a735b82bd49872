# SPDX-License-Identifier: Apache-2.0
"""What the pycapnp peers share: the schema, addresses, and the object both ends pass around."""

import os
import socket
from pathlib import Path

import capnp

# The wheel brings its own copies of c++.capnp and stream.capnp.
SCHEMA = capnp.load(str(Path(__file__).with_name("probe.capnp")),
                    imports=[os.path.dirname(os.path.dirname(capnp.__file__))])


class Population:
    """The items of one process that are alive."""

    def __init__(self):
        self.alive = 0

    def make(self, seen=None):
        return Item(self, seen)


class Item(SCHEMA.Item.Server):
    """Counts its calls, so that order can be checked; appends each number to `seen`."""

    def __init__(self, population, seen):
        self.population, self.seen, self.calls = population, seen, 0
        population.alive += 1

    def __del__(self):
        self.population.alive -= 1

    async def next_context(self, context):
        position, self.calls = self.calls, self.calls + 1
        if self.seen is not None:
            self.seen.append(context.params.number)
        context.results.number = context.params.number
        context.results.position = position

    async def child_context(self, context):
        box = context.results.init("box")
        box.label = "child"
        box.item = self.population.make(self.seen)


def unix_path(address):
    """The path for the socket calls of a `unix:` or `unix-abstract:` address, else None."""
    if address.startswith("unix-abstract:"):
        return "\0" + address[len("unix-abstract:"):]
    if address.startswith("unix:"):
        return address[len("unix:"):]
    return None


def host_port(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


async def connect(address):
    """A stream to HOST:PORT, unix:PATH or unix-abstract:NAME."""
    path = unix_path(address)
    if path is not None:
        return await capnp.AsyncIoStream.create_unix_connection(path)
    host, port = host_port(address)
    return await capnp.AsyncIoStream.create_connection(
        host, port, family=socket.AF_INET6 if ":" in host else socket.AF_INET)


async def inherited(descriptor):
    """A stream on a descriptor that this process was started with."""
    sock = socket.socket(fileno=descriptor)
    return await capnp.AsyncIoStream.create_unix_connection(sock=sock)
