/* The public interface in terms of the layers. */
#include "parallm.h"

#include "base/mem.h"

const char *pllm_version(void)
{
    return PARALLM_VERSION;
}

void pllm_free(void *memory)
{
    mem_free(memory);
}
