# SPDX-License-Identifier: Apache-2.0
"""An application whose objects have names, and peers that save, restore and call them. The application
is played by a thread at the other end of `app: {accept: ...}`, so that a test sees what it is asked."""

import json
import re
import subprocess
import threading

import foreign
import harness
import raw
import rawwire as w

PERSISTENT = 0xc8cb212fcd9f5691
APPLICATION = 0xfb89c77980aac403
ENTRY = 0x9a4f0e3c1b2d5e6f  # the interface of the objects; its methods:
NAME, KEEP, GIVE = 0, 1, 2  # who are you; keep this capability; give it back

ROOT = "root"
UNKNOWN_ID = "Unknown persistent service ID"
STORE_DOWN = "the store of sturdy refs can't be used now; try again later"


def dialled(path):
    try:
        return harness.connect(f"unix:{path}")
    except OSError:
        return None


class Ledger(threading.Thread):
    """The application. Its root is an entry called "root"; any other name is restored as it is asked
    for, but for "nobody"."""

    def __init__(self, sidecar):
        super().__init__(daemon=True)
        self.sidecar = sidecar
        there = sidecar.folder / "app.sock"
        # One that was killed leaves its socket behind, and nobody listens there.
        socket = harness.eventually(lambda: dialled(there), "the application can dial in")
        self.link = raw.RawPeer(socket, None)
        self.restored = []  # the names that were asked for
        self.finished = set()  # questions
        self.answering = threading.Event()  # cleared: Application.restore is not answered
        self.answering.set()
        self.waiting = []
        self.names = [None, ROOT]  # by the number of the object
        self.answers = {}  # the object that a question was answered with
        self.kept = None
        self.lock = threading.Lock()
        self.start()

    def run(self):
        try:
            while True:
                message = self.link.receive()
                with self.lock:
                    handle = getattr(self, f"on_{message.tag}", None)
                    if handle:
                        handle(message)
        except (raw.Ended, OSError):
            pass

    def let(self):
        """Answers what waits, and what comes."""
        with self.lock:
            self.answering.set()
            for asked in self.waiting:
                self._restore(asked)
            self.waiting = []

    def _give(self, question, number, content):
        self.answers[question] = number
        self.link.send(w.results(question, content, [("senderHosted", number)]))

    def on_bootstrap(self, asked):
        self._give(asked.question, 0, w.Cap(0))

    def on_finish(self, message):
        self.finished.add(message.question)

    def on_call(self, asked):
        if asked.interface == APPLICATION and asked.method == 0:
            self._give(asked.question, 1, w.Struct([], [w.Cap(0)]))
        elif asked.interface == APPLICATION:
            self.restored.append(asked.content.text(0))
            if self.answering.is_set():
                self._restore(asked)
            else:
                self.waiting.append(asked)
        else:
            self._entry(asked)

    def _restore(self, asked):
        name = asked.content.text(0)
        if name == "nobody":
            self.link.send(w.return_exception(asked.question, "there is nobody"))
            return
        self.names.append(name)
        self._give(asked.question, len(self.names) - 1, w.Struct([], [w.Cap(0)]))

    def _entry(self, asked):
        target = asked.target if isinstance(asked.target, int) else self.answers[asked.target[0]]
        if asked.interface == PERSISTENT or asked.method == NAME:
            self.link.send(w.results(asked.question, w.Struct([], [w.Text(self.names[target])])))
        elif asked.method == KEEP:
            self.kept = asked.caps[0][1]
            self.link.send(w.results(asked.question))
        else:
            self.link.send(w.results(asked.question, w.Struct([], [w.Cap(0)]),
                                     [("receiverHosted", self.kept)]))


class Vat:
    """A sidecar with a store before a Ledger. Its refs are made by `save`."""

    def __init__(self, place, store="sqlite:refs.db", ready=True, **more):
        self.place, self.runs = place, 0
        self.config = {"key": str(foreign.VECTORS / "keys/key1.pem"), "store": store,
                       "app": {"accept": "unix:app.sock", "interface": "application"},
                       "listen": f"tcp:127.0.0.1:{harness.free_port()}",
                       "exports": {"main": {"capFile": "main.cap"}}, **more}
        self.start()

    def start(self):
        self.sidecar = self.place.sidecar("vat", self.config, ready=False)
        self.app = Ledger(self.sidecar)
        self.sidecar.wait_ready()
        self.uri = self.sidecar.cap("main.cap")
        self.address = harness.uri_place(self.uri)

    def crash(self):
        self.sidecar.kill()
        self.app.join(harness.DEADLINE)

    def store(self, name):
        """The path of a store's file in the sidecar's folder."""
        return self.sidecar.folder / name

    def refs(self, *words):
        done = subprocess.run([harness.program_path("vatmesh"), "refs", *words, "--config",
                               self.sidecar.folder / "sidecar.yaml"], capture_output=True,
                              text=True, timeout=harness.DEADLINE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listed(self):
        return {ref["label"]: ref["ref"] for ref in json.loads(self.refs("list", "--json"))}

    def check(self):
        """The line of the store at /readyz?verbose."""
        status, text = self.sidecar.get("/readyz?verbose")
        assert status == 200, text
        return re.search(r"^\[.\] store.*$", text, re.M).group()

    def counted(self, result):
        text = self.sidecar.get("/metrics")[1]
        return int(re.search(rf'^vatmesh_restores_total{{result="{result}"}} (\d+)', text, re.M)[1])


def digest_name(vat, label):
    """How logs and texts name the ref with that label."""
    return vat.listed()[label][:10]


class Visitor:
    """A peer of the vat, and its connection."""

    def __init__(self, vat, identity):
        self.vat, self.identity = vat, identity
        self.link = identity.dial(vat.address)

    def restore(self, uri):
        """The import that `uri` gives, or the Return that says why there is none."""
        return self.outcome(self.ask(uri))

    def ask(self, uri):
        question = self.link.question()
        self.link.send(w.bootstrap(question, w.ObjectId.of(uri)))
        return question

    def outcome(self, question):
        answer = self.link.returned(question)
        self.link.send(w.finish(question, release=False))
        return answer.caps[answer.content.index][1] if answer.how == "results" else answer

    def call(self, target, method=NAME, content=None, caps=()):
        return self.link.call(target, ENTRY, method, content, caps)

    def name(self, target):
        """What the object says, or why it can't be called."""
        answer = self.call(target)
        return answer.content.text(0) if answer.how == "results" else answer.reason

    def save(self, target):
        """The URI, or the Return that says why there is none."""
        answer = self.link.call(target, PERSISTENT, 0)
        return answer.content.text(0) if answer.how == "results" else answer


def make_refs(vat, visitor, *names):
    """URIs of objects that the application calls `names`. The visitor saves its objects under the
    names that the application gives them, which it learns from the root."""
    root = visitor.restore(vat.uri)
    uris = {}
    for name in names:
        vat.app.names[1] = name  # what the root is called while it is saved
        uris[name] = visitor.save(root)
        assert isinstance(uris[name], str), uris[name]
    vat.app.names[1] = ROOT
    return uris
