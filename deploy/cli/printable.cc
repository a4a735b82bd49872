// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/printable.h"

#include <cstdint>
#include <cstdio>

namespace vatmesh::deploy {
namespace {

void addEscaped(uint8_t byte, std::string& out) {
  char code[8];
  std::snprintf(code, sizeof code, "\\x%02x", byte);
  out += code;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const auto next = static_cast<uint8_t>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte < 0x20 || byte == 0x7f) {
      addEscaped(byte, out);
    } else if (byte == 0xc2 && next >= 0x80 && next <= 0x9f) {
      addEscaped(byte, out);
      addEscaped(next, out);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace vatmesh::deploy
