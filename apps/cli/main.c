/* The command `parallm`: a user of parallm.h, as any other program. */
#include "parallm.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("parallm %s\n", pllm_version());
        return 0;
    }
    fprintf(stderr, "usage: parallm --version\n");
    return 2;
}
