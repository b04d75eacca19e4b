/* What every unit test includes: cmocka and what it needs before. */
#ifndef PARALLM_TESTS_UNIT_TEST_H
#define PARALLM_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Fails unless the message contains `part`. */
#define assert_message(err, part)                                                                  \
    do {                                                                                           \
        if (!strstr((err).message, (part)))                                                        \
            fail_msg("message \"%s\" lacks \"%s\"", (err).message, (part));                        \
    } while (0)

#endif
