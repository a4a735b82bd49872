# SPDX-License-Identifier: Apache-2.0
"""Messages of the OCaml library's recordings: their JSON form (tests/vectors) as frames, and streams of
frames as messages."""

import struct

import rawwire as w


def decoded(frames):
    """The messages in these bytes."""
    out, at = [], 0
    while at < len(frames):
        count = int.from_bytes(frames[at:at + 4], "little") + 1
        sizes = [int.from_bytes(frames[at + 4 * i:at + 4 * i + 4], "little")
                 for i in range(1, count + 1)]
        at += 4 * (count + 1) + 4 * ((count + 1) % 2)
        out.append(w.parse(frames[at:at + 8 * sum(sizes)], sizes))
        at += 8 * sum(sizes)
    return out


def pointer(value):
    if value is None:
        return None
    if "cap" in value:
        return w.Cap(value["cap"])
    if "text" in value:
        return w.Text(value["text"])
    if "bytes_hex" in value:
        return w.Bytes(bytes.fromhex(value["bytes_hex"]))
    data = bytes.fromhex(value["struct"]["data_hex"])
    return w.Struct(struct.unpack(f"<{len(data) // 8}Q", data),
                    [pointer(p) for p in value["struct"]["pointers"]])


def answer_path(value):
    return value["questionId"], [step["getPointerField"] for step in value["transform"]]


def descriptor(value):
    if value == "none":
        return ("none", 0)
    kind, what = next(iter(value.items()))
    if kind == "thirdPartyHosted":
        return (kind, what["vineId"])
    if kind == "receiverAnswer":
        return (kind, answer_path(what))
    return (kind, what)


def payload(value):
    return pointer(value["content"]), [descriptor(d) for d in value["capTable"]]


def frame(message, no_finish=False):
    """The frame of a message in its JSON form."""
    tag, body = next(iter(message.items()))
    return ENCODERS[tag](body, no_finish) if tag in ENCODERS else other(tag)


def other(tag):
    number = int(tag.removeprefix("undefined-")) if tag.startswith("undefined-") else tag
    return w.message(number, w.Struct([0], [None, None]))


def returned(body, no_finish):
    answer = body["answerId"]
    if "results" in body:
        return w.results(answer, *payload(body["results"]), no_finish=no_finish,
                         release_params=body["releaseParamCaps"])
    if "exception" in body:
        return w.return_exception(answer, body["exception"]["reason"], body["exception"]["type"])
    how = next(k for k in body if k not in ("answerId", "releaseParamCaps"))
    return w.return_other(answer, body[how] if how == "undefined" else how)


def called(body, _):
    where = body["target"]
    where = where["importedCap"] if "importedCap" in where else answer_path(where["promisedAnswer"])
    return w.call(body["questionId"], where, int(body["interfaceId"], 16), body["methodId"],
                  *payload(body["params"]), to=["caller", "yourself"].index(body["sendResultsTo"]))


def resolved(body, _):
    if "exception" in body:
        e = body["exception"]
        return w.resolve(body["promiseId"], broken=w.exception(w.Text(e["reason"]), e["type"]))
    return w.resolve(body["promiseId"], descriptor(body["cap"]))


ENCODERS = {
    "bootstrap": lambda b, _: w.bootstrap(b["questionId"], pointer(b["deprecatedObjectId"])),
    "call": called,
    "return": returned,
    "resolve": resolved,
    "abort": lambda b, _: w.abort(b["reason"], b["type"]),
    "finish": lambda b, _: w.finish(b["questionId"], release=b["releaseResultCaps"]),
    "release": lambda b, _: w.release(b["id"], b["referenceCount"]),
    "unimplemented": lambda b, _: w.message("unimplemented", w.root(
        int(next(iter(b)).removeprefix("undefined-")) if "undefined" in next(iter(b)) else
        next(iter(b)), w.Struct([0], [None]))),
}
