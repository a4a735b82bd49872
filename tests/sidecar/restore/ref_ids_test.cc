// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/ref_ids.h"

#include <set>

#include <gtest/gtest.h>

#include "rpc/sturdy/object_id.h"
#include "sidecar/restore/grants.h"

namespace vatmesh::restore {
namespace {

TEST(RefIds, AreTheSameForTheSameAndDifferForAllElse) {
  store::Record record;
  record.object_ref = "object";
  const RefIds ids("secret");
  EXPECT_EQ(ids.id(record, 7), RefIds("secret").id(record, 7));
  EXPECT_EQ(ids.id(record, 7).size(), 32u);
  std::set<std::string> all;
  const store::Digest alice = digestOf("alice");
  for (const auto& owner : {std::optional<store::Digest>(), std::optional(alice)}) {
    for (const auto& seal : {std::optional<store::Digest>(), std::optional(alice)}) {
      for (const char* object : {"", "object"}) {
        store::Record each;
        each.object_ref = object;
        each.owner = owner;
        each.sealed_for = seal;
        for (const uint64_t generation : {uint64_t{0}, uint64_t{1}, uint64_t{256}, ~uint64_t{0}}) {
          all.insert(ids.id(each, generation));
        }
        all.insert(std::string(ids.family(each).view()));
      }
    }
  }
  EXPECT_EQ(all.size(), 2u * 2 * 2 * 5);
  EXPECT_NE(ids.id(record, 0), RefIds("secreu").id(record, 0));
}

TEST(RefIds, DoNotChangeWithLabelEndAndNotes) {
  store::Record record;
  record.object_ref = "object";
  const RefIds ids("secret");
  const std::string before = ids.id(record, 0);
  record.label = "label";
  record.expires = store::UnixTime(std::chrono::seconds(1));
  record.notes.push_back({.at = {}, .text = "note"});
  EXPECT_EQ(ids.id(record, 0), before);
}

// Whoever may name an export must not learn ids of refs by it.
TEST(RefIds, AreNoDerivedIds) {
  const std::string secret = sturdy::vatSecret("PEM");
  store::Record record;
  EXPECT_NE(RefIds(secret).id(record, 0),
            RefIds(sturdy::derivedId(secret, "vatmesh durable refs")).id(record, 0));
}

}  // namespace
}  // namespace vatmesh::restore
