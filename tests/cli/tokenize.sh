# Text to token ids, and back.
. tests/cli/check.sh

for model in $tiny $tiny_hf; do
    printf '{"text": "ab"}\n{"text": ""}\n{"text": "<s>"}\n' > "$work/in"
    run 0 "$PARALLM" tokenize $model --no-special < "$work/in" && counts 3
    sed 's/, "tokens".*/}/' "$work/out" > "$work/ids"
    run 0 "$PARALLM" tokenize $model --decode < "$work/ids" && counts 3
    says out '^\{"text": "ab"\}$'
    run 0 "$PARALLM" tokenize $model --no-special --parse-special < "$work/in"
    says out '^\{"token_ids": \[1\], "tokens": \["<s>"\]\}$'
done
printf '{"text": 5}\n{"text": "ab"}\nno\n' > "$work/in"
run 1 "$PARALLM" tokenize $tiny < "$work/in" && counts 3
says out '^\{"error": \{"message": "text: is 5, wanted a string"\}\}$'
says out '^\{"token_ids": \['
printf '{"token_ids": [1, -5]}\n' > "$work/in"
run 1 "$PARALLM" tokenize $tiny --decode < "$work/in" && says out '^\{"error": '

echo '{"token_ids": [1, 99999]}' > "$work/in"
run 1 "$PARALLM" tokenize $tiny --decode < "$work/in" && says out '"token_ids\[1\]: is 99999, which is no token of the vocabulary of [0-9]+"'

# Whoever sends something else than objects is told what a line looks like.
printf 'Hello\n"a"\n[1]\n{"text": 5}\n' > "$work/in"
run 1 "$PARALLM" tokenize $tiny < "$work/in" && counts 4
[ "$(grep -c '; a line is {\\"text\\": \.\.\.}"}}$' "$work/out")" = 3 ] || failed "no form of a line: $(cat "$work/out")"
echo 1 504 > "$work/in"
run 1 "$PARALLM" tokenize $tiny --decode < "$work/in" && says out '; a line is \{\\"token_ids\\": \[\.\.\.\]\}"\}\}$'

# A folder with nothing but a tokenizer is enough.
mkdir "$work/alone"
cp $tiny_hf/tokenizer.json "$work/alone"
echo '{"text": "ab"}' > "$work/in"
run 0 "$PARALLM" tokenize "$work/alone" < "$work/in" && says out '^\{"token_ids": \['
run 3 "$PARALLM" tokenize "$work/none" < /dev/null && one_error "$work/none"

run 0 terminal "$PARALLM" tokenize $tiny < <(printf '{"text": "ab"}\n\004') && says out '^a line is \{"text": \.\.\.\}; Ctrl-D ends' && says out '"token_ids"'
finish
