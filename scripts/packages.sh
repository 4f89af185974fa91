#!/bin/bash
# packages: what the build and the tests need from Debian 12 or Ubuntu 24.04, and its installation. Run: says what
# is missing and installs it. Sourced: packages_install does the same. Elsewhere than on Debian and its kin it only
# names what is needed. CUDA and NCCL are used where they are found, never installed. JACQUARD_NO_PACKAGES=1 leaves
# the machine alone.
#
# usage: packages.sh [--list | --missing]

packages_needed=(
    build-essential cmake ninja-build pkg-config
    libavformat-dev libavcodec-dev libavutil-dev libswscale-dev
    libpng-dev zlib1g-dev libjansson-dev
    libopenmpi-dev openmpi-bin
    ffmpeg python3 procps # the demo film and the tests
)

# What some tests need besides: a browser for the gallery, the second compiler, clang's tools, a real Slurm. Where these
# cannot be had those tests are skipped.
packages_for_tests=(
    chromium chromium-driver iproute2
    clang clang-format-14 clang-tidy-14
    munge slurmctld slurmd slurm-client slurm-wlm-basic-plugins libpmix2
)

# One a line, those named (default: of packages_needed) that are not installed.
packages_missing() {
    local package
    [ $# -gt 0 ] || set -- "${packages_needed[@]}"
    for package in "$@"; do
        # shellcheck disable=SC2016
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

packages_install() {
    local missing as_root=()
    [ "${JACQUARD_NO_PACKAGES:-0}" = 0 ] || return 0
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "packages: not a Debian or Ubuntu machine; the build needs what these hold: ${packages_needed[*]}"
        return 0
    fi
    mapfile -t missing < <(packages_missing)
    if [ ${#missing[@]} = 0 ]; then
        echo "packages: all ${#packages_needed[@]} are installed"
        return 0
    fi
    echo "packages: missing: ${missing[*]}"
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "packages: error: not root and there is no sudo; as root: apt-get install ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    # An old or empty package list is the usual reason for a first failure: refresh it once, then it has to work.
    packages_apt install "${missing[@]}" 2>/dev/null ||
        { packages_apt update && packages_apt install "${missing[@]}"; } || {
        echo "packages: error: apt-get cannot install: ${missing[*]} (no network, or not root?)" >&2
        return 1
    }
    mapfile -t missing < <(packages_missing)
    if [ ${#missing[@]} != 0 ]; then
        echo "packages: error: still missing after apt-get install: ${missing[*]}" >&2
        return 1
    fi
    echo "packages: installed"
}

# Each on its own: on some systems some do not exist.
packages_install_for_tests() {
    local package missing as_root=()
    [ "${JACQUARD_NO_PACKAGES:-0}" = 0 ] && command -v apt-get >/dev/null || return 0
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    mapfile -t missing < <(packages_missing "${packages_for_tests[@]}")
    [ ${#missing[@]} != 0 ] || return 0
    echo "packages: for tests: ${missing[*]}"
    packages_apt install "${missing[@]}" 2>/dev/null && return 0
    for package in "${missing[@]}"; do
        packages_apt install "$package" 2>/dev/null || echo "packages: $package is not to be had: its tests are skipped"
    done
}

# packages_apt VERB [PACKAGES]; as_root is the caller's. What apt-get said is shown only when it failed.
packages_apt() {
    local verb=$1 log rc=0
    shift
    [ "$verb" != install ] || set -- --no-install-recommends "$@"
    log=$(mktemp)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=120 "$verb" "$@" \
        >"$log" 2>&1 </dev/null || rc=$?
    [ $rc = 0 ] || sed 's/^/    /' "$log" | tail -5 >&2
    rm -f "$log"
    return $rc
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    case ${1:-} in
    '') packages_install ;;
    --list) printf '%s\n' "${packages_needed[@]}" ;;
    --missing) packages_missing ;;
    *)
        echo "usage: packages.sh [--list | --missing]" >&2
        exit 2
        ;;
    esac
fi
