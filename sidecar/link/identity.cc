// SPDX-License-Identifier: Apache-2.0
//
// A wrong key would make every URI of this vat useless without a word, so it stops the start.
#include "sidecar/link/identity.h"

#include "rpc/sturdy/identity.h"
#include "sidecar/tls/key_file.h"

namespace vatmesh::link {
namespace {

Result<tls::KeyPair> loadKey(const config::Config& config, Logger& log) {
  if (config.key_file.empty()) return tls::KeyPair::generate();
  if (tls::othersCanRead(config.key_file)) {
    log.warning("key", config.key_file + ": its group or others can read it: chmod 600 keeps the " +
                           "key, and every URI made from it, to this user");
  }
  if (config.fingerprint) return tls::readKeyFile(config.key_file);
  Result<tls::LoadedKey> loaded = tls::readOrMakeKeyFile(config.key_file);
  if (!loaded.ok()) return loaded.status();
  if (loaded->origin == tls::LoadedKey::Origin::kMade) {
    log.info("key", "made a new " + loaded->key.kind() + " key: " + config.key_file);
  }
  return loaded->key;
}

}  // namespace

Result<Identity> Identity::load(const config::Config& config, wire::BufferPool& pool, Logger& log) {
  Result<tls::KeyPair> key = loadKey(config, log);
  if (!key.ok()) return key.status();
  const std::string shown = sturdy::printFingerprint(key->fingerprint());
  if (config.fingerprint && *config.fingerprint != key->fingerprint()) {
    const std::string place = config.key_file.empty() ? "a new key" : config.key_file;
    return Status(Code::kRefused, place + " has fingerprint " + shown + ", expected " +
                                      sturdy::printFingerprint(*config.fingerprint) +
                                      ": put the right key there, or correct `fingerprint`");
  }
  auto from_1_3 = tls::TlsContext::create(*key, {.min_version = tls::MinTls::k13}, pool);
  if (!from_1_3.ok()) return from_1_3.status();
  auto from_1_2 = tls::TlsContext::create(*key, {.min_version = tls::MinTls::k12}, pool);
  if (!from_1_2.ok()) return from_1_2.status();
  log.info("key", "this vat is " + shown);
  return Identity(std::move(*key), std::move(*from_1_3), std::move(*from_1_2));
}

}  // namespace vatmesh::link
