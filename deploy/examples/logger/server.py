# SPDX-License-Identifier: Apache-2.0
"""The logger's server in Python, with stock pycapnp: the same file, the same answers.

usage: server.py FILE ADDRESS      ADDRESS is HOST:PORT or unix:PATH
       VATMESH_FD=N server.py FILE
"""

import asyncio
import os
import pathlib
import socket
import sys

import capnp

capnp.remove_import_hook()
HERE = pathlib.Path(__file__).resolve().parent
# Where /capnp/persistent.capnp is.
IMPORTS = [str(pathlib.Path(capnp.__file__).parent.parent)]
schema = capnp.load(str(HERE / "logger.capnp"), imports=IMPORTS)
vatmesh = capnp.load(str(HERE.parents[2] / "rpc/schema/vatmesh.capnp"), imports=IMPORTS)

ROOT = "root"


class Book:
    """All that the server keeps: a file with a line for each logger that was made, and for each
    message. Who is killed finds in it what callers were told."""

    def __init__(self, path):
        self.lines = {}
        if os.path.exists(path):
            # A last line that was cut off by the end of the machine is nobody's.
            for line in open(path, encoding="utf-8").read().split("\n")[:-1]:
                name, tab, _ = line.partition("\t")
                self.lines[name] = self.lines.get(name, 0) + len(tab)
        self.fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def make(self, name):
        if name not in self.lines:
            self._append(name)
            self.lines[name] = 0

    def log(self, name, message):
        self._append(name + "\t" + message.replace("\n", " ").replace("\r", " "))
        self.lines[name] = self.lines.get(name, 0) + 1
        return self.lines[name]

    def _append(self, line):
        os.write(self.fd, (line + "\n").encode())
        os.fdatasync(self.fd)


class Logger(schema.Logger.Server):
    def __init__(self, book, name):
        self.book, self.name = book, name

    async def log(self, message, _context, **_):
        _context.results.lines = self.book.log(self.name, message)
        _context.results.name = self.name

    async def sub(self, label, **_):
        if not 1 <= len(label.encode()) <= 64 or set("/\t\r\n") & set(label):
            raise ValueError("a label has 1 to 64 bytes, no / and no tab")
        name = f"{self.name}/{label}"
        self.book.make(name)
        return Logger(self.book, name)

    async def save(self, _context, **_):
        # The sidecar keeps this name, and gives a URI for it to whoever called save.
        _context.results.sturdyRef = self.name


class Application(vatmesh.Application.Server):
    def __init__(self, book):
        self.book = book

    async def bootstrap(self, peer, _context, **_):
        """What every peer gets that has the URI of the export."""
        _context.results.capability = Logger(self.book, ROOT)

    async def restore(self, ref, peer, _context, **_):
        """What a peer gets that has the URI of a logger that was saved."""
        name = ref.as_text()
        if name != ROOT and name not in self.book.lines:
            raise ValueError("there is no such logger")
        _context.results.capability = Logger(self.book, name)


async def serve(stream, book):
    await capnp.TwoPartyServer(stream, bootstrap=Application(book)).on_disconnect()


async def main(book, address):
    if address is None:
        ours = socket.socket(fileno=int(os.environ["VATMESH_FD"]))
        return await serve(await capnp.AsyncIoStream.create_unix_connection(sock=ours), book)
    if address.startswith("unix:"):
        server = await capnp.AsyncIoStream.create_unix_server(
            lambda stream: serve(stream, book), address.removeprefix("unix:"))
    else:
        host, port = address.rsplit(":", 1)
        server = await capnp.AsyncIoStream.create_server(lambda stream: serve(stream, book), host, port)
    print(f"server.py: listening on {address}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3 or (len(sys.argv) == 2 and "VATMESH_FD" not in os.environ):
        sys.exit(__doc__)
    asyncio.run(capnp.run(main(Book(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)))
