// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/ref_ids.h"

#include <optional>

#include "rpc/crypto/digest.h"
#include "rpc/crypto/hmac.h"

namespace vatmesh::restore {
namespace {

void putDigest(std::string& out, const std::optional<store::Digest>& digest) {
  out += digest ? '\1' : '\0';
  if (digest) out += digest->view();
}

// Every part has a fixed size or says its own, so that no two records give one text.
std::string nameOf(char kind, const store::Record& record) {
  std::string out(1, kind);
  putDigest(out, record.owner);
  putDigest(out, record.sealed_for);
  return out += crypto::sha256(record.object_ref);
}

}  // namespace

// A hash, not derivedId: an export can have any name, and the ids of exports are given away.
RefIds::RefIds(std::string_view vat_secret)
    : key_(crypto::sha256("vatmesh durable refs" + std::string(vat_secret))) {}

std::string RefIds::id(const store::Record& record, uint64_t generation) const {
  std::string name = nameOf('i', record);
  for (int shift = 0; shift < 64; shift += 8) name += static_cast<char>(generation >> shift);
  return crypto::hmacSha256(key_, name);
}

store::Digest RefIds::family(const store::Record& record) const {
  return *store::Digest::fromBytes(crypto::hmacSha256(key_, nameOf('f', record)));
}

}  // namespace vatmesh::restore
