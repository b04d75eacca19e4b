# Prompts are computed in the order of their beginnings: each beginning once, though the cache holds few of them.
. tests/cli/check.sh

# 8 beginnings of 96 tokens, in turn; 16 tokens of their own each.
python3 - > "$work/in" << 'END'
import json
for i in range(240):
    trunk = [(i % 8 * 31 + j * 7) % 200 + 10 for j in range(96)]
    own = [(i * 5 + j * 3) % 190 + 20 for j in range(16)]
    own[:2] = [10 + i // 16, 30 + i % 16]
    print(json.dumps({"id": i, "prompt_token_ids": trunk + own, "max_tokens": 3, "ignore_eos": True}))
END
figure() { sed -E "s/.*\"$1\": ([0-9.]+).*/\1/" "$work/out"; }

# A cache of 16 blocks or little more: three or four beginnings and what comes after them.
small="--max-num-seqs 2 --max-model-len 128 --kv-cache-memory"
blocks=0
for size in $(seq 4 4 400); do
    # shellcheck disable=SC2086
    "$PARALLM" plan $tiny $small "${size}KB" --json > "$work/out" 2> /dev/null || continue # too small is refused
    blocks=$(sed -E 's/.*"kv_blocks": ([0-9]+).*/\1/' "$work/out")
    [ "$blocks" -ge 16 ] && break
done
[ "$blocks" -ge 16 ] && [ "$blocks" -lt 24 ] || failed "$blocks blocks, of which 24 would hold all beginnings"

# shellcheck disable=SC2086
run 0 "$PARALLM" generate $tiny -i "$work/in" -o "$work/answers" --ordered --json --quiet $small "${size}KB"
computed=$(figure prefill_tokens_computed)
wanted=$((8 * 96 + 240 * 16))
[ "$computed" -le $((wanted * 105 / 100)) ] || failed "$computed prompt tokens computed, wanted about $wanted"
run 0 "$PARALLM" generate $tiny -i "$work/in" -o "$work/large" --ordered --json --quiet
cmp -s "$work/answers" "$work/large" || failed "other bytes with a small cache"
[ "$(sed -E 's/^\{"id": ([0-9]+),.*/\1/' "$work/answers" | sort -c -n 2>&1)" = "" ] || failed "--ordered is not in order"
finish
