/* Writes small safetensors files in memory, sound ones and broken ones: nothing is checked here. */
#ifndef PARALLM_TESTS_UNIT_SAFETENSORS_WRITER_H
#define PARALLM_TESTS_UNIT_SAFETENSORS_WRITER_H

#include "base/vec.h"

#include <stdint.h>
#include <string.h>

struct safetensors_writer {
    struct buf header, data;
};

/* An entry's text as it is given: "\"a\": {...}". */
static inline void safetensors_put_entry(struct safetensors_writer *w, const char *text)
{
    buf_printf(&w->header, "%s%s", w->header.n ? ", " : "{", text);
}

/* A sound tensor: `shape` as JSON ("[2, 4]"), n bytes. */
static inline void safetensors_put(struct safetensors_writer *w, const char *name, const char *dtype, const char *shape,
                                   const void *bytes, size_t n)
{
    struct buf entry = {0};
    buf_printf(&entry, "\"%s\": {\"dtype\": \"%s\", \"shape\": %s, \"data_offsets\": [%zu, %zu]}", name, dtype, shape,
               w->data.n, w->data.n + n);
    safetensors_put_entry(w, entry.at);
    buf_add(&w->data, bytes, n);
    vec_fini(&entry);
}

static inline struct buf safetensors_finish(struct safetensors_writer *w)
{
    struct buf file = {0};
    buf_printf(&w->header, "%s}", w->header.n ? "" : "{");
    for (unsigned i = 0; i < 8; i++)
        buf_add(&file, &(uint8_t){(uint8_t)((uint64_t)w->header.n >> (8 * i))}, 1);
    buf_add(&file, w->header.at, w->header.n);
    buf_add(&file, w->data.at, w->data.n);
    vec_fini(&w->header);
    vec_fini(&w->data);
    return file;
}

#endif
