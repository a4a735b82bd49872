// SPDX-License-Identifier: Apache-2.0
#include "rpc/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace vatmesh {

void checkFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: a bug in vatmesh: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace vatmesh
