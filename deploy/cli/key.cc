// SPDX-License-Identifier: Apache-2.0
//
// vatmesh key new|show
#include "deploy/cli/command.h"
#include "deploy/cli/uri_source.h"
#include "rpc/sturdy/identity.h"
#include "sidecar/tls/key_file.h"
#include "sidecar/tls/key_pair.h"

namespace vatmesh::deploy {
namespace {

int makeNew(const Arguments& arguments) {
  Status status = checkPath(arguments.operands[0]);
  if (!status.ok()) return complain(status);
  tls::KeyPair key = tls::KeyPair::generate();
  status = tls::writeNewKeyFile(arguments.operands[0], key);
  if (!status.ok()) return complain(status);
  return print(sturdy::printFingerprint(key.fingerprint()) + "\n");
}

int show(const Arguments& arguments) {
  Status status = checkPath(arguments.operands[0]);
  if (!status.ok()) return complain(status);
  Result<tls::KeyPair> key = tls::readKeyFile(arguments.operands[0]);
  if (!key) return complain(key.status());
  return print(sturdy::printFingerprint(key->fingerprint()) + "\n");
}

}  // namespace

const Command kKeyNew{
    "key new",
    "FILE",
    1,
    "Make a new key, which is a vat's identity",
    "Writes an Ed25519 key as PEM with mode 0600 and prints its fingerprint. An existing file is\n"
    "never touched.\n"
    "\nexample:\n"
    "  vatmesh key new vat.key\n",
    {},
    makeNew};

const Command kKeyShow{"key show",
                       "FILE",
                       1,
                       "Print the fingerprint of a key file",
                       "The fingerprint stands in the vat's URIs and is no secret.\n"
                       "\nexample:\n"
                       "  vatmesh key show vat.key\n",
                       {},
                       show};

}  // namespace vatmesh::deploy
