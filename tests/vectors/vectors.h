// SPDX-License-Identifier: Apache-2.0
//
// Reads the golden data under tests/vectors. The files are JSON, which the YAML parser reads.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include <yaml-cpp/yaml.h>

#include "rpc/base/encoding.h"

namespace vatmesh::vectors {

inline const std::string kOcaml = "tests/vectors/ocaml-capnp-rpc/";

// The bytes of `file`, which is relative to the root of the sources, where tests run.
inline std::string readBytes(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline YAML::Node ocaml(const std::string& name) {
  return YAML::LoadFile(kOcaml + name);
}

inline std::string fromHex(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return out;
}

inline std::string toHex(const std::string& bytes) {
  return hexEncode(bytesOf(bytes));
}

// Standard base64, with padding.
inline std::string fromBase64(std::string text) {
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return base64UrlDecode(text).value_or("");
}

}  // namespace vatmesh::vectors
