// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/grants.h"

#include <memory>
#include <utility>

#include "rpc/sturdy/object_id.h"

namespace vatmesh::restore {

store::Digest digestOf(const std::string& object_id) {
  return *store::Digest::fromBytes(sturdy::idDigest(object_id));
}

Status unknownId() {
  return {Code::kFailed, "Unknown persistent service ID"};
}

Status wasRevoked(const store::Digest& digest) {
  return {Code::kRefused, "the sturdy ref " + digest.shortName() + " was revoked"};
}

Status hasExpired(const store::Digest& digest) {
  return {Code::kRefused, "the sturdy ref " + digest.shortName() + " has expired"};
}

vat::NewObject Grants::gate(const store::Digest& digest, const captp::Capability& inner,
                            std::function<void()> gone) {
  // The id is known only once the gate is there.
  auto id = std::make_shared<captp::ObjectId>();
  vat::NewObject made = hub_.objects().gate(inner, [this, digest, id, gone = std::move(gone)] {
    remove(digest, *id);
    if (gone) gone();
  });
  *id = made.id;
  add(digest, made.id);
  return made;
}

void Grants::complete(captp::OpId op, const store::Digest& digest, const vat::BootstrapOf& found) {
  auto id = std::make_shared<captp::ObjectId>();
  *id = hub_.completeGated(op, found, [this, digest, id] { remove(digest, *id); });
  add(digest, *id);
}

bool Grants::cut(const store::Digest& digest, const Status& why) {
  const auto found = gates_.find(digest);
  if (found == gates_.end()) return false;
  for (const captp::ObjectId gate : found->second) hub_.objects().cut(gate, why);
  return true;
}

std::optional<store::Digest> Grants::refOf(captp::ObjectId gate) const {
  const auto found = refs_.find(gate);
  if (found == refs_.end()) return std::nullopt;
  return found->second;
}

void Grants::add(const store::Digest& digest, captp::ObjectId gate) {
  gates_[digest].insert(gate);
  refs_.emplace(gate, digest);
}

void Grants::remove(const store::Digest& digest, captp::ObjectId gate) {
  const auto found = gates_.find(digest);
  found->second.erase(gate);
  if (found->second.empty()) gates_.erase(found);
  refs_.erase(gate);
}

}  // namespace vatmesh::restore
