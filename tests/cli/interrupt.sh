# Ctrl-C keeps what is done; a pipe that is still open is answered line by line.
. tests/cli/check.sh

# waits_for COMMAND...: until it succeeds, for at most ten seconds.
waits_for() {
    for _ in $(seq 200); do
        "$@" && return 0
        sleep 0.05
    done
    failed "waited in vain for $*"
}

has_lines() { [ "$(wc -l < "$1")" = "$2" ]; }

for ordered in "" --ordered; do
    mkfifo "$work/pipe"
    # shellcheck disable=SC2086
    "$PARALLM" generate $tiny -i "$work/pipe" --max-tokens 3 $ordered > "$work/out" 2> "$work/err" &
    process=$!
    exec 3<> "$work/pipe" # for reading too: opening does not wait for the command
    echo '{"prompt": "ab"}' >&3
    waits_for has_lines "$work/out" 1
    echo '{"prompt": "ba"}' >&3
    waits_for has_lines "$work/out" 2
    kill -INT $process
    wait $process
    code=$?
    [ "$code" = 130 ] || failed "exit code $code after Ctrl-C, wanted 130"
    counts 2
    says err '^2 prompts, 2 answers in '
    exec 3>&-
    rm "$work/pipe"
done

# Whoever waits for a descriptor that does not block sleeps: it does not ask again and again.
sleeps() { [ "$(ps -o state= -p "$1")" = S ]; }
mkfifo "$work/pipe"
exec 3<> "$work/pipe"
python3 -c 'import os, sys; os.set_blocking(0, False); os.execv(sys.argv[1], sys.argv[1:])' "$PARALLM" tokenize $tiny \
    < "$work/pipe" > "$work/out" &
process=$!
echo '{"text": "ab"}' >&3
waits_for has_lines "$work/out" 1
waits_for sleeps $process
kill -INT $process
wait $process
code=$?
[ "$code" = 130 ] || failed "exit code $code after Ctrl-C, wanted 130"
exec 3>&-
finish
