# Input lines, good and bad: a bad line costs that line alone.
. tests/cli/check.sh

cat > "$work/in" <<'LINES'
{"prompt": "ab", "max_tokens": 3}
not JSON

{"id": "named", "prompt": "ab", "foo": 1}
{"id": "odd", "prompt": "ab", "top_p": 2}
{"prompt": "ab", "messages": []}
{"prompt_token_ids": [5, -1]}
{"prompt_token_ids": [5, 100000]}
{"prompt": "ab", "stop": ["x", ""]}
{"prompt": "ab", "lora": "nobody"}
{"prompt": "ab", "allowed_token_ids": []}
{"messages": []}
{"prompt": }
{"id": 12345678901234, "prompt_token_ids": [5, 6], "max_tokens": 2, "ignore_eos": true, "logprobs": 2, "prompt_logprobs": 0}
LINES
run 1 "$PARALLM" generate $tiny -i "$work/in" --ordered --quiet
counts 13
says out '^\{"id": 0, "index": 0, "text": ".*"completion_tokens": [0-3],'
says out '^\{"id": 1, .*"finish_reason": "error", "error": \{"message": "the line is no JSON: .*; with --text a line is a prompt", "param": null\}\}$'
says out '^\{"id": 12, .*"the line is no JSON: [^;]*", "param": null'
says out '^\{"id": 11, .*"message": "messages: is empty, wanted at least one", "param": "messages"'
says out '^\{"id": "named", .*"message": "foo: is no field that parallm knows", "param": "foo"\}\}$'
says out '^\{"id": "odd", .*"message": "top_p: is 2, wanted a number from 0 to 1", "param": "top_p"'
says out '^\{"id": 5, .*wanted one of '
says out '^\{"id": 6, .*"message": "prompt_token_ids\[1\]: is -1, wanted a token id"'
says out '^\{"id": 7, .*"message": "prompt_token_ids\[1\]: is token 100000, .*"param": "prompt_token_ids\[1\]"'
says out '^\{"id": 8, .*stop\[1\]: is \\"\\", wanted a string that is not empty'
says out '^\{"id": 9, .*"message": "lora: .*nobody.*"param": "lora"'
says out '^\{"id": 10, .*allowed_token_ids: is empty'
says out '^\{"id": 12345678901234, .*"completion_tokens": 2,.*"logprobs": \[\{"token_id": .*"prompt_logprobs": \[null, \{'
[ -s "$work/err" ] && failed "standard error is not empty: $(cat "$work/err")"

# Every message has the field, what it is, and what was wanted; a long value is cut between two characters. Null is nothing.
python3 - > "$work/in" <<'PYTHON'
import json
for field, value in (("prompt", 5), ("prompt", ["x" + "é" * 80]), ("prompt_token_ids", "a"), ("messages", {}), ("id", 1.5), ("lora", 1), ("stop", 1),
                     ("ignore_eos", 1), ("logit_bias", []), ("logit_bias", {"5": "x"}), ("logit_bias", {"a": 1}), ("prompt", None), ("", 1), ("bad_words", "a"), ("bad_words", [""]), ("seed", -2), ("repetition_penalty", 0)):
    line = {"prompt": "ab"} if field not in ("prompt_token_ids", "messages") else {}
    print(json.dumps({**line, field: value}, ensure_ascii=False))
print(json.dumps({"id": None, "prompt": "ab", "messages": None, "prompt_token_ids": None, "lora": None, "chat_template_kwargs": None}))
PYTHON
run 1 "$PARALLM" generate $tiny -i "$work/in" --ordered --quiet --max-tokens 1
python3 - "$work/out" <<'PYTHON' || failed "messages"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert "error" not in lines.pop(), lines
for line, wanted in zip(lines, ("prompt: is 5, wanted a string", 'prompt: is ["x' + "é" * 28 + "..., wanted a string", 'prompt_token_ids: is "a", wanted a list of token ids',
        'messages: is {}, wanted a list of {"role", "content"}', "id: is 1.5, wanted a string or an integer", "lora: is 1, wanted the name of an adapter",
        "stop: is 1, wanted a string or a list of strings", "ignore_eos: is 1, wanted true or false", 'logit_bias: is [], wanted an object, as {"5": -100}',
        'logit_bias.5: is "x", wanted a number', 'logit_bias.a: is no token id, wanted one, as {"5": -100}',
        'prompt: is missing, wanted one of "prompt", "messages" and "prompt_token_ids"', '"": is no field that parallm knows',
        'bad_words: is "a", wanted a list of strings', 'bad_words[0]: is "", wanted a string of 1 to 510 bytes',
        "seed: is -2, wanted a whole number from -1 to 9223372036854774784", "repetition_penalty: is 0, wanted a number from 1e-06 to 1000000"), strict=True):
    assert line["error"]["message"] == wanted, (line, wanted)
PYTHON

# What other engines call a field, and what is spelt almost right, gets the name that we have; what has none, a reason.
cat > "$work/expected" <<'LINES'
max_new_tokens max_tokens
max_token max_tokens
n_predict max_tokens
temp temperature
repeat_penalty repetition_penalty
num_return_sequences n
stop_sequences stop
stop_token_id stop_token_ids
skip_special_token skip_special_tokens
bad_word bad_words
promt prompt
top_logprobs logprobs
LINES
cut -d' ' -f1 "$work/expected" | sed 's/.*/{"prompt": "ab", "&": 1}/' > "$work/in"
run 1 "$PARALLM" generate $tiny -i "$work/in" --ordered --quiet && counts "$(wc -l < "$work/expected")"
while read -r wrong right; do
    says out "\"message\": \"$wrong: is no field that parallm knows, did you mean $right\?\", \"param\": \"$wrong\""
done < "$work/expected"
printf '{"prompt": "ab", "%s": 1}\n' model do_sample custom_id content k "$(printf 'é%.0s' $(seq 300))" > "$work/in"
run 1 "$PARALLM" generate $tiny -i "$work/in" --ordered --quiet && counts 6
says out '"content: is no field that parallm knows, but one of a message, wanted '
says out '"model: is no field that parallm knows, as the command line names the model"'
says out '"do_sample: is no field that parallm knows, as temperature 0 draws nothing"'
says out '"custom_id: is no field that parallm knows, but one of an OpenAI batch file, wanted what its '
says out '"k: is no field that parallm knows"'
says out '"é{30}\.\.\.: is no field that parallm knows"'
printf '{"prompt": "ab", "%s": "b"}\n' max_new_tokens continuaton completion > "$work/in"
run 1 "$PARALLM" score $tiny -i "$work/in" --ordered --quiet && counts 3
says out '"max_new_tokens: is no field that parallm score knows, wanted prompt, '
says out '"continuaton: is no field that parallm score knows, did you mean continuation\?"'
says out '"completion: is no field that parallm score knows, did you mean continuation\?"'

# A line that is JSON, but no object.
printf '%s\n' '[]' 3 '"text"' null '["é"]' > "$work/in"
run 1 "$PARALLM" generate $tiny -i "$work/in" --ordered --quiet && counts 5
says out '"message": "the line: is \[\], wanted a JSON object", "param": null'
says out '"message": "the line: is 3, wanted a JSON object; with --text a line is a prompt", "param": null'
says out '"message": "the line: is \\"text\\", wanted a JSON object; with --text'
says out '"message": "the line: is null, wanted a JSON object; with --text'

# What no template can use of a conversation is told by its place; what some template can, goes to it.
python3 - > "$work/in" <<'PYTHON'
import json
user = {"role": "user", "content": "ab"}
for message in ("hi", {"content": "x"}, {"role": 5, "content": "x"}, {"role": "user"}, {"role": "user", "images": [1]}, {"role": "assistant", "name": "x"},
                {"role": "user", "contents": "x"}, {"role": "user", "content": 5}, {"role": "user", "content": ["a", True]},
                {"role": "assistant", "tool_calls": []}, {"role": "assistant", "content": None}, {"role": "user", "content": ["a", {"type": "text", "text": "b"}]},
                {"role": "tool", "content": {"a": 1}}):
    print(json.dumps({"messages": [user, message]}))
PYTHON
echo '{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}' > "$work/template"
run 1 "$PARALLM" generate $tiny -i "$work/in" --chat-template "$work/template" --ordered --quiet --max-tokens 1
python3 - "$work/out" <<'PYTHON' || failed "messages of conversations"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
for line, wanted in zip(lines, ('messages[1]: is "hi", wanted {"role", "content"}', 'messages[1].role: is missing, wanted a string, as "user"',
        'messages[1].role: is 5, wanted a string, as "user"', "messages[1].content: is missing, wanted a string or a list of parts",
        "messages[1].content: is missing, wanted a string or a list of parts", "messages[1].content: is missing, wanted a string or a list of parts",
        "messages[1].contents: is no field of a message, did you mean content?", "messages[1].content: is 5, wanted a string or a list of parts",
        'messages[1].content[1]: is true, wanted a part, as {"type": "text", "text": ...}', None, None, None, None), strict=True):
    assert line.get("error", {"message": None})["message"] == wanted, (line, wanted)
PYTHON
# ... and where the template needs what a message may lack, it is told which one.
echo '{"messages": [{"role": "user", "content": "ab"}, {"role": "assistant", "tool_calls": []}]}' > "$work/in"
run 1 "$PARALLM" generate $tiny -i "$work/in" --quiet && says out "\"messages\\[1\\]: has no content; ChatML: line 2: 'dict object' has no attribute 'content'\", \"param\": \"messages\\[1\\]\""

# A bad word is banned wherever it stands: its token within a word too.
python3 - $tiny "$PARALLM" > "$work/in" <<'PYTHON'
import json, subprocess, sys
def tokens(text):
    line = subprocess.run([sys.argv[2], "tokenize", sys.argv[1], "--no-special"], input=json.dumps({"text": text}), capture_output=True, text=True, check=True)
    return json.loads(line.stdout)["token_ids"]
inner, first = tokens("\na")[len(tokens("\n")):], tokens("a")
assert inner != first and len(inner) == 1, (inner, first)
for allowed in inner, first:
    for word in "a", " a":
        print(json.dumps({"prompt": "ab", "allowed_token_ids": allowed[-1:], "bad_words": [word]}))
PYTHON
run 1 "$PARALLM" generate $tiny -i "$work/in" --ordered --quiet --max-tokens 1 && counts 4
[ "$(grep -c '"no token is left to draw: ' "$work/out")" = 4 ] || failed "a bad word is written: $(cat "$work/out")"

# A prompt longer than the context; what else there is goes on.
python3 -c 'print("{\"id\": \"long\", \"prompt\": \"%s\"}\n{\"id\": \"short\", \"prompt\": \"ab\"}" % ("ab " * 500))' > "$work/in"
run 1 "$PARALLM" generate $tiny -i - --ordered --quiet < "$work/in"
counts 2
says out '^\{"id": "long", .*"finish_reason": "error"'
says out '^\{"id": "short", .*"text"'

# An answer that cannot go on says why, as a line and as streamed text.
echo '{"prompt": "ab", "allowed_token_ids": [259], "bad_words": [" "]}' > "$work/in"
run 1 "$PARALLM" generate $tiny -i "$work/in" --quiet
says out '"finish_reason": "error", .*"error": \{"message": "no token is left to draw: .*", "param": null\}\}$'
run 1 "$PARALLM" generate $tiny -p ab --no-chat-template --allowed-token-ids 259 --bad-words ' ' --stream --quiet
says err '^parallm: no token is left to draw: '

# Nothing in, nothing out.
run 0 "$PARALLM" generate $tiny -i /dev/null --quiet && counts 0
run 0 "$PARALLM" generate $tiny -i /dev/null && says err '^0 prompts, 0 answers in [0-9.]+ s \(and [0-9.]+ s to load\)$'

# Plain texts; a file without its last line feed, with CRLF and a byte order mark.
printf '\xef\xbb\xbfab\r\nba' > "$work/in"
run 0 "$PARALLM" generate $tiny_hf --text -i "$work/in" --quiet --max-tokens 2 && counts 2
run 0 "$PARALLM" generate $tiny_hf -p ab --max-tokens 0 --prompt-logprobs 0 --quiet && says out '"prompt_tokens": (1[0-9]|[5-9]),'
run 0 "$PARALLM" generate $tiny_hf -p ab --max-tokens 0 --no-chat-template --quiet && says out '"prompt_tokens": [1-4],'

# Blank lines are no prompts, but count; what is given as a prompt is one.
printf 'ab\n\n  \r\nba\n' > "$work/in"
run 0 "$PARALLM" generate $tiny_hf --text -i "$work/in" --ordered --quiet --max-tokens 1 && counts 2
says out '^\{"id": 0, ' && says out '^\{"id": 3, '
run 1 "$PARALLM" generate $tiny_hf -p '' --quiet && says out '"message": "prompt: is empty, wanted what a user says", "param": "prompt"'

# A conversation through the model's template, a given one, and none.
echo '{"messages": [{"role": "user", "content": "ab"}], "max_tokens": 1}' > "$work/in"
run 0 "$PARALLM" generate $tiny_hf -i "$work/in" --quiet && says out '"prompt_tokens": '
# ... as ChatML
run 0 "$PARALLM" generate $tiny -i "$work/in" --quiet && says out '"prompt_tokens": [3-9][0-9],'
echo '{{ messages[0].content }}' > "$work/template"
run 0 "$PARALLM" generate $tiny -i "$work/in" --chat-template "$work/template" --quiet && says out '"prompt_tokens": '
echo '{{ messages[' > "$work/template"
run 3 "$PARALLM" generate $tiny -i "$work/in" --chat-template "$work/template" --quiet && one_error "$work/template"
finish
