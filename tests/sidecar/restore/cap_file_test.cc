// SPDX-License-Identifier: Apache-2.0
//
// Cap files: written whole, left alone when equal, never read half.
#include "sidecar/restore/cap_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/fakes/temp_dir.h"

namespace vatmesh::restore {
namespace {

sturdy::SturdyUri uriWith(char key, const std::string& id = "secret") {
  return {.location = sturdy::TcpLocation{"host", 7000},
          .digest = std::string(32, key),
          .secure = true,
          .id = id};
}

class CapFileTest : public testing::Test {
 protected:
  static std::string content(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
  static void put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  static mode_t mode(const std::string& path) {
    struct stat info{};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }
  static ino_t inode(const std::string& path) {
    struct stat info{};
    return stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
  }
  Status write(const sturdy::SturdyUri& uri) { return writeCapFile(path_, uri, log_); }

  test::TempDir folder_;
  const std::string path_ = folder_ / "a/b/x.cap";
  std::vector<std::string> lines_;
  Logger log_{LogLevel::kInfo, LogFormat::kText,
              [this](std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(CapFileTest, HoldsOneLineForItsOwnerAloneInFoldersThatItMakes) {
  ASSERT_TRUE(write(uriWith('a')).ok());
  EXPECT_EQ(content(path_), sturdy::printUri(uriWith('a')) + "\n");
  EXPECT_EQ(mode(path_), 0600u);
  EXPECT_TRUE(lines_.empty());
}

TEST_F(CapFileTest, IsLeftAloneWhenItHoldsTheSame) {
  ASSERT_TRUE(write(uriWith('a')).ok());
  const ino_t before = inode(path_);
  ASSERT_TRUE(write(uriWith('a')).ok());
  EXPECT_EQ(inode(path_), before);
}

TEST_F(CapFileTest, KeepsItsModeAndWarnsWithBothFingerprintsWhenItIsReplaced) {
  ASSERT_TRUE(write(uriWith('a')).ok());
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  ASSERT_TRUE(write(uriWith('b')).ok());
  EXPECT_EQ(content(path_), sturdy::printUri(uriWith('b')) + "\n");
  EXPECT_EQ(mode(path_), 0640u);
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_NE(lines_[0].find("YWFhYWFhYW"), std::string::npos) << lines_[0];
  EXPECT_NE(lines_[0].find("YmJiYmJiYm"), std::string::npos) << lines_[0];
}

TEST_F(CapFileTest, TellsWhichPartOfAReplacedUriIsAnotherOne) {
  ASSERT_TRUE(write(uriWith('a')).ok());
  ASSERT_TRUE(write(uriWith('a', "next")).ok());
  sturdy::SturdyUri moved = uriWith('a', "next");
  moved.location = sturdy::TcpLocation{"elsewhere", 7000};
  ASSERT_TRUE(write(moved).ok());
  ASSERT_TRUE(write(uriWith('b')).ok());
  ASSERT_EQ(lines_.size(), 3u);
  EXPECT_NE(lines_[0].find(" (another id); "), std::string::npos) << lines_[0];
  EXPECT_NE(lines_[1].find(" (another address); "), std::string::npos) << lines_[1];
  EXPECT_NE(lines_[2].find(" (another key, another address); "), std::string::npos) << lines_[2];
}

TEST_F(CapFileTest, ReplacesAnotherWritingOfTheSameUriSilently) {
  ASSERT_TRUE(write(uriWith('a')).ok());
  put(path_, sturdy::printUri(uriWith('a')) + "\n\n");
  ASSERT_TRUE(write(uriWith('a')).ok());
  EXPECT_EQ(content(path_), sturdy::printUri(uriWith('a')) + "\n");
  EXPECT_TRUE(lines_.empty());
}

TEST_F(CapFileTest, NeverOverwritesWhatIsNoUri) {
  const std::string key = folder_ / "vat.key";
  put(key, "-----BEGIN PRIVATE KEY-----\n");
  const Status status = writeCapFile(key, uriWith('a'), log_);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find(key), std::string::npos);
  EXPECT_EQ(content(key), "-----BEGIN PRIVATE KEY-----\n");
}

TEST_F(CapFileTest, NeverLogsAnId) {
  ASSERT_TRUE(write(uriWith('a', "first secret")).ok());
  ASSERT_TRUE(write(uriWith('a', "second secret")).ok());
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].find("capnp://"), std::string::npos);
}

TEST_F(CapFileTest, LeavesNoTemporaryFileBehind) {
  ASSERT_TRUE(write(uriWith('a')).ok());
  ASSERT_TRUE(write(uriWith('b')).ok());
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_ / "a/b")) {
    ++files;
  }
  EXPECT_EQ(files, 1);
}

TEST_F(CapFileTest, NamesTheFileThatCanNotBeWritten) {
  std::filesystem::create_directories(path_);
  const Status status = write(uriWith('a'));
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find(path_), std::string::npos);
}

TEST_F(CapFileTest, ReadsBackWhatWasWritten) {
  ASSERT_TRUE(write(uriWith('a')).ok());
  const auto uri = readCapFile(path_);
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(*uri, uriWith('a'));
}

TEST_F(CapFileTest, IsMissingWhenThereIsNoneOrAnEmptyOne) {
  EXPECT_EQ(readCapFile(path_)->has_value(), false);
  const std::string empty = folder_ / "empty.cap";
  put(empty, "\n");
  EXPECT_EQ(readCapFile(empty)->has_value(), false);
}

TEST_F(CapFileTest, IsAnErrorThatNamesItWhenItIsMalformed) {
  const std::string bad = folder_ / "bad.cap";
  put(bad, "http://example.com/\n");
  const auto uri = readCapFile(bad);
  ASSERT_FALSE(uri.ok());
  EXPECT_EQ(uri.status().code(), Code::kInvalidArgument);
  EXPECT_NE(uri.status().message().find(bad), std::string::npos);
}

TEST_F(CapFileTest, IsNotReadFromWhatIsNoFile) {
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(readCapFile(pipe).ok());
  EXPECT_FALSE(readCapFile(folder_.path()).ok());
}

}  // namespace
}  // namespace vatmesh::restore
