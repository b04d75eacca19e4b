# Options, help, and models that cannot be read: exit codes 0, 2 and 3.
. tests/cli/check.sh

run 0 "$PARALLM" --version && says out '^parallm [0-9]+\.[0-9]+\.[0-9]+$'
run 0 "$PARALLM" help && says out '^  generate '
for command in generate score chat bench plan tokenize render quantize pull; do
    run 0 "$PARALLM" help $command && says out "^usage: parallm $command "
    run 0 "$PARALLM" $command --help && says out -- '--help'
done

# On a narrow terminal the same words, in lines that fit.
words() { tr -d '\r' < "$work/out" | tr -s ' \n' '\n'; }
for command in "" generate quantize; do
    run 0 "$PARALLM" help $command && wanted=$(words)
    COLUMNS=40 run 0 terminal "$PARALLM" help $command
    longest=$(tr -d '\r' < "$work/out" | awk '{ if (length > n) n = length } END { print n }')
    [ "$longest" -le 40 ] || failed "help $command: a line has $longest characters, wanted at most 40"
    [ "$(words)" = "$wanted" ] || failed "help $command: other words on a terminal than in a file"
done
number_free() { words | sed 's/^[0-9][0-9.]*$/N/'; } # the memory at hand is another each time
run 0 "$PARALLM" plan $tiny && wanted=$(number_free)
COLUMNS=40 run 0 terminal "$PARALLM" plan $tiny
longest=$(tr -d '\r' < "$work/out" | awk '{ if (length > n) n = length } END { print n }')
[ "$longest" -le 40 ] || failed "plan: a line has $longest characters, wanted at most 40"
[ "$(number_free)" = "$wanted" ] || failed "plan: other words on a terminal than in a file"
run 2 "$PARALLM" && says err '^usage: '
run 2 "$PARALLM" foo && one_error 'foo: is no command'
run 2 "$PARALLM" help foo && one_error 'foo: is no command'
run 2 "$PARALLM" generate -p hi && one_error 'generate: has no MODEL'
run 2 "$PARALLM" generate $tiny more -p hi && one_error 'more: is one word too many'
run 2 "$PARALLM" generate more --model $tiny -p hi && one_error 'more: is one word too many'
run 2 "$PARALLM" quantize $tiny out.gguf more && one_error 'more: is one word too many'
run 0 "$PARALLM" quantize "$work/out.gguf" --model $tiny --type q8_0 --quiet && [ -s "$work/out.gguf" ] || failed "OUT beside --model is lost"
run 2 "$PARALLM" generate $tiny --foo && one_error '--foo: is no option of this command'
run 2 "$PARALLM" generate $tiny --temprature=1 && one_error '--temprature: is no option of this command, did you mean --temperature?'
run 2 "$PARALLM" generate $tiny --max_num_batched_tokens 8 && one_error '--max_num_batched_tokens: is no .* did you mean --max-num-batched-tokens?'
run 2 "$PARALLM" generate $tiny --max-new-tokens 8 && one_error '--max-new-tokens: is no .* did you mean --max-tokens?'
run 2 "$PARALLM" generate $tiny --stop_sequences=a && one_error '--stop_sequences: is no .* did you mean --stop?'
run 2 "$PARALLM" score $tiny --max-new-tokens 8 && one_error '--max-new-tokens: is no option of this command, wanted one of'
run 2 "$PARALLM" generate $tiny -temperature 1 && one_error '-temperature: is no option of this command, did you mean --temperature?'
run 2 "$PARALLM" generate $tiny -p a -o --quiet && one_error '--output: has no value, wanted FILE before --quiet'
[ ! -e ./--quiet ] || { rm ./--quiet; failed "an option is taken for a file"; }
run 0 "$PARALLM" generate $tiny -p=--quiet --max-tokens 1 && counts 1
run 2 "$PARALLM" genrate && one_error 'genrate: is no command, did you mean generate?'
run 2 "$PARALLM" tok && one_error 'tok: is no command, did you mean tokenize?'
run 2 "$PARALLM" generate $tiny --temp-x 1 && one_error '--temp-x: is no option'
run 2 "$PARALLM" generate "" -p hi && one_error 'generate: has no MODEL'
run 2 "$PARALLM" generate $tiny --perplexity && one_error '--perplexity: is no option of this command'
run 2 "$PARALLM" generate $tiny --max-tokens && one_error '--max-tokens: has no value, wanted N'
run 2 "$PARALLM" generate $tiny --max-tokens=ten && one_error '--max-tokens: is "ten", wanted a whole number'
run 2 "$PARALLM" generate $tiny --temperature -1 && one_error '--temperature: is "-1", wanted a number from 0 to 1000000$'
run 2 "$PARALLM" generate $tiny --top-p 1.5 && one_error '--top-p: is "1.5", wanted a number from 0 to 1'
run 2 "$PARALLM" generate $tiny --kv-cache-memory 4GiBs && one_error '--kv-cache-memory: is "4GiBs", wanted'
run 2 "$PARALLM" generate $tiny --ordered=yes && one_error '--ordered: is "yes", wanted no value'
run 2 "$PARALLM" generate $tiny --dtype q9 && one_error '--dtype: is "q9", wanted auto, bf16, f16 or f32$'
run 2 "$PARALLM" generate $tiny --dtype int8 && one_error '--dtype: is "int8", wanted auto, bf16, f16 or f32$'
run 2 "$PARALLM" generate $tiny -p a --isa foo && one_error '--isa: is "foo", wanted one of scalar'
run 2 "$PARALLM" generate $tiny -p a --stop-token-ids 1,x && one_error '--stop-token-ids: is "1,x", wanted token ids'
run 2 "$PARALLM" generate $tiny -p a --max-model-len 100000 && one_error '--max-model-len: is 100000, the model was made for'

# What no line can be answered with is one error, and nothing is read or written.
echo before > "$work/answers"
bad() { # bad PATTERN OPTION...
    local pattern=$1
    shift
    run 2 "$PARALLM" generate $tiny -p a -o "$work/answers" "$@" && one_error "$pattern"
}
bad '--logprobs: is 100000, wanted -1 to ' --logprobs 100000
bad '--logprobs: is 9999999, wanted -1 to ' --logprobs 9999999
bad '--logit-bias: token is 99999, the vocabulary has' --logit-bias 99999:1
bad '--allowed-token-ids\[1\]: is token 99999' --allowed-token-ids 1,99999
bad '--stop-token-ids\[1\]: is token 99999, the vocabulary has 0 to [0-9]+$' --stop-token-ids 1,99999
bad '--stop\[0\]: is "", wanted a string' --stop ''
bad '--logit-bias: is "5:-inf", wanted ID:X' --logit-bias 5:-inf
[ "$(cat "$work/answers")" = before ] || failed "a refused option cost the output of an earlier run"
run 0 "$PARALLM" generate $tiny -p a --seed -1 --max-tokens 1 --temperature 1 --quiet
run 2 "$PARALLM" generate $tiny -p a -i b && one_error '--input: stands beside --prompt'
run 2 "$PARALLM" generate $tiny_hf -p a --lora x && one_error '--lora: is "x", wanted NAME=PATH'

# Every spelling of an option and its value.
for words in "--max-tokens 2" "--max-tokens=2" "--predict 2"; do
    run 0 "$PARALLM" generate --model $tiny -p ab --quiet --ignore-eos $words && says out '"completion_tokens": 2,'
done
run 0 "$PARALLM" generate -m $tiny -p ab -p ba -n 2 -np 3 -t 1 -c 64 -s 1 --max-tokens 1 --quiet && counts 4

# What a line of the input holds.
run 0 "$PARALLM" help tokenize && says out '^A line is \{"text": TEXT\}'
run 0 "$PARALLM" help generate && says out '^A line of the input is \{"prompt": TEXT\}'

# A heading stands over options of its kind only.
run 0 "$PARALLM" help generate && says out '^The run:$'
run 0 "$PARALLM" help tokenize && grep -q ':$' "$work/out" && failed "help tokenize: a heading over --help alone"

# Models that are none.
head -c 5000 $tiny > "$work/short.gguf"
echo nonsense > "$work/nonsense.gguf"
for model in "$work/missing.gguf" "$work/short.gguf" "$work/nonsense.gguf" "$work"; do
    run 3 "$PARALLM" generate "$model" -p hi && one_error "$model"
    run 3 "$PARALLM" plan "$model" && one_error "$model"
done
run 3 "$PARALLM" generate $tiny -i "$work/missing" && one_error "$work/missing: No such file"
run 3 "$PARALLM" generate $tiny -i "$work" && one_error "$work: is a directory"
run 3 "$PARALLM" generate $tiny -p hi --chat-template "$work" && one_error "$work: Is a directory"
run 0 "$PARALLM" plan $tiny && says out '^peak '
run 3 "$PARALLM" plan "$work/nonsense.gguf" && one_error "$work/nonsense.gguf: does not begin with \"GGUF\", wanted a .gguf file, or the folder"
run 0 "$PARALLM" plan $tiny --quantize q8_0 && says out ' mostly q8_0$'
run 0 "$PARALLM" plan $tiny --max-num-seqs 3 && says out '^up to 3 sequences decode at once; [0-9]+ with [0-9]+ tokens each fit'
run 0 "$PARALLM" generate $tiny -p ab --kv-cache-memory 3kB --max-tokens 1 && says err '^parallm: KV cache: has room for [0-9]+ tokens, less than a sequence of '
run 0 "$PARALLM" generate $tiny -p ab --max-tokens 1 && ! grep -q 'KV cache' "$work/err" || failed "a warning where there is room"
run 0 "$PARALLM" plan $tiny --json && says out '"peak_bytes": [1-9]'

# The name of a file or a model that is empty, as an unset variable makes it.
run 2 "$PARALLM" pull '' && one_error 'pull: has no NAME'
run 2 "$PARALLM" quantize $tiny '' --type q8_0 && one_error 'quantize: has no OUT'
run 2 "$PARALLM" generate $tiny -p a -o '' && one_error '--output: is "", wanted the name of a file'
run 2 "$PARALLM" bench $tiny --plot= && one_error '--plot: is "", wanted the name of a file'

# An option that has but a letter is called by it.
run 2 "$PARALLM" generate $tiny -p ab -n && one_error '-n: has no value, wanted N'
run 2 "$PARALLM" generate $tiny -p ab --max-num-seqs 20000 && one_error '--max-num-seqs: is "20000", wanted auto or a whole number'
run 2 "$PARALLM" generate $tiny -p ab -n 0 && one_error '-n: is "0", wanted a whole number from 1 to 65536'
finish
