# SPDX-License-Identifier: Apache-2.0
"""Plays one end of a recorded connection against something that chooses ids of its own.

Ids that this end chose are as in the recording. Those of the other side (its questions and exports) are
mapped: recorded id to the one that really came, learnt message by message. What follows from the other
side's own choices is adapted: nothing is released that was not given, and there is no Disembargo for a
promise that was not told as one of our own objects."""

import collections
import select

import raw
import rawwire as w

# Each vat's own affair: when it comes and how often.
QUIET = {"finish", "release", "resolve", "disembargo"}


def put(at, offset, width, value):
    """Writes bits of a struct's data."""
    index = at.start + offset // 64
    mask = (1 << width) - 1 << offset % 64
    words = at.segments[at.segment]
    words[index] = words[index] & ~mask | value << offset % 64


class Player:
    def __init__(self, sock, timeout):
        self.peer = raw.RawPeer(sock, timeout)
        self.questions, self.exports = {}, {}  # recorded -> real, of the other side
        self.held = collections.Counter()   # real export of the other side -> references that we have
        self.given = collections.Counter()  # our export -> references that the other side has
        self.ours_resolved = False          # a promise was told to be one of our objects
        self.asked_back = None              # sendResultsTo of the last Call that came
        self.resolved = {}                  # our promise -> the other side's export that it became

    # --- saying ---

    def say(self, recorded):
        """Sends a recorded message; False when there is no reason for it here."""
        message = w.parse(*recorded)
        adapt = getattr(self, "_say_" + message.tag, None)
        if adapt and adapt(message) is False:
            return False
        self.peer.send(w.frame(*message.segments))
        return True

    def _say_return(self, m):
        put(m.body, 0, 32, self.questions[m.answer])
        if m.how == "results":
            self._give(m.body.get(0))

    def _say_call(self, m):
        target = m.body.get(0)
        if target.bits(32, 16) == 0:
            put(target, 0, 32, self.exports[m.target])
        self._give(m.body.get(1))

    def _say_release(self, m):
        real = self.exports[m.id]
        count = min(m.count, self.held[real])
        if count == 0:
            return False
        self.held[real] -= count
        put(m.body, 0, 32, real)
        put(m.body, 32, 32, count)
        return True

    def _say_resolve(self, m):
        self._give_one(m.body.get(0))
        if m.cap and m.cap[0] == "receiverHosted":
            self.resolved[m.promise] = self.exports[m.cap[1]]

    def _say_disembargo(self, m):
        # Those of the other side are answered when they come.
        if m.context != 0 or not self.ours_resolved:
            return False
        target = m.body.get(0)
        if target.bits(32, 16) == 0:
            put(target, 0, 32, self.exports[m.target])
        return True

    def _give(self, payload):
        for descriptor in (payload.get(1) or []) if payload else []:
            self._give_one(descriptor)

    def _give_one(self, descriptor):
        kind, number = w.DESCRIPTORS[descriptor.bits(0, 16)], descriptor.bits(32, 32)
        if kind in ("senderHosted", "senderPromise"):
            self.given[number] += 1
        elif kind == "receiverHosted":
            put(descriptor, 32, 32, self.exports[number])

    def release_the_rest(self):
        """What the other side gave beyond the recording."""
        for real, count in self.held.items():
            if count:
                self.peer.send(w.release(real, count))
        self.held.clear()

    # --- hearing ---

    def hear(self, recorded, object_id=...):
        """Requires that the next message but quiet ones is the `recorded` one of the other end. An
        `object_id` replaces that of a recorded Bootstrap."""
        expected = w.parse(*recorded)
        message = self._next(expected.tag)
        if expected.tag == "return" and expected.how == "takeFromOtherQuestion" and \
                message.tag == "return" and message.how == "results":
            return message  # taken for us already
        assert message.tag == expected.tag, f"{message} for {expected}"
        getattr(self, "_hear_" + expected.tag)(expected, message, object_id)
        return message

    def _next(self, wanted):
        while True:
            message = self.peer.receive()
            self._note(message)
            if message.tag == wanted or message.tag not in QUIET:
                return message

    def _note(self, message):
        if message.tag == "release":
            self.given[message.id] -= message.count
            assert self.given[message.id] >= 0, f"released too often: {message}"
        elif message.tag == "disembargo":
            if message.context == 0:
                self.peer.send(w.disembargo(self.resolved[message.target], "receiverLoopback",
                                            message.embargo))
        elif message.tag == "resolve" and message.cap:
            kind, number = message.cap
            self.ours_resolved = self.ours_resolved or kind.startswith("receiver")
            if kind in ("senderHosted", "senderPromise"):
                self.held[number] += 1

    def _hear_bootstrap(self, expected, message, object_id):
        wanted = expected.object_id if object_id is ... else object_id
        assert message.object_id == wanted, f"{message} for {expected}"
        self.questions[expected.question] = message.question

    def _hear_call(self, expected, message, _):
        self.questions[expected.question] = message.question
        self.asked_back = message.to
        target = expected.target
        if not isinstance(target, int):
            target = (self.questions[target[0]], target[1])
        same = (message.interface, message.method, message.target)
        assert same == (expected.interface, expected.method, target), f"{message} for {expected}"
        self._same_payload(expected, message)

    def _hear_return(self, expected, message, _):
        assert (message.answer, message.how) == (expected.answer, expected.how), \
            f"{message} for {expected}"
        if expected.how == "results":
            self._same_payload(expected, message)
        elif expected.how == "exception":
            assert (message.kind, message.reason) == (expected.kind, expected.reason), message

    def _hear_resolve(self, expected, message, _):
        assert message.promise == self.exports[expected.promise], f"{message} for {expected}"
        if expected.cap and expected.cap[0].startswith("sender"):
            assert message.cap, f"{message} for {expected}"
            self.exports[expected.cap[1]] = message.cap[1]

    def _same_payload(self, expected, message):
        assert w.dump(message.content) == w.dump(expected.content), f"{message} for {expected}"
        assert len(message.caps) == len(expected.caps), f"{message} for {expected}"
        for (kind, number), (came, real) in zip(expected.caps, message.caps):
            if kind in ("senderHosted", "senderPromise"):
                assert came == kind, f"{message} for {expected}"
                self.exports[number] = real
                self.held[real] += 1
            else:
                assert (came, real) == (kind, number), f"{message} for {expected}"



def hear_all_released(*players):
    """Waits until nothing that these gave is held any more."""
    while any(any(p.given.values()) for p in players):
        ready = select.select([p.peer.sock for p in players], [], [], players[0].peer.timeout)[0]
        assert ready, f"still held: {[dict(+p.given) for p in players]}"
        for p in players:
            if p.peer.sock in ready:
                p._note(p.peer.receive())
