/* Every command, in the order of `parallm help`. */
#include "commands.h"

#include "cli.h"

#include <string.h>

const struct command command_table[] = {
    {"generate", FOR_GENERATE, true, 0, "MODEL [-i FILE | -p TEXT] [options]", "Many prompts in, many answers out",
     "A line of the input is {\"prompt\": TEXT}, {\"messages\": [{\"role\": \"user\", \"content\": TEXT}]} or "
     "{\"prompt_token_ids\": [ID, ...]}, with an \"id\" and options, spelled with underscores, as further fields.",
     cmd_generate},
    {"score", FOR_SCORE, true, 0, "MODEL [-i FILE | --perplexity --text FILE] [options]",
     "Log-probabilities of given text; perplexity",
     "A line of the input is {\"prompt\": TEXT, \"continuation\": TEXT}, of which the continuation is scored, or "
     "{\"prompt\": TEXT} alone.",
     cmd_score},
    {"chat", FOR_CHAT, true, 0, "MODEL [options]", "A conversation in the terminal", NULL, cmd_chat},
    {"bench", FOR_BENCH, true, 0, "MODEL [options]", "Throughput against the number of parallel sequences", NULL,
     cmd_bench},
    {"plan", FOR_PLAN, true, 0, "MODEL [options]", "What a model is, and the memory that a run will need", NULL,
     cmd_plan},
    {"tokenize", FOR_TOKENIZE, true, 0, "MODEL [options] < LINES", "Text to token ids, and back",
     "A line is {\"text\": TEXT}, with --decode {\"token_ids\": [ID, ...]}.", cmd_tokenize},
    {"render", FOR_RENDER, true, 0, "MODEL|- [--template FILE] < LINES",
     "Messages to the prompt text, by the chat template",
     "A line is {\"messages\": [{\"role\": \"user\", \"content\": TEXT}]}, with \"add_generation_prompt\": true if an answer "
     "is to follow.",
     cmd_render},
    {"quantize", FOR_QUANTIZE, true, 1, "MODEL OUT.gguf --type T [--force]", "A smaller checkpoint, as a GGUF file", NULL,
     cmd_quantize},
    {"pull", FOR_PULL, false, 1, "NAME [--revision R] [--file F]", "Download a model into the Hugging Face cache", NULL,
     cmd_pull},
};

const int n_commands = sizeof command_table / sizeof *command_table;

const struct command *command_find(const char *name)
{
    for (int i = 0; i < n_commands; i++)
        if (strcmp(command_table[i].name, name) == 0)
            return &command_table[i];
    return NULL;
}
