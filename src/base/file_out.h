/* A file that is there whole or not at all: written under another name beside it, renamed when all of it is on the disk.
 *
 * The other name is PATH.PROCESS-NUMBER.part. Its writer holds a lock on it, which ends with the process: who writes the same
 * PATH next removes what a killed one left. */
#ifndef PARALLM_BASE_FILE_OUT_H
#define PARALLM_BASE_FILE_OUT_H

#include "base/error.h"

#include <stddef.h>

struct file_out {
    int fd;
    char *path, *temporary; /* mem_free */
};

/* Creates the temporary file; on failure nothing is held. All errors are PLLM_E_WRITE or PLLM_E_MEMORY. */
pllm_status file_out_open(struct file_out *out, const char *path, pllm_error *err);
pllm_status file_out_write(struct file_out *out, const void *bytes, size_t n, pllm_error *err);

/* Brings the bytes to the disk and gives the file its name, replacing what had it. Ends `out`, also on failure, when
 * the temporary file is gone and what had the name is untouched. */
pllm_status file_out_commit(struct file_out *out, pllm_error *err);
void file_out_abandon(struct file_out *out); /* removes the temporary file */

#endif
