// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/refs_store.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "deploy/cli/uri_source.h"
#include "persistence/store_factory.h"
#include "rpc/sturdy/object_id.h"
#include "rpc/sturdy/uri.h"
#include "sidecar/config/load.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::deploy {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);
// Fewer characters are no name of a ref but a slip.
constexpr size_t kLeastBeginning = 4;

Result<store::StoreSpec> specOf(const Arguments& arguments) {
  const auto text = arguments.get("--store"), file = arguments.get("--config");
  if (text.has_value() == file.has_value()) {
    return Status(Code::kInvalidArgument, "write either --store STORE or --config FILE");
  }
  if (text) {
    Result<store::StoreSpec> spec = store::parseStoreSpec(*text);
    if (spec.ok()) return spec;
    return Status(Code::kInvalidArgument,
                  "--store " + config::quote(*text) + " " + spec.status().message());
  }
  if (Status status = checkPath(*file); !status.ok()) return status;
  Result<config::Source> source = config::readSource(*file);
  if (!source.ok()) return source.status();
  config::Loaded loaded = config::load(*source);
  if (loaded.config) return loaded.config->store;
  return Status(Code::kInvalidArgument,
                loaded.errors.front() + "; vatmesh validate tells all that is wrong");
}

bool looksLikeBeginning(const std::string& text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return text.size() >= kLeastBeginning && text.size() <= 43 &&
         text.find_first_not_of(kAlphabet) == std::string::npos;
}

Status unknown() {
  return {Code::kRefused, "no such ref in this store; vatmesh refs list shows them"};
}

}  // namespace

Result<std::unique_ptr<RefsStore>> RefsStore::open(const Arguments& arguments) {
  Result<store::StoreSpec> spec = specOf(arguments);
  if (!spec.ok()) return spec.status();
  if (spec->kind == store::StoreKind::kNone) {
    return Status(Code::kInvalidArgument, "there is no store: nothing is kept; set \"store\"");
  }
  if (spec->kind == store::StoreKind::kMemory) {
    return Status(Code::kInvalidArgument,
                  "the store is the memory of the sidecar, which nobody else can read");
  }
  std::error_code error;
  if (!std::filesystem::exists(spec->path, error)) {
    return Status(Code::kUnavailable, spec->path + " is not there: is the path right?");
  }
  return std::unique_ptr<RefsStore>(new RefsStore(*spec));
}

RefsStore::RefsStore(const store::StoreSpec& spec)
    : store_(store::makeStore(
          spec, [this](std::function<void()> callback) { loop_.post(std::move(callback)); })) {}

template <typename T>
T RefsStore::wait(const std::optional<T>& answer) {
  if (loop_.runUntil([&] { return answer.has_value(); }, kPatience)) return *answer;
  return T(Status(Code::kTimeout, "the store gave no answer within 30s"));
}

Result<store::Page> RefsStore::list(const std::string& page_token) {
  std::optional<Result<store::Page>> answer;
  store_->list(page_token, store::kMaxPage, [&](auto result) { answer = std::move(result); });
  return wait(answer);
}

Result<store::Stored> RefsStore::get(const store::Digest& digest) {
  std::optional<Result<store::Stored>> answer;
  store_->get(digest, [&](auto result) { answer = std::move(result); });
  Result<store::Stored> stored = wait(answer);
  return stored.status().code() == Code::kNotFound ? Result<store::Stored>(unknown()) : stored;
}

Status RefsStore::remove(const store::Digest& digest) {
  std::optional<Status> answer;
  store_->remove(digest, store::kAnyVersion, [&](Status status) { answer = std::move(status); });
  const Status status = wait(answer);
  return status.code() == Code::kNotFound ? unknown() : status;
}

Result<store::Digest> RefsStore::find(const std::string& ref) {
  std::error_code error;
  const bool is_file = std::filesystem::exists(ref, error);
  if (!sturdy::looksLikeUri(ref) && !is_file) return findByBeginning(ref);
  const Result<std::string> text = uriText(ref);
  if (!text.ok()) return text.status();
  const Result<sturdy::SturdyUri> uri = sturdy::parseUri(*text);
  if (!uri.ok()) return uri.status();
  return *store::Digest::fromBytes(sturdy::idDigest(uri->id));
}

Result<store::Digest> RefsStore::findByBeginning(const std::string& beginning) {
  if (!looksLikeBeginning(beginning)) {
    return Status(Code::kInvalidArgument, config::quote(beginning) +
                                              " names no ref; write at least 4 characters of its "
                                              "digest, a URI or the path of a cap file");
  }
  if (const auto whole = store::Digest::fromText(beginning)) return *whole;
  std::optional<store::Digest> found;
  std::string token;
  do {
    const Result<store::Page> page = list(token);
    if (!page.ok()) return page.status();
    for (const store::Listed& listed : page->refs) {
      if (!listed.digest.toText().starts_with(beginning)) continue;
      if (listed.stored.ok() && listed.stored->record.counter) continue;
      if (found) {
        return Status(Code::kInvalidArgument,
                      beginning + " is the beginning of several; write more of it");
      }
      found = listed.digest;
    }
    token = page->next;
  } while (!token.empty());
  return found ? Result<store::Digest>(*found) : Result<store::Digest>(unknown());
}

}  // namespace vatmesh::deploy
