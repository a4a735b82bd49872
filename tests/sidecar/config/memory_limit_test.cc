// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/memory_limit.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace vatmesh::config {
namespace {

class MemoryLimit : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "vatmesh-cgroup-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void put(const std::string& file, const std::string& text) {
    std::filesystem::path path = folder_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  std::optional<uint64_t> limit() {
    return cgroupMemoryLimit(folder_ / "self", (folder_ / "fs").string());
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(MemoryLimit, IsTheLeastOfTheGroupAndThoseAround) {
  put("self", "0::/a/b\n");
  put("fs/a/b/memory.max", "max\n");
  put("fs/a/memory.max", "1000\n");
  EXPECT_EQ(limit(), 1000u);
  put("fs/a/b/memory.max", "2000\n");
  EXPECT_EQ(limit(), 1000u);
  put("fs/a/b/memory.max", "500\n");
  EXPECT_EQ(limit(), 500u);
}

TEST_F(MemoryLimit, IsFoundAtTheRootThatAContainerSees) {
  put("self", "0::/../outside\n");
  put("fs/memory.max", "4096\n");
  EXPECT_EQ(limit(), 4096u);
}

TEST_F(MemoryLimit, IsReadFromVersionOneToo) {
  put("self", "5:cpu:/x\n4:hugetlb,memory:/y\n");
  put("fs/memory/y/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(limit(), std::nullopt);
  put("fs/memory/y/memory.limit_in_bytes", "1048576\n");
  EXPECT_EQ(limit(), 1048576u);
}

TEST_F(MemoryLimit, IsAbsentWithoutGroups) {
  EXPECT_EQ(limit(), std::nullopt);
  put("self", "garbage\n0::/\n");
  EXPECT_EQ(limit(), std::nullopt);
  put("fs/memory.max", "nonsense");
  EXPECT_EQ(limit(), std::nullopt);
}

}  // namespace
}  // namespace vatmesh::config
