// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/durable_refs.h"

#include <utility>

#include "sidecar/restore/metered_store.h"

namespace vatmesh::restore {
namespace {

std::unique_ptr<store::Store> metered(link::Hub& hub, std::unique_ptr<store::Store> store,
                                      MeteredStore::OnOutcome on_outcome) {
  if (!store) return nullptr;
  return std::make_unique<MeteredStore>(hub.loop(), hub.counters(), std::move(store),
                                        std::move(on_outcome));
}

}  // namespace

DurableRefs::DurableRefs(Parts parts, std::unique_ptr<store::Store> store)
    : log_(parts.hub.log()),
      store_(metered(parts.hub, std::move(store),
                     [this](const Status& outcome) { health_->report(outcome); })),
      target_(parts.target),
      calls_(parts.calls),
      objects_(parts.calls, std::move(parts.target)),
      publisher_(store_.get(), parts.entropy, publisherParts(parts)) {
  if (!store_) return;
  health_ = std::make_unique<StoreHealth>(parts.hub.loop(), parts.hub.log(), *store_);
  stored_ = std::make_unique<StoredRefs>(StoredRefs::Parts{.hub = parts.hub,
                                                           .grants = parts.grants,
                                                           .store = *store_,
                                                           .health = *health_,
                                                           .source = objects_,
                                                           .now = parts.now});
}

DurableRefs::~DurableRefs() = default;

Status DurableRefs::mayPublish(const link::Link& program) const {
  if (!store_) return Publisher::noStore();
  const ApplicationObjects::Target target = target_();
  if (target.app == nullptr) {
    return {Code::kFailed, "no application restores sturdy refs here; set \"app\""};
  }
  if (program.spec().kind == captp::LinkKind::kApp && !target.app->owns(program.id())) {
    return {Code::kFailed,
            "sturdy refs belong to the application that `app` names; this is another"};
  }
  if (target.interface == config::App::Interface::kPlain && !calls_.anyServes()) {
    return {Code::kFailed,
            "the application is a plain server, which restores no sturdy refs: set "
            "app.interface: application, or call serve"};
  }
  return Status();
}

void DurableRefs::keyIsNew() {
  if (!store_) return;
  health_->observe([this, asked = false]() mutable {
    if (std::exchange(asked, true)) return;
    store_->list({}, 1, [this](const Result<store::Page>& page) {
      if (!page.ok() || page->refs.empty()) return;
      log_.warning("store",
                   "there are refs in it, but the key is new: their URIs name the one before; put "
                   "its file back to keep them");
    });
  });
}

std::optional<Status> DurableRefs::storeStatus() const {
  return health_ ? std::optional(health_->status()) : std::nullopt;
}

Publisher::Parts DurableRefs::publisherParts(Parts& parts) {
  return {.secret = std::move(parts.secret),
          .uri_of = std::move(parts.uri_of),
          .changed =
              [this](const store::Digest& digest, bool removed) {
                stored_->changed(digest);
                if (removed) stored_->end(digest, wasRevoked(digest));
              },
          .failed =
              [&hub = parts.hub](const Status& cause) {
                hub.limitedLog().write(LogLevel::kWarning, "restore", "publish",
                                       "the store of sturdy refs failed: " + cause.message());
              },
          .now = parts.now};
}

}  // namespace vatmesh::restore
