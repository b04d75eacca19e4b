#!/bin/sh
# Answers 325 prompts at once with a small real model. usage: tools/demo.sh PARALLM, or --fetch: the model alone
set -eu

parallm=$1
here=$(cd "$(dirname "$0")/.." && pwd)
model=$("$here/tools/demo-model.sh")
[ "$parallm" != --fetch ] || exit 0 # the model alone, for tests

answers=$(mktemp)
trap 'rm -f "$answers"' EXIT
trap 'exit 130' INT TERM
echo "$parallm generate $model -i examples/letters.jsonl --max-num-seqs 128 --max-tokens 100"
"$parallm" generate "$model" -i "$here/examples/letters.jsonl" -o "$answers" --max-num-seqs 128 --max-tokens 100 \
    --temperature 0
echo
python3 - "$answers" <<'PYTHON'
import json, sys
answers = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
for a in answers[:: max(1, len(answers) // 4)][:4]:
    print("%s: %s\n" % (a["id"], a.get("text", a.get("error"))))
print("%d prompts answered" % sum("error" not in a for a in answers))
PYTHON
