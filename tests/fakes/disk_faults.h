// SPDX-License-Identifier: Apache-2.0
//
// DiskFaults plants faults of a disk at libc's boundary: linked into a test program, its functions
// stand in the place of write, fsync, rename and their like, also for libraries. While one lives,
// it counts the calls that change files under one folder, and makes chosen ones fail, or kills the
// process in their place. It also knows what a power cut would take: what was written and not yet
// synced.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vatmesh::test {

class DiskFaults {
 public:
  // kHalf: of a write, the first half of the bytes is done before.
  enum class Tear : uint8_t { kNothing, kHalf };

  // One at a time in a process. Only files under `folder`, given absolutely, count.
  explicit DiskFaults(std::string folder);
  ~DiskFaults();
  DiskFaults(const DiskFaults&) = delete;
  DiskFaults& operator=(const DiskFaults&) = delete;

  // Kills the process with SIGKILL in the place of the `call`-th changing call from now, from 1.
  void killAt(uint64_t call, Tear tear);
  // From the `call`-th changing call on, all of them fail: with ENOSPC those that need room, a
  // write being cut short first; with EROFS all but syncing.
  void failFrom(uint64_t call, int error_number);
  // Ends what `failFrom` began.
  void heal();
  // Syncing does nothing and is quick: for tests that need no disk, but many records.
  void skipSync();

  // Changing calls since the last killAt or failFrom, or since the beginning.
  uint64_t calls() const;
  // Calls of fsync and fdatasync since the beginning.
  uint64_t syncs() const;
  // Files whose content, and names whose presence or absence, a power cut might take back. Locks
  // and shared memory of SQLite don't count.
  std::vector<std::string> unsynced() const;
};

}  // namespace vatmesh::test
