# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Helpers of deploy/quickstart: processes, waiting, ports. Sourced; needs $place and $patience.

declare -A pids=()

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
if [ ! -t 1 ]; then title() { printf '\n== %s\n' "$*"; }; fi

# start NAME COMMAND...: in the background; its output goes to log/NAME.log, a restart appends.
start() {
  local name=$1
  shift
  "$@" >>"$place/log/$name.log" 2>&1 </dev/null 9>&- &
  pids[$name]=$!
}

alive() { [ -n "${pids[$1]:-}" ] && kill -0 "${pids[$1]}" 2>/dev/null; }

# stop NAME: asks it to end, and takes it away when it does not within three seconds.
stop() {
  local pid=${pids[$1]:-} i
  [ -n "$pid" ] || return 0
  unset "pids[$1]"
  kill -TERM "$pid" 2>/dev/null || true
  for ((i = 0; i < 30; i++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

kill_hard() {
  local pid=${pids[$1]}
  unset "pids[$1]"
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null || true
}

stop_all() {
  local name
  for name in "${!pids[@]}"; do stop "$name"; done
}

clean_up() {
  stop_all
  [ "${sockets:-$place}" = "$place" ] || rm -rf "$sockets"
}

# fail WHY [NAME...]: ends the demonstration, showing the end of those logs.
fail() {
  local why=$1 name
  shift
  for name in "$@"; do
    printf -- '--- %s\n' "$place/log/$name.log" >&2
    tail -n 20 "$place/log/$name.log" >&2 || true
  done
  printf 'quickstart: %s\n' "$why" >&2
  exit 1
}

# wait_for WHAT COMMAND: until the command succeeds, for $patience seconds at most. The command
# may end with 2 to say that waiting longer is in vain.
wait_for() {
  local deadline=$((SECONDS + patience)) code
  while :; do
    code=0
    "$2" || code=$?
    [ $code = 0 ] && return 0
    [ $code != 2 ] && [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

# must NAME COMMAND...: shows the output; the demonstration ends when the command fails.
must() {
  local name=$1
  shift
  if ! timeout "$patience" "$@" 2>&1 | tee "$place/log/$name.log"; then
    fail "$name failed" sidecar-a sidecar-b
  fi
}

# A port that nobody listens on, below those that the kernel hands out by itself.
free_port() {
  local port
  while :; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# ready PORT: the sidecar whose admin page is there says that it is ready.
ready() {
  local line
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
  printf 'GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
  IFS= read -r -t 5 line <&3 || line=
  exec 3>&-
  [[ $line == *" 200 "* ]]
} 2>/dev/null

# A cap file's URI without its secret: the start of the fingerprint, and the address.
redacted() { sed -E 's|^(capnp://[^:@]*:.{10})[^@]*@([^/]*)/.*|\1…@\2/…|' "$1"; }

# The path of a Unix socket has at most 107 bytes: a deep clone needs another folder for them.
choose_socket_folder() {
  sockets=$place
  if [ ${#place} -gt 90 ]; then sockets=$(mktemp -d); fi
}

# Two of these at once would remove each other's files.
one_at_a_time() {
  mkdir -p "$root/build"
  exec 9>"$root/build/quickstart.lock"
  flock -n 9 || fail "another deploy/quickstart is running in this clone"
}
