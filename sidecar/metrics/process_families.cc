// SPDX-License-Identifier: Apache-2.0
//
// process_*: the standard names, from /proc/self and getrusage.
#include <dirent.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>

#include "sidecar/metrics/families.h"
#include "sidecar/metrics/family_builder.h"

namespace vatmesh::metrics {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

void addMemory(Families& out) {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return;
  unsigned long total_pages = 0;
  unsigned long resident_pages = 0;
  const int read = std::fscanf(file, "%lu %lu", &total_pages, &resident_pages);
  std::fclose(file);
  if (read != 2) return;
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  out.push_back(gauge("process_resident_memory_bytes", "Resident memory.")
                    .sample({}, static_cast<double>(resident_pages) * page)
                    .take());
  out.push_back(gauge("process_virtual_memory_bytes", "Virtual memory.")
                    .sample({}, static_cast<double>(total_pages) * page)
                    .take());
}

void addDescriptors(Families& out) {
  if (DIR* folder = opendir("/proc/self/fd")) {
    int entries = -3;  // ".", ".." and the folder's own descriptor
    while (readdir(folder) != nullptr) ++entries;
    closedir(folder);
    out.push_back(gauge("process_open_fds", "Open file descriptors.").sample({}, entries).take());
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.push_back(
        gauge("process_max_fds", "Most file descriptors.").sample({}, limit.rlim_cur).take());
  }
}

}  // namespace

void addProcessFamilies(Families& out) {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    out.push_back(counter("process_cpu_seconds_total", "CPU time, user and system.")
                      .sample({}, seconds(usage.ru_utime) + seconds(usage.ru_stime))
                      .take());
  }
  addMemory(out);
  addDescriptors(out);
}

}  // namespace vatmesh::metrics
