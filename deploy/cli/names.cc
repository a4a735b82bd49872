// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/names.h"

#include "sidecar/config/scalar.h"

namespace vatmesh::deploy {
namespace {

constexpr size_t kMostNames = 40;

}  // namespace

Status unknownName(std::string_view kind, std::string_view name, std::string_view place,
                   const std::vector<std::string>& known) {
  std::string text =
      "unknown " + std::string(kind) + " " + config::quote(name) + " in " + std::string(place);
  if (known.empty()) return {Code::kInvalidArgument, text + ", which has none"};
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const std::string_view near = config::nearest(name, candidates);
  if (!near.empty()) text += "; did you mean " + config::quote(near) + "?";
  text += near.empty() ? "; it has " : " It has ";
  for (size_t i = 0; i < known.size() && i < kMostNames; ++i) {
    text += (i == 0 ? "" : ", ") + known[i];
  }
  if (known.size() > kMostNames) text += ", and others";
  return {Code::kInvalidArgument, text};
}

}  // namespace vatmesh::deploy
