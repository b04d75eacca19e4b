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
run 2 "$PARALLM" && says err '^usage: '
run 2 "$PARALLM" foo && one_error 'foo: is no command'
run 2 "$PARALLM" help foo && one_error 'foo: is no command'
run 2 "$PARALLM" generate -p hi && one_error 'generate: has no MODEL'
run 2 "$PARALLM" generate $tiny more -p hi && one_error 'more: is one word too many'
run 2 "$PARALLM" generate $tiny --foo && one_error '--foo: is no option of this command'
run 2 "$PARALLM" generate $tiny --temprature=1 && one_error '--temprature: is no option of this command, did you mean --temperature?'
run 2 "$PARALLM" genrate && one_error 'genrate: is no command, did you mean generate?'
run 2 "$PARALLM" generate $tiny --perplexity && one_error '--perplexity: is no option of this command'
run 2 "$PARALLM" generate $tiny --max-tokens && one_error '--max-tokens: has no value, wanted N'
run 2 "$PARALLM" generate $tiny --max-tokens=ten && one_error '--max-tokens: is "ten", wanted a whole number'
run 2 "$PARALLM" generate $tiny --top-p 1.5 && one_error '--top-p: is "1.5", wanted a number from 0 to 1'
run 2 "$PARALLM" generate $tiny --kv-cache-memory 4GiBs && one_error '--kv-cache-memory: is "4GiBs", wanted'
run 2 "$PARALLM" generate $tiny --ordered=yes && one_error '--ordered: is "yes", wanted no value'
run 2 "$PARALLM" generate $tiny --dtype q9 && one_error '--dtype: is "q9", wanted'
run 2 "$PARALLM" generate $tiny -p a --isa foo && one_error 'isa: is "foo", wanted one of scalar'
run 2 "$PARALLM" generate $tiny -p a --stop-token-ids 1,x && one_error '--stop-token-ids: wanted token ids'
run 2 "$PARALLM" generate $tiny -p a -i b && one_error '--input: stands beside --prompt'
run 2 "$PARALLM" generate $tiny_hf -p a --lora x && one_error '--lora: is "x", wanted NAME=PATH'

# Every spelling of an option and its value.
for words in "--max-tokens 2" "--max-tokens=2" "--predict 2"; do
    run 0 "$PARALLM" generate --model $tiny -p ab --quiet --ignore-eos $words && says out '"completion_tokens": 2,'
done
run 0 "$PARALLM" generate -m $tiny -p ab -p ba -n 2 -np 3 -t 1 -c 64 -s 1 --max-tokens 1 --quiet && counts 4

# Models that are none.
head -c 5000 $tiny > "$work/short.gguf"
echo nonsense > "$work/nonsense.gguf"
for model in "$work/missing.gguf" "$work/short.gguf" "$work/nonsense.gguf" "$work"; do
    run 3 "$PARALLM" generate "$model" -p hi && one_error "$model"
    run 3 "$PARALLM" plan "$model" && one_error "$model"
done
run 3 "$PARALLM" generate $tiny -i "$work/missing" && one_error "$work/missing: No such file"
run 3 "$PARALLM" generate $tiny -i "$work" && one_error "$work: is a directory"
run 0 "$PARALLM" plan $tiny && says out '^peak '
run 0 "$PARALLM" plan $tiny --quantize q8_0 && says out ' mostly q8_0$'
run 0 "$PARALLM" plan $tiny --json && says out '"peak_bytes": [1-9]'
finish
