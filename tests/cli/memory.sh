# Memory for input and answers does not grow with the input: 200,000 lines need little more than 10,000.
. tests/cli/check.sh

lines() {
    python3 -c '
import sys
for i in range(int(sys.argv[1])):
    print("{\"prompt_token_ids\": [%d, %d, %d], \"max_tokens\": 2, \"ignore_eos\": true, \"logprobs\": 1}" % (10 + i % 200, 20 + i // 200 % 200, 5 + i % 3))' "$1"
}
peak() {
    # shellcheck disable=SC2086
    lines "$1" | "$PARALLM" generate $tiny -i - -o "$work/answers" --json --quiet --max-model-len 64 --kv-cache-memory 4MB \
        $2 > "$work/out" 2> "$work/err" || failed "$1 lines $2: exit code $?"
    [ "$(wc -l < "$work/answers")" = "$1" ] || failed "$1 lines $2: $(wc -l < "$work/answers") answers"
    sed -E 's/.*"peak_rss_bytes": ([0-9]+).*/\1/' "$work/out"
}

for order in "" --ordered; do
    few=$(peak 10000 "$order")
    many=$(peak 200000 "$order")
    echo "$order peak of 10,000 lines $few bytes, of 200,000 lines $many"
    [ "$many" -le $((few + 8 * 1048576)) ] || failed "200,000 lines $order take $many bytes, 10,000 take $few"
done
finish
