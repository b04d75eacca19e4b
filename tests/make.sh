# What make says while it builds: ninja's own line on a terminal, one line elsewhere, and nothing where nothing is to be done.
# usage: tests/make.sh BUILD
. tests/cli/check.sh

# A build that has just been made: what ninja would look at each time, such as a glob, is work to it.
if [ -f "$1/build.ninja" ]; then
    run 0 ninja -C "$1" -n && says out 'no work to do'
fi

# From here on ninja is stood in for.
mkdir "$work/bin" "$work/build"
touch "$work/build/build.ninja"
cat > "$work/bin/ninja" << 'NINJA'
#!/bin/sh
case " $* " in
*" -n "*) cat "$NINJA_SAYS" ;;
*) echo "ninja runs with $*" ;;
esac
NINJA
chmod +x "$work/bin/ninja"
export PATH=$work/bin:$PATH NINJA_SAYS=$work/says
unset MAKEFLAGS MFLAGS MAKELEVEL
build() { make -o deps all BUILD="$work/build"; }

echo '[1/2] cc a.c' > "$NINJA_SAYS"
run 0 build
says out "^building in $work/build/\$"
says out '^ninja runs with .*--quiet'
run 0 terminal make -o deps all BUILD="$work/build"
says out '^ninja runs with '
! grep -q -e --quiet -e 'building in' "$work/out" || failed "make hides ninja's line on a terminal"
echo 'ninja: no work to do.' > "$NINJA_SAYS"
run 0 build
[ ! -s "$work/out" ] || failed "make says $(cat "$work/out") where nothing is to be done"
finish
