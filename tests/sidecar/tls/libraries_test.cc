// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "sidecar/tls/key_pair.h"

namespace vatmesh::tls {
namespace {

// BoringSSL's libraries have unversioned symbols, which would capture OpenSSL's users: both in one
// process is a crash that waits.
TEST(LoadedLibraries, AreBoringSslAndNoOpenSsl) {
  (void)KeyPair::generate();  // really in use
  std::ifstream maps("/proc/self/maps");
  std::string line;
  bool any = false;
  while (std::getline(maps, line)) {
    any = true;
    for (const char* openssl : {"libssl.so.3", "libcrypto.so.3", "libssl.so.1", "libcrypto.so.1",
                                "libevent_openssl", "libkj-tls"}) {
      EXPECT_EQ(line.find(openssl), std::string::npos) << line;
    }
    for (const char* ours : {"/libssl.so", "/libcrypto.so"}) {
      if (line.find(ours) == std::string::npos) continue;
      EXPECT_NE(line.find("/android/"), std::string::npos) << line;
    }
  }
  EXPECT_TRUE(any);
}

}  // namespace
}  // namespace vatmesh::tls
