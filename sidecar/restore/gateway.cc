// SPDX-License-Identifier: Apache-2.0
//
// Texts begin with what the peer asked for, as in contracts 7, and tell nothing of names.
#include "sidecar/restore/gateway.h"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "rpc/schema/control.h"
#include "rpc/schema/object_ref.h"
#include "rpc/sturdy/identity.h"
#include "sidecar/restore/grants.h"

namespace vatmesh::restore {
namespace {

// A name that people can read is the ref's label, up to so many bytes.
constexpr size_t kMaxReadableName = 64;

Status refused(Code code, std::string_view why) {
  return {code, "save: " + std::string(why)};
}

Status outcomeForPeer(const Status& outcome) {
  if (outcome.code() != Code::kUnimplemented) return outcome;
  return refused(Code::kUnimplemented,
                 "the object does not implement Persistent (0xc8cb212fcd9f5691)");
}

bool holdsCapabilities(const vat::Content& content) {
  for (const captp::Capability& capability : content.capabilities) {
    if (capability) return true;
  }
  return false;
}

std::string readable(std::string_view object_ref) {
  const std::optional<std::string> name = schema::textIn(object_ref);
  if (!name || name->size() > kMaxReadableName) return {};
  return *name;
}

// The fingerprint that a sealFor names; none when it is null.
Result<std::optional<store::Digest>> sealOf(const vat::Content& params) {
  const Status malformed =
      refused(Code::kInvalidArgument,
              "sealFor is no fingerprint: give a Text \"sha-256:...\" or the 32 bytes as Data");
  const Result<schema::SaveParams> read =
      schema::readSaveParams(params.message, store::kMaxObjectRefBytes);
  if (!read.ok()) return malformed;
  if (read->seal_for.empty()) return std::optional<store::Digest>();
  std::optional<store::Digest> digest;
  if (const auto bytes = schema::dataIn(read->seal_for)) digest = store::Digest::fromBytes(*bytes);
  if (digest) return digest;
  if (const auto text = schema::textIn(read->seal_for)) {
    const Result<std::string> fingerprint = sturdy::parseFingerprint(*text);
    if (fingerprint.ok()) digest = store::Digest::fromBytes(*fingerprint);
  }
  if (!digest) return malformed;
  return digest;
}

// Gives `record` the end and the seal of `ref`, through which it is saved.
Status bound(store::Record& record, const Result<store::Record>& ref) {
  if (!ref.ok()) return ref.status();
  record.expires = ref->expires;
  if (!ref->sealed_for) return Status();
  if (record.sealed_for && record.sealed_for != ref->sealed_for) {
    return {Code::kRefused, "the object came from a ref that is sealed for another peer"};
  }
  record.sealed_for = ref->sealed_for;
  return Status();
}

}  // namespace

Gateway::Saving::Saving(store::Record wanted, vat::Responder waiting, std::string from,
                        std::shared_ptr<size_t> held)
    : record(std::move(wanted)),
      responder(std::move(waiting)),
      peer(std::move(from)),
      held_bytes(std::move(held)),
      bytes(store::weightOf(record)) {
  *held_bytes += bytes;
}

Gateway::Gateway(link::Hub& hub, Parts parts)
    : hub_(hub), parts_(std::move(parts)), self_(std::make_shared<Gateway*>(this)) {
  hub.objects().setSaver([this](vat::SaveRequest request, vat::Responder responder) {
    saved(std::move(request), std::move(responder));
  });
}

void Gateway::saved(vat::SaveRequest request, vat::Responder responder) {
  if (!request.outcome.ok()) {
    responder.fail(request.host ? outcomeForPeer(request.outcome.status())
                                : request.outcome.status());
  } else if (!request.host) {
    responder.answer(std::move(*request.outcome));
  } else {
    keep(request, std::move(responder));
  }
}

void Gateway::keep(const vat::SaveRequest& request, vat::Responder responder) {
  const link::Link* const peer = hub_.find(request.from);
  if (peer == nullptr) return;  // nobody waits for the answer
  Result<store::Record> record = recordOf(request, *peer);
  if (!record.ok()) return responder.fail(record.status());
  if (*held_bytes_ + store::weightOf(*record) > kMaxHeldBytes) {
    return responder.fail(
        refused(Code::kOverloaded, "too much that was saved waits for the store; try again"));
  }
  auto saving = std::make_shared<Saving>(std::move(*record), std::move(responder), peer->describe(),
                                         held_bytes_);
  const std::optional<store::Digest> through = parts_.ref_of(request.gate);
  if (!through && request.gate.value != 0) {
    return saving->responder.fail(refused(
        Code::kFailed,
        "the object came by a reference that was given back meanwhile; save it while it is held"));
  }
  std::string note = "saved by " + saving->peer;
  if (through) note += " through the sturdy ref " + through->shortName();
  saving->record.notes.push_back({.at = parts_.now(), .text = std::move(note)});
  if (!through || parts_.is_export(*through)) return publish(saving);
  parts_.info(*through, [alive = std::weak_ptr<Gateway*>(self_), this, saving,
                         through](const Result<store::Record>& ref) {
    if (alive.expired()) return;
    // Taken back while the application was asked.
    const bool gone = ref.status().code() == Code::kNotFound;
    const Status bounded = gone ? wasRevoked(*through) : bound(saving->record, ref);
    if (!bounded.ok()) return saving->responder.fail(bounded.withContext("save"));
    publish(saving);
  });
}

void Gateway::publish(const SavingPtr& saving) {
  parts_.publish(std::move(saving->record), [alive = std::weak_ptr<Gateway*>(self_), this,
                                             saving](const Result<Published>& published) {
    if (alive.expired()) return;
    if (!published.ok()) return saving->responder.fail(published.status().withContext("save"));
    hub_.limitedLog().write(
        LogLevel::kInfo, "restore", "saved",
        saving->peer + " saved an object as sturdy ref " + published->digest.shortName());
    Result<wire::InMessage> results = schema::write(
        schema::SaveResults{.sturdy_ref = schema::textRef(published->uri)}, hub_.pool());
    if (!results.ok()) return saving->responder.fail(results.status());
    saving->responder.answer(vat::Content{std::move(*results), {}});
  });
}

Result<store::Record> Gateway::recordOf(const vat::SaveRequest& request,
                                        const link::Link& peer) const {
  if (!parts_.restores_from(request.host)) {
    return refused(Code::kFailed,
                   "only objects of the application that `app` names can be saved, and this is "
                   "another one's");
  }
  if (holdsCapabilities(*request.outcome)) {
    return refused(Code::kFailed,
                   "the application's name for the object holds capabilities, which can't be kept");
  }
  const Result<schema::SaveResults> results =
      schema::readSaveResults(request.outcome->message, store::kMaxObjectRefBytes);
  if (!results.ok() || results->sturdy_ref.empty()) {
    return refused(Code::kFailed,
                   "the application gave no name for the object that can be kept: it is null, "
                   "malformed, or above 1 MiB");
  }
  Result<std::optional<store::Digest>> seal = sealOf(request.params);
  if (!seal.ok()) return seal.status();
  store::Record record;
  record.object_ref = results->sturdy_ref;
  record.label = readable(results->sturdy_ref);
  record.owner = store::Digest::fromBytes(peer.peerFingerprint());
  record.sealed_for = *seal;
  return record;
}

}  // namespace vatmesh::restore
