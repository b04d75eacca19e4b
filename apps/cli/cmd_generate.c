/* parallm generate: many prompts in, many answers out. */
#include "answer.h"
#include "batch_command.h"
#include "cli.h"

int cmd_generate(struct options *o)
{
    cli_catch_interrupts();
    if (o->stream && o->ordered)
        return cli_fail(EXIT_USAGE, "--stream: stands beside --ordered, wanted one of them");
    bool is_single = o->prompts.n == 1 && o->sampling.n == 1;
    return batch_command(o, !o->stream ? &answer_kind : is_single ? &text_kind : &stream_kind);
}
