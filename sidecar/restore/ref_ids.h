// SPDX-License-Identifier: Apache-2.0
//
// RefIds makes the ids of durable refs from the vat's key, so that no id is stored and the same
// object, saved again for the same owner, has the same one. Each generation has another id: what
// was revoked stays so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "persistence/record.h"

namespace vatmesh::restore {

class RefIds {
 public:
  // `vat_secret` is sturdy::vatSecret. Pure; ids of two vats have nothing in common.
  explicit RefIds(std::string_view vat_secret);

  // The id, 32 raw bytes, of what `record` names: its object, its owner, and whom it is sealed for.
  // A secret.
  std::string id(const store::Record& record, uint64_t generation) const;

  // Where a store keeps which generation is the last one given out for what `record` names. No id
  // has this digest.
  store::Digest family(const store::Record& record) const;

 private:
  const std::string key_;
};

}  // namespace vatmesh::restore
