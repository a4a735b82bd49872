# SPDX-License-Identifier: Apache-2.0
"""Recorded connections between a client and a server of the OCaml library, with our vat in the middle.
Both recorded ends are played from their bytes: `server`, our vat is the server for that client, and the
recorded server is our application; `client`, our vat is the client for that server, and the recorded
client is a local program. Each message that one end says must reach the other as it was recorded, but
for ids, before the next one is said; and in the end nothing may be held that was released."""

import hashlib
import socket
import struct

import foreign
import harness
import player
import pytest
import raw
import rawwire as w

pytestmark = pytest.mark.needs("vatmesh-sidecar")

FOLDER = foreign.VECTORS / "transcripts"
CONNECTIONS = [(transcript["name"], connection) for transcript in
               foreign.load("transcripts/index.json")["transcripts"]
               for connection in transcript["connections"]]
PERSISTENT, APPLICATION = 0xc8cb212fcd9f5691, 0xfb89c77980aac403


def messages(connection):
    """[(direction, (bytes, sizes) or None for the end of the stream)]"""
    data = {"c2s": (FOLDER / connection["client_to_server"]).read_bytes(),
            "s2c": (FOLDER / connection["server_to_client"]).read_bytes()}
    for entry in connection["messages"]:
        if entry.get("eof"):
            yield entry["dir"], None
            continue
        frame = data[entry["dir"]][entry["offset"]:entry["offset"] + entry["length"]]
        count = int.from_bytes(frame[:4], "little") + 1
        sizes = [int.from_bytes(frame[4 * i:4 * i + 4], "little") for i in range(1, count + 1)]
        yield entry["dir"], (frame[len(frame) - 8 * sum(sizes):], sizes)


def ask_id(connection):
    """The id of the recorded Bootstrap, as the message has it."""
    first = next(m for direction, m in messages(connection) if m)
    return w.parse(*first).object_id


class AsServer:
    """Our vat between a recorded client at its listener and a recorded application."""

    def __init__(self, place, connection, store="none", interface="plain"):
        self.app = harness.close_later(raw.RawServer(f"{place.path}/app.sock", harness.DEADLINE))
        self.vat = place.sidecar("vat", {
            "key": str(foreign.VECTORS / "keys/key1.pem"), "store": store,
            "app": {"dial": self.app.address, "interface": interface},
            "listen": {"address": "tcp:127.0.0.1:0", "tls": "off"},
            "exports": {"main": {"capFile": "main.cap"}, "public": {"id": {"public": "main"}},
                        "empty": {"id": {"public": ""}}}})
        self.client = player.Player(harness.connect(harness.uri_place(self.vat.cap("main.cap"))),
                                    harness.DEADLINE)
        self.heard_id = None  # an application is asked for its bootstrap

    def server(self):
        return player.Player(self.app.accept().sock, harness.DEADLINE)

    def end(self):
        self.client.peer.sock.shutdown(socket.SHUT_WR)
        aborted = self.client.peer.ends()
        assert (aborted.kind, aborted.reason) == ("disconnected", "Connection closed"), aborted


class AsClient:
    """Our vat between a recorded client at an import's socket and a recorded server."""

    def __init__(self, place, connection):
        self.listener = harness.close_later(socket.create_server(("127.0.0.1", 0)))
        self.listener.settimeout(harness.DEADLINE)
        self.heard_id = ask_id(connection)
        text = foreign.base64url((self.heard_id or b"\0")[:-1])
        path = f"/{text}" if text else ""
        uri = f"capnp://insecure@127.0.0.1:{self.listener.getsockname()[1]}{path}"
        self.vat = place.sidecar("vat", {"imports": {"there": {"uri": uri,
                                                               "socket": "unix:there.sock"}}})
        self.client = player.Player(harness.connect(self.vat.socket("there.sock")), harness.DEADLINE)

    def server(self):
        return player.Player(harness.close_later(self.listener.accept()[0]), harness.DEADLINE)

    def end(self):
        self.client.peer.close()


def callback_result(recorded, server):
    """A client whose callback was asked for its results returns them; in the recording it kept them,
    being asked to."""
    message = w.parse(*recorded)
    return message.tag == "return" and message.how == "resultsSentElsewhere" and server.asked_back == 0


def without_id(recorded):
    """What a local client says in the place of a recorded Bootstrap."""
    return w.bootstrap(w.parse(*recorded).question)


def replay(way, place, connection):
    middle = way(place, connection)
    client, server, taken = middle.client, None, None
    for direction, recorded in messages(connection):
        if recorded is None:
            break
        message = w.parse(*recorded)
        if direction == "c2s":
            if message.tag == "bootstrap" and way is AsClient:
                client.peer.send(without_id(recorded))
            elif callback_result(recorded, client):
                client.peer.send(w.results(client.questions[message.answer],
                                           w.Struct([], [w.Text("ack:1:before")])))
                client.hear(taken)
                continue
            elif not client.say(recorded):
                continue
            server = server or middle.server()
            hear(server, recorded, message, middle.heard_id)
        elif server.say(recorded):
            if message.tag == "return" and message.how == "takeFromOtherQuestion" and \
                    client.asked_back == 0:
                taken = recorded  # comes once the client has returned what it was asked
                continue
            hear(client, recorded, message)
    return middle, client, server


def hear(end, recorded, message, object_id=...):
    """Waits for what others depend on. That a promise is one of the hearer's own objects need not be
    told: it may go on through us."""
    if message.tag == "resolve" and message.cap and not message.cap[0].startswith("sender"):
        return
    if message.tag == "resolve" or message.tag not in player.QUIET:
        end.hear(recorded, object_id)


def identifier(value):
    return value["client_to_server"].removesuffix(".c2s.bin") if isinstance(value, dict) else None


@pytest.mark.parametrize("way", [AsServer, AsClient], ids=["server", "client"])
@pytest.mark.parametrize("connection", [c for _, c in CONNECTIONS], ids=identifier)
def test_a_recorded_connection_goes_through_our_vat(place, connection, way):
    name = identifier(connection)
    if way is AsServer and name == "persistent-save-conn2":
        return stored_object(place, connection)
    if way is AsServer and name == "bootstrap-unknown":
        return unknown_id(place, connection)
    middle, client, server = replay(way, place, connection)
    client.release_the_rest()
    if name != "call-close-at-once":
        server.release_the_rest()
        player.hear_all_released(client, server)
    middle.end()
    assert middle.vat.running()


def unknown_id(place, connection):
    """Answered by our vat itself, as the recorded server did."""
    middle = AsServer(place, connection)
    for direction, recorded in messages(connection):
        if recorded is None:
            break
        if direction == "c2s":
            middle.client.say(recorded)
        else:
            middle.client.hear(recorded)
    middle.end()


def stored_object(place, connection):
    """The client restores what it saved at the recorded server, out of that library's store of files,
    which is ours now."""
    object_id = ask_id(connection)[:-1]
    name = foreign.base64url(hashlib.sha256(object_id).digest())
    store = place.path / "refs"
    store.mkdir()
    item = w.words_of(w.Struct([], [w.Text("thing one")]))
    (store / name).write_bytes(struct.pack(f"<{len(item)}Q", *item))
    middle = AsServer(place, connection, store=f"files:{store}", interface="application")
    client, recorded = middle.client, [m for m in messages(connection) if m[1]]
    said = [m for direction, m in recorded if direction == "c2s"]
    call, bootstrap = [m for direction, m in recorded if direction == "s2c"][:2]
    # The call is made at once, but goes on when the application has answered; so here it is that
    # answer which comes first.
    for message in said[:2]:
        client.say(message)
    server = middle.server()
    restore = asked_for(server, "thing one")
    server.peer.send(w.results(restore, w.Struct([], [w.Cap(0)]), [("senderHosted", 0)]))
    client.hear(bootstrap)
    asked = server.peer.expect("call", interface=w.parse(*said[1]).interface)
    server.questions[w.parse(*call).answer] = asked.question
    server.say(call)
    client.hear(call)
    for message in said[2:]:
        client.say(message)
    server.peer.expect("release", id=0)
    middle.end()


def asked_for(server, label):
    """The question by which our vat asks the application for a stored object."""
    asked = server.peer.expect("bootstrap")
    server.peer.send(w.results(asked.question, w.Cap(0), [("senderHosted", 7)]))
    asked = server.peer.expect("call", interface=APPLICATION, method=1)
    assert asked.content.get(0).text(0) == label
    return asked.question


def test_a_recorded_client_that_saves_gets_a_uri_as_from_its_own_library(place):
    """The application names the object; but for the URI, the answer is the recorded one."""
    connection = next(c for _, c in CONNECTIONS if identifier(c) == "persistent-save-conn1")
    middle = AsServer(place, connection, store="memory", interface="application")
    client, server, given = middle.client, None, {}
    for direction, recorded in messages(connection):
        if recorded is None:
            break
        message = w.parse(*recorded)
        if direction == "c2s":
            if not client.say(recorded) or message.tag in player.QUIET:
                continue
            if message.tag == "bootstrap":
                server = middle.server()
                offered = server.peer.expect("bootstrap")
                server.peer.send(w.results(offered.question, w.Cap(0), [("senderHosted", 7)]))
                asked = server.peer.expect("call", interface=APPLICATION, method=0)
            else:
                asked = server.peer.expect("call", interface=message.interface)
            given[message.question] = asked
            continue
        asked = given[message.answer]
        if asked.interface == PERSISTENT:
            assert asked.content is None
            server.peer.send(w.results(asked.question, w.Struct([], [w.Text("thing one")])))
            answer = client.peer.returned(message.answer)
            uri = answer.content.get(0)
            assert uri.startswith(b"capnp://insecure@127.0.0.1:")
            expected = w.dump(message.content)
            expected["pointers"] = [uri]
            assert (w.dump(answer.content), answer.caps) == (expected, message.caps)
        elif asked.interface == APPLICATION:
            server.peer.send(w.results(asked.question, w.Struct([], [w.Cap(0)]), [("senderHosted", 0)]))
            client.hear(recorded)
        else:
            server.questions[message.answer] = asked.question
            server.say(recorded)
            client.hear(recorded)
    middle.end()
