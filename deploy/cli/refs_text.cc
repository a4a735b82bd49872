// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/refs_text.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <optional>

#include "rpc/sturdy/identity.h"
#include "rpc/wire/text.h"

namespace vatmesh::deploy {
namespace {

constexpr int kLabelWidth = 24;

// RFC 3339 in UTC, to the second.
std::string timeText(store::UnixTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t value = seconds.time_since_epoch().count();
  std::tm parts{};
  char text[64];
  if (::gmtime_r(&value, &parts) == nullptr) return "?";
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, size};
}

std::string timeText(const std::optional<store::UnixTime>& time) {
  return time ? timeText(*time) : "never";
}

// Whoever saved a ref chose its label: nothing in it may reach a terminal as a command, or end a
// string of JSON.
std::string escaped(std::string_view text) {
  std::string clean, out;
  wire::assignClean(clean, text, text.size() + 1);
  for (char c : clean) {
    const auto byte = static_cast<unsigned char>(c);
    char code[8];
    if (byte < 0x20 || byte == 0x7f) {
      std::snprintf(code, sizeof code, "\\u%04x", byte);
      out += code;
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string quoted(std::string_view text) {
  return '"' + escaped(text) + '"';
}

std::string shortKey(const std::optional<store::Digest>& key, std::string_view none) {
  return key ? key->shortName() : std::string(none);
}

std::string wholeKey(const std::optional<store::Digest>& key, std::string_view none) {
  return key ? sturdy::printFingerprint(key->view()) : std::string(none);
}

std::string column(const std::string& text, int width) {
  // Characters are counted, not their bytes.
  int characters = 0;
  for (char c : text) characters += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return text + std::string(static_cast<size_t>(std::max(1, width - characters + 2)), ' ');
}

std::string tableLine(const std::array<std::string, 6>& cells) {
  return column(cells[0], 10) + column(cells[1], kLabelWidth) + column(cells[2], 10) +
         column(cells[3], 10) + column(cells[4], 20) + cells[5] + "\n";
}

std::string notesJson(const store::Record& record) {
  std::string out = "[";
  for (const store::AuditNote& note : record.notes) {
    if (out.size() > 1) out += ", ";
    out += "{\"at\": " + quoted(timeText(note.at)) + ", \"text\": " + quoted(note.text) + "}";
  }
  return out + "]";
}

std::string keyJson(const std::optional<store::Digest>& key) {
  return key ? quoted(wholeKey(key, "")) : "null";
}

}  // namespace

std::string refsTableHead() {
  return tableLine({"REF", "LABEL", "OWNER", "FOR", "CREATED", "EXPIRES"});
}

std::string refsTableLine(const store::Listed& listed) {
  const std::string name = listed.digest.shortName();
  if (!listed.stored.ok()) {
    return column(name, 10) + escaped(listed.stored.status().message()) + "\n";
  }
  const store::Record& record = listed.stored->record;
  std::string label = escaped(wire::cutText(record.label, kLabelWidth));
  if (label.empty()) label = "-";
  return tableLine({name, label, shortKey(record.owner, "-"),
                    shortKey(record.sealed_for, "anybody"), timeText(record.created),
                    timeText(record.expires)});
}

std::string refText(const store::Digest& digest, const store::Record& record) {
  std::string out = "ref:        " + digest.toText() + "\nlabel:      " + escaped(record.label) +
                    "\nowner:      " + wholeKey(record.owner, "-") +
                    "\nfor:        " + wholeKey(record.sealed_for, "whoever has the URI") +
                    "\ncreated:    " + timeText(record.created) +
                    "\nexpires:    " + timeText(record.expires) +
                    "\ngeneration: " + std::to_string(record.generation) +
                    "\nobject ref: " + std::to_string(record.object_ref.size()) + " bytes\n";
  for (const store::AuditNote& note : record.notes) {
    out += "note:       " + timeText(note.at) + " " + escaped(note.text) + "\n";
  }
  return out;
}

std::string refJson(const store::Listed& listed) {
  std::string out = "{\"ref\": " + quoted(listed.digest.toText());
  if (!listed.stored.ok()) {
    return out + ", \"error\": " + quoted(listed.stored.status().message()) + "}";
  }
  const store::Record& record = listed.stored->record;
  const std::string expires = record.expires ? quoted(timeText(*record.expires)) : "null";
  return out + ", \"label\": " + quoted(record.label) + ", \"owner\": " + keyJson(record.owner) +
         ", \"sealedFor\": " + keyJson(record.sealed_for) +
         ", \"created\": " + quoted(timeText(record.created)) + ", \"expires\": " + expires +
         ", \"generation\": " + std::to_string(record.generation) +
         ", \"objectRefBytes\": " + std::to_string(record.object_ref.size()) +
         ", \"notes\": " + notesJson(record) + "}";
}

}  // namespace vatmesh::deploy
