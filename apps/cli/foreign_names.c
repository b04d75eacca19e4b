#include "foreign_names.h"

#include <stdbool.h>

static const struct foreign_name foreign_names[] = {
    {"max_new_tokens", "max_tokens", NULL},
    {"max_completion_tokens", "max_tokens", NULL},
    {"max_length", "max_tokens", NULL},
    {"min_new_tokens", "min_tokens", NULL},
    {"min_length", "min_tokens", NULL},
    {"num_return_sequences", "n", NULL},
    {"num_samples", "n", NULL},
    {"best_of", "n", NULL},
    {"n_cmpl", "n", NULL},
    {"stop_sequences", "stop", NULL},
    {"stop_strings", "stop", NULL},
    {"stop_words", "stop", NULL},
    {"eos_token_id", "stop_token_ids", NULL},
    {"bad_words_ids", "bad_words", NULL},
    {"suppress_tokens", "logit_bias", NULL},
    {"random_seed", "seed", NULL},
    {"top_logprobs", "logprobs", NULL},
    {"n_probs", "logprobs", NULL},
    {"return_logprob", "logprobs", NULL},
    {"input_ids", "prompt_token_ids", NULL},
    {"token_ids", "prompt_token_ids", NULL},
    {"text", "prompt", NULL},
    {"input", "prompt", NULL},
    {"inputs", "prompt", NULL},
    {"conversation", "messages", NULL},
    {"conversations", "messages", NULL},
    {"adapter", "lora", NULL},
    {"completion", "continuation", NULL},
    {"target", "continuation", NULL},
    {"role", NULL, "but one of a message, wanted \"messages\": [{\"role\", \"content\"}]"},
    {"content", NULL, "but one of a message, wanted \"messages\": [{\"role\", \"content\"}]"},
    {"system", NULL, "wanted the first of \"messages\", with the role system"},
    {"do_sample", NULL, "as temperature 0 draws nothing"},
    {"model", NULL, "as the command line names the model"},
    {"stream", NULL, "as --stream stands on the command line"},
    {"custom_id", NULL, "but one of an OpenAI batch file, wanted what its \"body\" holds, with an \"id\""},
    {"method", NULL, "but one of an OpenAI batch file, wanted what its \"body\" holds, with an \"id\""},
    {"url", NULL, "but one of an OpenAI batch file, wanted what its \"body\" holds, with an \"id\""},
    {"body", NULL, "but one of an OpenAI batch file, wanted what it holds, with an \"id\""},
};

static bool is_same(const char *name, const char *typed, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (name[i] != (typed[i] == '-' ? '_' : typed[i]))
            return false;
    return !name[n];
}

const struct foreign_name *foreign_name_find(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof foreign_names / sizeof *foreign_names; i++)
        if (is_same(foreign_names[i].name, name, n))
            return &foreign_names[i];
    return NULL;
}
