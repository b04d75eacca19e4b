#!/bin/sh
# Removes what `make install` put under $DESTDIR and PREFIX, and the folders that this leaves empty, but for those of the
# first level (bin, lib, share ...), which belong to the system. usage: tools/uninstall.sh BUILD PREFIX
# There is no record to lose: it installs once more into a temporary folder to see what there is.
set -eu
build=$1 prefix=$2 from=${DESTDIR-}$2
list=$(mktemp -d)
trap 'rm -rf "$list"' EXIT
DESTDIR=$list cmake --install "$build" --prefix "$prefix" > /dev/null
cd "$list$prefix"
find . ! -type d | while read -r file; do
    if [ -e "$from/$file" ] || [ -L "$from/$file" ]; then
        rm -f "$from/$file"
        echo "removed ${from%/}${file#.}"
    fi
done
find . -mindepth 2 -depth -type d | while read -r folder; do rmdir "$from/$folder" 2> /dev/null || true; done
