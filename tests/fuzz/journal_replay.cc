// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/journal_replay.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "rpc/vat/journal_reader.h"
#include "rpc/wire/buffer.h"
#include "rpc/wire/printer.h"

namespace vatmesh::fuzz {
namespace {

using captp::Effects;

std::string nameOf(captp::LinkId link) {
  return "link " + std::to_string(link.slot) + "." + std::to_string(link.generation);
}

wire::InMessage messageOf(const vat::JournalMessage& recorded, wire::BufferPool& pool) {
  wire::BufferRef buffer = pool.get(std::max<size_t>(recorded.words.size() * 8, 8));
  std::memcpy(buffer->data(), recorded.words.data(), recorded.words.size() * 8);
  std::span<uint64_t> words(reinterpret_cast<uint64_t*>(buffer->data()), recorded.words.size());
  return wire::InMessage(std::move(buffer), words, recorded.segments);
}

class Replay {
 public:
  Replay(const vat::JournalReader& journal, const std::function<void(const std::string&)>& say)
      : say_(say), vat_(journal.limits(), journal.behaviour()) {}

  // Each plays one input. Empty unless something is wrong.
  std::string play(const vat::JournalLink& in) {
    captp::LinkId id = vat_.addLink(in.info);
    say_("add " + nameOf(id) + ", kind " + std::to_string(static_cast<int>(in.info.kind)));
    return id == in.id ? "" : "the vat gave another id: the journal does not begin at its start";
  }
  std::string play(const vat::JournalGateway& in) {
    say_(nameOf(in.link) + " leads to a gateway");
    vat_.makeGateway(in.link);
    return "";
  }
  std::string play(const vat::JournalMessage& in) {
    wire::InMessage message = messageOf(in, buffers_);
    say_(nameOf(in.link) + " -> vat  " + wire::describe(message));
    vat_.onMessage(in.link, std::move(message), effects);
    return "";
  }
  std::string play(const vat::JournalLost& in) {
    say_(nameOf(in.link) + " is lost: " + in.reason.message());
    vat_.onLost(in.link, in.reason, effects);
    return "";
  }
  std::string play(const vat::JournalClose& in) {
    say_(nameOf(in.link) + " is closed: " + in.reason.message());
    vat_.closeLink(in.link, in.reason, effects);
    return "";
  }
  std::string play(const vat::JournalCompletion& in) {
    std::string what = in.result.ok() ? "the bootstrap of " + nameOf(in.result->link)
                                      : in.result.status().toString();
    say_("operation " + std::to_string(in.op.value) + " gives " + what);
    if (in.result.ok()) {
      vat_.complete(in.op, vat::Completion(*in.result), effects);
    } else {
      vat_.complete(in.op, in.result.status(), effects);
    }
    return "";
  }
  std::string play(const vat::JournalTick& in) {
    say_("tick at " + std::to_string(in.now.time_since_epoch().count()) + " ns");
    vat_.onTick(in.now, effects);
    return "";
  }
  std::string play(const vat::JournalFlushed& in) {
    say_(nameOf(in.link) + " flushed " + std::to_string(in.bytes) + " bytes");
    // Texts that were left out may make frames shorter.
    vat_.onFlushed(in.link, std::min(in.bytes, vat_.queuedBytes(in.link)), effects);
    return "";
  }
  std::string play(const vat::JournalArriving& in) {
    say_(std::to_string(in.bytes) + " bytes of a message are there on " + nameOf(in.link));
    vat_.onArriving(in.link, in.bytes, effects);
    return "";
  }
  std::string play(const vat::JournalFull&) {
    say_("the journal is full");
    return "";
  }

  std::string brokenInvariant() const {
    auto broken = vat_.checkInvariants();
    return broken ? "invariant " + *broken + "\n" + vat_.dump() : "";
  }

 private:
  const std::function<void(const std::string&)>& say_;
  wire::BufferPool buffers_;
  vat::Vat vat_;

 public:
  Effects effects;  // their frames belong to the vat
};

}  // namespace

std::string describe(const captp::Effect& effect) {
  if (auto* send = std::get_if<captp::Send>(&effect)) {
    return "vat -> " + nameOf(send->link) + "  " + wire::describe(*send->frame);
  }
  if (auto* close = std::get_if<captp::Close>(&effect)) {
    return "close " + nameOf(close->link) + ": \"" + close->reason.message() + "\"";
  }
  if (auto* start = std::get_if<captp::Start>(&effect)) {
    return "start operation " + std::to_string(start->op.value) + " for " +
           nameOf(start->restore.from) + (start->restore.object_id.empty() ? "" : " with id");
  }
  if (auto* cancel = std::get_if<captp::Cancel>(&effect)) {
    return "cancel operation " + std::to_string(cancel->op.value);
  }
  if (auto* idle = std::get_if<captp::Idle>(&effect)) {
    return nameOf(idle->link) + (idle->idle ? " is idle" : " is busy");
  }
  if (auto* saving = std::get_if<captp::Saving>(&effect)) {
    return "operation " + std::to_string(saving->op.value) + " saves by call " +
           std::to_string(saving->call.value) + " for " + nameOf(saving->asked->from);
  }
  if (auto* pause = std::get_if<captp::Pause>(&effect)) return "pause " + nameOf(pause->link);
  if (auto* resume = std::get_if<captp::Resume>(&effect)) return "resume " + nameOf(resume->link);
  return "another effect";
}

ReplayResult replayJournal(std::string_view bytes,
                           const std::function<void(const std::string&)>& say,
                           const std::function<void(const std::string&)>& told) {
  ReplayResult result;
  auto reader = vat::JournalReader::open(bytes);
  if (!reader.ok()) {
    result.failure = reader.status().message();
    return result;
  }
  Replay replay(*reader, say);
  for (;;) {
    auto next = reader->next();
    if (!next.ok()) {
      result.failure = next.status().message();
      return result;
    }
    if (!*next) break;
    ++result.inputs;
    result.full |= std::holds_alternative<vat::JournalFull>(**next);
    result.failure = std::visit([&](const auto& input) { return replay.play(input); }, **next);
    for (const captp::Effect& effect : std::exchange(replay.effects, {})) told(describe(effect));
    if (result.failure.empty()) result.failure = replay.brokenInvariant();
    if (!result.failure.empty()) return result;
  }
  result.cut = reader->cut();
  return result;
}

}  // namespace vatmesh::fuzz
