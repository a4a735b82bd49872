// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/append_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace vatmesh::event {
namespace {

namespace fs = std::filesystem;

class AppendFileTest : public testing::Test {
 protected:
  AppendFileTest() : folder_(fs::path(testing::TempDir()) / "append_file_test") {
    fs::remove_all(folder_);
    fs::create_directory(folder_);
  }
  ~AppendFileTest() override { fs::remove_all(folder_); }

  std::string path(const char* name = "file") const { return folder_ / name; }
  void write(const std::string& content) const { std::ofstream(path()) << content; }
  std::string content(const char* name = "file") const {
    std::ifstream in(path(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path folder_;
};

TEST_F(AppendFileTest, IsPrivateAndGrows) {
  auto file = AppendFile::open(path(), "VMJ");
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_TRUE(file->append("VMJ").ok());
  EXPECT_TRUE(file->append(" and more").ok());
  EXPECT_EQ(content(), "VMJ and more");
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(AppendFileTest, KeepsAnEarlierOneAndMakesItPrivate) {
  constexpr auto kPrivate = fs::perms::owner_read | fs::perms::owner_write;
  for (const char* earlier : {"VMJ of yesterday", "VMJ of today"}) {
    write(earlier);
    fs::permissions(path(), fs::perms::all);
    auto file = AppendFile::open(path(), "VMJ");
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(content(), "");
    EXPECT_EQ(content("file.1"), earlier);
    for (const char* name : {"file", "file.1"}) {
      EXPECT_EQ(fs::status(path(name)).permissions(), kPrivate);
    }
  }
  // One with nothing in it is no evidence to keep.
  ASSERT_TRUE(AppendFile::open(path(), "VMJ").ok());
  EXPECT_EQ(content("file.1"), "VMJ of today");
}

TEST_F(AppendFileTest, KeepsNothingInThePlaceOfAnotherFile) {
  write("VMJ of yesterday");
  std::ofstream(path("file.1")) << "precious";
  EXPECT_EQ(AppendFile::open(path(), "VMJ").status().message(),
            path("file.1") + " has another content and is left alone; name another file");
  EXPECT_EQ(content(), "VMJ of yesterday");
  EXPECT_EQ(content("file.1"), "precious");
}

TEST_F(AppendFileTest, LeavesOtherFilesAlone) {
  write("-----BEGIN PRIVATE KEY-----");
  auto file = AppendFile::open(path(), "VMJ");
  EXPECT_EQ(file.status().message(),
            path() + " has another content and is left alone; name another file");
  EXPECT_EQ(content(), "-----BEGIN PRIVATE KEY-----");
}

TEST_F(AppendFileTest, WantsARegularFile) {
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(AppendFile::open(path(), "VMJ").status().message(),
            path() + " is no regular file; name another");
  fs::create_symlink("elsewhere", path("link"));
  EXPECT_FALSE(AppendFile::open(path("link"), "VMJ").ok());
  EXPECT_FALSE(AppendFile::open(path("missing/file"), "VMJ").ok());
}

TEST_F(AppendFileTest, BlamesThePathWhenItCantBeOpened) {
  const Status status = AppendFile::open(folder_, "VMJ").status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.message(), folder_.string() + ": Is a directory; name another file");
}

}  // namespace
}  // namespace vatmesh::event
