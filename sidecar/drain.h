// SPDX-License-Identifier: Apache-2.0
//
// Drain ends the process in good order.
//
//   running --TERM, INT--> (with a child: signal it) --> stop accepting --(child ends)--> closing
//   running --child ends------------------------------------------------------------> closing
//   closing: each link gets an Abort `disconnected` "Vat shut down"; --all closed, or kFlush-->
//   over
//
// The exit code is the child's, else 0.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "sidecar/event/loop.h"
#include "sidecar/event/signal_event.h"
#include "sidecar/event/timer.h"
#include "sidecar/link/child.h"
#include "sidecar/link/hub.h"

namespace vatmesh {

class Drain {
 public:
  static constexpr Duration kFlush = std::chrono::seconds(1);
  // How long the last messages of a child that has ended may still be on their way.
  static constexpr Duration kLastWords = std::chrono::milliseconds(200);

  // Catches the signals from now on. `stop_accepting` is called once; the loop is stopped at the
  // end.
  Drain(link::Hub& hub, std::function<void()> stop_accepting);

  // The application that we started; borrowed, may be null.
  void setChild(link::Child* child) { child_ = child; }

  // It has ended; `exit_code` becomes ours.
  void childEnded(int exit_code);
  // Its connection is over: nothing more comes from it.
  void childDisconnected();

  bool draining() const { return state_ != State::kRunning; }
  int exitCode() const { return exit_code_; }

 private:
  enum class State : uint8_t { kRunning, kStopping, kClosing };

  void onSignal(int signal_number);
  void stopAccepting();
  void closeAll();

  link::Hub& hub_;
  std::function<void()> stop_accepting_;
  link::Child* child_ = nullptr;
  bool child_ended_ = false;
  bool child_disconnected_ = false;
  State state_ = State::kRunning;
  int exit_code_ = 0;
  std::vector<std::unique_ptr<event::SignalEvent>> signals_;
  event::Timer last_words_;
  event::Timer flush_;
};

}  // namespace vatmesh
