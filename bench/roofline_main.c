/* roofline [THREADS [TIER]]: prints the limits of this machine; without THREADS, of all its processors. */
#include "roofline.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct roofline r;
    int threads = argc > 1 ? atoi(argv[1]) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (!roofline_measure(&r, threads, argc > 2 ? argv[2] : NULL)) {
        fputs("usage: roofline [THREADS [TIER]]\n", stderr);
        return 2;
    }
    printf("%d thread%s: read %.1f GB/s; f32 %.0f, bf16 %.0f, int8 %.0f GOP/s\n", threads, threads == 1 ? "" : "s", r.read_gb_s, r.f32_gop_s,
           r.bf16_gop_s, r.int8_gop_s);
    return 0;
}
