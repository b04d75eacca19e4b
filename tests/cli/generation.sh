# Sampling as the model's makers want it: only with --generation-config auto, and below what the user says.
. tests/cli/check.sh

model="$work/model"
cp -r tests/data/tiny-hf "$model"
line='{"prompt": "ab", "max_tokens": 12, "ignore_eos": true, "seed": 7}'
answers() { run 0 "$PARALLM" generate "$@" -i - --quiet <<< "${request:-$line}"; cp "$work/out" "$work/answer"; }
same_as() { answers "$@"; cmp -s "$work/answer" "$work/$wanted" || failed "$*: not the answer of $wanted"; }
differs_from() { answers "$@"; cmp -s "$work/answer" "$work/$wanted" && failed "$*: the answer of $wanted"; }

says_of_itself='{"do_sample": true, "temperature": 0.9, "top_p": 0.95, "top_k": 9, "repetition_penalty": 1.5, "eos_token_id": 2}'
echo "$says_of_itself" > "$model/generation_config.json"
answers "$model" && mv "$work/answer" "$work/greedy"
answers "$model" --temperature 0.9 --top-p 0.95 --top-k 9 --repetition-penalty 1.5 && mv "$work/answer" "$work/told"
cmp -s "$work/greedy" "$work/told" && failed "the options change nothing: these tests would not either"
wanted=greedy same_as "$model" --generation-config none
wanted=told same_as "$model" --generation-config auto
wanted=told differs_from "$model" --generation-config auto --repetition-penalty 1
wanted=greedy same_as "$model" --generation-config auto --temperature 0 --repetition-penalty 1
request="${line%\}}, \"temperature\": 0, \"repetition_penalty\": 1}" wanted=greedy same_as "$model" --generation-config auto

# Not to draw; to draw, at a temperature that goes without saying; a limit; nothing at all.
echo '{"do_sample": false, "temperature": 0.9}' > "$model/generation_config.json"
wanted=greedy same_as "$model" --generation-config auto
echo '{"do_sample": true, "temperature": null}' > "$model/generation_config.json"
answers "$model" --temperature 1 && mv "$work/answer" "$work/one"
wanted=one same_as "$model" --generation-config auto
echo '{"max_new_tokens": 3}' > "$model/generation_config.json"
request='{"prompt": "ab", "ignore_eos": true}' answers "$model" --generation-config auto
says answer '"completion_tokens": 3,'
request='{"prompt": "ab", "ignore_eos": true}' answers "$model" --generation-config auto --max-tokens 20
says answer '"completion_tokens": 20,'
rm "$model/generation_config.json"
wanted=greedy same_as "$model" --generation-config auto

# GGUF's words for it, put in front of the other values; a filler keeps what follows aligned.
python3 - tests/data/tiny.gguf "$work/told.gguf" <<'PY'
import struct
import sys
data = open(sys.argv[1], "rb").read()
text = lambda s: struct.pack("<Q", len(s)) + s
real = lambda key, x: text(key) + struct.pack("<If", 6, x)
values = real(b"general.sampling.temp", 0.9) + real(b"general.sampling.top_p", 0.95) + real(b"general.sampling.penalty_repeat", 1.5)
values += text(b"general.sampling.top_k") + struct.pack("<Ii", 5, 9)
filler = text(b"general.description") + struct.pack("<I", 8)
values += filler + text(b"x" * (-(len(values) + len(filler) + 8) % 32))
tensors, count = struct.unpack("<QQ", data[8:24])
open(sys.argv[2], "wb").write(data[:8] + struct.pack("<QQ", tensors, count + 5) + values + data[24:])
PY
answers "$work/told.gguf" --temperature 0.9 --top-p 0.95 --top-k 9 --repetition-penalty 1.5 && mv "$work/answer" "$work/told"
wanted=told same_as "$work/told.gguf" --generation-config auto
wanted=told differs_from "$work/told.gguf"

# What cannot be.
for wrong in '"temperature": -1' '"temperature": "hot"' '"top_k": 2.5' '"top_p": 7' '"do_sample": 3' '"max_new_tokens": 0'; do
    echo "{$wrong}" > "$model/generation_config.json"
    run 3 "$PARALLM" generate "$model" -p ab --generation-config auto --quiet
    field=${wrong%%:*}
    says err "^parallm: .*generation_config.json: ${field//\"/}: .*wanted"
    run 0 "$PARALLM" generate "$model" -p ab --max-tokens 1 --quiet
done
run 2 "$PARALLM" generate "$model" -p ab --generation-config vllm --quiet
says err '^parallm: --generation-config: is "vllm", wanted auto or none$'
finish
