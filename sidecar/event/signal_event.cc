// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/signal_event.h"

#include <utility>

#include <event2/event.h>

#include "rpc/base/check.h"

namespace vatmesh::event {

SignalEvent::SignalEvent(Loop& loop, int signal_number, Loop::Callback callback)
    : callback_(std::move(callback)) {
  auto arrived = [](int, short, void* self) { static_cast<SignalEvent*>(self)->callback_(); };
  event_ = evsignal_new(loop.base(), signal_number, arrived, this);
  VATMESH_CHECK(event_ != nullptr && event_add(event_, nullptr) == 0);
}

SignalEvent::~SignalEvent() {
  event_free(event_);
}

}  // namespace vatmesh::event
