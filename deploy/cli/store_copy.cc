// SPDX-License-Identifier: Apache-2.0
//
// vatmesh store copy FROM TO
#include "deploy/cli/store_copy.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "deploy/cli/command.h"
#include "persistence/store_factory.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::deploy {
namespace {

// How long a store may say nothing.
constexpr auto kPatience = std::chrono::seconds(30);
constexpr size_t kMaxRemarks = 20;

store::Post postTo(event::Loop& loop) {
  return [&loop](std::function<void()> callback) { loop.post(std::move(callback)); };
}

}  // namespace

StoreCopy::StoreCopy(const store::StoreSpec& from, const store::StoreSpec& to, Differing differing,
                     Progress& progress)
    : differing_(differing),
      progress_(progress),
      start_(loop_.now()),
      from_(store::makeStore(from, postTo(loop_))),
      to_(store::makeStore(to, postTo(loop_))) {}

Status StoreCopy::run() {
  std::string token;
  do {
    const Result<store::Page> refs = page(token);
    if (!refs.ok()) return refs.status();
    // All of a page at once, so that a store can make them durable together.
    for (const store::Listed& listed : refs->refs) begin(listed);
    if (Status status = wait(); !status.ok()) return status;
    token = refs->next;
  } while (!token.empty());
  return Status();
}

Result<store::Page> StoreCopy::page(const std::string& token) {
  Result<store::Page> page = store::Page();
  ++waiting_;
  from_->list(token, store::kMaxPage, [&](Result<store::Page> result) {
    page = std::move(result);
    ended(page.status());
  });
  if (Status status = wait(); !status.ok()) return status;
  return page;
}

void StoreCopy::begin(const store::Listed& listed) {
  if (!listed.stored.ok()) {
    ++counts_.damaged;
    remark(listed.digest, listed.stored.status().message());
    return;
  }
  ++waiting_;
  to_->put(listed.digest, listed.stored->record, store::kNoVersion,
           [this, digest = listed.digest, wanted = *listed.stored](const auto& result) {
             if (result.status().code() == Code::kConflict) return compare(digest, wanted);
             counts_.copied += result.ok() && !wanted.record.counter ? 1 : 0;
             ended(result.status());
           });
}

// The other store has something of this name: what?
void StoreCopy::compare(const store::Digest& digest, const store::Stored& wanted) {
  to_->get(digest, [this, digest, wanted](const Result<store::Stored>& found) {
    const Code code = found.status().code();
    if (found.ok() && found->version == wanted.version) {
      counts_.equal += wanted.record.counter ? 0 : 1;
      ended(Status());
    } else if (found.ok() || code == Code::kCorrupt) {
      differs(digest, wanted.record, found);
    } else {
      // It went meanwhile: whoever took it away did so after we had read it.
      ended(code == Code::kNotFound ? Status() : found.status());
    }
  });
}

void StoreCopy::differs(const store::Digest& digest, const store::Record& wanted,
                        const Result<store::Stored>& found) {
  const store::Version version = found.ok() ? found->version : store::kAnyVersion;
  if (wanted.counter && found.ok()) {
    // The higher one counts, else ids that were revoked would be given out again.
    if (wanted.generation > found->record.generation) return replace(digest, wanted, version);
    return ended(Status());
  }
  if (differing_ == Differing::kReplaced) return replace(digest, wanted, version);
  ++counts_.kept;
  remark(digest, "is there with another content and was left alone");
  ended(Status());
}

void StoreCopy::replace(const store::Digest& digest, const store::Record& wanted,
                        store::Version found) {
  to_->put(digest, wanted, found,
           [this, digest, counter = wanted.counter](const Result<store::Version>& result) {
             const Code code = result.status().code();
             counts_.replaced += result.ok() && !counter ? 1 : 0;
             if (code != Code::kConflict && code != Code::kNotFound) return ended(result.status());
             ++counts_.kept;
             remark(digest, "was changed meanwhile and was left alone");
             ended(Status());
           });
}

void StoreCopy::ended(const Status& status) {
  --waiting_;
  if (error_.ok()) error_ = status;
}

void StoreCopy::remark(const store::Digest& digest, const std::string& text) {
  if (remarks_.size() < kMaxRemarks) remarks_.push_back(digest.shortName() + " " + text);
}

Status StoreCopy::wait() {
  Instant heard = loop_.now();
  while (waiting_ > 0) {
    const uint64_t before = waiting_;
    loop_.runUntil([this] { return waiting_ == 0; }, Progress::kStep);
    const uint64_t done = counts_.copied + counts_.equal + counts_.replaced + counts_.kept;
    progress_.show("copied " + std::to_string(done) + " refs", loop_.now() - start_);
    if (waiting_ != before) heard = loop_.now();
    if (loop_.now() - heard > kPatience) {
      return {Code::kTimeout, "the store gave no answer within 30s"};
    }
  }
  return std::exchange(error_, Status());
}

namespace {

// A store that can be read from the command line: one that lies on a disk.
Result<store::StoreSpec> specOf(const std::string& text) {
  Result<store::StoreSpec> spec = store::parseStoreSpec(text);
  if (!spec.ok()) {
    return Status(Code::kInvalidArgument, config::quote(text) + " " + spec.status().message());
  }
  if (spec->durable()) return spec;
  return Status(Code::kInvalidArgument,
                config::quote(text) + " keeps nothing on a disk; write files:DIR or sqlite:FILE");
}

Status checkStores(const store::StoreSpec& from, const store::StoreSpec& to) {
  std::error_code error;
  if (!std::filesystem::exists(from.path, error)) {
    return {Code::kUnavailable, from.path + " is not there: is the path right?"};
  }
  if (std::filesystem::equivalent(from.path, to.path, error)) {
    return {Code::kInvalidArgument, "both are the same store"};
  }
  return Status();
}

std::string textOf(const StoreCopy::Counts& counts) {
  std::string text = "copied " + std::to_string(counts.copied);
  const std::array<std::pair<uint64_t, const char*>, 4> others{
      {{counts.equal, "there already"},
       {counts.replaced, "replaced"},
       {counts.kept, "different and left alone"},
       {counts.damaged, "damaged"}}};
  for (const auto& [count, what] : others) {
    if (count > 0) text += ", " + std::to_string(count) + " " + what;
  }
  return text + "\n";
}

int copy(const Arguments& arguments) {
  const Result<store::StoreSpec> from = specOf(arguments.operands[0]);
  if (!from) return complain(from.status());
  const Result<store::StoreSpec> to = specOf(arguments.operands[1]);
  if (!to) return complain(to.status());
  if (Status status = checkStores(*from, *to); !status.ok()) return complain(status);
  Progress progress;
  using Differing = StoreCopy::Differing;
  StoreCopy copy(*from, *to, arguments.has("--force") ? Differing::kReplaced : Differing::kKept,
                 progress);
  const Status status = copy.run();
  progress.clear();
  for (const std::string& remark : copy.remarks()) (void)complain(remark, kAnsweredByError);
  if (int code = print(textOf(copy.counts())); code != kDone) return code;
  if (!status.ok()) {
    return complain(status.withContext("not all was copied; start it again to go on").message(),
                    exitCodeOf(status.code()));
  }
  return copy.counts().kept + copy.counts().damaged > 0 ? kAnsweredByError : kDone;
}

constexpr std::array<Flag, 1> kFlags{
    {{"--force", "", "replace refs that TO has with another content"}}};

}  // namespace

const Command kStoreCopy{
    "store copy",
    "FROM TO",
    2,
    "Copy sturdy refs from one store to another",
    "FROM and TO are files:DIR or sqlite:FILE; TO is made when there is none. Both may be in use,\n"
    "but what is saved or revoked in FROM behind the copy is not copied: stop its sidecar first, "
    "or\n"
    "copy again afterwards. Refs that are in TO and equal are left alone, so an interrupted copy\n"
    "goes on when it is started again. One that is there with another content is left alone and\n"
    "told; like a damaged one it makes the command end with 1. Nothing is removed from TO, and "
    "what\n"
    "was revoked there since an earlier copy comes back.\n"
    "\nexample:\n"
    "  vatmesh store copy files:refs sqlite:refs.db\n",
    kFlags,
    copy};

}  // namespace vatmesh::deploy
