// SPDX-License-Identifier: Apache-2.0
//
// A wrong key would make every URI of this vat useless without a word, so it stops the start.
#include "sidecar/link/identity.h"

#include "rpc/sturdy/identity.h"
#include "sidecar/tls/key_file.h"

namespace vatmesh::link {

Result<tls::KeyPair> Identity::readOrMake() {
  if (key_file_.empty()) return tls::KeyPair::generate();
  if (tls::othersCanRead(key_file_)) {
    log_.warning("key", key_file_ + ": its group or others can read it: chmod 600 keeps the key, " +
                            "and every URI made from it, to this user");
  }
  if (expected_) return tls::readKeyFile(key_file_);
  Result<tls::LoadedKey> loaded = tls::readOrMakeKeyFile(key_file_);
  if (!loaded.ok()) return loaded.status();
  if (loaded->origin == tls::LoadedKey::Origin::kMade) {
    made_file_ = true;
    log_.info("key", "made a new " + loaded->key.kind() + " key: " + key_file_);
  }
  return loaded->key;
}

Status Identity::load() {
  if (loaded_) return Status();
  Result<tls::KeyPair> key = readOrMake();
  if (!key.ok()) return key.status();
  const std::string shown = sturdy::printFingerprint(key->fingerprint());
  if (expected_ && *expected_ != key->fingerprint()) {
    const std::string place = key_file_.empty() ? "a new key" : key_file_;
    return Status(Code::kRefused, place + " has fingerprint " + shown + ", expected " +
                                      sturdy::printFingerprint(*expected_) +
                                      ": put the right key there, or correct `fingerprint`");
  }
  auto from_1_3 = tls::TlsContext::create(*key, {.min_version = tls::MinTls::k13}, pool_);
  if (!from_1_3.ok()) return from_1_3.status();
  auto from_1_2 = tls::TlsContext::create(*key, {.min_version = tls::MinTls::k12}, pool_);
  if (!from_1_2.ok()) return from_1_2.status();
  log_.info("key", "this vat is " + shown);
  loaded_ = Loaded{std::move(*key), std::move(*from_1_3), std::move(*from_1_2)};
  return Status();
}

}  // namespace vatmesh::link
