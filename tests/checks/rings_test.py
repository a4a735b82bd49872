# SPDX-License-Identifier: Apache-2.0
"""The ring check finds what is planted, and leaves alone what is allowed."""

import pathlib
import tempfile
import unittest

from checks import rings


class RingsTest(unittest.TestCase):
    def problems(self, source, include):
        """What the check says of a tree in which `source` has just that include."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in ("rpc/base/a.h", "rpc/wire/a.h", "rpc/captp/a.h", "rpc/crypto/a.h",
                         "persistence/store.h", "persistence/file_store.h", "sidecar/net/a.h",
                         "sidecar/link/a.h", "sidecar/metrics/a.h", "sidecar/sidecar.h",
                         "deploy/cli/a.h", "rpc/schema/x.capnp",
                         "rpc/schema/vatmesh.capnp", "rpc/schema/control.h",
                         "sidecar/control/a.h"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text("")
            (root / source).parent.mkdir(parents=True, exist_ok=True)
            (root / source).write_text(f"// first line\n#include {include}\n")
            return rings.check(root)

    def test_allows_lower_rings(self):
        for source, include in (
                ("rpc/wire/b.cc", '"rpc/base/a.h"'), ("rpc/captp/b.cc", '"rpc/wire/a.h"'),
                ("rpc/captp/b.cc", '"rpc/crypto/a.h"'), ("sidecar/link/b.cc", '"rpc/captp/a.h"'),
                ("sidecar/link/b.cc", '"sidecar/net/a.h"'),
                ("sidecar/main.cc", '"sidecar/sidecar.h"'),
                ("persistence/b.cc", '"rpc/crypto/a.h"'),
                ("deploy/cli/b.cc", '"sidecar/net/a.h"'),
                ("tests/sidecar/b_test.cc", '"sidecar/sidecar.h"'),
                ("rpc/wire/b.cc", '"rpc/schema/x.capnp.h"'),
                ("rpc/wire/b.cc", "<capnp/message.h>"), ("rpc/crypto/b.cc", "<openssl/sha.h>"),
                ("sidecar/event/b.cc", "<event2/event.h>"), ("rpc/captp/b.cc", "<vector>"),
                ("sidecar/net/b.cc", "<sys/socket.h>"),
                ("deploy/examples/x/b.cc", "<capnp/ez-rpc.h>"),
                ("sidecar/control/b.cc", '"sidecar/link/a.h"'),
                ("deploy/examples/x/b.cc", '"b.cc"'),
                ("deploy/examples/x/b.cc", '"vatmesh.capnp.h"'), ("tests/peers/b.cc", '"b.cc"')):
            self.assertEqual(self.problems(source, include), [], f"{source} {include}")

    def test_refuses_every_planted_violation(self):
        for source, include in (
                # upwards
                ("rpc/base/b.cc", '"rpc/wire/a.h"'), ("rpc/wire/b.h", '"rpc/captp/a.h"'),
                ("rpc/wire/b.h", '"rpc/crypto/a.h"'), ("sidecar/net/b.cc", '"sidecar/link/a.h"'),
                ("sidecar/link/b.cc", '"sidecar/sidecar.h"'),
                ("persistence/store.h", '"persistence/file_store.h"'),
                # between top-level folders
                ("rpc/captp/b.cc", '"sidecar/net/a.h"'), ("rpc/captp/b.cc", '"persistence/store.h"'),
                ("persistence/b.cc", '"rpc/captp/a.h"'), ("persistence/b.cc", '"sidecar/net/a.h"'),
                ("sidecar/main.cc", '"deploy/cli/a.h"'),
                ("deploy/cli/b.cc", '"sidecar/metrics/a.h"'),
                ("deploy/examples/x/b.cc", '"rpc/base/a.h"'),
                ("deploy/examples/x/b.cc", '"control.h"'), ("tests/peers/b.cc", '"vatmesh.capnp.h"'),
                ("tests/peers/b.cc", '"rpc/base/a.h"'), ("tests/bench/b.cc", '"rpc/base/a.h"'),
                ("sidecar/net/b.cc", '"sidecar/control/a.h"'),
                # third-party headers away from home
                ("sidecar/net/b.cc", "<openssl/ssl.h>"), ("sidecar/link/b.cc", "<event2/event.h>"),
                ("sidecar/sidecar.cc", "<yaml-cpp/yaml.h>"),
                ("sidecar/admin/b.cc", "<prometheus/counter.h>"),
                ("rpc/captp/b.cc", "<capnp/message.h>"), ("rpc/wire/b.cc", "<capnp/rpc.h>"),
                ("rpc/wire/b.cc", "<kj/async-io.h>"), ("sidecar/main.cc", "<capnp/ez-rpc.h>"),
                ("rpc/captp/b.cc", '"rpc/schema/x.capnp.h"'), ("rpc/wire/b.cc", "<gtest/gtest.h>"),
                # effects below the line
                ("rpc/vat/b.cc", "<sys/socket.h>"), ("rpc/captp/b.cc", "<thread>"),
                ("persistence/record.cc", "<fstream>"),
                # nowhere
                ("rpc/wire/b.cc", '"a.h"'), ("misc/b.cc", "<vector>"),
                ("rpc/wire/b.cc", '"rpc/wire/gone.h"')):
            self.assertEqual(len(self.problems(source, include)), 1, f"{source} {include}")

    def test_names_file_and_line(self):
        problem = self.problems("rpc/base/b.cc", '"rpc/wire/a.h"')[0]
        self.assertTrue(problem.startswith("rpc/base/b.cc:2: "), problem)


if __name__ == "__main__":
    unittest.main()
