// SPDX-License-Identifier: Apache-2.0
//
// One function for each arrow of the header's picture.
#include "sidecar/drain.h"

#include <signal.h>

#include <utility>

namespace vatmesh {

Drain::Drain(link::Hub& hub, std::function<void()> stop_accepting)
    : hub_(hub),
      stop_accepting_(std::move(stop_accepting)),
      last_words_(hub.loop(), [this] { closeAll(); }),
      flush_(hub.loop(), [this] { hub_.loop().stop(); }) {
  for (const int signal_number : {SIGTERM, SIGINT, SIGHUP}) {
    signals_.push_back(std::make_unique<event::SignalEvent>(
        hub.loop(), signal_number, [this, signal_number] { onSignal(signal_number); }));
  }
}

void Drain::childEnded(int exit_code) {
  child_ended_ = true;
  exit_code_ = exit_code;
  hub_.log().info("drain", "the application ended with " + std::to_string(exit_code));
  stopAccepting();
  if (child_disconnected_) {
    closeAll();
  } else {
    last_words_.arm(kLastWords);
  }
}

void Drain::childDisconnected() {
  child_disconnected_ = true;
  if (child_ended_) closeAll();
}

void Drain::onSignal(int signal_number) {
  if (child_ != nullptr && !child_ended_) {
    child_->signal(signal_number);
    // To many programs it means "read your files again"; it is theirs to decide.
    if (signal_number != SIGHUP) stopAccepting();
    return;
  }
  if (state_ == State::kClosing) {
    hub_.loop().stop();  // asked twice
    return;
  }
  stopAccepting();
  closeAll();
}

void Drain::stopAccepting() {
  if (state_ != State::kRunning) return;
  state_ = State::kStopping;
  hub_.log().info("drain", "shutting down");
  stop_accepting_();
}

void Drain::closeAll() {
  if (state_ == State::kClosing) return;
  state_ = State::kClosing;
  last_words_.cancel();
  flush_.arm(kFlush);
  hub_.shutDown(Status(Code::kDisconnected, "Vat shut down"), [this] { hub_.loop().stop(); });
}

}  // namespace vatmesh
