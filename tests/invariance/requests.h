/* The requests of the invariance test: every kind of prompt and of drawing that the engine knows, made from a number. */
#ifndef PARALLM_TESTS_INVARIANCE_REQUESTS_H
#define PARALLM_TESTS_INVARIANCE_REQUESTS_H

#include <parallm.h>

enum { N_REQUESTS = 208, MAX_SAMPLES = 8, MAX_PROMPT = 540, MAX_NEW = 24, MAX_LEN = 600, N_ALLOWED = 50 };

/* One request with all that its pointers name. */
struct variant {
    pllm_request request;
    int32_t tokens[MAX_PROMPT];
    pllm_bias bias[2];
    int32_t lists[8], allowed[N_ALLOWED];
    size_t lengths[2];
};

/* Fills variants[N_REQUESTS] for a model of this vocabulary; has_text: there is a tokenizer, so stop strings work. */
void make_requests(struct variant *variants, int32_t vocab, bool has_text);

#endif
