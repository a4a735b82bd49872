// SPDX-License-Identifier: Apache-2.0
#include "rpc/base/status.h"

#include <gtest/gtest.h>

namespace vatmesh {
namespace {

TEST(Status, MapsToTheFourTypesOfTheWire) {
  EXPECT_EQ(wireType(Code::kFailed), 0);
  EXPECT_EQ(wireType(Code::kProtocol), 0);
  EXPECT_EQ(wireType(Code::kRefused), 0);
  EXPECT_EQ(wireType(Code::kConflict), 0);
  EXPECT_EQ(wireType(Code::kCorrupt), 0);
  EXPECT_EQ(wireType(Code::kOverloaded), 1);
  EXPECT_EQ(wireType(Code::kFull), 1);
  EXPECT_EQ(wireType(Code::kDisconnected), 2);
  EXPECT_EQ(wireType(Code::kUnavailable), 2);
  EXPECT_EQ(wireType(Code::kUnimplemented), 3);
}

TEST(Status, ReadsUnknownWireTypesAsFailed) {
  for (uint16_t type : {uint16_t{0}, uint16_t{4}, uint16_t{999}})
    EXPECT_EQ(codeFromWireType(type), Code::kFailed);
  EXPECT_EQ(codeFromWireType(3), Code::kUnimplemented);
}

TEST(Status, GathersContextOnTheWayUp) {
  Status status(Code::kTimeout, "no answer");
  EXPECT_EQ(status.withContext("dial").toString(), "timeout: dial: no answer");
  EXPECT_TRUE(Status().withContext("dial").ok());
}

TEST(Result, HoldsAValueOrAnError) {
  Result<int> value = 3;
  Result<int> error = Status(Code::kNotFound, "none");
  EXPECT_TRUE(value.ok());
  EXPECT_EQ(*value, 3);
  EXPECT_TRUE(value.status().ok());
  EXPECT_FALSE(error.ok());
  EXPECT_EQ(error.status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace vatmesh
