/* Adapters of an engine by name: slots that requests count on. */
#include "engine/engine_inside.h"

#include <string.h>

pllm_status adapters_find(const struct engine *e, const char *name, int *slot, pllm_error *err)
{
    *slot = -1;
    for (int i = 0; name && i < ENGINE_ADAPTERS && *slot < 0; i++)
        if (e->adapters[i].name && strcmp(e->adapters[i].name, name) == 0)
            *slot = i;
    if (name && *slot < 0)
        return error_set(err, PLLM_E_ARGUMENT, "adapter: there is none of the name \"%s\"", name);
    return PLLM_OK;
}

/* No name is the base model's in a request; it can be neither added nor removed. */
static pllm_status no_name(pllm_error *err)
{
    return error_set(err, PLLM_E_ARGUMENT, "adapter: has no name, wanted one");
}

pllm_status engine_adapter_add(struct engine *e, const char *name, struct adapter *adapter, pllm_error *err)
{
    int slot;
    if (!name)
        return no_name(err);
    if (adapters_find(e, name, &slot, NULL) == PLLM_OK)
        return error_set(err, PLLM_E_ARGUMENT, "adapter: the name \"%s\" is taken", name);
    for (slot = 0; slot < ENGINE_ADAPTERS && e->adapters[slot].adapter; slot++)
        ;
    if (slot == ENGINE_ADAPTERS)
        return error_set(err, PLLM_E_ARGUMENT, "adapter: \"%s\" is one too many, at most %d can be there", name,
                         ENGINE_ADAPTERS);
    char *own = mem_strdup(name);
    if (!own)
        return error_memory(err, "adapter");
    e->adapters[slot] = (struct adapter_slot){.name = own, .adapter = adapter, .number = ++e->last_adapter};
    e->adapter_list[slot] = adapter;
    return PLLM_OK;
}

static void close_unused(struct engine *e, struct adapter_slot *a)
{
    if (a->name || a->n_users > 0 || !a->adapter)
        return;
    e->adapter_list[a - e->adapters] = NULL;
    e->model.adapter_close(a->adapter);
    *a = (struct adapter_slot){0};
}

pllm_status engine_adapter_remove(struct engine *e, const char *name, pllm_error *err)
{
    int slot;
    pllm_status status = name ? adapters_find(e, name, &slot, err) : no_name(err);
    if (status)
        return status;
    mem_free(e->adapters[slot].name);
    e->adapters[slot].name = NULL;
    close_unused(e, &e->adapters[slot]);
    return PLLM_OK;
}

void adapters_put(struct engine *e, int slot)
{
    if (slot < 0)
        return;
    e->adapters[slot].n_users--;
    close_unused(e, &e->adapters[slot]);
}

void adapters_close(struct engine *e)
{
    for (int i = 0; i < ENGINE_ADAPTERS; i++) {
        mem_free(e->adapters[i].name);
        e->adapters[i].name = NULL;
        close_unused(e, &e->adapters[i]);
    }
}
