/* A growing array of any type, and `struct buf`, one of bytes.
 *
 *     VEC(int) v = {0};
 *     if (!vec_push(&v, 7)) return error_memory(err, "numbers");
 *     for (size_t i = 0; i < v.n; i++) use(v.at[i]);
 *     vec_fini(&v);
 *
 * A zeroed struct is an empty array. Growing may move `at`. */
#ifndef PARALLM_BASE_VEC_H
#define PARALLM_BASE_VEC_H

#include "base/mem.h"
#include "base/platform.h"

#define VEC(...) /* a type; it may hold commas */                                                  \
    struct {                                                                                       \
        __VA_ARGS__ *at;                                                                                  \
        size_t n, cap;                                                                             \
    }

/* Room for `extra` items after the n that are there: the array, moved or not, or NULL (no memory;
 * the old one is untouched). */
void *vec_grow(void *at, size_t n, size_t *cap, size_t extra, size_t item_bytes);

/* False: no memory, and the array is as it was. */
#define vec_reserve(v, extra)                                                                      \
    ((v)->cap - (v)->n >= (size_t)(extra)                                                          \
         ? true                                                                                    \
         : vec_reserve_(&(v)->at, (v)->n, &(v)->cap, (extra), sizeof *(v)->at))
#define vec_push(v, ...) (vec_reserve(v, 1) ? ((v)->at[(v)->n++] = (__VA_ARGS__), true) : false)
#define vec_pop(v) ((v)->at[--(v)->n])
#define vec_fini(v) (mem_free((v)->at), (v)->at = NULL, (v)->n = (v)->cap = 0)

static inline bool vec_reserve_(void *at_pointer, size_t n, size_t *cap, size_t extra, size_t item)
{
    void **at = at_pointer, *grown = vec_grow(*at, n, cap, extra, item);
    if (grown)
        *at = grown;
    return grown != NULL;
}

/* Bytes. buf_text keeps a NUL after the last one, which is not counted. */
struct buf {
    char *at;
    size_t n, cap;
};

bool buf_add(struct buf *b, const void *bytes, size_t n);
bool buf_text(struct buf *b, const char *text);
bool buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
bool buf_terminate(struct buf *b); /* a NUL after the bytes, not counted: at is then a C string */

#endif
