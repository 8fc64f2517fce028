#!/bin/bash
# Sets up what the tests need: Debian packages with real devices and clients, and the programs built from test/e2e/parts.
# Does nothing, quickly, where all is there already. Exit status 0: ready; 1: not, and it has said what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(
  # devices
  openssh-server libnss-wrapper libuid-wrapper openssl netconfd libyuma-base
  # a device on a library that calls home by itself, built below
  gcc libc6-dev libnetconf2-dev libyang2-dev libssh-dev
  # servers and clients of the matrix, made of what is in test/interop/programs
  dropbear-bin tinysshd putty-tools python3-twisted erlang-base erlang-ssh golang-go golang-golang-x-crypto-dev
  libjsch-java default-jdk-headless libssh2-1-dev libpam-wrapper
  # what the benchmarks compare with; a proxy before the HTTP API
  haproxy socat
  # the shared store, and the pool that many have before it
  postgresql pgbouncer
  # a browser, addresses of a network namespace, and the example of the page on firewalls
  chromium iproute2 nftables
  # the Debian package, and Debians that boot, to install it
  debhelper build-essential lintian debootstrap systemd-container
  # the image, and what runs it: runc, because crun refuses a machine with both versions of cgroups
  buildah podman runc
  # the compose file, on networks where containers have names
  # netavark calls iptables, which a small Debian lacks and no package of these depends on
  podman-compose docker-compose netavark aardvark-dns iptables
  # what is first in a pod
  catatonit
  # the alert rules and the dashboard
  prometheus
  # shells that complete what is typed
  bash-completion zsh fish
  # clients
  ansible openssh-client sshpass curl python3 python3-lxml python3-ncclient python3-paramiko python3-asyncssh python3-junos-eznc python3-netmiko ruby-net-ssh yangcli
  # an old one in Java, which is compiled
  libjsch-java default-jdk-headless
)
# What has another name in Debian 13.
declare -A name_in_debian_13=([libyang2-dev]=libyang-dev)
# kustomize; where a kubectl is there already, Debian's would take its place.
command -v kubectl >/dev/null || packages+=(kubernetes-client)
privilege_separation_dir=/run/sshd

# Runs a command as root, or fails where nobody lets us.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    return 1
  fi
}

# Whether apt would install it. Without lists of packages it knows nothing but what is installed.
known() { apt-cache policy "$1" 2>/dev/null | grep '^  Candidate: [^(]' >/dev/null; }

# The release whose names of packages are meant.
release() {
  if known libyang-dev; then echo 'Debian 13'; elif known libyang2-dev; then echo 'Debian 12'; else
    # shellcheck source=/dev/null
    (. /etc/os-release 2>/dev/null; [ "${ID:-}-${VERSION_ID:-}" = debian-12 ] && echo 'Debian 12' || echo 'Debian 13')
  fi
}

# Gives packages the names that they have in this release.
use_names_of_release() {
  if [ "$(release)" != 'Debian 13' ]; then return; fi
  for index in "${!packages[@]}"; do
    packages[index]=${name_in_debian_13[${packages[index]}]:-${packages[index]}}
  done
}

missing_packages() {
  local installed
  # dpkg-query fails where it knows nothing of a package: that is an answer, too.
  installed=$(dpkg-query -W -f '${db:Status-Abbrev}|${Package}\n' "${packages[@]}" 2>/dev/null || true)
  for package in "${packages[@]}"; do
    grep -q "^.i.*|$package\$" <<<"$installed" || echo "$package"
  done
}

give_up() {
  echo "test set-up: $1" >&2
  echo "The tests need these packages, which have these names in $(release):" >&2
  printf '    %s\n' "${missing[@]}" >&2
  echo "Install them as root and start again:" >&2
  echo "    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
}

# Installing openssh-server must not open this machine's port 22: for the time of the installation no service is started.
install_packages() {
  echo "test set-up: installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive sh -c '
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap "rm -f $policy" EXIT
      printf "#!/bin/sh\nexit 101\n" >"$policy" && chmod 755 "$policy"
    fi
    apt-get update -q && apt-get install -q -y --no-install-recommends "$@"' install "${missing[@]}"
}

# build TARGET SOURCE FLAGS...: compiles where the source is newer than what was built.
build() {
  local target=.build/$1 source=e2e/parts/$2
  [ -f "$source" ] || { echo "test set-up: there is no $source" >&2; exit 1; }
  if [ "$target" -nt "$source" ]; then return; fi
  mkdir -p .build
  # Into place in one step: another test run on this directory may be using the old one.
  gcc -O1 -g -Wall -Wextra -o "$target.$$" "$source" "${@:3}" && mv "$target.$$" "$target" ||
    { rm -f "$target.$$"; echo "test set-up: could not build $source" >&2; exit 1; }
}

# build_go TARGET SOURCE: the same for a program in Go, on Debian's packages of Go alone.
build_go() {
  local target=$PWD/.build/$1 source=$2
  if [ "$target" -nt "$source" ]; then return; fi
  mkdir -p .build
  # Where there is no home, as in some containers, Go wants to be told where its cache is.
  GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS= GOCACHE=${GOCACHE:-$PWD/.build/go} go build -o "$target.$$" "$source" &&
    mv "$target.$$" "$target" || { rm -f "$target.$$"; echo "test set-up: could not build $source" >&2; exit 1; }
}

# build_java TARGET SOURCE JAR: the same for a program in Java, into a directory.
build_java() {
  local target=.build/$1 source=$2
  if [ "$target" -nt "$source" ]; then return; fi
  mkdir -p .build
  javac -cp "$3" -d "$target.$$" "$source" && rm -rf "$target" && mv "$target.$$" "$target" ||
    { rm -rf "$target.$$"; echo "test set-up: could not build $source" >&2; exit 1; }
}

use_names_of_release
missing=("${packages[@]}")
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || give_up 'this is not a Debian system.'
mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -gt 0 ]; then
  install_packages || give_up 'could not install packages (neither root nor sudo, or apt-get failed).'
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -eq 0 ] || give_up 'apt-get reported success, yet packages are missing.'
fi

# sshd refuses to start without it; it is gone after a restart of the machine unless the machine's own sshd runs.
if [ ! -d $privilege_separation_dir ]; then
  as_root install -d -m 755 -o root -g root $privilege_separation_dir || {
    echo "test set-up: sshd needs the directory $privilege_separation_dir; make it as root and start again:" >&2
    echo "    install -d -m 755 -o root -g root $privilege_separation_dir" >&2
    exit 1
  }
fi

build libnetconf2-device libnetconf2-device.c -lnetconf2 -lyang
build netconfd-session netconfd-session.c
build rpc-responder ../../bench/parts/rpc-responder.c
build no-chroot.so no-chroot.c -shared -fPIC
build interop-libssh-device ../../interop/programs/libssh_device.c -lssh
build_go interop-go-device interop/programs/go/device.go
build interop-libssh-client ../../interop/programs/libssh_client.c -lssh
build interop-libssh2-client ../../interop/programs/libssh2_client.c -lssh2
build_go interop-go-client interop/programs/go/client.go
build_java interop-java interop/programs/JschClient.java /usr/share/java/jsch.jar
