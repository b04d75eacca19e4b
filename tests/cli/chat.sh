# A conversation: what is remembered and forgotten, what is refused, and how it ends.
. tests/cli/check.sh

says_all() { printf '%s\n' "$@"; }
chat() { run "$1" "$PARALLM" chat $tiny_hf --max-tokens 8 --quiet "${@:2}"; }

# An answer a line; the same words get the same answer after /reset, another one where something came before.
chat 0 < <(says_all ab /reset ab ab) && counts 3
[ "$(sed -n 1p "$work/out")" = "$(sed -n 2p "$work/out")" ] || failed "after /reset the answer to ab is another one"
[ "$(sed -n 2p "$work/out")" != "$(sed -n 3p "$work/out")" ] || failed "the second ab gets the first one's answer: nothing is remembered"
first=$(sed -n 1p "$work/out")
chat 0 --system ba < <(says_all ab /reset ab) && counts 2
[ "$(sed -n 1p "$work/out")" = "$(sed -n 2p "$work/out")" ] || failed "/reset forgets --system"
[ "$(sed -n 1p "$work/out")" != "$first" ] || failed "--system changes nothing"

chat 0 < <(says_all /help) && says out '^/reset '
chat 0 < <(says_all /what) && says out '^/what: is no command'
chat 0 < <(says_all /exit ab) && counts 0
chat 0 < /dev/null && counts 0

# What cannot be answered is said, and is no part of the conversation.
chat 0 < <(says_all $'\377' ab) && counts 1 && one_error 'input: is not valid UTF-8'
[ "$(cat "$work/out")" = "$first" ] || failed "what was refused is remembered"
chat 2 --system $'\377' < <(says_all ab) && counts 0 && one_error '--system: is not valid UTF-8'
if [ -c /dev/full ]; then
    says_all ab | "$PARALLM" chat $tiny_hf --max-tokens 8 --quiet > /dev/full 2> "$work/err"
    [ "${PIPESTATUS[1]}" = 5 ] && one_error 'standard output: ' || failed "chat on a full disk: wanted exit code 5"
fi

# What is said of an answer that cannot be shown begins a line of the terminal.
export -f nearly_full
export work
run 5 terminal bash -c "nearly_full '$PARALLM' chat $tiny_hf --quiet --temperature 1" < <(says_all ab)
tr -d '\r' < "$work/out" | grep -B1 '^parallm: standard output: ' | head -1 | grep -q '^$' || failed "the message may stand behind text: $(cat "$work/out")"

# An answer that ends for want of room is said to.
run 0 "$PARALLM" chat $tiny_hf --max-tokens 2 < <(says_all ba) && one_error 'the answer is cut: '
chat 0 < <(says_all ab) && [ ! -s "$work/err" ] || failed "--quiet says $(cat "$work/err")"

# On a terminal it asks.
run 0 terminal "$PARALLM" chat $tiny_hf < <(printf '/exit\n') && says out '/help tells' && says out '> '
finish
