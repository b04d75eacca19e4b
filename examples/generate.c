/* Answers several prompts at once: usage: generate MODEL PROMPT...
 *
 * The whole life of a request: open a model, open an engine, submit, step until the engine is idle, take the
 * text from the events as it comes. */
#include "parallm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    uint64_t id;
    char text[4096];
    size_t n;
};

static int fail(const pllm_error *err)
{
    fprintf(stderr, "generate: %s\n", err->message);
    return 1;
}

/* A prompt as raw text. The engine copies the tokens, so they are freed at once. */
static pllm_status submit(pllm_engine *engine, const pllm_tokenizer *tokenizer, const char *prompt, uint64_t *id,
                          pllm_error *err)
{
    pllm_request request = pllm_request_default();
    int32_t *tokens;
    pllm_status status = pllm_tokenize(tokenizer, prompt, strlen(prompt), true, true, &tokens, &request.n_tokens, err);
    if (status)
        return status;
    request.tokens = tokens;
    request.max_tokens = 32;
    status = pllm_submit(engine, &request, id, err);
    pllm_free(tokens);
    return status;
}

static void take(struct answer *answers, int n, const pllm_event *event)
{
    for (int i = 0; i < n; i++) {
        struct answer *a = &answers[i];
        if (a->id != event->id || event->n_text > sizeof a->text - a->n)
            continue;
        if (event->n_text)
            memcpy(a->text + a->n, event->text, event->n_text);
        a->n += event->n_text;
    }
}

/* All prompts are submitted before the first step: each step then computes one batch of all of them. */
static pllm_status answer_all(pllm_engine *engine, const pllm_tokenizer *tokenizer, char **prompts,
                              struct answer *answers, int n, pllm_error *err)
{
    pllm_status status = PLLM_OK;
    for (int i = 0; i < n && !status; i++)
        status = submit(engine, tokenizer, prompts[i], &answers[i].id, err);
    while (!status && !pllm_engine_idle(engine)) {
        const pllm_event *events;
        size_t n_events;
        status = pllm_step(engine, &events, &n_events, err);
        for (size_t i = 0; !status && i < n_events; i++)
            take(answers, n, &events[i]);
    }
    return status;
}

int main(int argc, char **argv)
{
    pllm_model *model = NULL;
    pllm_engine *engine = NULL;
    pllm_error err;
    int n = argc - 2;
    if (n < 1) {
        fprintf(stderr, "usage: generate MODEL PROMPT...\n");
        return 2;
    }
    struct answer *answers = calloc((size_t)n, sizeof *answers);
    if (!answers)
        return 1;
    pllm_status status = pllm_model_open(&model, argv[1], NULL, &err);
    if (!status)
        status = pllm_engine_open(&engine, model, NULL, &err);
    if (!status)
        status = answer_all(engine, pllm_model_tokenizer(model), argv + 2, answers, n, &err);
    for (int i = 0; i < n && !status; i++)
        printf("%s\n    %.*s\n", argv[i + 2], (int)answers[i].n, answers[i].text);
    free(answers);
    pllm_engine_close(engine);
    pllm_model_close(model);
    return status ? fail(&err) : 0;
}
