// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "sidecar/config/load.h"

namespace vatmesh::config {
namespace {

class ReadSource : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "vatmesh-source-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
    file_ = folder_ / "sidecar.yaml";
    std::ofstream(file_) << "imports:\n";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_, file_;
};

TEST_F(ReadSource, TakesTheFolderOfTheFile) {
  Result<Source> source = readSource(file_);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(source->text, "imports:\n");
  EXPECT_EQ(source->base_folder, folder_);
  EXPECT_EQ(source->file_name, file_);
}

TEST_F(ReadSource, MakesARelativeFolderAbsolute) {
  Result<Source> source = readSource(std::filesystem::relative(file_));
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(source->base_folder, folder_);
}

TEST_F(ReadSource, SaysWhatIsWrongWithTheFile) {
  std::string missing = folder_ / "missing.yaml";
  Result<Source> source = readSource(missing);
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.status(), Status(Code::kNotFound, missing + ": No such file or directory: is "
                                                               "the path right?"));
  EXPECT_EQ(readSource(folder_).status().code(), Code::kInvalidArgument);
}

TEST_F(ReadSource, StopsBehindTheLargestText) {
  std::ofstream(file_) << std::string(3 * kMaxConfigSize, '#');
  Result<Source> source = readSource(file_);
  ASSERT_TRUE(source.ok());
  EXPECT_GT(source->text.size(), kMaxConfigSize);
  EXPECT_LT(source->text.size(), 2 * kMaxConfigSize);
}

TEST_F(ReadSource, TakesTheCurrentFolderForStandardInput) {
  int saved = dup(STDIN_FILENO);
  ASSERT_NE(std::freopen(file_.c_str(), "r", stdin), nullptr);
  Result<Source> source = readSource("-");
  dup2(saved, STDIN_FILENO);
  close(saved);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(source->text, "imports:\n");
  EXPECT_EQ(source->base_folder, std::filesystem::current_path());
}

}  // namespace
}  // namespace vatmesh::config
