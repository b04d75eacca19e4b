# Output: order, the same bytes in any batch, summaries, and a disk that is full.
. tests/cli/check.sh

for i in $(seq 0 39); do
    echo "{\"id\": $i, \"prompt\": \"ab $i\", \"max_tokens\": $((i * 7 % 11 + 1)), \"ignore_eos\": true}"
done > "$work/in"

wanted=
for options in "--max-num-seqs 1" "--max-num-seqs 7" "--max-num-seqs 64 --threads 1" "--max-num-batched-tokens 16"; do
    # shellcheck disable=SC2086
    run 0 "$PARALLM" generate $tiny -i "$work/in" --ordered --quiet --temperature 0.8 --seed 7 --n 2 --logprobs 1 $options
    counts 80
    sum=$(cksum < "$work/out")
    [ "${wanted:=$sum}" = "$sum" ] || failed "other bytes with $options"
done
[ "$(sed -E 's/^.*"id": ([0-9]+), "index": ([01]),.*$/\1.\2/' "$work/out" | sort -c -n 2>&1)" = "" ] ||
    failed "--ordered is not in order"

# In any order, the lines are the same.
run 0 "$PARALLM" generate $tiny -i "$work/in" --ordered --quiet && sort "$work/out" > "$work/ordered"
run 0 "$PARALLM" generate $tiny -i "$work/in" --quiet && sort "$work/out" > "$work/unordered"
# seeds that nobody chose differ
for f in ordered unordered; do sed -i.bak -E 's/"seed": [0-9]+/"seed": 0/' "$work/$f"; done
cmp -s "$work/ordered" "$work/unordered" || failed "other lines without --ordered"

# Every line is JSON, whatever bytes the model makes.
run 0 "$PARALLM" generate $tiny -i "$work/in" --quiet --temperature 5 --seed 1 --max-tokens 60
python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1], encoding="utf-8")]' "$work/out" ||
    failed "a line is no JSON"

# Summaries: text on standard error; JSON on standard output where it is free.
run 0 "$PARALLM" generate $tiny -i "$work/in" -o "$work/answers" && counts 0
says err '^40 prompts, 40 answers in '
run 0 "$PARALLM" generate $tiny -i "$work/in" -o "$work/answers" --json && counts 1
for field in prompt_tokens completion_tokens prefill_tokens_computed wall_seconds generation_tokens_per_second \
    peak_rss_bytes max_running preemptions; do
    says out "\"$field\": [0-9]"
done
[ "$(wc -l < "$work/answers")" = 40 ] || failed "the answers' file has not 40 lines"
run 0 "$PARALLM" generate $tiny -i "$work/in" --json && counts 40 && says err '^\{"prompts": 40,'

# Output that cannot be written.
if [ -c /dev/full ]; then
    run 5 "$PARALLM" generate $tiny -i "$work/in" -o /dev/full --quiet && one_error '/dev/full: No space left'
    "$PARALLM" generate $tiny -i "$work/in" --quiet > /dev/full 2> "$work/err"
    [ $? = 5 ] || failed "standard output on a full disk: not exit code 5"
    one_error 'standard output: No space left'
    "$PARALLM" help > /dev/full 2> "$work/err"
    [ $? = 5 ] || failed "help on a full disk: not exit code 5"
fi
run 5 "$PARALLM" generate $tiny -i "$work/in" -o "$work/no/such/folder" --quiet && one_error "$work/no/such/folder"

# The input is no output, and what one command writes another leaves alone.
cp "$work/in" "$work/before"
ln -sf "$work/in" "$work/link"
run 2 "$PARALLM" generate $tiny -i "$work/in" -o "$work/link" && one_error "$work/link: is the input"
cmp -s "$work/in" "$work/before" || failed "the input was overwritten"
mkfifo "$work/pipe"
"$PARALLM" generate $tiny -i "$work/pipe" -o "$work/answers" --quiet &
exec 3> "$work/pipe" # once it is open, the command has its output
echo '{"prompt": "ab", "max_tokens": 1}' >&3
until [ -s "$work/answers" ]; do sleep 0.05; done
run 5 "$PARALLM" generate $tiny -p ab -o "$work/answers" && one_error "$work/answers: is being written by another parallm"
exec 3>&-
wait
[ "$(wc -l < "$work/answers")" = 1 ] || failed "another command wrote into the output"

# A model that cannot be read leaves an earlier output alone.
echo before > "$work/answers"
run 3 "$PARALLM" generate "$work/missing" -i "$work/in" -o "$work/answers"
[ "$(cat "$work/answers")" = before ] || failed "the output of an earlier run is gone"
# And makes none: whatever is wrong before the first line is read.
mkdir "$work/outputs"
none() { # none CODE WORD...
    local code=$1
    shift
    run "$code" "$PARALLM" "$@" -o "$work/outputs/new"
    [ -z "$(ls -A "$work/outputs")" ] || failed "$*: left $(ls -A "$work/outputs")"
}
none 3 generate "$work/missing" -p ab
none 3 score "$work/missing" -i "$work/in"
none 3 generate $tiny -i "$work/missing"
none 3 generate $tiny -p ab --chat-template "$work/missing"
none 2 generate $tiny -p ab -i "$work/in"
none 2 generate $tiny -p ab --top-p 2
none 2 generate $tiny -p ab --logprobs 100000
none 2 generate $tiny -p ab --max-model-len 100000
none 2 generate $tiny -p ab --stream --ordered
none 2 generate $tiny_hf -p ab --lora x
none 4 generate $tiny -p ab --kv-cache-memory 10
none 2 score $tiny --perplexity --text "$work/in"
run 0 "$PARALLM" generate $tiny -p ab -o "$work/outputs/new" --quiet && [ "$(wc -l < "$work/outputs/new")" = 1 ] || failed "a new file has no answer"
cp $tiny "$work/tiny.gguf"
run 2 "$PARALLM" generate "$work/tiny.gguf" -p ab -o "$work/tiny.gguf" && one_error "$work/tiny.gguf: is the model"
cmp -s $tiny "$work/tiny.gguf" || failed "the model was overwritten"
run 5 "$PARALLM" generate $tiny -p ab -o "$work" && one_error "$work: Is a directory"
run 5 "$PARALLM" generate $tiny -p ab -o "$work/new/" && one_error "$work/new/: Is a directory"
run 5 "$PARALLM" generate $tiny -p ab -o "$work/in/new" && one_error "$work/in/new: Not a directory"

# No line that a terminal cannot clear, and none that is broken off.
TERM=dumb run 0 terminal "$PARALLM" generate $tiny -i "$work/in" -o "$work/answers" && ! grep -q $'\033' "$work/out" ||
    failed "escapes on a dumb terminal"
# On a terminal the line of progress gives way to the answers.
run 0 terminal "$PARALLM" generate $tiny -p ab -n 1500 --temperature 1 --max-tokens 60 --max-num-seqs 64 --ignore-eos
says out ' running, ' && ! grep -qE $'(waiting|left)(\033\\[K)?\\{' "$work/out" || failed "an answer stands behind the line of progress"
finish
