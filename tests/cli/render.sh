# Messages to text, by a model's template or a given one.
. tests/cli/check.sh

echo '{"messages": [{"role": "user", "content": "é\"\n"}], "name": "x", "date": "2025-07-26T12:34:56"}' > "$work/in"
run 0 "$PARALLM" render $tiny_hf < "$work/in" && says out '^\{"text": "user: é\\"\\n\\n"\}$'
echo '{"msgs": [{"role": "user", "content": "x"}]}' > "$work/odd"
run 1 "$PARALLM" render $tiny_hf < "$work/odd" && says out '"message": "messages: is missing'
run 3 "$PARALLM" render $tiny < "$work/in" && one_error "$tiny: has no chat template"
printf '{{ bos_token }}{{ name }} {{ strftime_now("%%Y") }} {{ raise_exception("no") if messages | length > 1 }}' > "$work/template"
run 0 "$PARALLM" render $tiny --template "$work/template" < "$work/in" && says out '^\{"text": "<s>x 2025 "\}$'
echo '{"messages": [1, 2], "bos_token": "<b>"}' >> "$work/in"
run 1 "$PARALLM" render - --template "$work/template" < "$work/in" && counts 2
says out '^\{"error": \{"message": ".*no.*"\}\}$'
echo Hello > "$work/plain"
run 1 "$PARALLM" render - --template "$work/template" < "$work/plain" && says out '; a line is \{\\"messages\\": \[\{\\"role\\": '
echo '{% for' > "$work/template"
run 3 "$PARALLM" render - --template "$work/template" < "$work/in" && one_error "$work/template"
run 3 "$PARALLM" render - --template "$work/missing" < "$work/in" && one_error "$work/missing"
run 2 "$PARALLM" render - < "$work/in" && one_error 'render: has no template'

# A named list: the default one, another where there are tools; and what is no template at all.
mkdir "$work/named"
cp $tiny_hf/tokenizer.json "$work/named"
echo '{"chat_template": [{"name": "rag", "template": "R"}, {"name": "tool_use", "template": "T{{ tools | length }}"}, {"name": "default", "template": "D"}]}' \
    > "$work/named/tokenizer_config.json"
printf '{"messages": []}\n{"messages": [], "tools": []}\n{"messages": [], "tools": [1]}\n{"messages": [], "tools": null}\n' > "$work/in"
run 0 "$PARALLM" render "$work/named" < "$work/in" && counts 4
[ "$(tr -d '\n' < "$work/out")" = '{"text": "D"}{"text": "T0"}{"text": "T1"}{"text": "D"}' ] || failed "named templates: $(cat "$work/out")"
echo '{"chat_template": 5}' > "$work/named/tokenizer_config.json"
run 3 "$PARALLM" render "$work/named" < "$work/in" && one_error ".*tokenizer_config.json: chat_template: is neither a string nor an array"
echo '{"chat_template": null}' > "$work/named/tokenizer_config.json"
run 3 "$PARALLM" render "$work/named" < "$work/in" && one_error "$work/named: has no chat template"
finish
