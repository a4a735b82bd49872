// SPDX-License-Identifier: Apache-2.0
#include "sidecar/link/link_probe.h"

#include <algorithm>
#include <utility>

#include "rpc/base/check.h"
#include "rpc/wire/build.h"
#include "rpc/wire/frame_reader.h"

namespace vatmesh::link {
namespace {

// No vat makes such an id, neither derived nor at random.
constexpr const char* kNobody = "vatmesh: does this link live?";

// The message of a frame, as if it had come from a connection.
wire::InMessage received(const wire::FrameRef& frame, wire::BufferPool& pool) {
  wire::FrameReader reader(pool, {});
  for (const auto piece : frame->pieces()) {
    const std::span<uint8_t> space = reader.prepare();
    VATMESH_CHECK(space.size() >= piece.size());
    std::copy(piece.begin(), piece.end(), space.begin());
    reader.commit(piece.size());
  }
  Result<std::optional<wire::InMessage>> message = reader.next();
  VATMESH_CHECK(message.ok() && message->has_value());
  return **std::move(message);
}

}  // namespace

LinkProbe::LinkProbe(event::Loop& loop, captp::LinkId asked, Duration patience, Done done,
                     OnLate on_late)
    : asked_(asked),
      done_(std::move(done)),
      late_(loop, [this, on_late = std::move(on_late)] { on_late(*this); }) {
  late_.arm(patience);
}

void LinkProbe::begin(vat::Vat& vat, wire::BufferPool& pool, captp::Effects& effects) {
  asker_ =
      vat.addLink({.kind = captp::LinkKind::kClient, .digest = {}, .profile = {}, .limits = {}});
  const wire::FrameRef frame = wire::buildBootstrap(vat.framePool(), 0, {});
  vat.onMessage(asker_, received(frame, pool), effects);
}

vat::BootstrapOf LinkProbe::wanted() const {
  return {.link = asked_, .object_id = kNobody};
}

void LinkProbe::tell(bool lives) {
  late_.cancel();
  if (done_) std::exchange(done_, {})(lives);
}

}  // namespace vatmesh::link
