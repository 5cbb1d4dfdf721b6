#!/usr/bin/env bash
# Builds the private OpenSSL of firstring-quarantine: static, with SSL 3.0, RC4 and 3DES, and prints the folder that it is
# in. The source is Debian's own, fetched through the machine's apt sources without changing them, or the tarball that
# FIRSTRING_OPENSSL_SOURCE names. Kept outside the tree; a second call prints the folder at once.
set -euo pipefail

cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/firstring
options=(no-shared no-tests no-module no-dso no-engine enable-ssl3 enable-ssl3-method enable-weak-ssl-ciphers
  no-async no-autoload-config no-cmp no-cms no-ct no-dtls no-ocsp no-psk no-rfc3779 no-srp no-srtp no-ts no-ui-console
  --openssldir=/nonexistent --libdir=lib -fstack-protector-strong -D_FORTIFY_SOURCE=2)

say() { printf 'dev: %s\n' "$*" >&2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# deb_sources SUITE...: deb-src lines for these suites, of whatever mirrors the machine's own sources name.
deb_sources() {
  local files=()
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ ! -f "$file" ] || files+=("$file")
  done
  [ ${#files[@]} -gt 0 ] || return 0
  awk -v wanted=" $* " '
    function line(uri, suite, key) {
      if (index(wanted, " " suite " ") && !seen[uri " " suite]++)
        print "deb-src " (key == "" ? "" : "[signed-by=" key "] ") uri " " suite " main"
    }
    function stanza(   i, j, us, ss, nu, ns) {
      if (types ~ /deb/ && tolower(enabled) != "no") {
        nu = split(uris, us, " "); ns = split(suites, ss, " ")
        for (i = 1; i <= nu; ++i) for (j = 1; j <= ns; ++j) line(us[i], ss[j], key)
      }
      types = uris = suites = key = enabled = ""
    }
    FNR == 1 { stanza(); deb822 = FILENAME ~ /\.sources$/ }
    /^[[:space:]]*#/ { next }
    deb822 && /^[[:space:]]*$/ { stanza(); next }
    deb822 {
      value = $0; sub(/^[^:]*:[[:space:]]*/, "", value)
      field = tolower($1)
      if (field == "types:") types = value
      if (field == "uris:") uris = value
      if (field == "suites:") suites = value
      if (field == "signed-by:" && value ~ /^\//) key = value
      if (field == "enabled:") enabled = value
      next
    }
    $1 == "deb" || $1 == "deb-src" {
      rest = $0; signer = ""
      sub(/^[^ \t]+[ \t]+/, "", rest)
      if (match(rest, /^\[[^]]*\]/)) {
        inside = substr(rest, 2, RLENGTH - 2); rest = substr(rest, RLENGTH + 1)
        if (match(inside, /signed-by=[^ ]+/)) signer = substr(inside, RSTART + 10, RLENGTH - 10)
      }
      split(rest, part, " ")
      line(part[1], part[2], signer)
    }
    END { stanza() }' "${files[@]}"
}

# with_sources FILE apt-get-ARGUMENT...: apt with these sources alone and its state in the work folder.
with_sources() {
  local list=$1 state=$work/apt
  shift
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/empty"
  apt-get -qq -o Dir::Etc::sourcelist="$list" -o Dir::Etc::sourceparts="$state/empty" -o Dir::State::lists="$state/lists" \
    -o Dir::Cache="$state/cache" -o Dir::State::status=/var/lib/dpkg/status -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Acquire::GzipIndexes=false \
    -o Acquire::http::Timeout=30 -o Acquire::Retries=2 "$@"
}

# fetch FOLDER SUITES source|tar: openssl's source package of the newest version in these suites, or its upstream tarball
# alone; apt checks both against the signed index.
fetch() {
  local folder=$work/$1 list=$work/sources.list extra=(--download-only)
  read -ra suites <<<"$2"
  [ "$3" = source ] || extra+=(--tar-only)
  deb_sources "${suites[@]}" >"$list"
  [ -s "$list" ] || return 1
  rm -rf "$work/apt"
  mkdir -p "$folder"
  { with_sources "$list" update && cd "$folder" && with_sources "$list" source "${extra[@]}" openssl; } >>"$work/apt.log" 2>&1
}

# suite_of FILE: the suite whose index names it.
suite_of() {
  grep -l "${1##*/}" "$work"/apt/lists/*_Sources* | sed -n 's/.*_dists_\([^_]*\)_.*/\1/p' | head -n 1 || true
}

# unpack: leaves the source in $work/source, and says in $origin what it is.
unpack() {
  local codename suites dsc
  if [ -n "${FIRSTRING_OPENSSL_SOURCE:-}" ]; then
    [ -f "$FIRSTRING_OPENSSL_SOURCE" ] || { say "FIRSTRING_OPENSSL_SOURCE: there is no file $FIRSTRING_OPENSSL_SOURCE"; exit 1; }
    mkdir "$work/source"
    tar -xf "$FIRSTRING_OPENSSL_SOURCE" -C "$work/source" --strip-components=1
    origin="the tarball $FIRSTRING_OPENSSL_SOURCE"
    return
  fi
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # Sometimes a suite lists a source whose files are gone.
  for suites in "$codename-security $codename" "$codename-security" "$codename"; do
    if (fetch package "$suites" source) && dpkg-source --no-check -x "$work"/package/*.dsc "$work/source" >>"$work/apt.log" 2>&1; then
      dsc=$(basename "$work"/package/*.dsc .dsc)
      origin="Debian's source package $dsc in $(suite_of "$dsc.dsc")"
      return
    fi
    rm -rf "$work/package" "$work/source"
  done
  if (fetch package "$codename-security $codename" tar); then
    mkdir "$work/source"
    tar -xf "$work"/package/*.orig.tar.* -C "$work/source" --strip-components=1
    origin="the upstream tarball in Debian's $(suite_of "$(basename "$work"/package/*.orig.tar.gz)"), without Debian's patches"
    return
  fi
  tail -n 5 "$work/apt.log" >&2 || true
  say "OpenSSL's source could not be had from this machine's apt sources (is it offline?)."
  say "Give its tarball: FIRSTRING_OPENSSL_SOURCE=/path/to/openssl-3.0.x.tar.gz ./dev sslv3"
  exit 1
}

key=$(printf '%s ' "${options[@]}" "$(uname -m)" | sha256sum | cut -c1-12)
if [ -n "${FIRSTRING_OPENSSL_SOURCE:-}" ] && [ -f "$FIRSTRING_OPENSSL_SOURCE" ]; then
  key+=-$(sha256sum "$FIRSTRING_OPENSSL_SOURCE" | cut -c1-12)
fi
mkdir -p "$cache"
built=$(find "$cache" -maxdepth 1 -name "openssl-*-$key" | sort -V | tail -n 1)
if [ -n "$built" ] && [ "${1:-}" != --update ]; then
  say "$(cat "$built/origin")"
  echo "$built"
  exit
fi

say "fetching OpenSSL's source"
unpack
# shellcheck disable=SC1091
version=$(. "$work/source/VERSION.dat" && echo "$MAJOR.$MINOR.$PATCH")
prefix=$cache/openssl-$version-$key
if [ ! -d "$prefix" ]; then
  say "building OpenSSL $version with SSL 3.0, RC4 and 3DES from $origin (2 to 5 minutes)"
  staged=$(mktemp -d "$cache/.building-XXXXXX")
  trap 'rm -rf "$work" "$staged"' EXIT
  if ! (cd "$work/source" && ./config --prefix="$prefix" "${options[@]}" && make -s -j "$(nproc)" build_libs &&
    make -s install_dev DESTDIR="$staged/root") >"$work/build.log" 2>&1; then
    cp "$work/build.log" "$cache/build.log"
    tail -n 20 "$work/build.log" >&2
    say "building OpenSSL failed; all that it said is in $cache/build.log"
    exit 1
  fi
  echo "private OpenSSL $version, built from $origin" >"$staged/root/$prefix/origin"
  # Whole or not at all; another ./dev may have been first, with the same thing.
  mv -T "$staged/root/$prefix" "$prefix" 2>/dev/null || [ -f "$prefix/origin" ]
fi
say "$(cat "$prefix/origin")"
echo "$prefix"
