# SPDX-License-Identifier: Apache-2.0
"""vatmesh-sidecar as a process: its command line, its start and end, cap files, waiting imports,
local sockets, admin pages and logs. What it carries is in the other files."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import front as f
import harness
import pytest
import raw
import rawwire as w
import topology

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server")

PUBLIC = {"probe": {"id": {"public": ""}, "capFile": "probe.cap"}}
LISTEN = {"address": "tcp:127.0.0.1:0", "tls": "off"}


def run(place, *words, text=None):
    """Runs the sidecar to its end."""
    return subprocess.run([str(harness.program_path("vatmesh-sidecar")), *words], cwd=place.path,
                          input=text, capture_output=True, text=True, timeout=harness.DEADLINE)


def fails(place, config, code):
    """The log of a sidecar that does not start with `config`."""
    sidecar = place.sidecar("failing", config, ready=False, expect=(code,))
    assert sidecar.wait() == code, sidecar.log()
    return sidecar.log()


# --- command line


def test_version_and_help_end_well(place):
    version = run(place, "--version")
    assert version.returncode == 0
    assert re.fullmatch(r"vatmesh-sidecar \d+\.\d+\.\d+\n", version.stdout)
    assert run(place, "--help").stdout.startswith("usage: vatmesh-sidecar --config FILE")


@pytest.mark.parametrize("words, text", [
    ((), "--config is missing"), (("--config",), "--config needs the name of a file"),
    (("--config=",), "--config needs the name of a file"),
    (("--config", "a.yaml", "--config=b.yaml"), "--config is given twice; keep one of them"),
    (("--ready-fd",), '--ready-fd "" is no open descriptor above 2'),
    (("--ready-fd=1",), '--ready-fd "1" is no open descriptor above 2'),
    (("--conf", "x"), '"--conf" is unknown'), (("--config", "x", "y"), '"y" is unknown')])
def test_wrong_words_are_named_and_end_with_64(place, words, text):
    ended = run(place, *words)
    assert ended.returncode == 64
    first, usage, more = ended.stderr.splitlines()  # which a page of help would push out of sight
    assert text in first and usage.startswith("usage:") and "--help" in more


def test_all_errors_of_a_configuration_are_told_at_once(place):
    ended = run(place, "--config", "-", text="listn: tcp:0.0.0.0:1\nadmin: nowhere\nexports: 7\n")
    assert ended.returncode == 64
    for line in (1, 2, 3):
        assert re.search(rf"^-:{line}:\d+: ", ended.stderr, re.M), ended.stderr


def test_a_missing_configuration_is_named(place):
    ended = run(place, "--config", "no.yaml")
    assert ended.returncode == 64 and "no.yaml" in ended.stderr


# --- start


def test_a_taken_address_ends_the_start_with_69(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        log = fails(place, {"listen": {"address": f"tcp:127.0.0.1:{port}", "tls": "off"}}, 69)
    assert f"127.0.0.1:{port}" in log


def test_another_key_than_expected_ends_the_start_with_77(place):
    first = place.sidecar("first", {"key": "vat.key", "listen": "tcp:127.0.0.1:0"})
    own = re.search(r"this vat is (sha-256:\S+)", first.log()).group(1)
    other = "sha-256:" + "A" * 43
    config = {"key": str(first.folder / "vat.key"), "listen": "tcp:127.0.0.1:0"}
    log = fails(place, {**config, "fingerprint": other}, 77)
    assert own in log and other in log
    place.sidecar("right", {**config, "fingerprint": own})


def test_a_key_is_never_made_where_a_fingerprint_is_expected(place):
    fails(place, {"key": "vat.key", "fingerprint": "sha-256:" + "A" * 43,
                  "listen": "tcp:127.0.0.1:0"}, 64)
    assert not (place.path / "failing" / "vat.key").exists()


def test_a_key_that_others_can_read_is_told(place):
    sidecar = place.sidecar("vat", {"key": "vat.key", "listen": "tcp:127.0.0.1:0"})
    warning = "vat.key: its group or others can read it"
    assert warning not in sidecar.log()
    sidecar.stop()
    (sidecar.folder / "vat.key").chmod(0o640)
    again = place.sidecar("vat", {"key": "vat.key", "listen": "tcp:127.0.0.1:0"})
    assert warning in again.log()


def test_a_malformed_cap_file_of_an_import_ends_the_start_and_is_named(place):
    (place.path / "bad.cap").write_text("https://example.com/\n")
    log = fails(place, {"imports": {"x": {"uri": "../bad.cap", "socket": "unix:x.sock"}}}, 64)
    assert "bad.cap" in log


def test_uris_are_printed_when_ready(place):
    app = topology.App(place, "cpp-tcp")
    config = {"key": "vat.key", "listen": "tcp:127.0.0.1:0", "app": app.config}
    (place.path / "one.yaml").write_text(str({**config, "exports": {"a": {"capFile": "a.cap"}}}))
    (place.path / "two.yaml").write_text(str({**config, "exports": {"a": {}, "b": {}}}))

    def printed(name, lines):
        sidecar = subprocess.Popen(
            [str(harness.program_path("vatmesh-sidecar")), "--config", name, "--print-uris"],
            cwd=place.path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            return [sidecar.stdout.readline().rstrip("\n") for _ in range(lines)]
        finally:
            sidecar.terminate()
            assert sidecar.wait(harness.DEADLINE) == 0
    alone, = printed("one.yaml", 1)
    assert alone == (place.path / "a.cap").read_text().strip()
    a, b = printed("two.yaml", 2)
    assert a.startswith("a capnp://") and b.startswith("b capnp://")
    # The ids come from the key, and so does the fingerprint: only the port is another.
    assert re.sub(r":\d+/", "/", a) == "a " + re.sub(r":\d+/", "/", alone)


@pytest.mark.needs("vatmesh")
def test_a_consumer_has_an_id_of_its_own_until_its_generation_is_raised(place):
    app = topology.App(place, "cpp-tcp")

    def start(generation):
        return place.sidecar("vat", {
            "key": "vat.key", "listen": LISTEN, "app": app.config, "exports": {"probe": {
                "capFile": "probe.cap",
                "consumers": {"team-a": {"generation": generation}, "team-b": {}}}}})

    def asks(sidecar, uri):
        """What a peer gets that has `uri`."""
        peer = raw.RawPeer(harness.connect(harness.uri_place(sidecar.cap("probe.cap"))), harness.DEADLINE)
        peer.send(w.bootstrap(0, w.ObjectId.of(uri)))
        answer = peer.returned(0)
        peer.close()
        return answer.how if answer.how == "results" else answer.reason

    def restored(sidecar, consumer):
        text = sidecar.get("/metrics")[1]
        found = re.search(r'export_restores_total{export="probe",consumer="%s"} (\d+)' % consumer, text)
        return int(found.group(1))

    first = start(1)
    plain, old, other = (first.cap(n) for n in ("probe.cap", "probe.team-a.cap", "probe.team-b.cap"))
    assert len({plain, old, other}) == 3
    assert [asks(first, uri) for uri in (plain, old, old, other)] == ["results"] * 4
    assert [restored(first, who) for who in ("", "team-a", "team-b")] == [1, 2, 1]
    first.wait_log("restored export probe/team-a")
    derived = place.run("derive", [
        harness.program_path("vatmesh"), "uri", "derive", "--key", first.folder / "vat.key", "--name",
        "probe", "--consumer", "team-a", "--tls", "off", "--address", "tcp:" + harness.uri_place(old)])
    assert derived.log().strip() == old
    first.stop()
    second = start(2)
    new = second.cap("probe.team-a.cap")
    assert [asks(second, uri) for uri in (plain, new, other)] == ["results"] * 3
    assert asks(second, old) == f.UNKNOWN_ID
    for uri in (plain, old, other, new):
        assert uri.rsplit("/", 1)[1] not in first.log() + second.log()


def test_a_stale_socket_is_replaced_and_another_file_never(place):
    folder = place.path / "failing"
    folder.mkdir()
    (folder / "x.sock").write_text("precious")
    config = {"imports": {"x": {"uri": "x.cap", "socket": "unix:x.sock"}}}
    fails(place, config, 64)
    assert (folder / "x.sock").read_text() == "precious"
    (folder / "x.sock").unlink()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(folder / "x.sock"))
    place.sidecar("failing", config).stop()
    assert not (folder / "x.sock").exists(), "its own socket is removed at the end"


# --- cap files


def test_cap_files_are_private_kept_when_equal_and_replaced_with_a_warning(place):
    path = place.path / "caps/probe.cap"
    config = {"key": str(place.path / "vat.key"), "listen": f"tcp:127.0.0.1:{harness.free_port()}",
              "app": "tcp:127.0.0.1:1", "exports": {"probe": {"capFile": str(path)}}}

    def start(name):
        sidecar = place.sidecar(name, config, ready=False)
        sidecar.wait_log("trying again")
        return sidecar
    start("first").stop()
    uri = path.read_text().removesuffix("\n")
    assert uri.startswith("capnp://") and "\n" not in uri
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o755

    before = path.stat()
    path.chmod(0o640)
    start("second").stop()
    assert path.stat().st_ino == before.st_ino

    (place.path / "vat.key").unlink()
    third = start("third")
    warning = third.wait_log(r"replaced a URI of (\S{10}) by one of (\S{10})")
    assert warning.group(1) == uri.split("sha-256:")[1][:10]
    assert warning.group(2) == path.read_text().split("sha-256:")[1][:10]
    assert path.stat().st_mode & 0o777 == 0o640


# --- imports


def test_an_import_waits_for_its_cap_file(place):
    outbound = place.sidecar("outbound", {
        "imports": {"probe": {"uri": "../inbound/probe.cap", "socket": "unix:probe.sock"}}})
    outbound.wait_log(r"import probe: waiting for \S*probe.cap \(0 s\)")
    client = raw.RawPeer(harness.connect(outbound.socket("probe.sock")), harness.DEADLINE)
    client.send(w.bootstrap(0))
    assert client.quiet(0.2)
    topology.one(place, topology.App(place, "cpp-tcp"))
    assert client.returned(0).how == "results"


def test_a_changed_cap_file_closes_local_connections_and_leads_the_next_elsewhere(place):
    app = topology.App(place, "cpp-tcp")
    cap = place.path / "current.cap"

    def vat(name):
        sidecar = place.sidecar(name, {"listen": LISTEN, "app": app.config, "exports": PUBLIC})
        return sidecar, sidecar.cap("probe.cap")
    (one, uri_one), (two, uri_two) = vat("one"), vat("two")
    cap.write_text(uri_one + "\n")
    outbound = place.sidecar("outbound", {
        "imports": {"probe": {"uri": str(cap), "socket": "unix:probe.sock"}}})
    address = outbound.socket("probe.sock")
    before = f.Client(address)
    before.echo()
    (place.path / "next.cap").write_text(uri_two + "\n")
    (place.path / "next.cap").rename(cap)
    before.ends()
    f.Client(address).echo()
    assert one.metric("vatmesh_restores_total") == 1 and two.metric("vatmesh_restores_total") == 1


def as_nobody(where):
    """What user 65534 meets at the socket address `where`: "refused" by the file's mode, "closed" by
    the sidecar, or "held"."""
    code = f"""if True:
        import os, socket
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(1)
        try:
            s.connect({where!r})
            print("closed" if s.recv(1) == b"" else "spoken to")
        except PermissionError:
            print("refused")
        except ConnectionResetError:
            print("closed")
        except TimeoutError:
            print("held")
        """
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          timeout=harness.DEADLINE).stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to act as another user")
@pytest.mark.parametrize("kind", ["unix", "abstract"])
@pytest.mark.parametrize("allow, served", [(None, False), ([65534], True), ([7], False), ("any", True)])
def test_local_sockets_serve_their_users_only(place, kind, allow, served):
    place.path.chmod(0o755)
    address = "unix:probe.sock" if kind == "unix" else f"unix-abstract:{place.path.name}"
    where = {"address": address, **({"allowUids": allow} if allow else {})}
    outbound = place.sidecar("outbound", {"imports": {"probe": {"uri": "x.cap", "socket": where}}})
    outbound.folder.chmod(0o755)
    path = outbound.folder / "probe.sock"
    if kind == "unix":
        assert path.stat().st_mode & 0o777 == (0o666 if allow else 0o600)
    met = as_nobody(str(path) if kind == "unix" else "\0" + place.path.name)
    # An abstract socket has no file whose mode could refuse: only the credentials stand between.
    by_mode = kind == "unix" and allow is None
    assert met == ("held" if served else "refused" if by_mode else "closed")


# --- end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_says_goodbye_to_every_link_and_ends_with_0(place, number):
    front = f.Front(place)
    front.sidecar.signal(number)
    abort = front.witness.ends()
    assert (abort.kind, abort.reason) == ("disconnected", "Vat shut down")
    front.witness.close()
    assert front.sidecar.wait() == 0


def test_a_peer_that_does_not_close_holds_the_end_up_for_a_second_at_most(place):
    front = f.Front(place)
    begin = time.monotonic()
    front.sidecar.signal(signal.SIGTERM)
    assert front.sidecar.wait() == 0
    assert time.monotonic() - begin < 10  # a loaded machine is slow; without the bound it is for ever


def test_no_new_connection_is_served_while_it_ends(place):
    front = f.Front(place)
    front.sidecar.signal(signal.SIGTERM)
    assert front.witness.ends() is not None
    try:
        late = raw.RawPeer(harness.connect(front.address), harness.DEADLINE)
        late.send(w.bootstrap(0))
        assert late.ends() is None, "it was accepted: it got an Abort"
    except OSError:
        pass  # refused, or reset in the backlog
    front.sidecar.wait()


def child(place, script, **more):
    """A sidecar that runs a shell script as its application."""
    return place.sidecar("inbound", {
        "listen": LISTEN, "app": {"run": ["/bin/sh", "-c", script]}, "exports": PUBLIC}, **more)


def test_signals_are_passed_on_and_the_exit_status_of_the_application_is_ours(place):
    sidecar = child(place, "trap 'echo got TERM; exit 5' TERM; trap 'echo got HUP' HUP; echo up; "
                    "while :; do sleep 0.02; done", expect=(5,))
    sidecar.wait_log("up")
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log("got HUP")
    assert sidecar.running(), "a reload of the application is no end of the sidecar"
    sidecar.signal(signal.SIGTERM)
    assert sidecar.wait() == 5
    assert "got TERM" in sidecar.log()


def test_an_application_killed_by_a_signal_ends_the_sidecar_with_128_and_its_number(place):
    sidecar = child(place, "kill -KILL $$", ready=False, expect=(137,))
    assert sidecar.wait() == 137


def test_the_application_ends_with_the_sidecar_that_could_not_start(place):
    """The second application can't be run: the first one, which was, must not stay."""
    (place.path / "failing").mkdir()
    marker = place.path / "failing" / "pid"
    log = fails(place, {
        "listen": LISTEN, "app": {"run": ["/bin/sh", "-c", "echo $$ > pid; exec sleep 1000"]},
        "exports": {"a": {"id": {"public": "a"}},
                    "b": {"id": {"public": "b"}, "app": {"run": ["/does/not/exist"]}}}}, 64)
    assert "only one application can be run" in log

    def gone():
        if not marker.exists() or not marker.read_text().strip():
            return True  # ended before it could say so
        return not os.path.exists(f"/proc/{marker.read_text().strip()}/exe")
    harness.eventually(gone, "the application ends")


# --- descriptors


def test_idle_connections_leave_descriptors_for_admin_and_for_those_who_are_there(place):
    app = topology.App(place, "cpp-tcp")
    sidecar = place.sidecar("inbound", {"listen": LISTEN, "app": app.config, "exports": PUBLIC,
                                        "imports": {"x": {"uri": "x.cap", "socket": "unix:x.sock"}}},
                            descriptors=(100, 128))
    address = harness.uri_place(sidecar.cap("probe.cap"))
    witness = f.Client(address)
    witness.echo()
    idle = [harness.connect(address) for _ in range(200)]
    try:
        # (128 - 64) / 2, since each peer may have a link to the application; the witness is one.
        refused = 200 - 31
        harness.eventually(lambda: sidecar.metric("vatmesh_connections_refused_total") == refused,
                           "the others are refused")
        assert sidecar.get("/livez") == (200, "ok\n")
        witness.echo()
        with harness.connect(sidecar.socket("x.sock")) as local:
            assert local.recv(1) == b"", "imports share the budget"
        assert sidecar.log().count(": refused: 32 incoming connections are open") <= 3
    finally:
        for each in idle:
            each.close()
    harness.eventually(lambda: sidecar.metric("vatmesh_connections_open") <= 2, "they are gone")
    f.Client(address).echo()


def test_the_application_that_is_run_has_the_limit_of_descriptors_that_we_were_given(place):
    sidecar = child(place, "echo limit $(ulimit -Sn); exec sleep 1000", descriptors=(100, 128),
                    ready=False, expect=None)
    assert sidecar.wait_log(r"limit (\d+)").group(1) == "100"


# --- admin and logs


def test_admin_pages(place):
    front = f.Front(place)
    get = front.sidecar.get
    assert get("/livez") == (200, "ok\n") and get("/startupz") == (200, "ok\n")
    assert get("/readyz") == (200, "ok\n")
    assert get("/readyz?verbose")[1].endswith("[+] application\nok\n")
    assert re.fullmatch(r"vatmesh-sidecar \d+\.\d+\.\d+\n", get("/version")[1])
    assert get("/")[0] == 404 and get("/metrics/")[0] == 404


def test_metrics_count_what_happened(place):
    front = f.Front(place)
    metric = front.sidecar.metric
    assert metric("vatmesh_ready") == 1
    assert metric("vatmesh_app_link_up") == 1
    calls = metric("vatmesh_calls_total")
    front.witness.echo()
    assert metric("vatmesh_calls_total") == calls + 1
    text = front.sidecar.get("/metrics")[1]
    assert re.search(r'vatmesh_connections_open\{direction="in",transport="plain"\} 1$', text, re.M)
    assert re.search(r'vatmesh_restores_total\{result="ok"\} 1$', text, re.M)
    assert metric("vatmesh_received_bytes_total") > 0 and metric("vatmesh_sent_bytes_total") > 0


def test_readiness_follows_the_application(place):
    app = topology.App(place, "cpp-unix")
    address = topology.one(place, app)
    sidecar = next(p for p in place.started if p.name == "inbound")
    client = f.Client(address)
    client.echo()
    app.process.kill()
    harness.eventually(lambda: sidecar.get("/readyz")[0] == 503, "not ready without the application")
    assert "[-] application: " in sidecar.get("/readyz")[1]
    assert sidecar.get("/livez")[0] == 200 and sidecar.get("/startupz")[0] == 200
    os.unlink(app.address.removeprefix("unix:"))
    topology.App(place, "cpp-unix", name="app")
    sidecar.wait_ready()


def test_no_secret_is_told(place):
    """Ids, whole URIs and the key must not stand in a log or a metric."""
    canary = "canary-5d1f"
    app = topology.App(place, "cpp-tcp")
    inbound = place.sidecar("inbound", {
        "key": "vat.key", "listen": "tcp:127.0.0.1:0", "app": app.config, "log": {"level": "debug"},
        "exports": {"probe": {"capFile": "probe.cap"},
                    "public": {"id": {"public": canary}, "capFile": "public.cap"}}})
    uri = inbound.cap("probe.cap")
    outbound = place.sidecar("outbound", {
        "log": {"level": "debug"},
        "imports": {"probe": {"uri": uri, "socket": "unix:probe.sock"},
                    "public": {"uri": "../inbound/public.cap", "socket": "unix:public.sock"},
                    "wrong": {"uri": uri[:-4] + "AAAA", "socket": "unix:wrong.sock"}}})
    for name in ("probe", "public"):
        f.Client(outbound.socket(f"{name}.sock")).echo()
    wrong = raw.RawPeer(harness.connect(outbound.socket("wrong.sock")), harness.DEADLINE)
    wrong.send(w.bootstrap(0))
    assert wrong.returned(0).reason.endswith(f.UNKNOWN_ID)
    key = [line for line in (inbound.folder / "vat.key").read_text().splitlines() if "---" not in line]
    secrets = [canary, uri.rsplit("/", 1)[1], uri[:-4] + "AAAA", *key]
    for sidecar in (inbound, outbound):
        told = sidecar.log() + sidecar.get("/metrics")[1] + sidecar.get("/readyz?verbose")[1]
        for secret in secrets:
            assert secret not in told
