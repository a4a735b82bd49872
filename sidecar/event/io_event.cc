// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/io_event.h"

#include <utility>

#include <event2/event.h>

#include "rpc/base/check.h"

namespace vatmesh::event {

namespace {

bool has(Interest set, Interest one) {
  return (static_cast<uint8_t>(set) & static_cast<uint8_t>(one)) != 0;
}

void update(::event* event, bool was, bool is) {
  if (was == is) return;
  VATMESH_CHECK((is ? event_add(event, nullptr) : event_del(event)) == 0);
}

void call(int, short, void* callback) {
  (*static_cast<Loop::Callback*>(callback))();
}

}  // namespace

IoEvent::IoEvent(Loop& loop, int fd, Loop::Callback on_readable, Loop::Callback on_writable,
                 Loop::Callback on_end)
    : on_readable_(std::move(on_readable)),
      on_writable_(std::move(on_writable)),
      on_end_(std::move(on_end)),
      read_event_(event_new(loop.base(), fd, EV_READ | EV_PERSIST, call, &on_readable_)),
      write_event_(event_new(loop.base(), fd, EV_WRITE | EV_PERSIST, call, &on_writable_)),
      end_event_(event_new(loop.base(), fd, EV_CLOSED | EV_PERSIST, call, &on_end_)) {
  VATMESH_CHECK(read_event_ != nullptr && write_event_ != nullptr && end_event_ != nullptr);
}

IoEvent::~IoEvent() {
  event_free(read_event_);
  event_free(write_event_);
  event_free(end_event_);
}

void IoEvent::watch(Interest interest) {
  update(read_event_, has(interest_, Interest::kRead), has(interest, Interest::kRead));
  update(write_event_, has(interest_, Interest::kWrite), has(interest, Interest::kWrite));
  update(end_event_, has(interest_, Interest::kEnd), has(interest, Interest::kEnd));
  interest_ = interest;
}

}  // namespace vatmesh::event
