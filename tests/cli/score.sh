# Log-probabilities of given text, and perplexity, against what `generate` says of the same prompt.
. tests/cli/check.sh

cat > "$work/in" <<'LINES'
{"id": "whole", "prompt_token_ids": [1, 100, 101, 102, 103]}
{"id": "ids", "prompt_token_ids": [1, 100, 101], "continuation_token_ids": [102, 103]}
{"id": "text", "prompt": "ab", "continuation": " ba"}
{"id": "bad", "prompt": "ab", "max_tokens": 3}
{"id": "none", "prompt": "ab", "continuation": ""}
{"id": "far", "prompt_token_ids": [1, 100], "continuation_token_ids": [102, 99999]}
LINES
run 1 "$PARALLM" score $tiny -i "$work/in" -o "$work/scores" --ordered --quiet --top 2
echo '{"prompt_token_ids": [1, 100, 101, 102, 103], "prompt_logprobs": 2, "max_tokens": 0}' > "$work/one"
run 0 "$PARALLM" generate $tiny -i "$work/one" --quiet
python3 - "$work/scores" "$work/out" <<'PYTHON' || failed "scores differ from prompt_logprobs"
import json, sys
scores = {s["id"]: s for s in map(json.loads, open(sys.argv[1]))}
wanted = json.loads(open(sys.argv[2]).read())["prompt_logprobs"]
whole, ids, text = scores["whole"], scores["ids"], scores["text"]
assert whole["token_ids"] == ids["token_ids"] == [1, 100, 101, 102, 103]
assert whole["logprobs"] == [w and w["logprob"] for w in wanted], whole
assert whole["top"] == [w and w["top"] for w in wanted]
assert ids["logprobs"] == [None] * 3 + whole["logprobs"][3:]
assert abs(whole["sum_logprob"] - sum(whole["logprobs"][1:])) < 1e-6
assert abs(ids["sum_logprob"] - sum(ids["logprobs"][3:])) < 1e-6
assert ids["is_greedy"] == all(ids["top"][i][0][0] == ids["token_ids"][i] for i in (3, 4))
assert len(text["tokens"]) == len(text["token_ids"]) == len(text["logprobs"])
assert "max_tokens" in scores["bad"]["error"]["message"] and "error" in scores["none"]
assert scores["far"]["error"]["param"] == "continuation_token_ids[1]", scores["far"]
PYTHON

# Continuations that share a context compute it once, and score as they do alone.
python3 - > "$work/in" <<'PYTHON'
import json
context = [5 + i * 7 % 200 for i in range(96)]
for i in range(20):
    print(json.dumps({"id": i, "prompt_token_ids": context, "continuation_token_ids": [10 + i, 20 + i, 30 + i % 2]}))
PYTHON
run 0 "$PARALLM" score $tiny -i "$work/in" -o "$work/scores" --ordered --quiet --json
python3 -c 'import json, sys
computed = json.load(open(sys.argv[1]))["prefill_tokens_computed"]
assert computed <= 96 + 20 * 32, computed # a block of 32 positions each at most, not 20 contexts
' "$work/out" || failed "the context is computed more than once"
run 0 "$PARALLM" score $tiny -i "$work/in" -o "$work/alone" --ordered --quiet --no-enable-prefix-caching --max-num-seqs 1
cmp -s "$work/scores" "$work/alone" || failed "other scores where the context is shared"

python3 -c 'print("ab ba " * 60)' > "$work/text"
run 0 "$PARALLM" score $tiny --perplexity --text "$work/text" --max-model-len 32 --quiet && says out '^perplexity [0-9.]+ '
run 0 "$PARALLM" score $tiny --perplexity --text "$work/text" --max-model-len 32 --quiet --json
says out '^\{"perplexity": [0-9.]+, "mean_nll": .*"window": 32\}$'
for option in "-i x" "-o x" --ordered "--top 2" "--chat-template x"; do # shellcheck disable=SC2086
    run 2 "$PARALLM" score $tiny --perplexity --text "$work/text" $option && one_error '--[a-z-]+: stands beside --perplexity'
done
run 2 "$PARALLM" score $tiny --perplexity && one_error '--perplexity: has no text'
run 3 "$PARALLM" score $tiny --perplexity --text /dev/null --quiet && one_error '/dev/null: has [01] tokens'
run 3 "$PARALLM" score $tiny --perplexity --text "$work/missing" --quiet && one_error "$work/missing"
finish
