/* A chat template, rendered with a conversation; behind a zero byte may be other variables, as JSON. */
#include "fuzz_tokenizer.h"

#include "text/chat.h"

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"Be <b>brief</b>.\"},"
    " {\"role\": \"user\", \"content\": \"  \\u00e9\\n7 \"},"
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"1\", \"function\": {\"name\": \"f\","
    " \"arguments\": {\"x\": 1, \"y\": [1.5, true, null]}}}]},"
    " {\"role\": \"tool\", \"content\": [{\"type\": \"text\", \"text\": \"t\"}]}],"
    " \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\"}}}],"
    " \"add_generation_prompt\": true, \"date\": \"2025-07-26T12:34:56\", \"n\": 3, \"s\": \"text\"}";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *source = (const char *)bytes;
    size_t at;
    size_t n_source = fuzz_part(source, n, &at);
    bool own = at < n;
    struct json variables;
    struct jinja_template *t;
    struct buf text = {0};
    pllm_error err;
    if (json_parse(&variables, own ? source + at : conversation, own ? n - at : sizeof conversation - 1, "variables", &err))
        return 0;
    if (!jinja_open(&t, source, n_source, "template", &err)) {
        if (!chat_render(t, &variables, "<s>", "</s>", &text, &err))
            fuzz_touch((const uint8_t *)text.at, text.n);
        else if (text.n)
            abort(); /* a failure leaves no text */
        jinja_close(t);
    }
    vec_fini(&text);
    json_free(&variables);
    return 0;
}
