# Sourced by the tests of the command. $PARALLM is the command; a test ends with `finish`.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tiny=tests/data/tiny.gguf
tiny_hf=tests/data/tiny-hf
n_failed=0

failed() {
    echo "FAILED: $*"
    n_failed=$((n_failed + 1))
}

# run CODE COMMAND...: runs it, standard input as given; its output is in $work/out and $work/err.
run() {
    local wanted=$1 code=0
    shift
    "$@" > "$work/out" 2> "$work/err" || code=$?
    [ "$code" = "$wanted" ] || failed "$* : exit code $code, wanted $wanted: $(head -c 300 "$work/err")"
}

# says FILE PATTERN: a line of it matches the extended regular expression.
says() {
    grep -Eq -- "$2" "$work/$1" || failed "no line of $1 matches $2: $(head -c 300 "$work/$1")"
}

# one_error PATTERN: standard error is exactly one line, "parallm: PATTERN".
one_error() {
    [ "$(wc -l < "$work/err")" = 1 ] || failed "standard error has $(wc -l < "$work/err") lines, wanted 1"
    says err "^parallm: $1"
}

# counts N: standard output has N lines.
counts() {
    [ "$(wc -l < "$work/out")" = "$1" ] || failed "$(wc -l < "$work/out") lines of output, wanted $1"
}

# terminal COMMAND...: runs it on a terminal; standard error comes out where standard output does.
terminal() { python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$@"; }

# nearly_full COMMAND...: runs it with a file for standard output that takes 24 bytes, and no more.
nearly_full() {
    head -c 1000 /dev/zero > "$work/full"
    python3 -c 'import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND), 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
os.execv(sys.argv[2], sys.argv[2:])' "$work/full" "$@"
}

finish() {
    [ "$n_failed" = 0 ] && echo "all is well"
    exit "$((n_failed > 0))"
}
