# SPDX-License-Identifier: Apache-2.0
"""Two vats that dial each other at the same moment, over and over: our process and a vat of the OCaml
library, which keep one link for each other by a rule of their own (ocaml-network 5.4). We are key1; key2
is smaller and key4 greater by fingerprint."""

import base64
import threading

import crossing
import foreign
import front as f
import harness
import pytest
import raw
import rawwire as w
from test_ocaml_vat import Vat

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server")

WANTED = 8  # rounds in which there really were two links
ROUNDS = 150
STEP = 0.001  # seconds
ECHO = (f.PROBE, f.method("echo"), w.Struct([5], [w.Text("still here")]))


def ours(vat):
    """A local program calls the foreign vat's object, before it knows that this is there."""
    client = vat.client()
    client.send(w.call(client.question(), (0, []), *ECHO))
    try:
        return client.returned(1).how == "results"
    except (raw.Ended, AssertionError):  # an Abort, or the end
        return False
    finally:
        client.close()


def theirs(vat, id):
    """The foreign vat calls our application's object, likewise."""
    link = vat.use()
    if link is None:
        return False
    asked = []
    answer = link.ask(lambda q: asked.append(q) or w.bootstrap(q, w.ObjectId(id)))
    got = [answer.get(timeout=harness.DEADLINE)]
    if asked:
        got.append(link.ask(lambda q: w.call(q, (asked[0], []), *ECHO)).get(timeout=harness.DEADLINE))
    return all(each is not None and each.how == "results" for each in got)


def at_once(first, second, later):
    """Starts both, one of them `later` (seconds; negative: the other one); their results."""
    got = {}

    def run(name, do, delay):
        barrier.wait()
        if delay > 0:
            pause.wait(delay)
        got[name] = do()
    barrier, pause = threading.Barrier(2), threading.Event()
    threads = [threading.Thread(target=run, args=("first", first, -later)),
               threading.Thread(target=run, args=("second", second, later))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * harness.DEADLINE)
    return got["first"], got["second"]


@pytest.mark.parametrize("key", ["key2", "key4"])
def test_of_two_crossed_dials_one_survives_and_no_call_is_lost(place, key):
    peer = foreign.ForeignVat(place, key)
    peer.listen()
    vat = Vat(place, peer)
    id = base64.urlsafe_b64decode(vat.uri.rsplit("/", 1)[1] + "=")
    own = next(k for k in foreign.load("keys.json") if k["pem_file"] == "keys/key1.pem")["fingerprint"]
    them = crossing.CrossingVat(peer, vat.address, base64.urlsafe_b64decode(own[8:] + "="))
    crossed = 0
    later = 0.0  # by how much they begin after us; a faster machine has another moment
    for number in range(ROUNDS):
        answered = at_once(lambda: ours(vat), lambda: theirs(them, id), later)
        # Whoever was on the link that went tries once more, as that library's users do.
        assert answered[0] or ours(vat), f"round {number}"
        assert answered[1] or theirs(them, id), f"round {number}"
        harness.eventually(lambda: vat.tls_links() == 1, "one link is left")
        later += STEP if them.link.ours else -STEP
        if them.crossed:
            crossed += 1
            # The one that the vat with the greater digest opened.
            assert them.link.ours == them.greater, f"round {number}"
        them.hang_up()
        harness.eventually(lambda: vat.tls_links() == 0 and them.link is None, "both have hung up")
        if crossed == WANTED:
            break
    assert crossed == WANTED, f"the dials crossed in {crossed} of {ROUNDS} rounds only"
    assert set(them.aborts) <= {crossing.INVALIDATED}
