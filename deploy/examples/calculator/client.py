# SPDX-License-Identifier: Apache-2.0
"""The calculator's client in Python: the same tour as calculator-client, with stock pycapnp.

usage: client.py ADDRESS                             ADDRESS is HOST:PORT or unix:PATH
       client.py ADDRESS --watch [SECONDS [COUNT]]   keeps calling, connects again after a loss
"""

import asyncio
import pathlib
import sys

import capnp

capnp.remove_import_hook()
schema = capnp.load(str(pathlib.Path(__file__).with_name("calculator.capnp")))

PATIENCE = 20


async def connect(address):
    """The calculator at a local address, and the connection that it lives on."""
    if address.startswith("unix:"):
        stream = await capnp.AsyncIoStream.create_unix_connection(address.removeprefix("unix:"))
    else:
        host, port = address.rsplit(":", 1)
        stream = await capnp.AsyncIoStream.create_connection(host, port)
    client = capnp.TwoPartyClient(stream)
    return client.bootstrap().cast_as(schema.Calculator), client


def number(value):
    return {"number": value}


def apply(function, *operands):
    return {"apply": {"function": function, "operands": list(operands)}}


class Power(schema.Function.Server):
    """The client's own function: the server calls it in the middle of an evaluation."""

    def __init__(self):
        self.calls = 0

    async def call(self, operands, **_):
        self.calls += 1
        return operands[0] ** operands[1]


def show(what, text, result, expected):
    """Prints one line of the tour, and tells if the number is the right one."""
    right = result == expected
    print(f"  {what:<11} {text} = {result:g}{'' if right else '  WRONG'}", flush=True)
    return right


async def tour(calculator):
    # These are used before they have arrived.
    add = calculator.getOperator("add").function
    multiply = calculator.getOperator("multiply").function

    product = calculator.evaluate(apply(multiply, apply(add, number(2), number(3)), number(4)))
    right = show("evaluate", "(2 + 3) * 4", (await product.value.read()).number, 20)

    first = calculator.evaluate(apply(add, number(20), number(1))).value
    second = calculator.evaluate(apply(add, {"earlier": first}, {"earlier": first})).value
    right &= show("pipelining", "(20 + 1) twice, in one round trip", (await second.read()).number, 42)

    body = apply(add, apply(multiply, {"argument": 0}, number(100)), {"argument": 1})
    defined = calculator.defFunction(2, body).function
    right &= show("defFunction", "f(x, y) = x * 100 + y, f(12, 34)",
                  (await defined.call([12, 34])).number, 1234)

    power = Power()
    called_back = calculator.evaluate(apply(power, number(2), apply(add, number(4), number(5))))
    right &= show("callback", "the server asks this client for 2 ^ (4 + 5)",
                  (await called_back.value.read()).number, 512)
    return right and power.calls == 1


def cause(error):
    """What the other side said, on one line, without pycapnp's trace."""
    return str(error).split("\nstack:")[0].split("remote exception: ")[-1]


async def watch(address, interval, count):
    """Prints a line for each call; ends after `count` of them, or never when that is 0."""
    calculator, call = None, 0
    while count == 0 or call < count:
        call += 1
        try:
            if calculator is None:
                calculator, connection = await asyncio.wait_for(connect(address), PATIENCE)
            answer = calculator.getOperator("multiply").function.call([6, 7])
            print(f"call {call}: 6 * 7 = {(await asyncio.wait_for(answer, PATIENCE)).number:g}",
                  flush=True)
        except (capnp.KjException, OSError, asyncio.TimeoutError) as error:
            print(f"call {call}: {cause(error)}", flush=True)
            # What came over a dead connection is dead too: the next round connects again.
            calculator = connection = None
        await asyncio.sleep(interval)


async def main(arguments):
    if len(arguments) >= 2 and arguments[1] == "--watch":
        options = arguments[2:] + ["1", "0"][len(arguments[2:]):]
        await watch(arguments[0], float(options[0]), int(options[1]))
        return 0
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 64
    try:
        calculator, connection = await connect(arguments[0])
        return 0 if await asyncio.wait_for(tour(calculator), PATIENCE) else 1
    except (capnp.KjException, OSError, asyncio.TimeoutError) as error:
        print(f"client.py: {cause(error)}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(capnp.run(main(sys.argv[1:]))))
