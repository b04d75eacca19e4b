/* SHA-256 against the vectors of FIPS 180-4 and its examples, in one piece and in many. */
#include "base/sha256.h"

#include "test.h"

#include <stdlib.h>

static void assert_digest(const char *text, size_t n, size_t piece, const char *want)
{
    struct sha256 s;
    char hex[65];
    sha256_init(&s);
    for (size_t at = 0; at < n; at += piece)
        sha256_add(&s, text + at, n - at < piece ? n - at : piece);
    sha256_hex(&s, hex);
    assert_string_equal(hex, want);
}

static void knows_the_vectors(void **state)
{
    static const struct {
        const char *text, *hex;
    } vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_digest(vectors[i].text, strlen(vectors[i].text), 1000, vectors[i].hex);
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    const size_t n = 1000000;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'a', n);
    for (size_t piece = 1; piece <= n; piece = piece * 3 + 1)
        assert_digest(text, n, piece, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

/* Every length round the border where the padding needs a second block; the digests are those of coreutils' sha256sum. */
static void pads_every_length(void **state)
{
    static const struct {
        size_t n;
        const char *hex;
    } lengths[] = {
        {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
        {63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
        {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
        {65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
    };
    char text[65];
    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        assert_digest(text, lengths[i].n, 7, lengths[i].hex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(knows_the_vectors), cmocka_unit_test(pieces_make_no_difference),
                                       cmocka_unit_test(pads_every_length)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
