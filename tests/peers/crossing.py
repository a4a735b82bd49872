# SPDX-License-Identifier: Apache-2.0
"""A vat of the OCaml library that listens and dials by itself, for the moment at which two vats dial
each other. It keeps one link, and settles two by the rule of that library (ocaml-network 5.4): the link
that the vat with the greater digest has opened survives. A thread owns each connection."""

import base64
import os
import queue
import select
import threading

import harness
import raw
import rawwire as w

INVALIDATED = "Invalidated by newer connection"


class Link:
    """One connection, until its end. Serves an object that answers every call."""

    def __init__(self, vat, peer, ours):
        self.vat, self.peer, self.ours = vat, peer, ours
        self.wake, self.woken = os.pipe()
        self.frames = queue.SimpleQueue()
        self.lock, self.over = threading.Lock(), False
        self.waiting = {}  # question: who waits for its Return, None for the end

    def ask(self, make_frame):
        """Sends what `make_frame(question)` makes; a queue that gets the Return, or None."""
        answer = queue.SimpleQueue()
        with self.lock:
            if self.over:
                answer.put(None)
                return answer
            question = self.peer.question()
            self.waiting[question] = answer
        self.send(make_frame(question))
        return answer

    def send(self, frame):
        self.frames.put(frame)
        os.write(self.woken, b"x")

    def run(self):
        try:
            while True:
                if self.peer.sock.pending() == 0:
                    ready = select.select([self.peer.sock, self.wake], [], [], harness.DEADLINE)[0]
                    if self.wake in ready:
                        os.read(self.wake, 1)
                        frame = self.frames.get()
                        if frame is None:
                            break
                        self.peer.send(frame)
                    if self.peer.sock not in ready:
                        continue
                if not self.handle(self.peer.receive()):
                    break
        except (raw.Ended, OSError):
            pass
        self.vat.ended(self)
        with self.lock:
            self.over = True
            waiting, self.waiting = self.waiting, {}
        for answer in waiting.values():
            answer.put(None)
        self.peer.close()

    def handle(self, message):
        if message.tag == "bootstrap":
            self.peer.send(w.results(message.question, w.Cap(0), [("senderHosted", 0)]))
        elif message.tag == "call":
            self.peer.send(w.results(message.question, w.Struct([5], [w.Text("from afar")])))
        elif message.tag == "return":
            with self.lock:
                answer = self.waiting.pop(message.answer)
            answer.put(message)
        elif message.tag == "abort":
            self.vat.aborts.append(message.reason)
            return False
        return True


class CrossingVat:
    """`foreign` with threads; `address` and `digest` are those of the vat that it meets."""

    def __init__(self, foreign, address, digest):
        self.foreign, self.address = foreign, address
        self.greater = base64.urlsafe_b64decode(foreign.fingerprint[8:] + "=") > digest
        self.lock = threading.Lock()
        self.link = None
        self.aborts = []
        self.crossed = False  # there were two
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer = self.foreign.accept()
            except OSError:
                if self.foreign.listener.fileno() < 0:
                    return  # the end of the test
                continue  # a dial that was given up: the other one was faster
            threading.Thread(target=self._serve, args=(peer, False), daemon=True).start()

    def _serve(self, peer, ours):
        link = Link(self, peer, ours)
        if self._take(link):
            link.run()
        else:
            peer.close()  # without a word

    def _take(self, link):
        """Whether the new link is the one that is kept."""
        with self.lock:
            old = self.link
            self.crossed = self.crossed or old is not None
            if old is not None and self.greater != link.ours:
                return False
            self.link = link
        if old is not None:
            old.send(w.abort(INVALIDATED))
        return True

    def ended(self, link):
        with self.lock:
            if self.link is link:
                self.link = None

    def use(self):
        """The link there is, or one of our own; None when neither came to be."""
        with self.lock:
            if self.link is not None:
                return self.link
        try:
            peer = self.foreign.dial(self.address)
        except OSError:
            return self.link
        link = Link(self, peer, True)
        if not self._take(link):
            peer.close()
            return self.link
        threading.Thread(target=link.run, daemon=True).start()
        return link

    def hang_up(self):
        with self.lock:
            link, self.crossed = self.link, False
        if link is not None:
            link.send(None)
