// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/key_file.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/fakes/temp_dir.h"

namespace vatmesh::tls {
namespace {

namespace fs = std::filesystem;

TEST(KeyFile, IsMadeOnceAndReadThen) {
  test::TempDir dir;
  const std::string path = dir / "run/vat.key";
  const mode_t old = ::umask(0);
  Result<LoadedKey> made = readOrMakeKeyFile(path);
  ::umask(old);
  ASSERT_TRUE(made.ok()) << made.status().toString();
  EXPECT_EQ(made->origin, LoadedKey::Origin::kMade);
  struct stat st;
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777u, 0600u);
  EXPECT_FALSE(othersCanRead(path));
  ASSERT_EQ(::stat((dir / "run").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777u, 0755u);

  Result<LoadedKey> read = readOrMakeKeyFile(path);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->origin, LoadedKey::Origin::kRead);
  EXPECT_EQ(read->key.fingerprint(), made->key.fingerprint());
  EXPECT_EQ(read->key.pem(), made->key.pem());
  // No temporary file stays.
  EXPECT_EQ(std::distance(fs::directory_iterator(dir / "run"), fs::directory_iterator()), 1);
}

TEST(KeyFile, IsNeverWrittenOver) {
  test::TempDir dir;
  const std::string path = dir / "vat.key";
  std::ofstream(path) << "garbage";
  EXPECT_FALSE(writeNewKeyFile(path, KeyPair::generate()).ok());
  Result<LoadedKey> loaded = readOrMakeKeyFile(path);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.status().code(), Code::kInvalidArgument);
  EXPECT_NE(loaded.status().message().find(path), std::string::npos);
  EXPECT_EQ(fs::file_size(path), 7u);
}

TEST(KeyFile, IsNotMadeBehindADanglingSymlink) {
  test::TempDir dir;
  fs::create_symlink(dir / "elsewhere", dir / "vat.key");
  EXPECT_FALSE(readOrMakeKeyFile(dir / "vat.key").ok());
  EXPECT_FALSE(fs::exists(dir / "elsewhere"));
}

TEST(KeyFile, IsTheSameForProcessesThatMakeItTogether) {
  test::TempDir dir;
  const std::string path = dir / "vat.key";
  constexpr int kProcesses = 8;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid != 0) continue;
    Result<LoadedKey> key = readOrMakeKeyFile(path);
    const std::string fingerprint = key.ok() ? key->key.fingerprint() : std::string(32, '\0');
    ::_exit(::write(ends[1], fingerprint.data(), 32) == 32 ? 0 : 1);
  }
  for (int i = 0; i < kProcesses; ++i) ASSERT_GT(::wait(nullptr), 0);
  Result<KeyPair> final_key = readKeyFile(path);
  ASSERT_TRUE(final_key.ok());
  for (int i = 0; i < kProcesses; ++i) {
    std::string fingerprint(32, '\0');
    ASSERT_EQ(::read(ends[0], fingerprint.data(), 32), 32);
    EXPECT_EQ(fingerprint, final_key->fingerprint());
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(KeyFile, SaysWhyItCantBeRead) {
  test::TempDir dir;
  EXPECT_EQ(readKeyFile(dir / "none").status().code(), Code::kNotFound);
  Result<KeyPair> folder = readKeyFile(dir.path());
  ASSERT_FALSE(folder.ok());
  EXPECT_NE(folder.status().message().find(dir.path()), std::string::npos);
  // What is wrong is the path that somebody wrote.
  std::ofstream(dir / "file") << "x";
  EXPECT_EQ(readKeyFile(dir / "file/key").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(writeNewKeyFile(dir / "file/key", KeyPair::generate()).code(), Code::kInvalidArgument);
  // No writer is there: waiting for one would take for ever.
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  Result<KeyPair> fifo = readKeyFile(dir / "fifo");
  ASSERT_FALSE(fifo.ok());
  EXPECT_NE(fifo.status().message().find("not a regular file"), std::string::npos);
  std::ofstream(dir / "large") << std::string(100'000, 'x');
  Result<KeyPair> large = readKeyFile(dir / "large");
  ASSERT_FALSE(large.ok());
  EXPECT_NE(large.status().message().find("too large"), std::string::npos);
}

}  // namespace
}  // namespace vatmesh::tls
