# SPDX-License-Identifier: Apache-2.0
@0xf12eaa47c7c68026;

interface Person {
  greet @0 (visitor :Text) -> (text :Text);
}
