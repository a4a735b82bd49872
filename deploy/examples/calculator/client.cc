// SPDX-License-Identifier: Apache-2.0
// calculator-client: talks to a calculator at a local address, be it the server itself or the
// socket of a sidecar; it cannot tell them apart. With --watch it keeps calling, connects again
// after a loss, and prints what it sees meanwhile.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <kj/timer.h>

#include "calculator.capnp.h"

namespace {

using Expression = Calculator::Expression;

constexpr kj::Duration kPatience = 20 * kj::SECONDS;

// One connection to the calculator. Every wait is bounded.
class Session {
 public:
  Session(kj::AsyncIoContext& io, const char* address)
      : io_(io),
        stream_(within(io.provider->getNetwork().parseAddress(address).then(
            [](kj::Own<kj::NetworkAddress>&& parsed) {
              auto connecting = parsed->connect();
              return connecting.attach(kj::mv(parsed));
            }))),
        client_(*stream_),
        calculator_(client_.bootstrap().castAs<Calculator>()) {}

  Calculator::Client& calculator() { return calculator_; }

  // within waits for a promise, and throws when it takes too long.
  template <typename T>
  T within(kj::Promise<T> promise) {
    return io_.provider->getTimer().timeoutAfter(kPatience, kj::mv(promise)).wait(io_.waitScope);
  }

  Function::Client getOperator(Calculator::Operator op) {
    auto request = calculator_.getOperatorRequest();
    request.setOperator(op);
    // The function is used before it has arrived.
    return request.send().getFunction();
  }

 private:
  kj::AsyncIoContext& io_;
  kj::Own<kj::AsyncIoStream> stream_;
  capnp::TwoPartyClient client_;
  Calculator::Client calculator_;
};

// The client's own function: the server calls it in the middle of an evaluation.
class Power final : public Function::Server {
 public:
  explicit Power(int& calls) : calls_(calls) {}

  kj::Promise<void> call(CallContext context) override {
    auto operands = context.getParams().getOperands();
    KJ_REQUIRE(operands.size() == 2, "a power takes a base and an exponent");
    ++calls_;
    context.getResults().setNumber(std::pow(operands[0], operands[1]));
    return kj::READY_NOW;
  }

 private:
  int& calls_;
};

// Prints one line of the tour, and tells if the number is the right one.
bool show(const char* what, const char* text, double number, double expected) {
  bool right = number == expected;
  std::printf("  %-11s %s = %g%s\n", what, text, number, right ? "" : "  WRONG");
  std::fflush(stdout);
  return right;
}

// applyTo makes the expression a call of `function`, and gives its two operands to fill in.
kj::Array<Expression::Builder> applyTo(Expression::Builder expression, Function::Client function) {
  auto call = expression.initApply();
  call.setFunction(kj::mv(function));
  return KJ_MAP(operand, call.initOperands(2))->Expression::Builder {
    return operand;
  };
}

bool showEvaluation(Session& session) {
  auto request = session.calculator().evaluateRequest();
  auto product =
      applyTo(request.initExpression(), session.getOperator(Calculator::Operator::MULTIPLY));
  auto sum = applyTo(product[0], session.getOperator(Calculator::Operator::ADD));
  sum[0].setNumber(2);
  sum[1].setNumber(3);
  product[1].setNumber(4);
  auto response = session.within<capnp::Response<Value::ReadResults>>(
      request.send().getValue().readRequest().send());
  return show("evaluate", "(2 + 3) * 4", response.getNumber(), 20);
}

bool showPipelining(Session& session) {
  auto add = session.getOperator(Calculator::Operator::ADD);
  auto first = session.calculator().evaluateRequest();
  auto operands = applyTo(first.initExpression(), add);
  operands[0].setNumber(20);
  operands[1].setNumber(1);
  // Neither the operator nor this value has arrived when the next request leaves.
  auto sum = first.send().getValue();
  auto second = session.calculator().evaluateRequest();
  operands = applyTo(second.initExpression(), add);
  operands[0].setEarlier(sum);
  operands[1].setEarlier(sum);
  auto response = session.within<capnp::Response<Value::ReadResults>>(
      second.send().getValue().readRequest().send());
  return show("pipelining", "(20 + 1) twice, 4 calls in one round trip", response.getNumber(), 42);
}

bool showFunction(Session& session) {
  auto request = session.calculator().defFunctionRequest();
  request.setArity(2);
  auto sum = applyTo(request.initBody(), session.getOperator(Calculator::Operator::ADD));
  auto product = applyTo(sum[0], session.getOperator(Calculator::Operator::MULTIPLY));
  product[0].setArgument(0);
  product[1].setNumber(100);
  sum[1].setArgument(1);
  auto call = request.send().getFunction().callRequest();
  call.setOperands({12, 34});
  auto response = session.within<capnp::Response<Function::CallResults>>(call.send());
  return show("defFunction", "f(x, y) = x * 100 + y, f(12, 34)", response.getNumber(), 1234);
}

bool showCallback(Session& session) {
  int calls = 0;
  auto request = session.calculator().evaluateRequest();
  auto power = applyTo(request.initExpression(), kj::heap<Power>(calls));
  power[0].setNumber(2);
  auto sum = applyTo(power[1], session.getOperator(Calculator::Operator::ADD));
  sum[0].setNumber(4);
  sum[1].setNumber(5);
  auto response = session.within<capnp::Response<Value::ReadResults>>(
      request.send().getValue().readRequest().send());
  return show("callback", "the server asks this client for 2 ^ (4 + 5)", response.getNumber(),
              512) &&
         calls == 1;
}

int tour(kj::AsyncIoContext& io, const char* address) {
  Session session(io, address);
  bool right = showEvaluation(session);
  right = showPipelining(session) && right;
  right = showFunction(session) && right;
  right = showCallback(session) && right;
  return right ? 0 : 1;
}

// The cause without the trail that each hop adds in front of it.
const char* cause(const kj::Exception& error) {
  const char* text = error.getDescription().cStr();
  constexpr const char* kHop = "remote exception: ";
  while (std::strncmp(text, kHop, std::strlen(kHop)) == 0) text += std::strlen(kHop);
  return text;
}

// Prints a line for each call. Ends after `count` of them, or never when that is 0.
void watch(kj::AsyncIoContext& io, const char* address, kj::Duration interval, int count) {
  kj::Maybe<kj::Own<Session>> session;
  for (int i = 1; count == 0 || i <= count; ++i) {
    try {
      if (session == nullptr) session = kj::heap<Session>(io, address);
      auto& live = *KJ_ASSERT_NONNULL(session);
      auto call = live.getOperator(Calculator::Operator::MULTIPLY).callRequest();
      call.setOperands({6, 7});
      auto response = live.within<capnp::Response<Function::CallResults>>(call.send());
      std::printf("call %d: 6 * 7 = %g\n", i, response.getNumber());
    } catch (const kj::Exception& error) {
      std::printf("call %d: %s: %s\n", i, kj::str(error.getType()).cStr(), cause(error));
      // What came over a dead connection is dead too: the next round connects again.
      session = nullptr;
    }
    std::fflush(stdout);
    io.provider->getTimer().afterDelay(interval).wait(io.waitScope);
  }
}

int usage() {
  std::fprintf(stderr,
               "usage: calculator-client ADDRESS\n"
               "       calculator-client ADDRESS --watch [MILLISECONDS [COUNT]]\n"
               "ADDRESS is HOST:PORT or unix:PATH\n");
  return 64;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 5 || argv[1][0] == '-') return usage();
  if (argc > 2 && std::strcmp(argv[2], "--watch") != 0) return usage();
  try {
    auto io = kj::setupAsyncIo();
    if (argc == 2) return tour(io, argv[1]);
    watch(io, argv[1], (argc > 3 ? std::atoi(argv[3]) : 1000) * kj::MILLISECONDS,
          argc > 4 ? std::atoi(argv[4]) : 0);
  } catch (const kj::Exception& error) {
    std::fprintf(stderr, "calculator-client: %s\n", cause(error));
    return 1;
  }
  return 0;
}
