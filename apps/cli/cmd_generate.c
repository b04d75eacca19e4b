/* parallm generate: many prompts in, many answers out. */
#include "answer.h"
#include "batch_command.h"
#include "cli.h"

int cmd_generate(struct options *o)
{
    cli_catch_interrupts();
    if (o->stream && o->ordered)
        return cli_fail(EXIT_USAGE, "--stream: stands beside --ordered, wanted one of them");
    const struct sampling_fields *s = &o->sampling; /* text alone has no place for log-probabilities */
    bool is_single = o->prompts.n == 1 && s->n == 1 && s->logprobs < 0 && s->prompt_logprobs < 0;
    return batch_command(o, !o->stream ? &answer_kind : is_single ? &text_kind : &stream_kind);
}
