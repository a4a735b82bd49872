// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/certificate.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "sidecar/tls/key_pair.h"

namespace vatmesh::tls {
namespace {

std::string readFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Where serial and signature, which differ each time, begin and end in a certificate for RSA-2048.
constexpr size_t kSerial = 15, kSerialBytes = 10;
constexpr size_t kSignatureBytes = 256;

TEST(Certificate, IsTheOneThatTheOcamlLibraryMakes) {
  const std::string folder = "tests/vectors/ocaml-capnp-rpc/keys/";
  size_t compared = 0;
  for (const char* name : {"key1", "key2", "key3", "key4"}) {
    std::string theirs = readFile(folder + name + ".cert.der");
    Result<KeyPair> key = KeyPair::fromPem(readFile(folder + name + ".pem"));
    ASSERT_TRUE(key.ok()) << key.status().toString();
    std::string ours = key->certificate();
    // Theirs may have a byte more in its serial number.
    if (ours.size() != theirs.size()) continue;
    ++compared;
    for (std::string* der : {&ours, &theirs}) {
      der->replace(kSerial, kSerialBytes, kSerialBytes, 's');
      der->replace(der->size() - kSignatureBytes, kSignatureBytes, kSignatureBytes, 'S');
    }
    EXPECT_EQ(ours, theirs) << name;
  }
  EXPECT_GT(compared, 0u);
}

TEST(Certificate, HasAnotherSerialEachTime) {
  const std::string pem = KeyPair::generate().pem();
  EXPECT_NE(KeyPair::fromPem(pem)->certificate(), KeyPair::fromPem(pem)->certificate());
}

TEST(Certificate, ShowsTheInstanceThatMadeIt) {
  const KeyPair key = KeyPair::generate();
  const std::string instance = instanceOfCertificate(key.certificate());
  EXPECT_EQ(instance.size(), kSerialBytes);
  EXPECT_NE(instanceOfCertificate(KeyPair::fromPem(key.pem())->certificate()), instance);
}

TEST(Certificate, ShowsNoInstanceWhenItIsOfAnotherKindOfVat) {
  for (const char* name : {"key1", "key2", "key3", "key4"}) {
    const std::string file = "tests/vectors/ocaml-capnp-rpc/keys/" + std::string(name);
    EXPECT_EQ(instanceOfCertificate(readFile(file + ".cert.der")), "") << name;
  }
  EXPECT_EQ(instanceOfCertificate("no certificate"), "");
}

}  // namespace
}  // namespace vatmesh::tls
