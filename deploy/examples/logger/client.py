# SPDX-License-Identifier: Apache-2.0
"""The logger's client in Python, with stock pycapnp: says the same as logger-client.

usage: client.py ADDRESS log MESSAGE
       client.py ADDRESS sub LABEL FILE   makes a logger, keeps its URI in FILE
ADDRESS is unix:PATH or HOST:PORT
"""

import asyncio
import os
import pathlib
import sys

import capnp

capnp.remove_import_hook()
schema = capnp.load(str(pathlib.Path(__file__).with_name("logger.capnp")),
                    imports=[str(pathlib.Path(capnp.__file__).parent.parent)])

PATIENCE = 20


async def connect(address):
    """The logger at a local address, and the connection that it lives on."""
    if address.startswith("unix:"):
        stream = await capnp.AsyncIoStream.create_unix_connection(address.removeprefix("unix:"))
    else:
        host, port = address.rsplit(":", 1)
        stream = await capnp.AsyncIoStream.create_connection(host, port)
    client = capnp.TwoPartyClient(stream)
    return client.bootstrap().cast_as(schema.Logger), client


def write_secret(path, uri):
    """The URI is a secret: nobody else reads the file, and nobody finds half of it."""
    fresh = path + ".new"
    if os.path.exists(fresh):
        os.unlink(fresh)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(uri + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(fresh, path)


def cause(error):
    """What the other side said, on one line, without pycapnp's trace."""
    return str(error).split("\nstack:")[0].split("remote exception: ")[-1]


async def main(address, command, *words):
    try:
        logger, connection = await asyncio.wait_for(connect(address), PATIENCE)
        if command == "log":
            answer = await asyncio.wait_for(logger.log(words[0]), PATIENCE)
            print(f"{answer.name}: line {answer.lines}")
        else:
            label, path = words
            # Saved before it has arrived.
            saved = await asyncio.wait_for(logger.sub(label).logger.save(), PATIENCE)
            write_secret(path, saved.sturdyRef)
            print(f"saved {label} as {path}")
        connection.close()
    except (capnp.KjException, OSError, asyncio.TimeoutError) as error:
        sys.exit(f"client.py: {cause(error)}")


if __name__ == "__main__":
    if len(sys.argv) < 3 or len(sys.argv) != {"log": 4, "sub": 5}.get(sys.argv[2]):
        print(__doc__, file=sys.stderr)
        sys.exit(64)
    asyncio.run(capnp.run(main(*sys.argv[1:])))
