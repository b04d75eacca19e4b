/* Every command, in the order of `parallm help`. */
#include "commands.h"

#include "cli.h"

#include <string.h>

const struct command command_table[] = {
    {"generate", FOR_GENERATE, true, 0, "MODEL [-i FILE | -p TEXT] [options]", "Many prompts in, many answers out",
     cmd_generate},
    {"score", FOR_SCORE, true, 0, "MODEL [-i FILE | --perplexity --text FILE] [options]",
     "Log-probabilities of given text; perplexity", cmd_score},
    {"chat", FOR_CHAT, true, 0, "MODEL [options]", "A conversation in the terminal", cmd_chat},
    {"bench", FOR_BENCH, true, 0, "MODEL [options]", "Throughput against the number of parallel sequences",
     cmd_bench},
    {"plan", FOR_PLAN, true, 0, "MODEL [options]", "What a model is, and the memory that a run will need",
     cmd_plan},
    {"tokenize", FOR_TOKENIZE, true, 0, "MODEL [options] < LINES", "Text to token ids, and back", cmd_tokenize},
    {"render", FOR_RENDER, true, 0, "MODEL|- [--template FILE] < LINES",
     "Messages to the prompt text, by the chat template", cmd_render},
    {"quantize", FOR_QUANTIZE, true, 1, "MODEL OUT.gguf --type T [--force]", "A smaller checkpoint, as a GGUF file",
     cmd_quantize},
    {"pull", FOR_PULL, false, 1, "NAME [--revision R] [--file F]", "Download a model into the Hugging Face cache", cmd_pull},
};

const int n_commands = sizeof command_table / sizeof *command_table;

const struct command *command_find(const char *name)
{
    for (int i = 0; i < n_commands; i++)
        if (strcmp(command_table[i].name, name) == 0)
            return &command_table[i];
    return NULL;
}
