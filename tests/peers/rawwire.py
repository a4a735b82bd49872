# SPDX-License-Identifier: Apache-2.0
"""rpc.capnp messages by hand: what no library would send, and a decoder good enough to assert.

Builders lay a tree of nodes (Struct, Listing, Bytes, Cap, Word) out in one segment; the layouts of
rpc.capnp are written down below as field positions. `Word` puts any 64 bits where a pointer belongs,
so that every malformed pointer can be made."""

import base64
import struct

TAGS = ["unimplemented", "abort", "call", "return", "finish", "resolve", "release", "obsoleteSave",
        "bootstrap", "obsoleteDelete", "provide", "accept", "join", "disembargo"]
RETURNS = ["results", "exception", "canceled", "resultsSentElsewhere", "takeFromOtherQuestion",
           "acceptFromThirdParty"]
DESCRIPTORS = ["none", "senderHosted", "senderPromise", "receiverHosted", "receiverAnswer",
               "thirdPartyHosted"]
KINDS = ["failed", "overloaded", "disconnected", "unimplemented"]


# --- building ---

class Struct:
    def __init__(self, data=(), pointers=()):
        self.data, self.pointers = list(data), list(pointers)


class Listing:
    """A composite list of Structs of one size."""

    def __init__(self, items, data=1, pointers=1):
        self.items, self.data, self.pointers = list(items), data, pointers


class Bytes:
    def __init__(self, value):
        self.value = bytes(value)


class Text(Bytes):
    def __init__(self, value):
        super().__init__(value.encode() + b"\0")


class ObjectId(Bytes):
    """An id in a Bootstrap: a Text of any bytes. Without the zero at its end, an id that ends with one
    would lose it."""

    def __init__(self, value):
        super().__init__(value + b"\0")

    @classmethod
    def of(cls, uri):
        text = uri.rsplit("/", 1)[1]
        return cls(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class Cap:
    def __init__(self, index):
        self.index = index


class Word:
    """64 bits in the place of a pointer, as they are."""

    def __init__(self, value):
        self.value = value


def struct_pointer(offset, data, pointers):
    return (offset << 2) & 0xffffffff | data << 32 | pointers << 48


def list_pointer(offset, size, count):
    return (offset << 2) & 0xffffffff | 1 | size << 32 | count << 35


def far_pointer(segment, offset, double=False):
    return 2 | (4 if double else 0) | offset << 3 | segment << 32


def place(words, at, node):
    """Writes the pointer to `node` at word `at`, and its content behind all other words."""
    if node is None:
        return
    if isinstance(node, Word):
        words[at] = node.value & (1 << 64) - 1
    elif isinstance(node, Cap):
        words[at] = 3 | node.index << 32
    elif isinstance(node, Bytes):
        words[at] = list_pointer(len(words) - at - 1, 2, len(node.value))
        padded = node.value + bytes(-len(node.value) % 8)
        words.extend(struct.unpack(f"<{len(padded) // 8}Q", padded))
    elif isinstance(node, Struct):
        start = len(words)
        offset = -1 if not node.data and not node.pointers else start - at - 1
        words[at] = struct_pointer(offset, len(node.data), len(node.pointers))
        fill(words, node, start, len(node.data), len(node.pointers))
    else:
        step = node.data + node.pointers
        words[at] = list_pointer(len(words) - at - 1, 7, step * len(node.items))
        words.append(struct_pointer(len(node.items), node.data, node.pointers))
        start = len(words)
        words.extend([0] * (step * len(node.items)))
        for i, item in enumerate(node.items):
            fill(words, item, start + i * step, node.data, node.pointers, grown=True)


def fill(words, node, start, data, pointers, grown=False):
    if not grown:
        words.extend([0] * (data + pointers))
    for i, value in enumerate(node.data):
        words[start + i] = value & (1 << 64) - 1
    for i, pointer in enumerate(node.pointers):
        place(words, start + data + i, pointer)


def words_of(root):
    words = [0]
    place(words, 0, root)
    return words


def frame(*segments):
    """The bytes of one message with these segments, each a list of words."""
    head = struct.pack("<I", len(segments) - 1)
    head += b"".join(struct.pack("<I", len(s)) for s in segments)
    head += bytes(-len(head) % 8)
    return head + b"".join(struct.pack(f"<{len(s)}Q", *s) for s in segments)


def message(tag, body):
    """One frame; `tag` is a name of TAGS or a number."""
    return frame(words_of(root(tag, body)))


def root(tag, body):
    number = tag if isinstance(tag, int) else TAGS.index(tag)
    return Struct([number], [body])


def split(words):
    """The frame of a one-segment message `words`, but with everything behind the root pointer in a
    second segment, which the root reaches by a far pointer to a landing pad at its end."""
    tail = list(words[1:])
    pad = len(tail)
    tail.append(struct_pointer(-pad - 1, words[0] >> 32 & 0xffff, words[0] >> 48))
    return frame([far_pointer(1, pad)], tail)


def target(where):
    """A MessageTarget: a number is an import, (question, [fields]) a promised answer."""
    if isinstance(where, int):
        return Struct([where], [None])
    if where is None:
        return None
    return Struct([1 << 32], [promised(where)])


def promised(where):
    question, fields = where
    ops = Listing([Struct([1 | f << 16]) for f in fields], 1, 0) if fields else None
    return Struct([question], [ops])


def descriptor(kind, what=0):
    number = kind if isinstance(kind, int) else DESCRIPTORS.index(kind)
    pointer = None
    if kind == "receiverAnswer":
        pointer, what = promised(what), 0
    elif kind == "thirdPartyHosted":
        pointer, what = Struct([what], [None]), 0
    return Struct([number | what << 32], [pointer])  # attachedFd is stored XOR 0xff: 0 means none


def payload(content=None, caps=()):
    table = Listing([descriptor(*c) for c in caps]) if caps else None
    return Struct([], [content, table])


def bootstrap(question, object_id=None):
    return message("bootstrap", Struct([question], [object_id]))


def call_body(question, where, interface, method, content=None, caps=(), to=0, params=None):
    return Struct([question | method << 32 | to << 48, interface, 0],
                  [target(where), params or payload(content, caps), None])


def call(*args, **more):
    return message("call", call_body(*args, **more))


def results(answer, content=None, caps=(), release_params=False, no_finish=False):
    head = answer | (0 if release_params else 1) << 32 | (1 if no_finish else 0) << 33
    return message("return", Struct([head, 0], [payload(content, caps)]))


def return_other(answer, kind, other=0, pointer=None):
    number = kind if isinstance(kind, int) else RETURNS.index(kind)
    return message("return", Struct([answer | 1 << 32 | number << 48, other], [pointer]))


def exception(reason, kind="failed"):
    return Struct([KINDS.index(kind) << 32], [reason, None, None])


def return_exception(answer, reason, kind="failed"):
    if isinstance(reason, str):
        reason = Text(reason)
    return return_other(answer, "exception", pointer=exception(reason, kind))


def finish(question, release=True, early=True):
    return message("finish", Struct([question | (0 if release else 1) << 32
                                     | (0 if early else 1) << 33]))


def release(export, count=1):
    return message("release", Struct([export | count << 32]))


def resolve(promise, cap=None, broken=None):
    if cap is not None:
        return message("resolve", Struct([promise], [descriptor(*cap)]))
    return message("resolve", Struct([promise | 1 << 32], [broken]))


def disembargo(where, kind, number=0):
    context = {"senderLoopback": 0, "receiverLoopback": 1, "accept": 2}[kind]
    return message("disembargo", Struct([number | context << 32], [target(where), None]))


def abort(reason, kind="failed"):
    return message("abort", exception(Text(reason), kind))


# --- reading ---

class Malformed(Exception):
    """What came is no well-formed message."""


class At:
    """A struct in a received message. Data and pointers beyond its size read as zero and None."""

    def __init__(self, segments, segment, start, data, pointers):
        self.segments, self.segment, self.start = segments, segment, start
        self.data, self.pointers = data, pointers
        if start < 0 or start + data + pointers > len(segments[segment]):
            raise Malformed("struct out of bounds")

    def bits(self, offset, width):
        if offset + width > self.data * 64:
            return 0
        word = self.segments[self.segment][self.start + offset // 64]
        return word >> offset % 64 & (1 << width) - 1

    def word(self, index):
        """The pointer word itself."""
        if index >= self.pointers:
            return 0
        return self.segments[self.segment][self.start + self.data + index]

    def get(self, index):
        """None, an At, a list of At, bytes, or a Cap."""
        if index >= self.pointers:
            return None
        return follow(self.segments, self.segment, self.start + self.data + index)

    def text(self, index):
        value = self.get(index)
        return "" if value is None else value.rstrip(b"\0").decode(errors="replace")


def signed(value, bits):
    return value - (1 << bits) if value >> bits - 1 else value


def follow(segments, segment, at, hops=0):
    try:
        word = segments[segment][at]
    except IndexError:
        raise Malformed("pointer out of bounds") from None
    if word == 0:
        return None
    kind = word & 3
    if kind == 3:
        return Cap(word >> 32)
    if kind == 2:
        if hops:
            raise Malformed("a far pointer to a far pointer")
        there, offset = word >> 32, word >> 3 & (1 << 29) - 1
        if not word & 4:
            return follow(segments, there, offset, 1)
        # The pad says where the content is and, in a tag, what it is. As if the tag stood behind it.
        pad, tag = segments[there][offset], segments[there][offset + 1]
        moved = [list(s) for s in segments]
        content = moved[pad >> 32]
        back = (pad >> 3 & (1 << 29) - 1) - len(content) - 1
        content.append(tag & ~0xfffffffc | (back << 2) & 0xfffffffc)
        return follow(moved, pad >> 32, len(content) - 1, 1)
    start = at + 1 + signed(word >> 2 & (1 << 30) - 1, 30)
    if kind == 0:
        return At(segments, segment, start, word >> 32 & 0xffff, word >> 48)
    size, count = word >> 32 & 7, word >> 35
    if size == 2:
        raw = struct.pack(f"<{len(segments[segment])}Q", *segments[segment])
        if start < 0 or start * 8 + count > len(raw):
            raise Malformed("bytes out of bounds")
        return raw[start * 8:start * 8 + count]
    if size == 7:
        if start < 0 or start + 1 + count > len(segments[segment]):
            raise Malformed("list out of bounds")
        tag = segments[segment][start]
        data, pointers = tag >> 32 & 0xffff, tag >> 48
        return [At(segments, segment, start + 1 + i * (data + pointers), data, pointers)
                for i in range(tag >> 2 & (1 << 30) - 1)]
    if size == 6:
        return [follow(segments, segment, start + i) for i in range(count)]
    if size == 0:
        return [None] * count
    raise Malformed(f"a list of element size {size}, which these tests don't read")


def dump(value):
    """A received value as plain data, without what doesn't count: trailing zeros of structs."""
    if isinstance(value, At):
        data = [value.bits(i * 64, 64) for i in range(value.data)]
        pointers = [dump(value.get(i)) for i in range(value.pointers)]
        while data and data[-1] == 0:
            data.pop()
        while pointers and pointers[-1] is None:
            pointers.pop()
        return {"data": data, "pointers": pointers}
    if isinstance(value, Cap):
        return {"cap": value.index}
    if isinstance(value, list):
        return [dump(each) for each in value]
    return value


class Message:
    """A received message: `tag`, and what there is to know of it as attributes."""

    def __init__(self, segments):
        self.segments = segments
        top = follow(segments, 0, 0)
        number = top.bits(0, 16) if top else 0
        self.tag = TAGS[number] if number < len(TAGS) else number
        self.body = top.get(0) if top else None
        if self.body is not None:
            reader = getattr(self, "_" + str(self.tag), None)
            if reader:
                reader(self.body)

    def __repr__(self):
        shown = {k: v for k, v in vars(self).items() if k not in ("segments", "body", "tag")}
        return f"{self.tag}{shown}"

    def _exception(self, e):
        self.kind = KINDS[e.bits(32, 16)] if e and e.bits(32, 16) < 4 else None
        self.reason = e.text(0) if e else ""

    def _abort(self, b):
        self._exception(b)

    def _unimplemented(self, b):
        self.inner = TAGS[b.bits(0, 16)] if b.bits(0, 16) < len(TAGS) else b.bits(0, 16)

    def _bootstrap(self, b):
        self.question, self.object_id = b.bits(0, 32), b.get(0)

    def _target(self, t):
        if t is None:
            return 0
        if t.bits(32, 16) == 0:
            return t.bits(0, 32)
        p = t.get(0)
        ops = p.get(0) or []
        return p.bits(0, 32), [o.bits(16, 16) for o in ops if o.bits(0, 16) == 1]

    def _payload(self, p):
        self.content = p.get(0) if p else None
        self.caps = []
        for d in (p.get(1) or []) if p else []:
            kind = d.bits(0, 16)
            name = DESCRIPTORS[kind] if kind < len(DESCRIPTORS) else kind
            what = d.bits(32, 32)
            if name == "receiverAnswer":
                answer = d.get(0)
                what = (answer.bits(0, 32), [o.bits(16, 16) for o in answer.get(0) or []])
            self.caps.append((name, what))

    def _call(self, b):
        self.question, self.method, self.to = b.bits(0, 32), b.bits(32, 16), b.bits(48, 16)
        self.interface = b.bits(64, 64)
        self.target = self._target(b.get(0))
        self._payload(b.get(1))

    def _return(self, b):
        self.answer = b.bits(0, 32)
        self.release_params = not b.bits(32, 1)
        self.no_finish = bool(b.bits(33, 1))
        self.how = RETURNS[b.bits(48, 16)] if b.bits(48, 16) < len(RETURNS) else b.bits(48, 16)
        if self.how == "results":
            self._payload(b.get(0))
        elif self.how == "exception":
            self._exception(b.get(0))
        elif self.how == "takeFromOtherQuestion":
            self.other = b.bits(64, 32)

    def _finish(self, b):
        self.question, self.release = b.bits(0, 32), not b.bits(32, 1)

    def _release(self, b):
        self.id, self.count = b.bits(0, 32), b.bits(32, 32)

    def _resolve(self, b):
        self.promise = b.bits(0, 32)
        if b.bits(32, 16) == 0:
            d = b.get(0)
            self.cap = (DESCRIPTORS[d.bits(0, 16)], d.bits(32, 32)) if d else ("none", 0)
        else:
            self.cap = None
            self._exception(b.get(0))

    def _disembargo(self, b):
        self.embargo, self.context = b.bits(0, 32), b.bits(32, 16)
        self.target = self._target(b.get(0))


def parse(body, sizes):
    """The Message whose segments have `sizes` words each and whose bytes are `body`."""
    segments, at = [], 0
    for size in sizes:
        segments.append(list(struct.unpack_from(f"<{size}Q", body, at)))
        at += size * 8
    return Message(segments)
