# SPDX-License-Identifier: Apache-2.0
"""Runs the scenarios of probe-client with pycapnp, as far as it can:
   probe_client.py ADDRESS [--count N] [--second ADDRESS] [--deadline S] [--without NAME]... NAME... | all
Prints `ok NAME` or `FAILED NAME: why` for each and exits with 1 if one failed."""

import argparse
import asyncio
import sys
import traceback

import capnp
from probe_common import SCHEMA, Population, connect

SCENARIOS = {}
NOT_IN_ALL = {"die"}


def scenario(run):
    SCENARIOS[run.__name__.rstrip("_")] = run
    return run


def require(what, *why):
    if not what:
        raise AssertionError(" ".join(str(w) for w in why) or "not what was expected")


class Connection:
    def __init__(self, stream):
        self.stream = stream
        self.client = capnp.TwoPartyClient(stream)
        self.probe = self.client.bootstrap().cast_as(SCHEMA.Probe)

    def close(self):
        self.client.close()
        self.stream.close()


class Session:
    def __init__(self, options):
        self.options, self.items, self.opened = options, Population(), []

    async def connect(self, address=None):
        c = Connection(await connect(address or self.options.address))
        self.opened.append(c)
        return c

    async def open(self):
        self.probe = (await self.connect()).probe
        return self

    def close(self):
        for c in self.opened:
            c.close()

    async def stats(self):
        return (await self.probe.stats()).stats

    async def quiet(self):
        """The server's numbers once nothing is left there of connections that were closed before."""
        await self.until(lambda now: now.items == 0 and now.running == 0)
        return await self.stats()

    async def until(self, check):
        """Round trips until `check(stats)`; the scenario's deadline bounds it."""
        while not check(await self.stats()):
            pass


def pattern(size, seed):
    return bytes((i * 31 + seed * 17 + (i >> 8)) & 255 for i in range(size))


async def checked_echo(probe, number, text):
    answer = await probe.echo(number, text)
    require(answer.number == number and answer.text == text, "echo changed", number)


async def checked_blob(probe, size, seed):
    data = pattern(size, seed)
    require((await probe.blob(data)).data == data, "the blob came back changed", size)


async def checked_next(item, number, position=None):
    answer = await item.next(number)
    require(answer.number == number, answer.number, number)
    if position is not None:
        require(answer.position == position, "out of order", answer.position, position)


async def must_fail(promise, kind=None, part=""):
    try:
        await promise
    except capnp.KjException as why:
        require(kind is None or why.type == kind, "type", why.type, "expected", kind, why)
        require(part in str(why), "text:", why)
        return str(why)
    raise AssertionError("the call should have failed")


@scenario
async def echo(s):
    await checked_echo(s.probe, 7, "hello")
    await checked_echo(s.probe, 0, "")
    await checked_echo(s.probe, 2**64 - 1, "\u00e4\u20ac")


@scenario
async def rows(s):
    got = (await s.probe.rows(3000)).rows
    require(len(got) == 3000)
    for i, row in enumerate(got):
        require(row.id == i and row.name == f"row {i}" and list(row.values) == [i, i + 1, i + 2])
    request = s.probe.countRows_request()
    back = request.init("rows", 3000)
    for i in range(3000):
        back[i].id, back[i].name, back[i].values = i, f"row {i}", [i, i + 1, i + 2]
    answer = await request.send()
    require(answer.count == 3000 and answer.sum == sum(4 * i + 3 for i in range(3000)))


@scenario
async def blobs(s):
    for seed, size in enumerate((0, 1, 7, 8, 9, 1000, 4096, 65536, 1 << 20, 5000000)):
        await checked_blob(s.probe, size, seed)


@scenario
async def parallel(s):
    other = await s.connect()
    await asyncio.gather(*(checked_echo(s.probe, i, f"call {i}") for i in range(300)),
                         *(checked_blob(s.probe, i * 37 % 5000, i) for i in range(100)),
                         *(checked_echo(other.probe, i, "other") for i in range(100)))


@scenario
async def exceptions(s):
    for kind in ("failed", "overloaded", "disconnected", "unimplemented"):
        text = await must_fail(s.probe.fail(kind, f"it {kind}"), kind.upper(), f"it {kind}")
        require(text.count("remote exception") == 1, "prefix:", text)
    await checked_echo(s.probe, 1, "alive")


@scenario
async def missing(s):
    await must_fail(s.probe.cast_as(SCHEMA.NewerProbe).added(), "UNIMPLEMENTED")
    await must_fail(s.probe.cast_as(SCHEMA.Stranger).hello(), "UNIMPLEMENTED")
    await checked_echo(s.probe, 1, "alive")


@scenario
async def stream(s):
    before = await s.stats()
    data = pattern(8192, 5)
    for _ in range(512):
        await s.probe.chunk(data)
    after = await s.stats()
    require(after.streamedChunks - before.streamedChunks == 512)
    require(after.streamedBytes - before.streamedBytes == 512 * 8192)


@scenario
async def pipeline(s):
    for _ in range(50):
        first = s.probe.item()
        a = first.box.item
        one = a.next(1)
        second = a.child()
        two = second.box.item.next(2)
        three = second.box.item.child().box.item.next(3)
        again = a.next(4)
        require((await three).position == 0 and (await two).position == 0)
        require((await one).position == 0 and (await again).position == 1)
        require((await first).box.label == "box" and (await second).box.label == "child")


@scenario
async def pipelineOnFailure(s):
    item = s.probe.promise().item
    call = item.next(1)
    await s.probe.breakPromise("broken on purpose")
    await must_fail(call, "FAILED", "broken on purpose")
    await must_fail(item.next(2), "FAILED", "broken on purpose")


@scenario
async def callbacks(s):
    seen = []
    answers = (await s.probe.callBack(s.items.make(seen), 100)).answers
    require(list(answers) == list(range(100)) and seen == list(range(100)), "out of order", seen)


@scenario
async def held(s):
    before = s.items.alive
    await s.probe.hold(s.items.make())
    for i in range(2):
        await checked_next((await s.probe.held()).item, i + 3, i)
    await s.probe.drop()
    await s.until(lambda _: s.items.alive == before)


@scenario
async def bounce(s):
    item = (await s.probe.reflect(s.items.make())).item
    await checked_next(item, 1, 0)
    theirs = (await s.probe.item()).box.item
    back = (await s.probe.reflect(theirs)).item
    await checked_next(back, 1, 0)
    await checked_next(theirs, 2, 1)


@scenario
async def list_(s):
    before = (await s.quiet()).items
    items = (await s.probe.many(50)).items
    require(len(items) == 50)
    for i in range(0, 50, 7):
        await checked_next(items[i], i, 0)
    require((await s.stats()).items == before + 50)
    del items
    await s.until(lambda now: now.items == before)


@scenario
async def receiverAnswer(s):
    item = s.probe.item().box.item
    for i in range(5):
        answer = await s.probe.use(item, i)
        require(answer.number == i and answer.position == i)
    other = await s.connect()
    itself = (await other.probe.reflect(other.probe.cast_as(SCHEMA.Item))).item
    await checked_echo(itself.cast_as(SCHEMA.Probe), 9, "itself")


@scenario
async def sameTwice(s):
    before = s.items.alive
    item = SCHEMA.Item._new_client(s.items.make())
    answers = [s.probe.use(item, i) for i in range(20)]
    for i, answer in enumerate(answers):
        require((await answer).position == i)
    del item, answers, answer
    await s.until(lambda _: s.items.alive == before)


@scenario
async def null(s):
    answer = await s.probe.reflect()
    require(not answer._has("item"), "a null capability became something")
    await must_fail(s.probe.use(number=1))
    await checked_next(s.probe.item().box.item, 1, 0)


@scenario
async def twoClients(s):
    seen, before = [], s.items.alive
    await s.probe.hold(s.items.make(seen))
    other = await s.connect(s.options.second)
    item = other.probe.held().item
    calls = [item.next(i) for i in range(50)]
    for call in calls:
        await call
    require(seen == list(range(50)), "out of order", seen)
    await checked_next(item.child().box.item, 77, 0)
    await s.probe.drop()
    del item, calls, call
    other.close()
    await s.until(lambda _: s.items.alive == before)


async def pushes(item, first, last):
    return [(i, item.next(i)) for i in range(first, last)]


async def in_order(calls, seen=None):
    for i, call in calls:
        answer = await call
        require(answer.number == i and answer.position == i, "out of order", i, answer.position)
    require(seen is None or seen == sorted(seen), "out of order", seen)


@scenario
async def identity(s):
    for _ in range(20):
        seen = []
        promise = s.probe.reflectLater(s.items.make(seen))
        item = promise.item
        calls = await pushes(item, 0, 5)
        settled = s.probe.settle()
        calls += await pushes(item, 5, 10)
        await promise
        calls += await pushes(item, 10, 15)
        await settled
        calls += await pushes(item, 15, 20)
        await in_order(calls, seen)
        require(len(seen) == 20)


async def resolve_to(s, own):
    for early in (False, True) * 5:
        seen = []
        promise = s.probe.promise()
        item = promise.item
        calls = await pushes(item, 0, 5)
        if early:
            await promise
        calls += await pushes(item, 5, 10)
        settled = s.probe.settle(s.items.make(seen)) if own else s.probe.settle()
        calls += await pushes(item, 10, 15)
        await settled
        calls += await pushes(item, 15, 20)
        await in_order(calls, seen)
        require(len(seen) == (20 if own else 0))


@scenario
async def promiseToTheirs(s):
    await resolve_to(s, False)


@scenario
async def promiseToOurs(s):
    await resolve_to(s, True)


@scenario
async def tail(s):
    seen = []
    own = SCHEMA.Item._new_client(s.items.make(seen))
    theirs = (await s.probe.item()).box.item
    for i in range(20):
        for target in (own, theirs):
            answer = await s.probe.tail(target, i)
            require(answer.number == i and answer.position == i)
    require(seen == list(range(20)))


@scenario
async def cancel(s):
    before = await s.quiet()
    calls = [s.probe.wait() for _ in range(10)]
    await s.until(lambda now: now.running == before.running + 10)
    for call in calls:
        call.cancel()
    await s.until(lambda now: now.running == before.running
                  and now.cancelled == before.cancelled + 10)


@scenario
async def close(s):
    before = await s.quiet()
    other = await s.connect()
    running = other.probe.wait()
    item = (await other.probe.item()).box.item
    await s.until(lambda now: now.running == before.running + 1)
    del running, item
    other.close()
    await s.until(lambda now: now.running == before.running and now.items == before.items)


@scenario
async def die(s):
    item = (await s.probe.item()).box.item
    running = s.probe.wait()
    await s.until(lambda now: now.running > 0)
    await must_fail(s.probe.die(), "DISCONNECTED")
    await must_fail(running, "DISCONNECTED")
    await must_fail(item.next(1), "DISCONNECTED")
    await must_fail(s.probe.echo(1, "x"), "DISCONNECTED")


async def one_of_many(s, item, i):
    kind = i % 16
    if kind == 8:
        await checked_blob(s.probe, i * 7919 % 3000, i)
    elif kind == 9:
        await checked_next(s.probe.item().box.item, i, 0)
    elif kind == 10:
        require((await s.probe.use(item, i)).number == i)
    elif kind == 11:
        await must_fail(s.probe.fail("failed", f"reason {i}"), None, f"reason {i}")
    elif kind == 12:
        await checked_next((await s.probe.reflect(item)).item, i)
    elif kind == 13:
        await checked_next(s.probe.item().box.item.child().box.item, i, 0)
    elif kind == 14:
        count = i // 16 % 40
        require(len((await s.probe.rows(count)).rows) == count)
    elif kind == 15:
        s.probe.wait().cancel()
        await checked_echo(s.probe, i, "after a dropped call")
    else:
        await checked_echo(s.probe, i, f"number {i}")


@scenario
async def bulk(s):
    before = await s.quiet()
    item = SCHEMA.Item._new_client(s.items.make())
    numbers = iter(range(s.options.count))

    async def worker():
        for i in numbers:
            await one_of_many(s, item, i)

    await asyncio.gather(*(worker() for _ in range(64)))
    require(next(numbers, None) is None)
    await s.until(lambda now: now.items == before.items and now.running == before.running)


async def run_one(name, options):
    session = Session(options)
    try:
        async with asyncio.timeout(options.deadline):
            await SCENARIOS[name](await session.open())
    except TimeoutError:
        print(f"FAILED {name}: no end within the deadline", flush=True)
        return False
    except Exception as why:
        where = traceback.extract_tb(why.__traceback__)
        lines = [f.lineno for f in where if f.filename == __file__]
        print(f"FAILED {name}: {type(why).__name__}: {why} (lines {lines})", flush=True)
        return False
    finally:
        session.close()
    print(f"ok {name}", flush=True)
    return True


async def main(options):
    names = [n for n in SCENARIOS if n in options.names or
             ("all" in options.names and n not in NOT_IN_ALL)]
    names = [n for n in names if n not in options.without]
    if not names:
        print("no such scenario; there are:", *SCENARIOS, file=sys.stderr)
        return 64
    results = [await run_one(name, options) for name in names]
    return 0 if all(results) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("names", nargs="+")
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--second")
    parser.add_argument("--deadline", type=float, default=60)
    parser.add_argument("--without", action="append", default=[])
    arguments = parser.parse_args()
    arguments.second = arguments.second or arguments.address
    sys.exit(asyncio.run(capnp.run(main(arguments))))
