// SPDX-License-Identifier: Apache-2.0
//
// The end of a link. It is gone at once: nobody finds it, nothing is sent on it. What stood in its
// tables fails in the turns that follow, some entries in each, so that a link with many doesn't
// hold up all others (captp-engine 5.5). Until then calls to what it hosted are still put into its
// tables, and fail with the rest.
#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"

namespace vatmesh::captp {
namespace {

// About a millisecond's work.
constexpr size_t kEntriesPerTurn = 1024;

}  // namespace

void Core::lose(Connection& connection, const wire::Exception& what) {
  Slot& slot = links_[connection.id().slot];
  VATMESH_CHECK(slot.connection.get() == &connection);
  losses_.push_back({std::move(slot.connection), broken(what), {}});
  free_slots_.push_back(connection.id().slot);
  std::erase(touched_, &connection);
  connection.touched = true;  // never listed again
  connection.canonical.clear();
  flow.forget(connection);
  continueLosses();
}

void Core::continueLosses() {
  size_t left = kEntriesPerTurn;
  while (!losses_.empty() && left > 0) {
    left -= loseSome(losses_.front(), left);
    if (!losses_.front().connection->tablesEmpty()) return;
    Loss loss = std::move(losses_.front());
    losses_.pop_front();
    // Others may still look at it until the turn ends.
    lost_links_.push_back(std::move(loss.connection));
    // Whatever could come back along the link has come. Peers' Disembargoes follow that.
    for (SentDisembargo& sent : loss.onwards) {
      travel(std::move(sent.loopback), *sent.bounce.node());
    }
  }
}

// Answers go first, so that nothing is returned to the link, and imports last, so that what is
// asked of it meanwhile has failed before it is forgotten.
size_t Core::loseSome(Loss& loss, size_t most) {
  Connection& connection = *loss.connection;
  size_t done = connection.answers.drain(most, [&](AnswerId, Answer& answer) {
    detach(answer);
    // What nobody has been asked yet is not asked any more.
    const Pipeline& pipeline = *answer.pipeline;
    if (pipeline.waiting() && !pipeline.callee) breakPipeline(*answer.pipeline, loss.why);
  });
  done += connection.exports.drain(
      most - done, [&](ExportId id, Export& entry) { connection.unlist(id, entry); });
  for (SentDisembargo& sent : std::exchange(connection.delayed, {})) {
    loss.onwards.push_back(std::move(sent));
  }
  done += connection.embargoes.drain(most - done, [&](EmbargoId, SentDisembargo& sent) {
    if (EmbargoNode* embargo = sent.loopback.embargo.get()) {
      reject(*embargo, loss.why);
    } else if (sent.bounce) {
      loss.onwards.push_back(std::move(sent));
    }
  });
  done += connection.questions.drain(
      most - done, [&](QuestionId, Question& question) { loseQuestion(question, loss.why); });
  done += connection.imports.drain(most - done, [&](ImportId, Connection::ImportEntry& entry) {
    ImportNode& node = *entry.node;
    node.lose(loss.why);
    if (!node.settled()) settle(node, loss.why);
  });
  return done;
}

void Core::loseQuestion(Question& question, Ref why) {
  Pipeline* pipeline = question.pipeline;
  if (!pipeline) return;
  pipeline->connection = nullptr;
  if (!pipeline->returned) {
    breakPipeline(*pipeline, std::move(why));
  } else if (!pipeline->broken) {
    pipeline->broken = std::move(why);
  }
}

}  // namespace vatmesh::captp
