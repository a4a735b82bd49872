// SPDX-License-Identifier: Apache-2.0
//
// RefVat is an honest vat with one link and an application that the fuzzer plays: a small
// implementation of level 1 by the book, made without the engine. It pins what it announced,
// embargoes references that get shorter, and echoes what the peer asks to be echoed. It also judges
// what the peer sends: an id that can't be, a Resolve too many, and the run has failed.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rpc/wire/frame.h"
#include "tests/fuzz/ref_node.h"

namespace vatmesh::fuzz {

// Habits that differ between living peers.
struct Habits {
  bool stays_on_paths = false;   // calls on results go to the question for ever, as Rust's do
  bool lingers = false;          // holds questions until the results are dropped, as C++ does
  bool says_no_finish = false;   // noFinishNeeded in Returns without capabilities
  bool always_finishes = false;  // sends Finish even where none is needed
  bool tail_calls = false;       // sendResultsTo.yourself for calls that are answers
  bool lazy = false;             // Finishes and Releases come late, as Go's do
  bool resolves_again = false;   // one Resolve for each time the promise was named, as Go
  bool promises_hosted = false;  // a promise named again is senderHosted, as Rust's
  bool keeps_canceled = false;   // a Finish that cancels releases nothing, as OCaml's
  bool releases_params = false;  // releaseParamCaps where that is true
  bool tells_promises = false;   // that a promise became another one, before that is known
  bool workaround = true;        // requireEarlyCancellationWorkaround in Finish
};

class RefVat {
 public:
  // A call for the application to answer.
  struct Incoming {
    uint32_t call;
    std::shared_ptr<Struct> result;
    std::vector<Shadow> shadows;
    std::vector<Cap> arguments;
  };

  RefVat(std::string name, ShadowWorld& world, Habits habits);
  ~RefVat();

  const std::string& name() const { return name_; }
  const Habits& habits() const { return habits_; }
  // The source of all chances in the next step.
  void setRandom(Random& random) { random_ = &random; }

  // --- the link
  bool connected() const { return link_ && link_->alive; }
  void connect();
  void lose();
  void receive(wire::InMessage&& message);
  // Ends a step: writes Finishes and Releases, sooner or later, unless `all` are due now. What was
  // written since the last one.
  std::vector<Frame> flush(bool all);
  // Empty when all tables are; otherwise what is left.
  std::string leftovers() const;

  // --- the application
  Cap newObject();
  Shadow bootShadow() const { return boot_->shadow; }
  std::shared_ptr<Struct> call(const Cap& target, CallContent content, std::vector<Cap> arguments);
  std::shared_ptr<Struct> bootstrap(uint32_t call);
  // The results of this call are those of `result`.
  void tailCall(const std::shared_ptr<Struct>& result, const Cap& target, CallContent content,
                std::vector<Cap> arguments);
  // A capability of the results: now or later.
  Cap field(const std::shared_ptr<Struct>& result, size_t slot);
  void resolve(const std::shared_ptr<Promise>& promise, const Cap& to);
  void answer(const std::shared_ptr<Struct>& result, const Results& results);
  void refuse(const std::shared_ptr<Struct>& result, const std::string& reason);
  // The results of `other` are those of `result`.
  void redirect(const std::shared_ptr<Struct>& result, const std::shared_ptr<Struct>& other);
  // Nobody wants to know any more.
  static void unwatch(Struct& result) { result.watched = 0; }

  // What `cap` is by now.
  Cap follow(Cap cap) const;
  std::vector<Incoming> inbox;

 private:
  struct Imported {
    Cap cap;  // empty: null
    bool reflected = false;
    Cap bounce;
  };

  void fail(const std::string& what);
  Cap broken(const std::string& reason) const { return std::make_shared<Broken>(reason); }

  // Sending (ref_send.cc)
  void write(const wire::FrameRef& frame);
  void sendAlong(const Cap& pin, Call call);
  void sendCall(const std::shared_ptr<Remote>& target, Call& call);
  wire::OutDescriptor describe(const Cap& cap, std::vector<uint32_t>* record);
  void resolveBroken();
  void announce(uint32_t id, const Cap& now);
  std::shared_ptr<Question> newQuestion(const std::shared_ptr<Struct>& sink);
  wire::OutTarget targetOf(const Remote& remote) const;
  void sendReturn(Struct& result);
  bool takeParamReleases(Answer& answer);
  void forgetExport(uint32_t id, uint32_t count);

  // Results (ref_vat.cc)
  Cap pathOf(const std::shared_ptr<Question>& question, size_t slot);
  void asked(const std::shared_ptr<Struct>& result, const std::shared_ptr<Question>& question);
  void complete(Struct& result, const Results& results);
  void breakResult(Struct& result, const Cap& why);
  void deliver(Object& object, Call& call);
  void embargo(Remote& path, const Cap& target, const Cap& bounce, std::shared_ptr<Promise> held);
  void passEmbargo(RefLink::Embargo embargo);

  // Receiving (ref_receive.cc)
  void onBootstrap(const wire::Envelope& envelope);
  void onCall(const wire::InMessage& message, const wire::Envelope& envelope);
  void onReturn(const wire::InMessage& message, const wire::Envelope& envelope);
  void onTaken(uint32_t answer_id, Question* question);
  void onResults(Question& question, const wire::InMessage& message,
                 const wire::Envelope& envelope);
  void onFinish(const wire::Envelope& envelope);
  void onResolve(const wire::Envelope& envelope);
  void onRelease(const wire::Envelope& envelope);
  void onDisembargo(const wire::Envelope& envelope);
  void echo(uint32_t embargo, const Cap& pin);
  Imported read(const wire::Descriptor& descriptor, const wire::Envelope& envelope);
  void settle(Remote& remote, const Imported& to);
  Cap pinOfAnswer(Answer& answer, size_t slot);

  std::string name_;
  ShadowWorld& world_;
  Habits habits_;
  Random* random_ = nullptr;
  std::shared_ptr<Object> boot_;
  std::shared_ptr<RefLink> link_;
  wire::FramePool frames_;
  std::vector<Frame> out_;
  std::vector<std::weak_ptr<Remote>> remotes_;  // all that ever were
};

}  // namespace vatmesh::fuzz
