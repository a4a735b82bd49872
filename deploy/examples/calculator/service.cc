// SPDX-License-Identifier: Apache-2.0
// The calculator itself. An expression is walked in one pass; every function in it is a capability
// and is called as one, be it the server's own, one made of an expression, or the client's.
#include "service.h"

#include <capnp/message.h>
#include <kj/async.h>
#include <kj/debug.h>

namespace {

using Expression = Calculator::Expression;

// evaluate computes an expression inside a body with these arguments. Both must live until the
// promise is done.
kj::Promise<double> evaluate(Expression::Reader expression, kj::ArrayPtr<const double> arguments) {
  switch (expression.which()) {
    case Expression::NUMBER:
      return expression.getNumber();
    case Expression::EARLIER:
      return expression.getEarlier().readRequest().send().then(
          [](auto&& response) { return response.getNumber(); });
    case Expression::ARGUMENT: {
      auto index = expression.getArgument();
      KJ_REQUIRE(index < arguments.size(), "there is no such argument", index);
      return arguments[index];
    }
    case Expression::APPLY: {
      auto apply = expression.getApply();
      auto operands = KJ_MAP(operand, apply.getOperands()) {
        return evaluate(operand, arguments);
      };
      return kj::joinPromises(kj::mv(operands))
          .then([function = apply.getFunction()](kj::Array<double>&& numbers) mutable {
            auto request = function.callRequest();
            request.setOperands(numbers);
            return request.send().then([](auto&& response) { return response.getNumber(); });
          });
    }
  }
  KJ_FAIL_REQUIRE("unknown kind of expression");
}

class ValueImpl final : public Value::Server {
 public:
  explicit ValueImpl(double number) : number_(number) {}

  kj::Promise<void> read(ReadContext context) override {
    context.getResults().setNumber(number_);
    return kj::READY_NOW;
  }

 private:
  const double number_;
};

class OperatorImpl final : public Function::Server {
 public:
  explicit OperatorImpl(Calculator::Operator op) : op_(op) {}

  kj::Promise<void> call(CallContext context) override {
    auto operands = context.getParams().getOperands();
    KJ_REQUIRE(operands.size() == 2, "an operator takes two operands", operands.size());
    context.getResults().setNumber(compute(operands[0], operands[1]));
    return kj::READY_NOW;
  }

 private:
  double compute(double left, double right) const {
    switch (op_) {
      case Calculator::Operator::ADD:
        return left + right;
      case Calculator::Operator::SUBTRACT:
        return left - right;
      case Calculator::Operator::MULTIPLY:
        return left * right;
      case Calculator::Operator::DIVIDE:
        return left / right;
    }
    KJ_FAIL_REQUIRE("unknown operator", static_cast<uint16_t>(op_));
  }

  const Calculator::Operator op_;
};

// A function made of an expression; it holds the capabilities in it.
class DefinedFunction final : public Function::Server {
 public:
  DefinedFunction(uint16_t arity, Expression::Reader body) : arity_(arity) {
    message_.setRoot(body);
  }

  kj::Promise<void> call(CallContext context) override {
    auto operands = context.getParams().getOperands();
    KJ_REQUIRE(operands.size() == arity_, "wrong number of operands", operands.size(), arity_);
    auto arguments = kj::heapArray<double>(operands.begin(), operands.end());
    auto result = evaluate(message_.getRoot<Expression>().asReader(), arguments);
    return result.then([context](double number) mutable { context.getResults().setNumber(number); })
        .attach(kj::mv(arguments), thisCap());
  }

 private:
  const uint16_t arity_;
  capnp::MallocMessageBuilder message_;
};

class CalculatorImpl final : public Calculator::Server {
 public:
  kj::Promise<void> evaluate(EvaluateContext context) override {
    return ::evaluate(context.getParams().getExpression(), nullptr)
        .then([context](double number) mutable {
          context.getResults().setValue(kj::heap<ValueImpl>(number));
        });
  }

  kj::Promise<void> defFunction(DefFunctionContext context) override {
    auto params = context.getParams();
    context.getResults().setFunction(
        kj::heap<DefinedFunction>(params.getArity(), params.getBody()));
    return kj::READY_NOW;
  }

  kj::Promise<void> getOperator(GetOperatorContext context) override {
    context.getResults().setFunction(kj::heap<OperatorImpl>(context.getParams().getOperator()));
    return kj::READY_NOW;
  }
};

}  // namespace

Calculator::Client newCalculator() {
  return kj::heap<CalculatorImpl>();
}
