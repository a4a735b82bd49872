# SPDX-License-Identifier: Apache-2.0
"""Offers Probe with pycapnp, as probe-server does with the C++ library:
   probe_server.py HOST:PORT | unix:PATH | unix-abstract:NAME, or with VATMESH_FD=N in the environment.
pycapnp has no promise capabilities and no way to recognise an object of its own, so promise(), settle()
of a promise, breakPromise() and isMine() are missing here."""

import asyncio
import collections
import os
import signal
import sys

import capnp
from probe_common import SCHEMA, Population, host_port, inherited, unix_path


class Probe(SCHEMA.Probe.Server):
    def __init__(self):
        self.items = Population()
        self.held_item = None
        self.running = self.cancelled = self.streamed = self.chunks = 0
        self.late = collections.deque()

    async def echo_context(self, context):
        context.results.number = context.params.number
        context.results.text = context.params.text

    async def rows_context(self, context):
        rows = context.results.init("rows", context.params.count)
        for i, row in enumerate(rows):
            row.id = i
            row.name = f"row {i}"
            row.values = [i, i + 1, i + 2]

    async def countRows_context(self, context):
        rows = context.params.rows
        context.results.count = len(rows)
        context.results.sum = sum(row.id + sum(row.values) for row in rows)

    async def blob_context(self, context):
        context.results.data = context.params.data

    async def item_context(self, context):
        box = context.results.init("box")
        box.label = "box"
        box.item = self.items.make()

    async def many_context(self, context):
        items = context.results.init("items", context.params.count)
        for i in range(context.params.count):
            items[i] = self.items.make()

    async def use_context(self, context):
        answer = await context.params.item.next(context.params.number)
        context.results.number = answer.number
        context.results.position = answer.position

    async def callBack_context(self, context):
        item = context.params.item
        calls = [item.next(i) for i in range(context.params.times)]
        context.results.answers = [(await call).position for call in calls]

    async def hold_context(self, context):
        self.held_item = context.params.item

    async def held_context(self, context):
        context.results.item = self.held_item

    async def drop_context(self, context):
        self.held_item = None

    async def reflect_context(self, context):
        if context.params._has("item"):
            context.results.item = context.params.item

    async def reflectLater_context(self, context):
        turn = asyncio.get_running_loop().create_future()
        self.late.append(turn)
        await turn
        context.results.item = context.params.item

    async def settle_context(self, context):
        turn = self.late.popleft()
        if not turn.done():
            turn.set_result(None)

    async def tail_context(self, context):
        # An ordinary call: pycapnp 2.2.4's tail_call ends the process when its result is taken.
        await self.use_context(context)

    async def fail_context(self, context):
        raise capnp.KjException(context.params.reason)

    async def wait_context(self, context):
        self.running += 1
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.running -= 1
            self.cancelled += 1

    async def stats_context(self, context):
        stats = context.results.init("stats")
        stats.items = self.items.alive
        stats.running = self.running
        stats.cancelled = self.cancelled
        stats.streamedBytes = self.streamed
        stats.streamedChunks = self.chunks

    async def chunk_context(self, context):
        self.streamed += len(context.params.data)
        self.chunks += 1

    async def die_context(self, context):
        os._exit(3)


async def main(address):
    # A supervisor's SIGTERM is a wish to end, not an accident.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: os._exit(0))
    probe = Probe()

    async def serve(stream):
        await capnp.TwoPartyServer(stream, bootstrap=probe).on_disconnect()

    if address is None:
        stream = await inherited(int(os.environ["VATMESH_FD"]))
        print("serving an inherited descriptor", flush=True)
        await serve(stream)
        return
    path = unix_path(address)
    if path is not None:
        server = await capnp.AsyncIoStream.create_unix_server(serve, path)
        port = 0
    else:
        server = await capnp.AsyncIoStream.create_server(serve, *host_port(address))
        port = server.sockets[0].getsockname()[1]
    print(f"listening on {address} port {port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) > 2 or (len(sys.argv) == 1 and "VATMESH_FD" not in os.environ):
        sys.exit(__doc__)
    asyncio.run(capnp.run(main(sys.argv[1] if len(sys.argv) == 2 else None)))
