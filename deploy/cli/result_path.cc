// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/result_path.h"

#include <sstream>

#include "deploy/cli/names.h"

namespace vatmesh::deploy {
namespace {

// Structs may contain themselves.
constexpr int kMaxDepth = 4;

// A pointer to anything may be a capability.
bool mayBeCapability(capnp::Type type) {
  return type.isInterface() || type.isAnyPointer();
}

void addCapabilities(capnp::StructSchema schema, const std::string& prefix, int depth,
                     std::vector<std::string>& out) {
  for (capnp::StructSchema::Field field : schema.getFields()) {
    const std::string name = prefix + field.getProto().getName().cStr();
    const capnp::Type type = field.getType();
    if (mayBeCapability(type)) out.push_back(name);
    if (type.isStruct() && depth < kMaxDepth) {
      addCapabilities(type.asStruct(), name + ".", depth + 1, out);
    }
  }
}

std::vector<std::string> split(const std::string& field) {
  std::vector<std::string> names;
  std::istringstream stream(field);
  for (std::string name; std::getline(stream, name, '.');) names.push_back(name);
  return names;
}

bool leadsToCapability(capnp::StructSchema schema, const std::vector<std::string>& path) {
  for (size_t i = 0; i < path.size(); ++i) {
    KJ_IF_MAYBE (field, schema.findFieldByName(path[i])) {
      const capnp::Type type = field->getType();
      if (i + 1 == path.size()) return mayBeCapability(type);
      if (!type.isStruct()) return false;
      schema = type.asStruct();
    } else {
      return false;
    }
  }
  return false;
}

}  // namespace

Result<std::vector<std::string>> capabilityPath(capnp::StructSchema results,
                                                const std::optional<std::string>& field) {
  std::vector<std::string> known;
  addCapabilities(results, "", 0, known);
  if (field) {
    std::vector<std::string> path = split(*field);
    if (leadsToCapability(results, path)) return path;
    return unknownName("capability", *field, "the results", known);
  }
  if (known.size() == 1) return split(known.front());
  if (known.empty()) {
    return Status(Code::kInvalidArgument, "--save: the results of this method have no capability");
  }
  std::string text = "--save: the results have several capabilities; add --save-field ";
  for (size_t i = 0; i < known.size(); ++i) text += (i == 0 ? "" : " or ") + known[i];
  return Status(Code::kInvalidArgument, text);
}

}  // namespace vatmesh::deploy
