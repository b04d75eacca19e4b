#!/bin/sh
# Installs what a build needs and the machine lacks: with apt on Debian and its kin, with brew on a Mac. usage:
# tools/install-deps.sh [--test | --full]: also what the tests are built with, or what only `make test-full` runs too.
# Says nothing when nothing is missing. Never runs as root by itself: it uses sudo if it must.
set -eu

missing=
tests=; [ $# -eq 0 ] || tests=1
need_command() { command -v "$1" > /dev/null 2>&1 || missing="$missing $2"; }
need_library() { pkg-config --exists "$1" 2> /dev/null || missing="$missing $2"; }

if command -v apt-get > /dev/null 2>&1; then
    need_command cc gcc
    need_command cmake cmake
    need_command ninja ninja-build
    need_command pkg-config pkg-config
    need_library jansson libjansson-dev
    need_library libpcre2-8 libpcre2-dev
    need_library libutf8proc libutf8proc-dev
    need_library libcurl libcurl4-openssl-dev
    [ -z "$tests" ] || need_command python3 python3
    [ -z "$tests" ] || need_library cmocka libcmocka-dev
    [ -z "$tests" ] || [ -e /usr/include/simde/x86/avx512.h ] || missing="$missing libsimde-dev"
    [ "${1:-}" != --full ] || need_command qemu-x86_64 qemu-user
    [ -z "$missing" ] && exit 0
    echo "installing:$missing"
    sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq
    # shellcheck disable=SC2086
    $sudo apt-get install -y -qq --no-install-recommends $missing > /dev/null
elif command -v brew > /dev/null 2>&1; then
    need_command cmake cmake
    need_command ninja ninja
    need_command pkg-config pkgconf
    need_library jansson jansson
    need_library libpcre2-8 pcre2
    need_library libutf8proc utf8proc
    [ -z "$tests" ] || need_library cmocka cmocka
    [ -z "$missing" ] && exit 0
    echo "installing:$missing"
    # shellcheck disable=SC2086
    brew install --quiet $missing
else
    need_command cmake cmake
    need_command ninja ninja
    need_command pkg-config pkg-config
    need_library jansson jansson
    need_library libpcre2-8 pcre2
    need_library libutf8proc utf8proc
    [ -z "$tests" ] || need_library cmocka cmocka
    [ -z "$missing" ] || { echo "please install:$missing" >&2; exit 1; }
fi
