/* What other engines and transformers call what we have, beyond what options are called too (option_table.c); or why there
 * is no such thing. */
#ifndef PARALLM_CLI_FOREIGN_NAMES_H
#define PARALLM_CLI_FOREIGN_NAMES_H

#include <stddef.h>

struct foreign_name {
    const char *name;
    const char *meant;  /* our field, which as an option has dashes; NULL: there is none */
    const char *advice; /* then: why, or what to do */
};

/* The entry of `name`, of n characters, with underscores or dashes; NULL: there is none. */
const struct foreign_name *foreign_name_find(const char *name, size_t n);

#endif
