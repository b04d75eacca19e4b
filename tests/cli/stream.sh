# generate --stream: pieces as they come, which joined are the answer.
. tests/cli/check.sh

run 2 "$PARALLM" generate $tiny -p ab --stream --ordered && one_error '--stream: stands beside --ordered'

# One answer: its text. Hot, so that there are bytes that are no characters, and characters over several tokens.
for seed in 1 2 3 4 5; do
    options="-p ab --temperature 3 --seed $seed --max-tokens 80 --ignore-eos --stop ee"
    # shellcheck disable=SC2086
    run 0 "$PARALLM" generate $tiny $options --quiet && cp "$work/out" "$work/answer"
    # shellcheck disable=SC2086
    run 0 "$PARALLM" generate $tiny $options --quiet --stream
    python3 - "$work/answer" "$work/out" <<'PYTHON' || failed "the streamed text is another one, seed $seed"
import json, sys
assert json.load(open(sys.argv[1], encoding="utf-8"))["text"] + "\n" == open(sys.argv[2], encoding="utf-8", newline="").read()
PYTHON
done

# Many answers: JSON lines, of which the last one of an answer tells how it ended.
for i in $(seq 0 9); do
    echo "{\"id\": \"p$i\", \"prompt\": \"ab $i\", \"max_tokens\": 40, \"temperature\": 2, \"seed\": $i, \"logprobs\": 1, \"ignore_eos\": true}"
done > "$work/in"
echo '{"id": "bad", "prompt": "ab", "foo": 1}' >> "$work/in"
run 1 "$PARALLM" generate $tiny -i "$work/in" --quiet --n 2 --stop ee && cp "$work/out" "$work/answers"
run 1 "$PARALLM" generate $tiny -i "$work/in" --quiet --n 2 --stop ee --stream
python3 - "$work/answers" "$work/out" <<'PYTHON' || failed "pieces do not make the answers"
import json, sys
answers = {(a["id"], a["index"]): a for a in map(json.loads, open(sys.argv[1], encoding="utf-8"))}
joined, done, most = {}, set(), 0
for piece in map(json.loads, open(sys.argv[2], encoding="utf-8")):
    key = piece["id"], piece["index"]
    assert key not in done, key
    if "finish_reason" in piece:
        done.add(key)
    else:
        assert piece["text"], piece
        most += 1
    if key not in joined:
        joined[key] = piece
        continue
    for name in ("text", "token_ids", "logprobs"):
        piece[name] = joined[key][name] + piece[name]
    joined[key] = piece
assert done == set(answers) and joined == answers, (joined, answers)
assert most > 100, most
PYTHON

# A piece is written when it is there: in the middle of a long run the output ends with a whole one, and not where
# some buffer was full. The command is stopped before it is killed, as a kill may end a write in its middle.
for _ in 1 2 3; do
    "$PARALLM" generate $tiny -i - --stream --ignore-eos --quiet --max-tokens 400 --temperature 1 --n 20000 > "$work/out" \
        <<< '{"prompt": "ab"}' &
    process=$!
    for _ in $(seq 200); do
        [ -s "$work/out" ] && break
        sleep 0.05
    done
    kill -STOP $process
    for _ in $(seq 200); do
        [ "$(ps -o state= -p $process)" = T ] && break
        sleep 0.01
    done
    cp "$work/out" "$work/seen"
    kill -KILL $process
    wait $process 2> /dev/null
    code=$?
    [ "$code" = 137 ] || failed "exit code $code, wanted 137: nothing was seen before the end"
    [ -z "$(tail -c 1 "$work/seen")" ] || failed "the output ends within a piece: ...$(tail -c 40 "$work/seen")"
done

# What text alone cannot say comes in JSON lines.
run 0 "$PARALLM" generate $tiny -p ab --stream --quiet --max-tokens 2 --ignore-eos --logprobs 1 && says out '"logprobs": \[\{'

# What is said after a piece of text begins a line: that the answer cannot go on, that nobody reads it, that it was stopped.
token=$(echo '{"text": "w"}' | "$PARALLM" tokenize $tiny --no-special | grep -o '[0-9]*\]' | head -1 | tr -d ']')
begins() { tr -d '\r' < "$work/out" | grep -q "^parallm: $1" || failed "no line begins with $1: $(cat "$work/out")"; }
run 1 terminal "$PARALLM" generate $tiny -p ab --no-chat-template --allowed-token-ids "$token" --bad-words ww --stream --quiet
begins 'no token is left to draw: '
grep -q w "$work/out" || failed "no text stands before the error"
export -f nearly_full
export work
run 5 terminal bash -c "nearly_full '$PARALLM' generate $tiny -p ab --temperature 1 --ignore-eos --max-tokens 400 --stream --quiet"
[ "$(tr -d '\r' < "$work/out" | head -1)" = "" ] && begins 'standard output: ' || failed "the message may stand behind text: $(cat "$work/out")"

# A prompt that cannot be answered: its error where a reader of text sees it, and no text.
run 1 "$PARALLM" generate $tiny -p "$(printf 'ab %.0s' $(seq 500))" --stream --quiet && one_error 'prompt: has [0-9]+ tokens' && counts 0
finish
