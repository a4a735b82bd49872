// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/content.h"

#include <algorithm>
#include <cstring>

#include "tests/fuzz/arena.h"

namespace vatmesh::fuzz {
namespace {

constexpr uint32_t kCallMagic = 0xca11;
constexpr uint32_t kResultMagic = 0x4e5;
constexpr uint32_t kPlainMagic = 0xf111e4;

const std::array<std::vector<uint16_t>, kSlots> kPaths = {{{0}, {1}, {2}, {3, 0}, {3, 1}, {}}};

uint64_t pair(uint32_t low, uint32_t high) {
  return low | uint64_t{high} << 32;
}

void writeTarget(Arena& arena, Arena::At pointer, const wire::OutTarget& target);

void writePromisedAnswer(Arena& arena, Arena::At pointer, uint32_t id,
                         std::span<const uint16_t> path) {
  auto answer = arena.addStruct(pointer, 1, 1);
  arena.word(answer.data) = id;
  if (path.empty()) return;
  Arena::At op = arena.addList(answer.pointers, static_cast<uint32_t>(path.size()), 1, 0);
  for (uint16_t field : path) {
    arena.word(op) = 1 | uint64_t{field} << 16;
    op = op.plus(1);
  }
}

void writeTarget(Arena& arena, Arena::At pointer, const wire::OutTarget& target) {
  auto at = arena.addStruct(pointer, 1, 1);
  if (target.kind == wire::Target::Kind::kImportedCap) {
    arena.word(at.data) = target.id;
  } else {
    arena.word(at.data) = uint64_t{1} << 32;
    writePromisedAnswer(arena, at.pointers, target.id, target.path);
  }
}

void writeTable(Arena& arena, Arena::At pointer, const Descriptors& table) {
  if (table.empty()) return;
  Arena::At at = arena.addList(pointer, static_cast<uint32_t>(table.size()), 1, 1);
  for (const wire::OutDescriptor& descriptor : table) {
    arena.word(at) = static_cast<uint64_t>(descriptor.kind);
    if (descriptor.kind == wire::DescriptorKind::kReceiverAnswer) {
      writePromisedAnswer(arena, at.plus(1), descriptor.id, descriptor.path);
    } else {
      arena.word(at) |= uint64_t{descriptor.id} << 32;
    }
    at = at.plus(2);
  }
}

void setCapability(Arena& arena, Arena::At pointer, int64_t index) {
  if (index >= 0) arena.word(pointer) = 3 | static_cast<uint64_t>(index) << 32;
}

void addFiller(Arena& arena, Random& random, Arena::At pointer) {
  if (!random.chance(30)) return;
  auto filler = arena.addStruct(pointer, static_cast<uint16_t>(random.below(40)), 0);
  if (filler.data_words > 0) arena.word(filler.data) = kPlainMagic;
}

void writeResultContent(Arena& arena, Random& random, Arena::At pointer,
                        const ResultContent& content) {
  if (content.indices[kRootSlot] >= 0) return setCapability(arena, pointer, content.indices[5]);
  auto root = arena.addStruct(pointer, 1, 5);
  arena.word(root.data) = pair(kResultMagic, content.call);
  for (uint16_t field = 0; field < 3; ++field) {
    setCapability(arena, root.pointers.plus(field), content.indices[field]);
  }
  if (content.indices[3] >= 0 || content.indices[4] >= 0) {
    auto inner = arena.addStruct(root.pointers.plus(3), 0, 2);
    setCapability(arena, inner.pointers, content.indices[3]);
    setCapability(arena, inner.pointers.plus(1), content.indices[4]);
  }
  addFiller(arena, random, root.pointers.plus(4));
}

}  // namespace

std::span<const uint16_t> slotPath(size_t slot) {
  return kPaths[slot];
}

std::optional<size_t> slotAt(std::span<const uint16_t> path) {
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (std::ranges::equal(kPaths[slot], path)) return slot;
  }
  return std::nullopt;
}

Frame writeCall(Random& random, const wire::OutCall& call, const CallContent& content,
                const Descriptors& table) {
  Arena arena(random);
  auto message = arena.addStruct(arena.root(), 1, 1);
  arena.word(message.data) = static_cast<uint64_t>(wire::MessageKind::kCall);
  auto body = arena.addStruct(message.pointers, 3, 3);
  arena.word(body.data) =
      pair(call.question_id, call.method_id) | static_cast<uint64_t>(call.send_results_to) << 48;
  arena.word(body.data.plus(1)) = call.interface_id;
  arena.word(body.data.plus(2)) = uint64_t{call.no_promise_pipelining} << 1;
  writeTarget(arena, body.pointers, call.target);
  auto payload = arena.addStruct(body.pointers.plus(1), 0, 2);
  // The order decides what lies behind what.
  bool table_first = random.chance(50);
  if (table_first) writeTable(arena, payload.pointers.plus(1), table);

  // Arguments stand in any of four fields; which, the data says.
  auto root = arena.addStruct(payload.pointers, 4, 5);
  arena.word(root.data) = pair(kCallMagic, content.call);
  arena.word(root.data.plus(1)) = pair(content.target, content.reference);
  uint32_t fields = 0;
  uint32_t first = random.below(4);
  for (size_t i = 0; i < content.arguments.size(); ++i) {
    uint32_t field = i == 0 ? first : (first + 1 + random.below(3)) % 4;
    fields |= field << (8 * i);
    setCapability(arena, root.pointers.plus(field), content.indices[i]);
    arena.word(root.data.plus(3)) |= uint64_t{content.arguments[i]} << (32 * i);
  }
  fields |= static_cast<uint32_t>(content.arguments.size()) << 16;
  arena.word(root.data.plus(2)) = pair(content.sequence, fields);
  addFiller(arena, random, root.pointers.plus(4));

  if (!table_first) writeTable(arena, payload.pointers.plus(1), table);
  return arena.finish();
}

Frame writeResults(Random& random, const wire::OutReturn& fields, bool release_params,
                   const ResultContent& content, const Descriptors& table) {
  Arena arena(random);
  auto message = arena.addStruct(arena.root(), 1, 1);
  arena.word(message.data) = static_cast<uint64_t>(wire::MessageKind::kReturn);
  auto body = arena.addStruct(message.pointers, 2, 1);
  arena.word(body.data) = pair(fields.answer_id, 0) | uint64_t{!release_params} << 32 |
                          uint64_t{fields.no_finish_needed} << 33;
  auto payload = arena.addStruct(body.pointers, 0, 2);
  bool table_first = random.chance(50);
  if (table_first) writeTable(arena, payload.pointers.plus(1), table);
  writeResultContent(arena, random, payload.pointers, content);
  if (!table_first) writeTable(arena, payload.pointers.plus(1), table);
  return arena.finish();
}

std::optional<CallContent> readCall(const wire::InMessage& message, const wire::Payload& payload) {
  Walk walk(message);
  auto root = walk.structAt(payload.content_at, payload.content_word);
  if (!root || static_cast<uint32_t>(root->data(0)) != kCallMagic) return std::nullopt;
  CallContent content;
  content.call = static_cast<uint32_t>(root->data(0) >> 32);
  content.target = static_cast<uint32_t>(root->data(1));
  content.reference = static_cast<uint32_t>(root->data(1) >> 32);
  content.sequence = static_cast<uint32_t>(root->data(2));
  auto fields = static_cast<uint32_t>(root->data(2) >> 32);
  uint32_t count = fields >> 16;
  if (count > kMaxArguments) return std::nullopt;
  for (uint32_t i = 0; i < count; ++i) {
    content.arguments.push_back(static_cast<uint32_t>(root->data(3) >> (32 * i)));
    content.indices[i] = walk.capability(root->pointer(fields >> (8 * i) & 0xff));
  }
  return content;
}

std::optional<ResultContent> readResults(const wire::InMessage& message,
                                         const wire::Payload& payload) {
  Walk walk(message);
  ResultContent content;
  content.indices[kRootSlot] = walk.capability(payload.content_word);
  if (content.indices[kRootSlot] >= 0) return content;
  auto root = walk.structAt(payload.content_at, payload.content_word);
  if (!root || static_cast<uint32_t>(root->data(0)) != kResultMagic) return std::nullopt;
  content.call = static_cast<uint32_t>(root->data(0) >> 32);
  for (uint32_t field = 0; field < 3; ++field) {
    content.indices[field] = walk.capability(root->pointer(field));
  }
  if (auto inner = walk.structAt(root->pointerAt(3), root->pointer(3))) {
    content.indices[3] = walk.capability(inner->pointer(0));
    content.indices[4] = walk.capability(inner->pointer(1));
  }
  return content;
}

}  // namespace vatmesh::fuzz
