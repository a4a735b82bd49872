// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/call_text.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include <capnp/serialize-text.h>
#include <kj/exception.h>

#include "deploy/cli/call_names.h"
#include "deploy/cli/printable.h"

namespace vatmesh::deploy {
namespace {

constexpr size_t kLineWidth = 90;

std::string textOf(const capnp::DynamicValue::Reader& value, const std::string& indent);

// `begin`, the parts and `end` on one line if that is short enough, else each part on its own.
std::string enclose(char begin, const std::vector<std::string>& parts, char end,
                    const std::string& indent) {
  size_t width = indent.size() + 2;
  bool has_lines = false;
  for (const std::string& part : parts) {
    width += part.size() + 2;
    has_lines = has_lines || part.find('\n') != std::string::npos;
  }
  const bool one_line = width <= kLineWidth && !has_lines;
  const std::string inner = one_line ? "" : "\n" + indent + "  ";
  std::string out(1, begin);
  for (size_t i = 0; i < parts.size(); ++i) {
    out += (i == 0 ? "" : one_line ? ", " : ",") + inner + parts[i];
  }
  if (!one_line) out += "\n" + indent;
  return out + end;
}

std::string fieldText(capnp::StructSchema::Field field, capnp::DynamicStruct::Reader value,
                      const std::string& indent) {
  return std::string(field.getProto().getName().cStr()) + " = " + textOf(value.get(field), indent);
}

std::string structText(capnp::DynamicStruct::Reader value, const std::string& indent) {
  std::vector<std::string> parts;
  const kj::Maybe<capnp::StructSchema::Field> active = value.which();
  for (capnp::StructSchema::Field field : value.getSchema().getFields()) {
    if (field.getProto().getDiscriminantValue() != capnp::schema::Field::NO_DISCRIMINANT) {
      const capnp::StructSchema::Field* chosen = nullptr;
      KJ_IF_MAYBE (the_active, active) chosen = the_active;
      if (chosen == nullptr || *chosen != field) continue;
    } else if (!value.has(field)) {
      continue;
    }
    parts.push_back(fieldText(field, value, indent + "  "));
  }
  return enclose('(', parts, ')', indent);
}

std::string listText(capnp::DynamicList::Reader list, const std::string& indent) {
  std::vector<std::string> parts;
  for (capnp::DynamicValue::Reader each : list) parts.push_back(textOf(each, indent + "  "));
  return enclose('[', parts, ']', indent);
}

std::string textOf(const capnp::DynamicValue::Reader& value, const std::string& indent) {
  switch (value.getType()) {
    case capnp::DynamicValue::STRUCT:
      return structText(value.as<capnp::DynamicStruct>(), indent);
    case capnp::DynamicValue::LIST:
      return listText(value.as<capnp::DynamicList>(), indent);
    case capnp::DynamicValue::CAPABILITY:
      return "<" +
             std::string(
                 value.as<capnp::DynamicCapability>().getSchema().getShortDisplayName().cStr()) +
             ">";
    case capnp::DynamicValue::ANY_POINTER:
      return "<anything>";
    default:
      return printable(kj::str(value).cStr());
  }
}

// Where a problem that begins with "FROM-TO: " (bytes of the text, from 0) lies, for people; takes
// that away from it. Empty when it doesn't say.
std::string takePlace(std::string& problem, std::string_view text) {
  size_t begin = 0;
  int length = 0;
  if (std::sscanf(problem.c_str(), "%zu-%*u: %n", &begin, &length) != 1 || length == 0) return "";
  problem.erase(0, static_cast<size_t>(length));
  if (begin >= text.size()) return " at their end";
  const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  const std::string_view before = text.substr(0, begin);
  return " at character " + std::to_string(std::count_if(before.begin(), before.end(), starts) + 1);
}

// What libcapnp says is wrong, for people who don't know its parser.
std::string explain(std::string problem, std::string_view text) {
  const std::string place = takePlace(problem, text);
  if (problem.ends_with('.')) problem.pop_back();
  if (problem.find("Extra tokens") != std::string::npos ||
      problem.find("not contain a struct") != std::string::npos ||
      problem.find("Failed to read input") != std::string::npos) {
    problem = "not one text in parentheses";
  } else if (problem.find("External constants") != std::string::npos) {
    problem = "a word stands where a value is expected";
  }
  return "arguments" + place + ": " + problem + "; write them as '(field = value, …)'";
}

}  // namespace

Status readStruct(std::string_view text, capnp::DynamicStruct::Builder out) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n'; })) {
    return Status();
  }
  if (Status names = checkNames(text, out.getSchema()); !names.ok()) return names;
  kj::Maybe<kj::Exception> failure = kj::runCatchingExceptions(
      [&] { capnp::TextCodec().decode(kj::str(std::string(text)), out); });
  KJ_IF_MAYBE (exception, failure) {
    return {Code::kInvalidArgument, explain(exception->getDescription().cStr(), text)};
  }
  return Status();
}

Result<std::string> printStruct(capnp::DynamicStruct::Reader value) {
  std::string text;
  kj::Maybe<kj::Exception> failure =
      kj::runCatchingExceptions([&] { text = structText(value, ""); });
  KJ_IF_MAYBE (exception, failure) {
    return Status(Code::kFailed,
                  std::string("the results can't be read: ") + exception->getDescription().cStr());
  }
  return text;
}

}  // namespace vatmesh::deploy
