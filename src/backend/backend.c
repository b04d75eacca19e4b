#include "backend/backend.h"

const char *const stream_clock_name[CLOCKS] = {
    [CLOCK_BEGIN] = "begin",           [CLOCK_EMBED] = "embed",     [CLOCK_NORM] = "norm",
    [CLOCK_PACK] = "pack",             [CLOCK_LINEAR] = "linear",   [CLOCK_GATE_UP] = "gate_up",
    [CLOCK_ROPE_STORE] = "rope_store", [CLOCK_ATTEND] = "attend",   [CLOCK_EXPERTS] = "experts",
    [CLOCK_LORA] = "lora",             [CLOCK_ADD] = "add, gather", [CLOCK_LOGITS] = "logits",
};
