# SPDX-License-Identifier: Apache-2.0
# A calculator whose functions are capabilities: a client gets them from the server, hands over its
# own, and uses a result before it has arrived.

@0xb351dafb0bcabf4a;

interface Calculator {
  evaluate @0 (expression :Expression) -> (value :Value);
  # Computes the expression on the server. The result is an object, so that it can be used in the
  # next expression without coming to the client first.

  defFunction @1 (arity :UInt16, body :Expression) -> (function :Function);
  # Makes a function of `arity` arguments out of an expression.

  getOperator @2 (operator :Operator) -> (function :Function);

  enum Operator {
    add @0;
    subtract @1;
    multiply @2;
    divide @3;
  }

  struct Expression {
    union {
      number @0 :Float64;
      earlier @1 :Value;      # the result of another call, perhaps still under way
      argument @2 :UInt16;    # inside a body only: which argument, from 0
      apply :group {
        function @3 :Function;
        operands @4 :List(Expression);
      }
    }
  }
}

interface Value {
  read @0 () -> (number :Float64);
}

interface Function {
  call @0 (operands :List(Float64)) -> (number :Float64);
  # The caller need not know who implements it: the server, or the client itself.
}
