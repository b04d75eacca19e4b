/* Every option of every command, in the order of --help. */
#include "options.h"

#include <stddef.h>
#include <string.h>

#define AT(field) offsetof(struct options, field)
#define SAMPLING(field) offsetof(struct options, sampling.field)

#define MOST 2147483647.0
#define MOST_SEED 9223372036854774784.0 /* the largest double below 2^63 */

const struct option_def option_table[] = {
    {"model", 'm', NULL, OPTION_TEXT, "MODEL", AT(model), 0, 0, FOR_MODEL | FOR_TOKENIZE | FOR_RENDER,
     "the same as the word MODEL"},
    /* What to read and write. */
    {"input", 'i', "input-file", OPTION_TEXT, "FILE", AT(input), 0, 0, FOR_LINES,
     "a JSON object a line; - is standard input"},
    {"prompt", 'p', NULL, OPTION_LIST, "TEXT", AT(prompts), 0, 0, FOR_GENERATE, "a prompt; may be repeated"},
    {"text", 0, NULL, OPTION_FLAG, NULL, AT(text), 0, 0, FOR_GENERATE, "input lines are plain text, not JSON; blank ones are passed over"},
    {"text", 0, NULL, OPTION_TEXT, "FILE", AT(text_file), 0, 0, FOR_SCORE, "the text of --perplexity"},
    {"output", 'o', "output-file", OPTION_TEXT, "FILE", AT(output), 0, 0, FOR_LINES,
     "where output lines go; - is standard output (-)"},
    {"ordered", 0, NULL, OPTION_FLAG, NULL, AT(ordered), 0, 0, FOR_LINES, "answers in the order of the input"},
    {"stream", 0, NULL, OPTION_FLAG, NULL, AT(stream), 0, 0, FOR_GENERATE,
     "text as it comes: of one -p by itself, else, as with --logprobs, in JSON lines"},
    {"no-chat-template", 0, "ignore-chat-template", OPTION_FLAG, NULL, AT(no_chat_template), 0, 0, FOR_GENERATE,
     "prompts of -p and --text are raw text"},
    {"chat-template", 0, "chat-template-file", OPTION_TEXT, "FILE", AT(chat_template), 0, 0, FOR_LINES | FOR_CHAT,
     "a Jinja template instead of the model's (ChatML where it has none)"},
    {"system", 0, "system-prompt", OPTION_TEXT, "TEXT", AT(system), 0, 0, FOR_CHAT, "the system message"},

    /* How answers are drawn, and what they may hold. */
    {"temperature", 0, "temp", OPTION_NUMBER, "T", SAMPLING(temperature), 0, 1e6, FOR_SAMPLING,
     "0: always the most probable token (0)"},
    {"top-p", 0, NULL, OPTION_NUMBER, "P", SAMPLING(top_p), 0, 1, FOR_SAMPLING,
     "only the most probable tokens that sum to P (1)"},
    {"top-k", 0, NULL, OPTION_INT, "K", SAMPLING(top_k), -1, MOST, FOR_SAMPLING,
     "only the K most probable tokens (0: all)"},
    {"min-p", 0, NULL, OPTION_NUMBER, "P", SAMPLING(min_p), 0, 1, FOR_SAMPLING,
     "no token below P times the most probable (0)"},
    {"typical-p", 0, "typical", OPTION_NUMBER, "P", SAMPLING(typical_p), 0, 1, FOR_SAMPLING,
     "locally typical tokens that sum to P (1)"},
    {"repetition-penalty", 0, "repeat-penalty", OPTION_NUMBER, "R", SAMPLING(repetition_penalty), 1e-6, 1e6,
     FOR_SAMPLING, "of tokens in prompt or answer (1: off)"},
    {"repetition-context-size", 0, "repeat-last-n", OPTION_INT, "N", SAMPLING(repetition_context_size), 0, MOST,
     FOR_SAMPLING, "of the last N tokens only (0: all)"},
    {"presence-penalty", 0, NULL, OPTION_NUMBER, "X", SAMPLING(presence_penalty), -1e6, 1e6, FOR_SAMPLING,
     "of tokens in the answer (0)"},
    {"frequency-penalty", 0, NULL, OPTION_NUMBER, "X", SAMPLING(frequency_penalty), -1e6, 1e6, FOR_SAMPLING,
     "of tokens in the answer, each time (0)"},
    {"xtc-probability", 0, NULL, OPTION_NUMBER, "P", SAMPLING(xtc_probability), 0, 1, FOR_SAMPLING,
     "exclude top choices this often (0)"},
    {"xtc-threshold", 0, NULL, OPTION_NUMBER, "P", SAMPLING(xtc_threshold), 0, 1, FOR_SAMPLING,
     "choices above P are top (0.1)"},
    {"dry-multiplier", 0, NULL, OPTION_NUMBER, "X", SAMPLING(dry_multiplier), 0, 1e6, FOR_SAMPLING,
     "penalty of repeated sequences (0: off)"},
    {"dry-base", 0, NULL, OPTION_NUMBER, "X", SAMPLING(dry_base), 1, 1e6, FOR_SAMPLING,
     "its growth with their length (1.75)"},
    {"dry-allowed-length", 0, NULL, OPTION_INT, "N", SAMPLING(dry_allowed_length), 0, MOST, FOR_SAMPLING,
     "their length without penalty (2)"},
    {"dry-range", 0, "dry-penalty-last-n", OPTION_INT, "N", SAMPLING(dry_range), 0, MOST, FOR_SAMPLING,
     "look back so far (0: all)"},
    {"seed", 's', NULL, OPTION_INT, "N", SAMPLING(seed), -1, MOST_SEED, FOR_SAMPLING,
     "the same seed, the same answers (-1: a fresh one)"},
    {"generation-config", 0, NULL, OPTION_CHOICE, "W", AT(generation_config), 0, 0, FOR_SAMPLING,
     "auto: where you say nothing, as the model's generation_config.json says (none)"},
    {"max-tokens", 0, "predict,n-predict", OPTION_INT, "N", SAMPLING(max_tokens), 0, MOST, FOR_GENERATE,
     "most tokens of an answer (128)"},
    {"max-tokens", 0, "predict,n-predict", OPTION_INT, "N", SAMPLING(max_tokens), 0, MOST, FOR_CHAT,
     "most tokens of an answer (no limit)"},
    {"min-tokens", 0, NULL, OPTION_INT, "N", SAMPLING(min_tokens), 0, MOST, FOR_GENERATE,
     "no end before so many tokens (0)"},
    {"n", 'n', NULL, OPTION_INT, "N", SAMPLING(n), 1, 65536, FOR_GENERATE, "answers for each prompt (1)"},
    {"stop", 0, NULL, OPTION_LIST, "TEXT", AT(stop), 0, 0, FOR_SAMPLING, "end before TEXT; may be repeated"},
    {"stop-token-ids", 0, NULL, OPTION_TEXT, "ID,...", AT(stop_token_ids), 0, 0, FOR_GENERATE, "end at these tokens"},
    {"include-stop-str-in-output", 0, NULL, OPTION_FLAG, NULL, SAMPLING(include_stop_str_in_output), 0, 0,
     FOR_GENERATE, "keep the stop text"},
    {"no-skip-special-tokens", 0, NULL, OPTION_NO_FLAG, NULL, SAMPLING(skip_special_tokens), 0, 0, FOR_GENERATE,
     "special tokens appear in the text"},
    {"ignore-eos", 0, NULL, OPTION_FLAG, NULL, SAMPLING(ignore_eos), 0, 0, FOR_GENERATE,
     "go on after the model's end tokens"},
    {"logit-bias", 0, NULL, OPTION_TEXT, "ID:X,...", AT(logit_bias), 0, 0, FOR_GENERATE,
     "add X to the logit of token ID"},
    {"bad-words", 0, NULL, OPTION_LIST, "TEXT", AT(bad_words), 0, 0, FOR_GENERATE,
     "never write TEXT, as a word or within one; may be repeated"},
    {"allowed-token-ids", 0, NULL, OPTION_TEXT, "ID,...", AT(allowed_token_ids), 0, 0, FOR_GENERATE,
     "write no other tokens"},
    {"priority", 0, NULL, OPTION_INT, "N", SAMPLING(priority), -1000, 1000, FOR_GENERATE, "lower runs first (0)"},
    {"logprobs", 0, NULL, OPTION_INT, "K", SAMPLING(logprobs), -1, MOST, FOR_GENERATE,
     "log-probabilities, and the K most probable tokens"},
    {"prompt-logprobs", 0, NULL, OPTION_INT, "K", SAMPLING(prompt_logprobs), -1, MOST, FOR_GENERATE,
     "the same for the prompt's tokens"},

    /* score */
    {"top", 0, NULL, OPTION_INT, "K", AT(top), 0, MOST, FOR_SCORE, "also the K most probable tokens of each place"},
    {"perplexity", 0, NULL, OPTION_FLAG, NULL, AT(perplexity), 0, 0, FOR_SCORE,
     "the perplexity of --text, in windows of --max-model-len (512)"},
    /* bench */
    {"prompt-tokens", 0, NULL, OPTION_INT, "N", AT(prompt_tokens), 1, MOST, FOR_BENCH, "tokens of each prompt (64)"},
    {"gen-tokens", 0, NULL, OPTION_INT, "N", AT(gen_tokens), 2, MOST, FOR_BENCH, "tokens of each answer (32)"},
    {"repeat", 0, NULL, OPTION_INT, "N", AT(repeat), 1, 1000, FOR_BENCH, "runs, of which the median counts (3)"},
    {"plot", 0, NULL, OPTION_TEXT, "FILE.svg", AT(plot), 0, 0, FOR_BENCH, "draw the throughput"},
    /* tokenize, render, quantize */
    {"no-special", 0, NULL, OPTION_FLAG, NULL, AT(no_special), 0, 0, FOR_TOKENIZE,
     "add no begin and end tokens; --decode: leave special tokens out"},
    {"parse-special", 0, NULL, OPTION_FLAG, NULL, AT(parse_special), 0, 0, FOR_TOKENIZE,
     "the text of a special token becomes that token"},
    {"decode", 0, NULL, OPTION_FLAG, NULL, AT(decode), 0, 0, FOR_TOKENIZE, "from token ids to text"},
    {"template", 0, NULL, OPTION_TEXT, "FILE", AT(template_file), 0, 0, FOR_RENDER, "the Jinja template"},
    {"type", 0, NULL, OPTION_TEXT, "T", AT(type), 0, 0, FOR_QUANTIZE,
     "q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k, f16, bf16, f32, or a mixture: q4_k_m, q4_k_s, q5_k_m, q5_k_s"},
    {"force", 'f', NULL, OPTION_FLAG, NULL, AT(force), 0, 0, FOR_QUANTIZE, "replace OUT if it exists"},
    /* pull */
    {"revision", 0, NULL, OPTION_TEXT, "R", AT(revision), 0, 0, FOR_PULL, "a branch, tag or commit (main)"},
    {"file", 0, NULL, OPTION_TEXT, "F", AT(file), 0, 0, FOR_PULL,
     "one file of the repository, as a GGUF file (what the model needs)"},

    /* The run. */
    {"threads", 't', NULL, OPTION_INT, "N", AT(threads), 1, 1024, FOR_MODEL, "threads (the cores at hand)"},
    {"max-num-seqs", 0, "parallel,np", OPTION_AUTO_INT, "N", AT(max_num_seqs), 1, 16384, FOR_RUNNING & ~FOR_BENCH,
     "most sequences decoding at once (auto: as memory and speed allow)"},
    {"parallel", 0, "np", OPTION_TEXT, "N,...", AT(parallel), 0, 0, FOR_BENCH,
     "numbers of sequences (1,2,4,8,16,32,64)"},
    {"max-model-len", 'c', "ctx-size", OPTION_INT, "N", AT(max_model_len), 1, MOST, FOR_RUNNING & ~FOR_BENCH,
     "most tokens of a sequence (what the model was made for)"},
    {"max-model-len", 'c', "ctx-size", OPTION_INT, "N", AT(max_model_len), 1, MOST, FOR_BENCH,
     "most tokens of a sequence (those of prompt and answer)"},
    {"max-num-batched-tokens", 0, NULL, OPTION_INT, "N", AT(max_num_batched_tokens), 1, MOST, FOR_RUNNING,
     "most rows in a step (512)"},
    {"kv-cache-dtype", 0, NULL, OPTION_DTYPE, "T", AT(kv_cache_dtype), 0, 0, FOR_RUNNING,
     "f16, bf16, f32 or int8 (auto: f16)"},
    {"kv-cache-memory", 0, NULL, OPTION_BYTES, "BYTES", AT(kv_cache_memory), 0, 0, FOR_RUNNING,
     "memory of the KV cache, as 4GiB or 500MB (what is free)"},
    {"no-enable-prefix-caching", 0, "no-prefix-caching", OPTION_FLAG, NULL, AT(no_prefix_caching), 0, 0, FOR_RUNNING,
     "compute every prompt anew"},
    {"dtype", 0, NULL, OPTION_DTYPE, "T", AT(dtype), 0, 0, FOR_RUNNING, "unquantized weights: bf16, f16 or f32 (auto)"},
    {"quantize", 0, "quantization", OPTION_TEXT, "T", AT(quantize), 0, 0, FOR_RUNNING,
     "quantize at load, as parallm quantize does: q4_0, q8_0, q4_k_m ..."},
    {"activations", 0, NULL, OPTION_DTYPE, "T", AT(activations), 0, 0, FOR_RUNNING,
     "that quantized weights meet: int8, f32 (auto: int8, finer in small models)"},
    {"lora", 0, "lora-modules", OPTION_LIST, "NAME=PATH", AT(lora), 0, 0, FOR_GENERATE,
     "load an adapter, for lines that name it and for -p and --text; may be repeated"},
    {"lora", 0, "lora-modules", OPTION_LIST, "NAME=PATH", AT(lora), 0, 0, FOR_SCORE,
     "load an adapter, for lines that name it and for --perplexity; may be repeated"},
    {"lora", 0, "lora-modules", OPTION_LIST, "NAME=PATH", AT(lora), 0, 0, FOR_CHAT, "answer with an adapter"},
    {"isa", 0, NULL, OPTION_TEXT, "NAME", AT(isa), 0, 0, FOR_RUNNING,
     "most instructions to use: scalar, avx2 ... (PLLM_ISA)"},
    {"quiet", 'q', NULL, OPTION_FLAG, NULL, AT(quiet), 0, 0, FOR_MODEL | FOR_PULL, "no progress and no summary"},
    {"json", 0, NULL, OPTION_FLAG, NULL, AT(json), 0, 0, (FOR_RUNNING & ~FOR_CHAT) | FOR_PULL,
     "a summary for machines, on standard output"},
    {"help", 'h', NULL, OPTION_FLAG, NULL, AT(help), 0, 0, FOR_ALL, "the options of this command"},
};

const int n_options = sizeof option_table / sizeof *option_table;

/* Of the options from this one on. */
static const struct {
    const char *first, *heading;
} headings[] = {
    {"input", "Input and output"}, {"temperature", "Sampling"}, {"max-tokens", "Answers"}, {"logprobs", "Probabilities"},
    {"top", "Scores"},             {"prompt-tokens", "Measurement"}, {"no-special", ""},   {"threads", "The run"},
    {"help", ""},
};

static const char *heading_at(const struct option_def *d)
{
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
        if (strcmp(headings[i].first, d->name) == 0)
            return headings[i].heading;
    return NULL;
}

bool option_next(struct option_walk *w)
{
    while (w->next < n_options) {
        const struct option_def *d = &option_table[w->next++];
        const char *begins = heading_at(d);
        w->current = begins ? begins : w->current;
        if (!(d->commands & w->command))
            continue;
        const bool is_new = w->current && (!w->shown || strcmp(w->current, w->shown) != 0);
        w->heading = is_new && *w->current ? w->current : NULL;
        w->shown = w->current;
        w->option = d;
        return true;
    }
    return false;
}

#define QUANTIZED "q8_0 q4_0 q4_1 q5_0 q5_1 q4_k q5_k q6_k q4_k_m q4_k_s q5_k_m q5_k_s f16 bf16 f32"

static const struct {
    const char *option, *values;
} value_sets[] = {
    {"type", QUANTIZED},
    {"quantize", QUANTIZED},
    {"generation-config", "auto none"},
    {"dtype", "auto bf16 f16 f32"},
    {"kv-cache-dtype", "auto f16 bf16 f32 int8"},
    {"activations", "auto int8 f32"},
};

const char *option_values(const struct option_def *d)
{
    for (size_t i = 0; i < sizeof value_sets / sizeof *value_sets; i++)
        if (strcmp(value_sets[i].option, d->name) == 0)
            return value_sets[i].values;
    return NULL;
}
