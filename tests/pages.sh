# The manual and the completions: whatever `parallm help COMMAND` lists is in each of them, and they work as far as the
# programs that read them are here. usage: tests/pages.sh SHARE
. tests/cli/check.sh
share=$1
bash=$share/bash-completion/completions/parallm
zsh=$share/zsh/site-functions/_parallm
fish=$share/fish/vendor_completions.d/parallm.fish
is_here() { command -v "$1" > /dev/null; }

# completes WORD...: what bash offers for the last word.
completes() {
    COMP_WORDS=(parallm "$@") COMP_CWORD=$# COMPREPLY=()
    _parallm
    printf '%s\n' "${COMPREPLY[@]}" > "$work/out"
}
# offers WORDS: all of them and nothing else.
offers() {
    [ "$(tr '\n' ' ' < "$work/out")" = "$1 " ] || failed "bash offers $(tr '\n' ' ' < "$work/out"), wanted $1"
}
. "$bash"

commands=$("$PARALLM" help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')
[ "$(echo "$commands" | wc -l)" -ge 9 ] || failed "parallm help lists $commands"
n_pages=1
for command in $commands; do
    page=$share/man/man1/parallm-$command.1
    n_pages=$((n_pages + 1))
    grep -q "^.B.*parallm..$command" "$share/man/man1/parallm.1" || grep -qF "parallm\\-$command" "$share/man/man1/parallm.1" ||
        failed "$command: is not in parallm.1"
    completes "$command" --
    sed -n "/^    $command)/,/;;\$/p" "$zsh" > "$work/zsh"
    "$PARALLM" help "$command" | sed -En 's/^ +(-(.), )?--([a-z-]+).*/\3 \2/p' > "$work/options"
    [ -s "$work/options" ] || failed "parallm help $command lists no option"
    while read -r name letter; do
        grep -qF -e "\\fB\\-\\-${name//-/\\-}\\fR" "$page" || failed "--$name: is not in $page"
        grep -qxF -e "--$name" "$work/out" || failed "--$name: bash does not offer it to $command"
        grep -qE -e "[')*]--$name=?\\[" "$work/zsh" || failed "--$name: zsh does not offer it to $command"
        grep -qE -e "__parallm_is [a-z ]*\\<$command\\>.*${letter:+-s $letter }-l $name " "$fish" ||
            failed "--$name: fish does not offer it to $command"
        [ -z "$letter" ] || grep -qF -e "\\fB\\-$letter\\fR, \\fB\\-\\-" "$page" || failed "-$letter: is not in $page"
    done < "$work/options"
done
[ "$(ls "$share/man/man1" | wc -l)" = $n_pages ] || failed "$share/man/man1 has pages of no command"

# What bash offers: commands, options, values in both spellings, files, and nothing where any text may stand.
completes qu && offers quantize
completes help sc && offers score
completes score --te && offers --text
completes generate --te && offers '--text --temperature'
completes quantize m o --type q5_k_ && offers 'q5_k_m q5_k_s'
completes plan m --quantize q8 && offers q8_0
completes plan m --dtype '' && offers 'auto bf16 f16 f32'
completes plan m --kv-cache-dtype = b && offers bf16
completes plan m --activations = && offers 'auto int8 f32'
completes generate $tiny --input-file tests/data/tiny. && offers tests/data/tiny.gguf
completes generate tests/data/tiny- && offers tests/data/tiny-hf
completes generate $tiny -p tests/data/tiny- && offers ''

if is_here mandoc; then
    mandoc -T lint -W warning "$share"/man/man1/* 2>&1 | grep -v 'missing date' > "$work/out"
    [ ! -s "$work/out" ] || failed "mandoc: $(head -3 "$work/out")"
fi
if is_here groff; then
    for page in "$share"/man/man1/*; do
        run 0 groff -man -Tutf8 -ww -z "$page" && [ ! -s "$work/err" ] || failed "groff: $page: $(head -3 "$work/err")"
    done
fi
if is_here zsh; then
    run 0 zsh -n "$zsh"
fi
if is_here fish; then
    fish_offers() { # fish_offers LINE WORDS
        fish --no-config -c "source $fish; complete -C '$1'" | cut -f1 > "$work/out"
        [ "$(tr '\n' ' ' < "$work/out")" = "$2 " ] || failed "fish offers $(tr '\n' ' ' < "$work/out") after $1, wanted $2"
    }
    fish_offers 'parallm qu' quantize
    fish_offers 'parallm plan m --dtype ' 'auto bf16 f16 f32'
    fish_offers 'parallm score --te' --text
    fish_offers 'parallm plan tests/data/tiny.' tests/data/tiny.gguf
fi
finish
