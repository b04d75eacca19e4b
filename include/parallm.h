/* ParaLLM: many answers at once from a language model on the machine you own.
 *
 * The whole public interface: the command, the server and the Python package stand on it alone.
 *
 *     pllm_model *model;    the weights: immutable, may be shared by engines in several threads
 *     pllm_engine *engine;  sequences, KV cache, scheduler: belongs to one thread at a time
 *
 * An engine has no thread of its own. Its caller submits requests and steps it; a step computes one
 * batch of rows from all live sequences and hands out what happened as events:
 *
 *     pllm_model_open(&model, "model.gguf", NULL, &err);
 *     pllm_engine_open(&engine, model, NULL, &err);
 *     pllm_submit(engine, &request, &id, &err);
 *     while (!pllm_engine_idle(engine) && !pllm_step(engine, &events, &n, &err))
 *         for (size_t i = 0; i < n; i++) ...
 *
 * Conventions. A function that can fail returns a pllm_status and explains itself in *err, which may
 * be NULL. What it would have written is untouched then. Handles are opened into `*out` and closed by
 * _close, which takes NULL. Options come from their _default function; NULL means the default. Text is
 * UTF-8 with its length; what the library returns also has a NUL behind it. Pointers in a request and
 * in options are read during the call only; where they come with a number of entries, there must be so
 * many. Memory returned through `char **` or `int32_t **` is freed with pllm_free.
 *
 * The promise: a request's tokens and log-probabilities are the same bits whatever else is in the
 * batch, however its prompt was cut, whether its prefix was cached, and with any number of threads. */
#ifndef PARALLM_H
#define PARALLM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLLM_API __attribute__((visibility("default")))

/* ---- Errors ---------------------------------------------------------------------------------- */

typedef enum pllm_status {
    PLLM_OK = 0,
    PLLM_E_ARGUMENT,    /* the caller's value is out of range or makes no sense */
    PLLM_E_IO,          /* a file or connection could not be opened, read or written */
    PLLM_E_FORMAT,      /* a file, template or message is malformed */
    PLLM_E_UNSUPPORTED, /* well-formed, but nothing this build knows: an architecture, a type */
    PLLM_E_MEMORY,      /* not enough memory */
    PLLM_E_WRITE,       /* a file could not be written: no room, no permission */
} pllm_status;

typedef struct pllm_error {
    pllm_status status;
    char message[512]; /* one line: the file or field, what was found, what was wanted */
} pllm_error;

PLLM_API const char *pllm_version(void); /* "1.2.3" */
PLLM_API void pllm_free(void *memory);

/* Called now and then while something long goes on (loading, packing, downloading, quantizing, a step): `done` of
 * `total` bytes (total 0: unknown; of a step, layers) of `what`. From the calling thread. Returning false stops the work,
 * which then fails with PLLM_E_ARGUMENT, "interrupted". */
typedef bool (*pllm_progress)(void *user, const char *what, uint64_t done, uint64_t total);

/* ---- Text: tokenizer and chat template --------------------------------------------------------- */

typedef struct pllm_tokenizer pllm_tokenizer; /* immutable: any number of threads may use it */
typedef struct pllm_template pllm_template;   /* immutable likewise */

/* From a folder with tokenizer.json or tokenizer.model, or from a GGUF file, with or without weights. */
PLLM_API pllm_status pllm_tokenizer_open(pllm_tokenizer **out, const char *path, pllm_error *err);
PLLM_API void pllm_tokenizer_close(pllm_tokenizer *tokenizer);

/* add_special: put begin and end tokens round the text, as the tokenizer's configuration says.
 * parse_special: the text of a special token in `text` becomes that token.
 * skip_special: leave special tokens out. An id that no token has is PLLM_E_ARGUMENT. */
PLLM_API pllm_status pllm_tokenize(const pllm_tokenizer *tokenizer, const char *text, size_t n_text,
                                   bool add_special, bool parse_special, int32_t **tokens, size_t *n_tokens,
                                   pllm_error *err);
PLLM_API pllm_status pllm_detokenize(const pllm_tokenizer *tokenizer, const int32_t *tokens, size_t n_tokens,
                                     bool skip_special, char **text, size_t *n_text, pllm_error *err);

/* A token as the vocabulary spells it ("Ġthe", "<|im_end|>"); the tokenizer's memory. NULL: no such id. */
PLLM_API const char *pllm_token_text(const pllm_tokenizer *tokenizer, int32_t token, size_t *n_text);
PLLM_API int32_t pllm_token_id(const pllm_tokenizer *tokenizer, const char *text, size_t n_text); /* -1: none */
PLLM_API size_t pllm_vocab_size(const pllm_tokenizer *tokenizer);
PLLM_API int32_t pllm_bos_token(const pllm_tokenizer *tokenizer); /* -1: none */
PLLM_API int32_t pllm_eos_token(const pllm_tokenizer *tokenizer); /* -1: none */

/* A chat template (Jinja) by itself; `name` is used in messages. */
PLLM_API pllm_status pllm_template_open(pllm_template **out, const char *source, size_t n_source,
                                        const char *name, pllm_error *err);
PLLM_API void pllm_template_close(pllm_template *chat_template);
/* The tokenizer's own, owned by it; NULL where the model has none. `name`: one of a named list, or NULL. */
PLLM_API const pllm_template *pllm_tokenizer_template(const pllm_tokenizer *tokenizer, const char *name);
PLLM_API const char *pllm_template_source(const pllm_template *chat_template, size_t *n_source);

/* Renders. `json` is an object: "messages", "tools", "documents", "add_generation_prompt", "bos_token",
 * "eos_token", "date" (what strftime_now sees: "2025-07-26T12:34:56"), and any variable of the template.
 * `tokenizer` (may be NULL) supplies the begin and end tokens where json does not; if `chat_template` is its default one,
 * and json has tools, its template named "tool_use" is taken instead, where it has such. */
PLLM_API pllm_status pllm_render(const pllm_template *chat_template, const pllm_tokenizer *tokenizer,
                                 const char *json, size_t n_json, char **text, size_t *n_text, pllm_error *err);

/* ---- Model -------------------------------------------------------------------------------------- */

typedef struct pllm_model pllm_model;

typedef enum pllm_dtype { PLLM_DTYPE_AUTO, PLLM_DTYPE_F32, PLLM_DTYPE_F16, PLLM_DTYPE_BF16, PLLM_DTYPE_INT8 } pllm_dtype;

typedef struct pllm_model_options {
    int32_t threads;          /* for packing; 0: physical cores */
    pllm_dtype dtype;         /* of unquantized weights in memory: AUTO (as stored), F32, F16, BF16 */
    pllm_dtype activations;   /* that quantized weights meet: INT8, F32, or AUTO: int8, in two
                               * planes (some 15 bits) where a model of under 1,024 hidden needs it */
    const char *quantize;     /* a type of pllm_quantize: at load, to the bits of its file; NULL: as stored */
    const char *isa;          /* most instructions to use: "scalar", "avx2" ...; NULL: PLLM_ISA, then all */
    const char *chat_template; /* Jinja source instead of the model's own; NULL */
    bool offline;             /* never download, whatever HF_HUB_OFFLINE says */
    pllm_progress progress;   /* or NULL */
    void *progress_user;
    uint64_t reserved[8];
} pllm_model_options;

PLLM_API pllm_model_options pllm_model_options_default(void);

/* `path`: a .gguf file (of a split model: its first), a folder with config.json, or a Hugging Face name. */
PLLM_API pllm_status pllm_model_open(pllm_model **out, const char *path, const pllm_model_options *options,
                                     pllm_error *err);
PLLM_API void pllm_model_close(pllm_model *model); /* after its engines */

typedef struct pllm_model_info {
    const char *architecture; /* the family's name; all strings are the model's memory */
    const char *quantization; /* of most weights: "q4_0", "bf16" ... */
    const char *isa;          /* instruction set in use */
    uint64_t n_parameters;
    uint64_t weight_bytes;      /* packed, resident */
    uint64_t weight_bytes_read; /* of them, by each decoding step (without the embedding's rows and idle experts) */
    uint64_t multiply_adds;     /* by a token's linear layers, head included */
    uint64_t kv_bytes_per_token; /* with an f16 cache */
    int32_t n_layers, hidden_size, n_heads, n_kv_heads, head_dim, vocab_size, max_context;
} pllm_model_info;

PLLM_API pllm_model_info pllm_model_describe(const pllm_model *model);
PLLM_API const pllm_tokenizer *pllm_model_tokenizer(const pllm_model *model); /* the model's own; NULL: it has none */

/* The description of a model as text for people, one "name  value" a line (pllm_free). */
PLLM_API pllm_status pllm_model_print(const pllm_model *model, char **text, pllm_error *err);

/* ---- Engine ------------------------------------------------------------------------------------- */

typedef struct pllm_engine pllm_engine;

typedef struct pllm_engine_options {
    int32_t threads;                /* 0: physical cores that this process may use */
    int32_t max_num_seqs;           /* most sequences decoding at once; 0: found while running */
    int32_t max_num_batched_tokens; /* most rows of a step; 0: chosen */
    int32_t max_model_len;          /* most tokens of a sequence; 0: what the model was made for, 2^20 at most */
    pllm_dtype kv_cache_dtype;      /* AUTO (F16), F32, F16, BF16, INT8 */
    uint64_t kv_cache_memory;       /* bytes; 0: what the memory at hand allows */
    bool enable_prefix_caching;     /* default true */
    pllm_progress progress;         /* between the layers of each step, of which `done` of `total` are computed; or NULL */
    void *progress_user;
    uint64_t reserved[6];
} pllm_engine_options;

PLLM_API pllm_engine_options pllm_engine_options_default(void);
PLLM_API pllm_status pllm_engine_open(pllm_engine **out, const pllm_model *model,
                                      const pllm_engine_options *options, pllm_error *err);
PLLM_API void pllm_engine_close(pllm_engine *engine);

/* What a run will need, in bytes, known before anything large is allocated. */
typedef struct pllm_plan {
    uint64_t weight_bytes, kv_cache_bytes, scratch_bytes, other_bytes; /* resident; other: program, tokenizer */
    uint64_t peak_bytes;            /* their sum: what the process will have resident at most; scoring prompts: 64 MiB more */
    uint64_t kv_bytes_per_sequence; /* of max_model_len tokens */
    uint64_t available_bytes;       /* memory at hand now; 0: unknown */
    int32_t kv_blocks, kv_block_tokens;
    int32_t max_num_seqs, max_num_batched_tokens, max_model_len; /* as resolved */
    int32_t sequences_that_fit;     /* of max_model_len tokens, at the same time */
} pllm_plan;

/* Reads the model's description and tokenizer, not its weights. `description` (may be NULL) is text for
 * people, as pllm_model_print's. */
PLLM_API pllm_status pllm_plan_run(const char *path, const pllm_model_options *model_options,
                                   const pllm_engine_options *engine_options, pllm_plan *out,
                                   char **description, pllm_error *err);
PLLM_API pllm_plan pllm_engine_plan(const pllm_engine *engine);

/* Low-rank adapters (PEFT or mlx_lm folders), named by requests. Removing waits for nobody: requests that
 * use it finish first, new ones are refused. */
PLLM_API pllm_status pllm_adapter_add(pllm_engine *engine, const char *name, const char *path, pllm_error *err);
PLLM_API pllm_status pllm_adapter_remove(pllm_engine *engine, const char *name, pllm_error *err);

/* ---- Requests ------------------------------------------------------------------------------------ */

typedef struct pllm_bias {
    int32_t token;
    float bias;
} pllm_bias;

/* How the next token is drawn. Applied in this order: allowed and bad tokens, min_tokens, logit bias,
 * repetition, DRY, frequency and presence penalties, temperature, top-k, top-p, min-p, typical-p, XTC. */
typedef struct pllm_sampling {
    float temperature;                         /* 0: the most probable, lowest id first; default 0 */
    int32_t top_k;                             /* 0 or -1: off */
    float top_p, min_p, typical_p;             /* 1, 0, 1: off */
    float repetition_penalty;                  /* of tokens in prompt or output; 1: off */
    int32_t repetition_context_size;           /* of the last so many tokens only; 0: of all */
    float presence_penalty, frequency_penalty; /* of tokens in the output; 0: off */
    float xtc_probability, xtc_threshold;      /* 0, 0.1: off */
    float dry_multiplier, dry_base;            /* 0: off; base 1.75 */
    int32_t dry_allowed_length, dry_range;     /* 2; 0: the whole history */
    const int32_t *dry_breakers;               /* tokens that end a repeated sequence */
    size_t n_dry_breakers;
    const pllm_bias *logit_bias;
    size_t n_logit_bias;
    const int32_t *allowed_tokens; /* n_allowed 0: all */
    size_t n_allowed_tokens;
    const int32_t *bad_words; /* token sequences one after another; bad_word_lengths has each one's length */
    const size_t *bad_word_lengths;
    size_t n_bad_words;
    uint64_t seed;
    bool has_seed; /* false: a fresh seed, which the events report; 0 for temperature 0, which draws nothing */
} pllm_sampling;

typedef struct pllm_request {
    const int32_t *tokens; /* the prompt, at least one token */
    size_t n_tokens;
    pllm_sampling sampling;
    int32_t n;            /* samples, 1 */
    int32_t first_sample; /* index of the first: sample i alone is {.n = 1, .first_sample = i} */
    int32_t max_tokens;   /* per sample, 128; 0: compute the prompt only, to score it */
    int32_t min_tokens;   /* no end token, stop token or stop string before; 0 */
    bool ignore_eos;
    const char *const *stop; /* strings, NUL-terminated */
    size_t n_stop;
    const int32_t *stop_tokens;
    size_t n_stop_tokens;
    bool include_stop;         /* the stop string stays in the text */
    bool show_special;         /* special tokens appear in the text */
    int32_t logprobs;          /* -1: none; K: of the chosen token and of the K most probable, n * K at most 2^25; -1 */
    int32_t prompt_logprobs;   /* the same for the prompt's tokens; -1 */
    int32_t prompt_logprobs_from; /* from this position on only, so that the prefix can come from the cache; 0 */
    bool processed_logprobs;   /* of the distribution that was drawn from, not of the raw one */
    int32_t priority;          /* lower runs first (vLLM's meaning); 0: bulk, -1: interactive */
    const char *adapter;       /* name, or NULL: the base model */
    const char *cache_salt;    /* prefixes are shared only among equal salts; NULL */
    bool keep;                 /* stay forkable after the end, until pllm_release */
    uint64_t reserved[8];
} pllm_request;

PLLM_API pllm_request pllm_request_default(void);

/* How the model's makers want it to draw: sets in *request what generation_config.json says, or a GGUF file's
 * general.sampling.*, of temperature (0 where do_sample is false), top_k, top_p, min_p, typical_p, penalties, XTC and max_tokens.
 * All else stays, as everything does where the model says nothing. Nobody but the caller applies it. */
PLLM_API pllm_status pllm_model_generation(const pllm_model *model, pllm_request *request, pllm_error *err);

/* What pllm_submit would say to the request, which is not queued: to look at all requests before the first is computed. */
PLLM_API pllm_status pllm_request_check(const pllm_engine *engine, const pllm_request *request, pllm_error *err);

/* Queues a request, copying what it points to; *id names it from now on. */
PLLM_API pllm_status pllm_submit(pllm_engine *engine, const pllm_request *request, uint64_t *id, pllm_error *err);

/* Continues sample `sample` of request `id` (live, or kept) after its first `n_tokens` tokens, prompt included,
 * then request->tokens (may be none), in request->n ways. Output before the fork counts as output. The fork's text goes
 * on after that output's, but repeats its end where one of the request's stop strings may begin there; after
 * request->tokens that count as output it begins anew. */
PLLM_API pllm_status pllm_fork(pllm_engine *engine, uint64_t id, int32_t sample, size_t n_tokens,
                               const pllm_request *request, uint64_t *new_id, pllm_error *err);
PLLM_API void pllm_cancel(pllm_engine *engine, uint64_t id);  /* its memory is free at once; no more events */
PLLM_API void pllm_release(pllm_engine *engine, uint64_t id); /* ends `keep` */

/* ---- Events -------------------------------------------------------------------------------------- */

typedef enum pllm_event_kind {
    PLLM_EVENT_PROMPT, /* log-probability of a prompt token */
    PLLM_EVENT_TOKEN,  /* a generated token */
    PLLM_EVENT_FINISH, /* the sample is complete; the last event of (id, sample) */
} pllm_event_kind;

typedef enum pllm_finish {
    PLLM_FINISH_NONE,
    PLLM_FINISH_STOP,   /* an end token, a stop token or a stop string */
    PLLM_FINISH_LENGTH, /* max_tokens, or max_model_len or the whole KV cache is full */
    PLLM_FINISH_ERROR,  /* no token could be drawn, or had no text: `error` says why */
} pllm_finish;

typedef struct pllm_top {
    int32_t token;
    float logprob;
} pllm_top;

typedef struct pllm_event {
    pllm_event_kind kind;
    uint64_t id;
    int32_t sample;      /* first_sample + 0 .. n-1; PROMPT: first_sample */
    int32_t position;    /* in the prompt (PROMPT) or in the output (TOKEN), from 0 */
    int32_t token;       /* PROMPT, TOKEN */
    float logprob;       /* PROMPT, TOKEN, if asked for (PROMPT: none at position 0, which has no event) */
    bool is_greedy;      /* PROMPT: the token is the most probable one */
    const pllm_top *top; /* most probable first; valid until the next step, as all pointers here */
    size_t n_top;
    const char *text; /* what can be shown from now on: whole characters, nothing that may become a stop string */
    size_t n_text;    /* TOKEN, FINISH (what was held back); 0: nothing yet */
    pllm_finish finish; /* FINISH: why, and by what: */
    int32_t stop_token; /* the one of the request's stop_tokens that ended it, or -1 */
    int32_t stop_index; /* the stop string of the request that ended it, or -1 */
    uint64_t seed;      /* FINISH: the seed in use */
    int32_t prompt_tokens, cached_tokens, completion_tokens; /* FINISH */
    double cumulative_logprob;                               /* FINISH: of all output tokens */
    const char *error; /* FINISH with PLLM_FINISH_ERROR: one line; else NULL */
} pllm_event;

/* Computes one step. The events are the engine's memory, valid until the next call on it. *n may be 0 while
 * prompts are read. A step that failed (PLLM_E_MEMORY) or that its progress function stopped may be repeated: nothing
 * is lost. */
PLLM_API pllm_status pllm_step(pllm_engine *engine, const pllm_event **events, size_t *n, pllm_error *err);

typedef struct pllm_stats {
    int32_t running, waiting, max_running;         /* sequences now; most at once so far */
    int32_t max_num_seqs; /* that may run at once at present: as asked for, or as the search has come to */
    int32_t blocks_total;                              /* of the KV cache */
    int32_t blocks_used, blocks_shared, blocks_cached; /* live; in several live sequences; kept only for reuse */
    int32_t block_tokens;
    uint64_t steps, rows, preemptions;
    uint64_t prompt_tokens, prefill_tokens_computed; /* asked for; computed (cached ones are not) */
    uint64_t cached_tokens, completion_tokens;
    uint64_t finished, cancelled;
    double step_seconds; /* in steps so far */
} pllm_stats;

PLLM_API pllm_stats pllm_engine_stats(const pllm_engine *engine);
PLLM_API bool pllm_engine_idle(const pllm_engine *engine); /* nothing is left to compute */

/* ---- Files ---------------------------------------------------------------------------------------- */

/* Writes `path` (any model this library reads) as GGUF with its matrices as `type`: "q8_0", "q4_0", "q4_1", "q5_0",
 * "q5_1", "q4_k", "q5_k", "q6_k", "f16", "bf16", "f32", or the mixtures "q4_k_m", "q4_k_s", "q5_k_m", "q5_k_s". out_path
 * gets its content whole or not at all, and loses what it had. PLLM_E_WRITE: it could not be written. PLLM_E_UNSUPPORTED:
 * GGUF cannot say what this model or its tokenizer does. */
PLLM_API pllm_status pllm_quantize(const char *path, const char *out_path, const char *type,
                                   const pllm_model_options *options, pllm_error *err);

typedef struct pllm_pull_options {
    const char *revision; /* branch, tag or commit; NULL: the name's, or "main" */
    const char *file;     /* one file of the repository (of a split GGUF file, all parts); NULL: what a model needs */
    bool offline;         /* never download, whatever HF_HUB_OFFLINE says */
    pllm_progress progress; /* bytes to download; or NULL */
    void *progress_user;
    uint64_t reserved[8];
} pllm_pull_options;

PLLM_API pllm_pull_options pllm_pull_options_default(void);

/* A Hugging Face name ("org/model", "org/model:Q4_K_M", "org/model/file.gguf", each with "@revision") as a path in the
 * local cache: of a complete folder or of a GGUF file (*path: pllm_free). Asks the hub what the name stands for now and
 * downloads what the cache lacks; if the hub cannot be reached, what is complete in the cache will do. An interrupted
 * download goes on where it stopped. */
PLLM_API pllm_status pllm_pull(char **path, const char *name, const pllm_pull_options *options, pllm_error *err);

#ifdef __cplusplus
}
#endif

#endif
