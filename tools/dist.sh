#!/bin/sh
# Packs the last commit into dist/parallm-VERSION.tar.xz: the same commit gives the same bytes. With --check it is
# unpacked into an empty folder, built and tested there, where git is out of reach. usage: tools/dist.sh [--check]
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^project(parallm VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
name=parallm-$version
if ! git rev-parse --git-dir > /dev/null 2>&1; then
    echo "dist: this is no git checkout, and only what is committed is packed" >&2
    exit 1
fi
[ -z "$(git status --porcelain --untracked-files=no)" ] || echo "dist: what is not committed is left out" >&2
mkdir -p dist
# Names in git's order, times of the commit, owner root; git records the commit's id in the archive.
git -c tar.umask=0022 archive --prefix="$name/" --format=tar HEAD | xz -9 -T1 > "dist/$name.tar.xz"
echo "dist/$name.tar.xz"
[ "${1:-}" = --check ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xf "dist/$name.tar.xz" -C "$work"
mkdir "$work/bin"
printf '#!/bin/sh\necho "git: a source tarball has no use for it" >&2\nexit 1\n' > "$work/bin/git"
chmod +x "$work/bin/git"
PATH=$work/bin:$PATH make -C "$work/$name" test
[ -x "$work/$name/build/parallm" ] && "$work/$name/build/parallm" --version | grep -qx "parallm $version"
