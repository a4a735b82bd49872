# SPDX-License-Identifier: Apache-2.0
"""A peer that can say anything: RawPeer speaks rpc.capnp over a socket, message by message, and
RawServer is an application of such peers. Both are driven step by step by a test."""

import select
import socket
import ssl
import struct
import time

import rawwire as w


class Ended(Exception):
    """The other side closed the connection."""


class RawPeer:
    """One end of a connection. Every read has the deadline `timeout` (seconds)."""

    def __init__(self, sock, timeout=30):
        self.sock, self.timeout = sock, timeout
        self.questions = 0
        self.aborted = None  # the Abort that came, once one came
        sock.settimeout(timeout)

    def close(self):
        self.sock.close()

    def send(self, *frames):
        self.sock.sendall(b"".join(frames))

    def question(self):
        self.questions += 1
        return self.questions - 1

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                part = self.sock.recv(count - len(data))
            except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError) as why:
                raise Ended(str(why)) from None
            if not part:
                raise Ended("end of stream" + (" within a message" if data else ""))
            data += part
        return data

    def receive(self):
        """The next message; Ended at the end of the stream."""
        count = struct.unpack("<I", self._exactly(4))[0] + 1
        assert count <= 512, f"{count} segments"
        sizes = struct.unpack(f"<{count}I", self._exactly(4 * count))
        if count % 2 == 0:
            self._exactly(4)
        message = w.parse(self._exactly(8 * sum(sizes)), sizes)
        if message.tag == "abort":
            self.aborted = message
        return message

    def expect(self, tag, **fields):
        """The next message of kind `tag` with these fields; others that come before it are passed
        over, but an Abort or the end is an error."""
        while True:
            message = self.receive()
            if message.tag == tag and all(getattr(message, k, None) == v for k, v in fields.items()):
                return message
            assert message.tag != "abort", f"aborted while waiting for {tag}: {message}"

    def returned(self, question):
        return self.expect("return", answer=question)

    def bootstrap(self, object_id=None):
        """The import id of the other side's bootstrap."""
        question = self.question()
        self.send(w.bootstrap(question, object_id))
        answer = self.returned(question)
        assert answer.how == "results", answer
        self.send(w.finish(question, release=False))
        kind, number = answer.caps[answer.content.index]
        assert kind in ("senderHosted", "senderPromise"), answer
        return number

    def call(self, where, interface, method, content=None, caps=(), **more):
        """Sends a call, gives back its Return; the question is finished."""
        question = self.question()
        self.send(w.call(question, where, interface, method, content, caps, **more))
        answer = self.returned(question)
        self.send(w.finish(question, release=False))
        return answer

    def ends(self):
        """Reads up to the end of the stream; the Abort that came before it, or None."""
        try:
            while True:
                self.receive()
        except Ended:
            return self.aborted

    def quiet(self, seconds):
        """True if nothing comes for `seconds`."""
        return not select.select([self.sock], [], [], seconds)[0]


class RawServer:
    """An application that is played by the test. Connections that are closed before they say anything
    (a probe that asks only whether somebody listens) are passed over."""

    def __init__(self, path, timeout=30):
        self.timeout = timeout
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        self.sock.listen(16)
        self.address = f"unix:{path}"
        self.accepted = []

    def accept(self):
        """The next connection on which something was said."""
        end = time.monotonic() + self.timeout
        waiting = []
        while time.monotonic() < end:
            ready, _, _ = select.select([self.sock, *waiting], [], [], 0.5)
            for s in ready:
                if s is self.sock:
                    waiting.append(s.accept()[0])
                elif s.recv(1, socket.MSG_PEEK):
                    self.accepted.append(RawPeer(s, self.timeout))
                    return self.accepted[-1]
                else:
                    waiting.remove(s)
                    s.close()
        raise AssertionError("nobody connected to the application")

    def close(self):
        """Ends the listener and every connection that was accepted."""
        for peer in self.accepted:
            peer.close()
        self.sock.close()
