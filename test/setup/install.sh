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
  # what the benchmarks compare with; a proxy before the HTTP API
  haproxy socat
  # a browser, and addresses of a network namespace
  chromium iproute2
  # a Debian that boots, for the systemd unit
  debootstrap systemd-container
  # clients
  ansible openssh-client sshpass curl python3 python3-lxml python3-ncclient python3-paramiko python3-asyncssh python3-junos-eznc python3-netmiko yangcli
)
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
  echo "The tests need these packages of Debian 12:" >&2
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
  if [ "$target" -nt "$source" ]; then return; fi
  mkdir -p .build
  # Into place in one step: another test run on this directory may be using the old one.
  gcc -O1 -g -Wall -Wextra -o "$target.$$" "$source" "${@:3}" && mv "$target.$$" "$target" ||
    { rm -f "$target.$$"; echo "test set-up: could not build $source" >&2; exit 1; }
}

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
