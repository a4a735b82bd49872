# SPDX-License-Identifier: Apache-2.0
"""The program `vatmesh`: what it prints, where, and with which exit code."""

import base64
import hashlib
import hmac
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

import harness

pytestmark = pytest.mark.needs("vatmesh")

KEYS = Path(__file__).parents[1] / "vectors" / "ocaml-capnp-rpc" / "keys"
DIGEST = "3pywQipBn7l-TEDuDkdqL-_pcmHT6WIn02N-Q5TMHZY"
URI = f"capnp://sha-256:{DIGEST}@calc.example.com:7000/c2VjcmV0"
SECRET = "c2VjcmV0"

COMMANDS = ["expose", "open", "call", "key new", "key show", "refs list", "refs show", "refs revoke",
            "store copy", "uri show", "uri derive", "uri check", "validate"]


@pytest.fixture
def run(tmp_path):
    """Runs vatmesh in a folder of its own."""

    def run(*words, program=None, **more):
        done = subprocess.run(
            [str(program or harness.program_path("vatmesh")), *map(str, words)], cwd=tmp_path,
            capture_output=True, text=True, timeout=harness.DEADLINE, **more)
        assert not harness.SANITIZER.search(done.stderr), done.stderr
        assert SECRET not in done.stderr
        return done

    return run


@pytest.fixture
def beside_fake(tmp_path):
    """A copy of vatmesh beside a sidecar that shows its arguments and its standard input."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy(harness.program_path("vatmesh"), folder / "vatmesh")
    fake = folder / "vatmesh-sidecar"
    fake.write_text('#!/bin/sh\necho "ARGV $*"\necho "PID $$"\ncat\nexit 7\n')
    fake.chmod(0o755)
    return folder / "vatmesh"


def fails(done, code, text):
    assert (done.returncode, done.stdout) == (code, ""), done
    assert done.stderr == f"vatmesh: {text}\n"


# ---- finding the command

def test_the_first_word_of_two_has_a_help_of_its_own(run):
    done = run("key", "--help")
    assert done.returncode == 0
    assert "vatmesh key new FILE" in done.stdout and "vatmesh key show FILE" in done.stdout


def test_help_lists_every_command(run):
    for words in (["help"], ["--help"], ["-h"]):
        done = run(*words)
        assert done.returncode == 0 and done.stderr == ""
        for command in COMMANDS:
            assert f"\n  {command} " in done.stdout


def test_without_a_command_the_help_is_an_error(run):
    done = run()
    assert done.returncode == 64 and done.stdout == "" and "commands:" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run, command):
    done = run(*command.split(), "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert f"usage: vatmesh {command}" in done.stdout
    assert re.search(rf"example:\n  vatmesh {command}", done.stdout)
    assert run("help", *command.split()).stdout == done.stdout


def test_version_is_one_line(run):
    assert re.fullmatch(r"vatmesh \d+\.\d+\.\d+\n", run("version").stdout)
    assert run("--version").stdout == run("version").stdout


@pytest.mark.parametrize("words,text", [
    (["expos"], 'unknown command "expos"; did you mean "expose"?'),
    (["uri", "chek", "x"], 'unknown command "uri chek"; did you mean "uri check"?'),
    (["key"], 'unknown command "key"; write key new or key show'),
    (["frobnicate"], 'unknown command "frobnicate"; vatmesh help lists them'),
    (["expose", "tcp:h:1", "--listn", "x"], 'unknown flag "--listn"; did you mean --listen?'),
    (["expose", "tcp:h:1", "--zzz"], 'unknown flag "--zzz"; --help lists them'),
    (["expose", "tcp:h:1", "-listen", "x"], 'unknown flag "-listen"; did you mean --listen?'),
    (["expose", "tcp:h:1", "--name"], "--name needs a value: --name NAME"),
    (["expose", "tcp:h:1", "--name=a", "--name", "b"], "--name is given twice; keep one of them"),
    (["expose", "tcp:h:1", "--print-config=x"], "--print-config takes no value"),
    (["expose"], "something is missing; write vatmesh expose ADDRESS, or --help"),
    (["key", "show", "a", "b"], "too many arguments; write vatmesh key show FILE, or --help"),
])
def test_wrong_words_are_named_with_a_remedy(run, words, text):
    fails(run(*words), 64, text)


def test_a_uri_in_the_wrong_place_is_not_repeated(run):
    for words in ([URI], ["open", URI, URI], [f"--{URI}"], ["open", f"--{URI}"], ["validate", URI],
                  ["key", "new", URI], ["key", "show", URI],
                  ["uri", "derive", "--name", "x", "--address", "tcp:h:1", "--key", URI],
                  ["uri", "derive", "--name", "x", "--address", URI, "--key", KEYS / "key1.pem"],
                  ["expose", "tcp:127.0.0.1:1", "--cap-file", URI]):
        assert run(*words).returncode == 64  # `run` looks for the secret in stderr


def test_a_misspelt_uri_is_no_path(run):
    bare = URI.removeprefix("capnp://")
    for text in (f"CAPNP://{bare}", f" {URI}", f"'{URI}'", f"canp://{bare}", f"capnp:/{bare}", bare):
        for words in (["uri", "check"], ["open", "--socket", "unix:c.sock"]):
            done = run(*words, text)
            assert done.returncode == 64 and "looks like capnp://sha-256:" in done.stderr


# ---- key

def test_key_new_makes_a_private_file_once(run, tmp_path):
    done = run("key", "new", "run/vat.key")
    assert done.returncode == 0 and done.stderr == ""
    assert re.fullmatch(r"sha-256:[\w-]{43}\n", done.stdout)
    path = tmp_path / "run" / "vat.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_bytes()
    assert text.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert run("key", "show", "run/vat.key").stdout == done.stdout

    fails(run("key", "new", "run/vat.key"), 64,
          "key file run/vat.key: there is one already, it is left alone")
    assert path.read_bytes() == text


def test_key_show_names_the_file_and_the_cause(run, tmp_path):
    done = run("key", "show", "missing.key")
    assert done.returncode == 64 and "missing.key" in done.stderr
    (tmp_path / "bad.key").write_text("nonsense")
    done = run("key", "show", "bad.key")
    assert done.returncode == 64 and "bad.key" in done.stderr


# ---- uri

def test_uri_show_prints_the_parts_without_the_id(run, tmp_path):
    (tmp_path / "calc.cap").write_text(URI + "\n")
    for where in (URI, "calc.cap"):
        done = run("uri", "show", where)
        assert done.returncode == 0
        assert done.stdout == ("location:    tcp:calc.example.com:7000\n"
                               f"fingerprint: sha-256:{DIGEST}\n"
                               "id:          6 bytes, digest K7gNU3sdo-…\n")


def test_uri_show_tells_a_bootstrap_from_an_id(run):
    done = run("uri", "show", "capnp://insecure@/run/calc.sock/")
    assert done.stdout == ("location:    unix:/run/calc.sock\n"
                           "fingerprint: insecure\n"
                           "id:          none (the vat's bootstrap)\n")


def test_uri_check_is_stricter_than_uri_show(run, tmp_path):
    assert run("uri", "check", URI).stdout == (
        "ok: tcp:calc.example.com:7000 (sha-256:3pywQipBn7…, id K7gNU3sdo-…)\n")
    for text in (URI.replace(":7000", ":65536"), URI + "==", URI + "?x=1",
                 URI.replace(DIGEST, "AAAA"), URI.replace("capnp", "CAPNP")):
        (tmp_path / "x.cap").write_text(text + "\n")
        assert run("uri", "show", "x.cap").returncode == 0
        done = run("uri", "check", "x.cap")
        assert done.returncode == 64 and done.stdout == ""
        assert done.stderr.startswith("vatmesh: x.cap: ")


def test_uri_commands_name_a_bad_cap_file(run, tmp_path):
    fails(run("uri", "show", "missing.cap"), 64, "missing.cap: No such file or directory: "
          "write a URI (capnp://…) or the path of a cap file")
    (tmp_path / "empty.cap").write_text("\n")
    fails(run("uri", "check", "empty.cap"), 64, "empty.cap: the file is empty")
    (tmp_path / "bad.cap").write_text(f"capnp://insecure@h/{SECRET}\n")
    assert run("uri", "show", "bad.cap").stderr.startswith("vatmesh: bad.cap: no port; ")
    (tmp_path / "large.cap").write_text("x" * 100_000)
    fails(run("uri", "show", "large.cap"), 64, "large.cap: too large")


def test_uri_derive_agrees_with_the_ocaml_network(run):
    done = run("uri", "derive", "--key", KEYS / "key1.pem", "--name", "main", "--address",
               "tcp:[::1]:7000")
    assert done.returncode == 0, done.stderr
    fingerprint = run("key", "show", KEYS / "key1.pem").stdout.strip()
    # The id is the one that derived-ids.json has for this key and name.
    assert done.stdout == (f"capnp://{fingerprint}@[::1]:7000/"
                           "0lWynebRNiFMMVlhYjGYl8Z5MoLGaX60AuTHsqsMeus\n")
    done = run("uri", "derive", "--key", KEYS / "key1.pem", "--name", "main", "--address",
               "unix:/run/s", "--tls=off")
    assert done.stdout == ("capnp://insecure@/run/s/"
                           "0lWynebRNiFMMVlhYjGYl8Z5MoLGaX60AuTHsqsMeus\n")


def test_uri_derive_prints_the_uri_of_a_consumer(run):
    key = KEYS / "key1.pem"
    words = ["uri", "derive", "--key", key, "--name", "main", "--address", "tcp:h:7", "--consumer",
             "team-a"]
    fingerprint = run("key", "show", key).stdout.strip()
    for more, generation in (([], 1), (["--generation=2"], 2)):
        secret = hashlib.sha256(key.read_bytes()).digest()
        id = hmac.digest(secret, b"main\0team-a\0%d" % generation, "sha256")
        text = base64.urlsafe_b64encode(id).decode().rstrip("=")
        assert run(*words, *more).stdout == f"capnp://{fingerprint}@h:7/{text}\n"
    fails(run(*words, "--generation", "0"), 64,
          '--generation "0" is no generation; write a number from 1 on')
    fails(run(*words[:-2], "--generation", "2"), 64,
          "--generation is one of a consumer; add --consumer NAME")


def test_uri_derive_wants_what_it_needs(run):
    key = KEYS / "key1.pem"
    fails(run("uri", "derive", "--key", key, "--name", "main"), 64,
          "--address is missing; see vatmesh uri derive --help")
    fails(run("uri", "derive", "--key", key, "--name", "x", "--address", "tcp:h:1", "--tls", "no"),
          64, '--tls "no" is not known; write on or off')
    for address in ("tcp:h:0", "unix:relative", "unix-abstract:a", "h:1"):
        done = run("uri", "derive", "--key", key, "--name", "x", "--address", address)
        assert done.returncode == 64 and done.stderr.startswith("vatmesh: --address: "), done


# ---- validate

def test_validate_says_everything_at_once(run, tmp_path):
    (tmp_path / "s.yaml").write_text("lisen: x\nimports:\n  a: {uri: a, socket: unix:s}\n  b:\n")
    done = run("validate", "s.yaml")
    assert done.returncode == 64 and done.stdout == ""
    assert done.stderr == (
        's.yaml:1:1: unknown key "lisen"; did you mean "listen"?\n'
        "s.yaml:4:3: imports.b has no uri; add the path of a cap file, or a URI\n"
        "s.yaml:4:3: imports.b has no socket; add the address where local programs find it, as "
        "in unix:run/b.sock\n")


def test_validate_accepts_a_file_and_warns(run, tmp_path):
    (tmp_path / "s.yaml").write_text("imports: {a: {uri: a.cap, socket: tcp:127.0.0.1:1}}\n")
    done = run("validate", "s.yaml")
    assert (done.returncode, done.stdout) == (0, "s.yaml: ok\n")
    assert done.stderr == ("s.yaml: warning: imports.a.socket: every user of this host may use "
                           "tcp:127.0.0.1:1; a unix: address keeps others out\n")


def test_the_example_of_every_key_has_every_key_and_validates(run):
    example = harness.ROOT / "deploy/examples/every-key.yaml"
    done = run("validate", example)
    assert done.returncode == 0
    # Where there is little memory, it warns of that.
    assert re.sub(r".*: warning: limits\..*\n", "", done.stderr) == ""
    words = set(re.findall(r"(\w+)", example.read_text()))
    keys = set()
    for source in (harness.ROOT / "sidecar/config").glob("load*.cc"):
        for array in re.findall(r"string_view, \d+> k\w*Keys\s*{([^}]*)}", source.read_text()):
            keys |= set(re.findall(r'"(\w+)"', array))
    assert len(keys) > 50 and keys - words == set()


def test_validate_reads_standard_input(run):
    assert run("validate", "-", input="imports:\n").stdout == "-: ok\n"
    assert run("validate", "-", input="a: [").stderr.startswith("-:1:")


def test_validate_names_a_missing_file(run):
    fails(run("validate", "none.yaml"), 64,
          "none.yaml: No such file or directory: is the path right?")


# ---- expose and open

def test_expose_prints_a_configuration_that_validates(run, tmp_path):
    done = run("expose", "tcp:127.0.0.1:5000", "--key", "vat.key", "--listen", "tcp:0.0.0.0:7000",
               "--advertise", "tcp:calc.example.com:7000", "--name", "calc", "--id", "public:c",
               "--cap-file", "calc.cap", "--links", "shared", "--print-config")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"key: {tmp_path}/vat.key\n"
                           "listen: tcp:0.0.0.0:7000\n"
                           "advertise: tcp:calc.example.com:7000\n"
                           'app: {dial: "tcp:127.0.0.1:5000", links: shared}\n'
                           "exports:\n"
                           "  calc:\n"
                           '    id: {public: "c"}\n'
                           f"    capFile: {tmp_path}/calc.cap\n")
    assert run("validate", "-", input=done.stdout).returncode == 0


def test_expose_has_defaults(run):
    assert run("expose", "unix:/run/app.sock", "--print-config").stdout == (
        "key: ephemeral\nlisten: tcp:127.0.0.1:7000\napp: unix:/run/app.sock\n"
        "exports:\n  main:\n    id: derived\n")


def test_expose_hands_its_configuration_to_the_sidecar(run, beside_fake):
    done = run("expose", "tcp:127.0.0.1:5000", program=beside_fake)
    assert done.returncode == 7  # vatmesh becomes the sidecar
    lines = done.stdout.splitlines()
    assert lines[0] == "ARGV --config - --print-uris"
    assert "\n".join(lines[2:]) + "\n" == run("expose", "tcp:127.0.0.1:5000",
                                              "--print-config").stdout
    assert done.stderr == ("vatmesh: the key is ephemeral, so the URI ends with this process; "
                           "--key FILE makes it last\n")


def test_expose_takes_the_options_of_the_ocaml_library_and_their_beginnings(run):
    usual = run("expose", "tcp:127.0.0.1:5000", "--key", "vat.key", "--listen", "tcp:127.0.0.1:1",
                "--advertise", "tcp:h.example.com:2", "--tls", "off", "--print-config")
    assert usual.returncode == 0, usual
    for words in (["--capnp-secret-key-file=vat.key", "--capnp-listen-address", "tcp:127.0.0.1:1",
                   "--capnp-public-address=tcp:h.example.com:2", "--capnp-disable-tls"],
                  ["--capnp-s", "vat.key", "--capnp-l=tcp:127.0.0.1:1", "--capnp-pub",
                   "tcp:h.example.com:2", "--capnp-d"]):
        assert run("expose", "tcp:127.0.0.1:5000", *words, "--print-config").stdout == usual.stdout


@pytest.mark.parametrize("words,text", [
    (["--capnp-l=tcp:h:1", "--listen", "tcp:h:2"],
     "--listen and --capnp-listen-address mean the same; keep one of them"),
    (["--capnp-d", "--tls=on"], "--tls and --capnp-disable-tls mean the same; keep one of them"),
    (["--capnp-listen=tcp:h:1", "--capnp-l=tcp:h:2"],
     "--capnp-listen-address is given twice; keep one of them"),
])
def test_expose_takes_each_wish_once(run, words, text):
    fails(run("expose", "tcp:127.0.0.1:5000", *words), 64, text)


def test_options_of_the_ocaml_library_have_a_help_section_where_they_are_taken(run):
    title = "CAP'N PROTO OPTIONS"
    assert title in run("expose", "--help").stdout
    assert title not in run("open", "--help").stdout
    fails(run("open", "x.cap", "--capnp-d"), 64, 'unknown flag "--capnp-d"; --help lists them')
    assert title in run("--help", program=harness.program_path("vatmesh-sidecar")).stdout


def test_expose_with_a_key_promises_nothing_about_its_end(run, beside_fake):
    for flags in (["--key", "vat.key"], ["--tls", "off", "--id", "public:x"]):
        assert run("expose", "tcp:127.0.0.1:5000", *flags, program=beside_fake).stderr == ""


def test_open_keeps_the_uri_out_of_the_arguments(run, beside_fake, tmp_path):
    (tmp_path / "calc.cap").write_text(URI + "\n")
    done = run("open", URI, "--socket", "unix:s", program=beside_fake)
    assert done.returncode == 7
    lines = done.stdout.splitlines()
    assert lines[0] == "ARGV --config -"
    assert f"    uri: {URI}" in lines and f"    socket: unix:{tmp_path}/s" in lines

    done = run("open", "calc.cap", "--socket", "unix:s", program=beside_fake)
    assert f"    uri: {tmp_path}/calc.cap" in done.stdout.splitlines()
    assert SECRET not in done.stdout


def test_open_takes_a_cap_file_that_does_not_exist_yet(run):
    done = run("open", "later.cap", "--socket", "unix:s", "--print-config")
    assert done.returncode == 0 and "later.cap" in done.stdout


@pytest.mark.parametrize("words,text", [
    (["expose", "127.0.0.1:5000"],
     'address "127.0.0.1:5000": no kind; write tcp:127.0.0.1:5000'),
    (["expose", "tcp:h:1", "--listen", "tcp:0.0.0.0:7000"],
     '"tcp:0.0.0.0:7000" can\'t stand in a URI; add "advertise" with the address that peers dial, '
     "as in tcp:calc.example.com:7000"),
    (["expose", "tcp:h:1", "--tls", "maybe"], '--tls "maybe" is not known; write on or off'),
    (["expose", "tcp:h:1", "--links", "one"],
     '--links "one" is not known; write perPeer or shared'),
    (["expose", "tcp:h:1", "--id", "secret"],
     '--id "secret" is not known; write derived or public:TEXT'),
    (["open", "x.cap"],
     "--socket is missing; write --socket unix:PATH or --socket tcp:127.0.0.1:PORT"),
    (["open", "x.cap", "--socket", "tcp:0.0.0.0:1"],
     '"tcp:0.0.0.0:1" could be reached from other hosts; write a unix: or unix-abstract: address, '
     "or TCP on 127.0.0.1, [::1] or localhost"),
])
def test_expose_and_open_refuse_what_cannot_work(run, words, text):
    fails(run(*words), 64, text)


def test_open_refuses_a_malformed_uri_without_showing_it(run):
    done = run("open", f"capnp://sha-256:AAAA@h:1/{SECRET}", "--socket", "unix:s")
    assert done.returncode == 64 and "the digest has 3 bytes" in done.stderr


def test_a_missing_sidecar_is_named(run, beside_fake):
    os.remove(beside_fake.parent / "vatmesh-sidecar")
    fails(run("open", "x.cap", "--socket", "unix:s", program=beside_fake), 69,
          f"{beside_fake.parent}/vatmesh-sidecar: No such file or directory: install "
          "vatmesh-sidecar beside vatmesh")
