# Adapters: which of them answers what.
. tests/cli/check.sh

# Two adapters of tiny-hf that change its answers.
python3 - "$work" <<'PYTHON'
import json, os, random, struct, sys
random.seed(1)
for name in ("one", "two"):
    tensors, header, at = b"", {}, 0
    for end, shape in (("A", (2, 32)), ("B", (64, 2))):
        n = shape[0] * shape[1]
        tensors += struct.pack("<%df" % n, *(random.uniform(-1, 1) for _ in range(n)))
        header["base_model.model.model.layers.0.mlp.up_proj.lora_%s.weight" % end] = {
            "dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * n]}
        at += 4 * n
    os.mkdir(sys.argv[1] + "/" + name)
    text = json.dumps(header).encode()
    with open(sys.argv[1] + "/" + name + "/adapter_model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + tensors)
    with open(sys.argv[1] + "/" + name + "/adapter_config.json", "w") as f:
        json.dump({"peft_type": "LORA", "r": 2, "lora_alpha": 32}, f)
PYTHON
one="--lora one=$work/one" two="--lora two=$work/two"
ids() { grep -o '"token_ids": [^]]*' "$work/out"; }
differ() { [ "$1" != "$2" ] || failed "the same answer $3"; }
agree() { [ "$1" = "$2" ] || failed "another answer $3: $1, wanted $2"; }

# A line names its adapter; one that names none is the model's.
text='"prompt": "ab", "max_tokens": 8, "ignore_eos": true'
printf '{%s}\n{%s, "lora": "one"}\n{%s, "lora": "two"}\n{%s, "lora": null}\n' "$text" "$text" "$text" "$text" > "$work/in"
# shellcheck disable=SC2086
run 0 "$PARALLM" generate $tiny_hf -i "$work/in" --ordered --quiet $one $two && counts 4
mapfile -t answers < <(ids)
differ "${answers[0]}" "${answers[1]}" "with an adapter"
differ "${answers[1]}" "${answers[2]}" "with another adapter"
agree "${answers[3]}" "${answers[0]}" "without an adapter"

# A prompt that has no fields is answered by the only one; of several nobody knows which.
plain="$tiny_hf --no-chat-template --max-tokens 8 --ignore-eos --quiet"
# shellcheck disable=SC2086
{
    run 0 "$PARALLM" generate $plain -p ab && agree "$(ids)" "${answers[0]}" "to -p"
    run 0 "$PARALLM" generate $plain -p ab $one && agree "$(ids)" "${answers[1]}" "to -p with --lora"
    run 0 "$PARALLM" generate $plain -i - --text $one <<< ab && agree "$(ids)" "${answers[1]}" "to --text with --lora"
    run 2 "$PARALLM" generate $plain -p ab $one $two && one_error '--lora: is given 2 times, wanted once'
    run 2 "$PARALLM" chat $tiny_hf $one $two < /dev/null && one_error '--lora: is given 2 times'
}

# The same in a conversation, and for the perplexity.
say() { "$PARALLM" chat $tiny_hf --max-tokens 8 --quiet "$@" <<< ab; }
# shellcheck disable=SC2086
differ "$(say)" "$(say $one)" "in a conversation with an adapter"
python3 -c 'print("ab ba " * 60)' > "$work/text"
perplexity() { "$PARALLM" score $tiny_hf --perplexity --text "$work/text" --max-model-len 32 --quiet "$@"; }
# shellcheck disable=SC2086
differ "$(perplexity)" "$(perplexity $one)" "for the perplexity with an adapter"
finish
