# SPDX-License-Identifier: Apache-2.0
"""A sidecar under attack, and a witness, a connection made before, which must go on working whatever
another connection does. The way `one`: a listener without TLS in front of a stock application; the
attacker is a remote peer. The way `two`: an import socket; the attacker is a local client, and the
witness shares the link to the other sidecar with it."""

import harness
import raw
import rawwire as w
import topology
from probe_common import SCHEMA

PROBE = SCHEMA.Probe.schema.node.id
ITEM = SCHEMA.Item.schema.node.id
METHODS = list(SCHEMA.Probe.schema.method_names)  # by ordinal
UNKNOWN_ID = "Unknown persistent service ID"


def method(name):
    return next(i for i, m in enumerate(METHODS) if m == name)


class Client(raw.RawPeer):
    """A RawPeer with the bootstrap of a Probe."""

    def __init__(self, address):
        super().__init__(harness.connect(address), timeout=harness.DEADLINE)
        self.probe = self.bootstrap()

    def ask(self, name, content=None, caps=(), **more):
        """Calls a method of the probe and gives the Return."""
        return self.call(self.probe, PROBE, method(name), content, caps, **more)

    def start(self, name, content=None, caps=(), **more):
        """Sends the call only; gives its question id."""
        question = self.question()
        self.send(w.call(question, self.probe, PROBE, method(name), content, caps, **more))
        return question

    def echo(self, number=5):
        """Requires that the application answers."""
        answer = self.ask("echo", w.Struct([number], [w.Text("still here")]))
        assert answer.how == "results" and answer.content.bits(0, 64) == number, answer
        assert answer.content.text(0) == "still here", answer

    def item(self):
        """The import id of a new object of the application."""
        answer = self.ask("item")
        assert answer.how == "results", answer
        cap = answer.content.get(0).get(1)
        return answer.caps[cap.index][1]


class Front:
    def __init__(self, place, kind="cpp-tcp", way="one", **more):
        self.place = place
        self.app = topology.App(place, kind)
        self.address = topology.WAYS[way](place, self.app, **more)
        attacked = {"one": "inbound", "two": "outbound"}[way]
        self.sidecar = next(p for p in place.started if p.name == attacked)
        self.witness = Client(self.address)
        self.witness.echo()

    def client(self):
        return Client(self.address)

    def peer(self):
        """A connection on which nothing was said."""
        return raw.RawPeer(harness.connect(self.address), timeout=harness.DEADLINE)

    def check(self):
        """The sidecar lives, the witness lives, and a new connection is served."""
        assert self.sidecar.running(), self.sidecar.log()
        self.witness.echo(6)
        c = self.client()
        c.echo(7)
        c.close()
