// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/file_watcher.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/fakes/temp_dir.h"

namespace vatmesh::event {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

class FileWatcherTest : public testing::Test {
 protected:
  // Waits until the callback came once more; then for everything that may still be on its way.
  bool changed() {
    const int before = changes_;
    return loop_.runUntil([&] { return changes_ > before; }, seconds(10));
  }
  // Lets at least one settling time pass.
  void settle() {
    bool done = false;
    Timer timer(loop_, [&] { done = true; });
    timer.arm(5 * FileWatcher::kSettle);
    ASSERT_TRUE(loop_.runUntil([&] { return done; }, seconds(10)));
  }

  Loop loop_;
  test::TempDir dir_;
  int changes_ = 0;
};

TEST_F(FileWatcherTest, TellsThatAFileAppearsChangesIsReplacedAndDisappears) {
  const std::string path = dir_ / "ref.cap";
  FileWatcher watcher(loop_, path, [&] { ++changes_; });
  write(path, "one");
  EXPECT_TRUE(changed());
  settle();
  write(path, "longer");
  EXPECT_TRUE(changed());
  settle();
  write(path + ".new", "fresh");
  fs::rename(path + ".new", path);
  EXPECT_TRUE(changed());
  settle();
  fs::remove(path);
  EXPECT_TRUE(changed());
}

TEST_F(FileWatcherTest, SeesTheSymlinkSwapOfAMountedSecret) {
  // FILE -> ..data/FILE, ..data -> ..1: the update renames a new ..data over the old one.
  fs::create_directory(dir_ / "..1");
  fs::create_directory(dir_ / "..2");
  write(dir_ / "..1/ref.cap", "one");
  write(dir_ / "..2/ref.cap", "two");
  fs::create_symlink("..1", dir_ / "..data");
  fs::create_symlink("..data/ref.cap", dir_ / "ref.cap");
  FileWatcher watcher(loop_, dir_ / "ref.cap", [&] { ++changes_; });
  settle();
  EXPECT_EQ(changes_, 0);
  fs::create_symlink("..2", dir_ / "..data_tmp");
  fs::rename(dir_ / "..data_tmp", dir_ / "..data");
  EXPECT_TRUE(changed());
}

TEST_F(FileWatcherTest, TellsABurstOnce) {
  const std::string path = dir_ / "ref.cap";
  FileWatcher watcher(loop_, path, [&] { ++changes_; });
  for (int i = 0; i < 50; ++i) write(path, std::string(static_cast<size_t>(i), 'x'));
  EXPECT_TRUE(changed());
  settle();
  EXPECT_EQ(changes_, 1);
}

TEST_F(FileWatcherTest, IgnoresOtherFilesOfTheFolder) {
  const std::string path = dir_ / "ref.cap";
  write(path, "one");
  FileWatcher watcher(loop_, path, [&] { ++changes_; });
  write(dir_ / "other", "x");
  settle();
  EXPECT_EQ(changes_, 0);
}

TEST_F(FileWatcherTest, FindsAFileInAFolderThatIsMadeLater) {
  FileWatcher watcher(loop_, dir_ / "sub/ref.cap", [&] { ++changes_; });
  fs::create_directory(dir_ / "sub");
  write(dir_ / "sub/ref.cap", "one");
  EXPECT_TRUE(changed());
}

TEST_F(FileWatcherTest, IsSilentOnceDestroyed) {
  const std::string path = dir_ / "ref.cap";
  {
    FileWatcher watcher(loop_, path, [&] { ++changes_; });
  }
  write(path, "one");
  settle();
  EXPECT_EQ(changes_, 0);
}

}  // namespace
}  // namespace vatmesh::event
