# Ctrl-C keeps what is done; a pipe that is still open is answered line by line.
. tests/cli/check.sh

# waits_for COMMAND...: until it succeeds, for at most a minute: a sanitizer on a busy machine is slow.
waits_for() {
    for _ in $(seq 1200); do
        "$@" && return 0
        sleep 0.05
    done
    failed "waited in vain for $*"
}

# interrupt PROCESS JOB: the process, as Ctrl-C does; its job, which may be the terminal around it, ends with exit code 130.
interrupt() {
    local code=0
    kill -INT "$1"
    wait "$2" || code=$?
    [ "$code" = 130 ] || failed "exit code $code after Ctrl-C, wanted 130"
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
    interrupt $process $process
    counts 2
    says err '^2 prompts, 2 answers in '
    exec 3>&-
    rm "$work/pipe"
done

# The summary counts the prompts that were read, not all that were at hand.
for _ in $(seq 3000); do echo '{"prompt": "ab ba ab ba"}'; done > "$work/many"
"$PARALLM" generate $tiny -i "$work/many" -o "$work/answers" --max-num-seqs 1 --max-tokens 100 --ignore-eos --json > "$work/out" 2> "$work/err" &
process=$!
waits_for test -s "$work/answers"
interrupt $process $process
python3 -c 'import json, sys; s = json.load(sys.stdin); assert s["prompt_tokens"] == s["prefill_tokens_computed"] + s["cached_tokens"], s' \
    < "$work/out" || failed "prompt tokens of an interrupted run"

# Whoever waits for a descriptor that does not block sleeps: it does not ask again and again.
sleeps() { [ "$(ps -o state= -p "$1")" = S ]; }
mkfifo "$work/pipe"
exec 3<> "$work/pipe"
python3 -c 'import os, sys; os.set_blocking(0, False); os.execv(sys.argv[1], sys.argv[1:])' "$PARALLM" tokenize $tiny \
    < "$work/pipe" > "$work/out" 2> "$work/err" &
process=$!
echo '{"text": "ab"}' >&3
waits_for has_lines "$work/out" 1
waits_for sleeps $process
interrupt $process $process
one_error 'interrupted$'
exec 3>&-

# While bench measures the machine, by a process of its own: that ends, too.
has_child() { child=$(pgrep -P "$1" | head -n 1) && [ -n "$child" ]; }
"$PARALLM" bench $tiny --parallel 1 > "$work/out" 2> "$work/err" &
process=$!
waits_for has_child $process
interrupt $process $process
one_error 'interrupted while the machine was measured$'
kill -0 "$child" 2> "$work/null" && failed "bench left its child behind"

# What has no result is said to have none; what bench had measured before is reported. On a terminal one sees how far it is.
begin() { # begin COMMAND...: on a terminal
    terminal "$@" > "$work/out" 2> "$work/err" < /dev/null &
    process=$!
}
last_child() { # of a process: the command, within shell and terminal
    child=$1
    while next=$(pgrep -P "$child" | head -n 1) && [ -n "$next" ]; do child=$next; done
}
shows() { grep -q -- "$1" "$work/out"; }
begin "$PARALLM" bench $tiny --parallel 1,4096 --prompt-tokens 8 --gen-tokens 2 --repeat 200 --json
waits_for shows '4096 sequences, run '
last_child $process
interrupt "$child" $process
says out 'parallm: interrupted at 4096 sequences, run [0-9]+ of 200' && says out '"results": \[\{"parallel": 1, [^{]*\]'
python3 -c 'print("ab ba " * 300000)' > "$work/text"
begin "$PARALLM" score $tiny --perplexity --text "$work/text" --max-model-len 32
waits_for shows ' running, '
last_child $process
interrupt "$child" $process
says out "parallm: $work/text: interrupted after [0-9]+ of [0-9]+ windows: there is no perplexity of a part"
finish
