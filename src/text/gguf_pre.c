#include "text/gguf_pre.h"

#include "text/impl.h"

#include <stddef.h>
#include <string.h>

#define ENDINGS "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
/* Words with what stands before them, `digits`, punctuation, lines, white space. */
#define WORDS(digits)                                                                                          \
    "(?:" ENDINGS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                                                     \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
/* The same with words cut before capitals. */
#define CASED_WORDS(endings, digits)                                                                           \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" endings "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" endings "|" digits \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define BLOOM " ?[^(\\s|.,!?\xE2\x80\xA6\xE3\x80\x82\xEF\xBC\x8C\xE3\x80\x81\xE0\xA5\xA4\xDB\x94\xD8\x8C)]+"

/* After the tokenizer.json of the models that the names are of. */
static const struct gguf_pre pres[] = {
    {.names = "gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de jina-v2-code gigachat mpt olmo jais trillion granite-docling "
              "roberta-bpe mellum a.x-4.0 jina-v1-en modern-bert exaone4 ",
     .patterns = {GPT2}},
    {.names = "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2 ", .patterns = {"\\p{N}", GPT2}},
    {.names = "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano ",
     .patterns = {WORDS("\\p{N}{1,3}")},
     .ignore_merges = true,
     .add_bos = true},
    {.names = "dbrx smaug-bpe chatglm-bpe ", .patterns = {WORDS("\\p{N}{1,3}")}},
    {.names = "glm4 glm5 ", .patterns = {WORDS("\\p{N}{1,3}")}, .ignore_merges = true},
    {.names = "qwen2 stablelm2 deepseek-r1-qwen megrez hunyuan kormo f2llmv2 solar-open grok-2 ", .patterns = {WORDS("\\p{N}")}},
    {.names = "qwen35 ",
     .patterns = {"(?:" ENDINGS ")|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*"
                  "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {.names = "bailingmoe bailingmoe2 llada-moe ",
     .patterns = {"(?:" ENDINGS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {.names = "seed-coder ",
     .patterns = {"(?:" ENDINGS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {.names = "exaone-moe ",
     .patterns = {"(?:" ENDINGS ")|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?"
                  "|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {.names = "gpt-4o llama4 kanana2 talkie minimax-m2 ", .patterns = {CASED_WORDS("(?:" ENDINGS ")?", "\\p{N}{1,3}")}},
    {.names = "tekken ", .patterns = {CASED_WORDS("", "\\p{N}")}, .ignore_merges = true, .add_bos = true},
    {.names = "deepseek-coder ",
     .patterns = {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+",
                  "[\xE4\xB8\x80-\xE9\xBE\xA5\xE0\xA0\x80-\xE4\xB8\x80\xEA\xB0\x80-\xED\x9F\xBF]+", "\\p{N}"}},
    {.names = "deepseek-llm ", /* letters with two cases, but those of a few scripts */
     .patterns = {"[\\r\\n]",
                  "\\s?[[\\p{Lu}\\p{Ll}\\p{Lt}]&&[^\\x{560}-\\x{588}\\x{10C7}-\\x{10FF}\\x{1C80}-\\x{1C88}\\x{2D00}-\\x{2D2D}"
                  "\\x{A790}-\\x{AB68}\\x{10570}-\\x{105BC}\\x{16E40}-\\x{1DF1E}]]+",
                  "\\s?[!-/:-~\xEF\xBC\x81-\xEF\xBC\x8F\xEF\xBC\x9A-\xEF\xBD\x9E\xE2\x80\x98-\xE2\x80\x9F\xE3\x80\x80-\xE3\x80\x82]+",
                  "\\s+$", "[\xE4\xB8\x80-\xE9\xBE\xA5\xE0\xA0\x80-\xE4\xB8\x80\xEA\xB0\x80-\xED\x9F\xBF]+", "\\p{N}+"}},
    {.names = "deepseek-v3 hunyuan-dense joyai-llm hy_v4 ",
     .patterns = {"\\p{N}{1,3}", "[\xE4\xB8\x80-\xE9\xBE\xA5\xE3\x81\x80-\xE3\x82\x9F\xE3\x82\xA0-\xE3\x83\xBF]+",
                  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
                  " ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {.names = "falcon ",
     .patterns = {"[\\p{P}\\$\\+<=>\\^~\\|`]+",
                  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)", "[0-9][0-9][0-9]"}},
    {.names = "bloom poro-chat gpt3-finnish ", .patterns = {BLOOM}},
    {.names = "viking ", .patterns = {BLOOM, "\\p{N}"}},
    {.names = "default ",
     .patterns = {"[\\p{P}\\$\\+<=>\\^~\\|]+",
                  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)", "\\p{N}+",
                  "[0-9][0-9][0-9]"}},
};

const struct gguf_pre *gguf_pre_find(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof pres / sizeof pres[0]; i++)
        for (const char *at = pres[i].names, *end; (end = strchr(at, ' ')) != NULL; at = end + 1)
            if ((size_t)(end - at) == n && memcmp(at, name, n) == 0)
                return &pres[i];
    return NULL;
}

const struct gguf_pre *gguf_pre_at(size_t i)
{
    return i < sizeof pres / sizeof pres[0] ? &pres[i] : NULL;
}

pllm_status gguf_pre_push(const struct gguf_pre *pre, pretok_steps *steps, pllm_error *err)
{
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < sizeof pre->patterns / sizeof pre->patterns[0] && pre->patterns[i] && !status; i++)
        status = pretok_push_regex(steps, pre->patterns[i], strlen(pre->patterns[i]), SPLIT_ISOLATED, false, err);
    return status;
}
