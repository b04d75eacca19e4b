/* parallm generate: many prompts in, many answers out. */
#include "answer.h"
#include "batch_command.h"
#include "cli.h"

int cmd_generate(struct options *o)
{
    cli_catch_interrupts();
    return batch_command(o, &answer_kind);
}
