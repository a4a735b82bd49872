# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Part of deploy/setup: a current BoringSSL from source, for VATMESH_BORINGSSL=source.
#
# The crate boring-sys carries BoringSSL's whole source, so cargo is the client that fetches it; no
# Rust is compiled. It is built once for all clones of this user, static, into a folder that is named
# after everything it was made of.

boringssl_crate=boring-sys
boringssl_version=5.4.0
boringssl_sha256=4986392770df40d11d0d6294b0dd8399570f4a6e76d6953c7a34f7dd1defbd76
# Raise it when the way it is built changes.
boringssl_build=1

# The folder with include/ and lib/, whether it is there or not.
boringssl_root() {
  local cache=${VATMESH_CACHE:-${XDG_CACHE_HOME:-${HOME:?says where caches lie}/.cache}/vatmesh}
  printf '%s/boringssl-%s-%s-%s-%s\n' "$cache" "$boringssl_version" "${boringssl_sha256:0:12}" \
    "$boringssl_build" "$(uname -m)"
}

# `cargo info` fetches one crate and nothing that it depends on. It came with 1.82; the cargo of
# Debian 12 is older and can't read today's index at all, its cargo-web can.
cargo_is_new() { cargo info --help >/dev/null 2>&1; }

boringssl_crate_file() {
  find "${CARGO_HOME:-${HOME:?says where caches lie}/.cargo}/registry/cache" -mindepth 2 -maxdepth 2 \
    -name "$boringssl_crate-$boringssl_version.crate" 2>/dev/null | head -n 1
}

# Prints the path of the crate, which has the pinned content.
boringssl_fetch() {
  local file
  file=$(boringssl_crate_file)
  if [ -z "$file" ]; then
    # Away from the tree: it would look for a Cargo.toml there.
    (cd / && cargo info --quiet "$boringssl_crate@$boringssl_version" >/dev/null) ||
      die "cargo could not fetch $boringssl_crate $boringssl_version; is the network reachable?"
    file=$(boringssl_crate_file)
    [ -n "$file" ] || die "cargo fetched $boringssl_crate, but it is not in its cache"
  fi
  printf '%s  %s\n' "$boringssl_sha256" "$file" | sha256sum --check --status ||
    die "$file is not what is pinned (SHA-256 $boringssl_sha256); remove it and try again"
  printf '%s\n' "$file"
}

# boringssl_compile CRATE FOLDER: unpacks, builds and installs, all inside of FOLDER.
boringssl_compile() {
  local source=$2/source build=$2/build
  mkdir -p "$source" "$build"
  tar -xzf "$1" -C "$source" --strip-components=3 \
    "$boringssl_crate-$boringssl_version/deps/boringssl"
  # Hidden symbols are BoringSSL's own default, and a static library exports none. -g0 comes after
  # its -ggdb.
  cmake -S "$source" -B "$build" -G Ninja --log-level=WARNING -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_FLAGS_RELEASE="-O2 -DNDEBUG -g0 -fstack-protector-strong" \
    -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG -g0 -fstack-protector-strong" \
    -DCMAKE_C_COMPILER_LAUNCHER="$(command -v ccache || true)" \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" \
    -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON >/dev/null
  NINJA_STATUS='[%f/%t, %e s] ' ninja -C "$build" crypto ssl
  mkdir -p "$2/lib"
  mv "$build/libcrypto.a" "$build/libssl.a" "$2/lib/"
  mv "$source/include" "$source/LICENSE" "$2/"
  rm -rf "$source" "$build"
}

# Makes boringssl_root unless it is there. Clones that want it at the same time wait for one.
boringssl_install() {
  local root crate
  root=$(boringssl_root)
  if [ -f "$root/lib/libssl.a" ]; then
    say "BoringSSL $boringssl_version is in $root"
    return
  fi
  [ $check_only = 0 ] || die "BoringSSL $boringssl_version is not in $root"
  mkdir -p "$(dirname "$root")"
  exec 9>"$root.lock"
  flock 9
  if [ ! -f "$root/lib/libssl.a" ]; then
    crate=$(boringssl_fetch)
    act "building BoringSSL $boringssl_version, once, into $root"
    rm -rf "$root.part"
    boringssl_compile "$crate" "$root.part" 9>&-
    # Complete or absent.
    mv -T "$root.part" "$root"
  fi
  exec 9>&-
}
