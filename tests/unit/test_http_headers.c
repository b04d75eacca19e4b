#include "hub/http_headers.h"

#include "test.h"

static struct http_answer read_all(const char *text)
{
    struct http_answer a = {0};
    while (*text) {
        const char *end = strchr(text, '\n') + 1;
        http_read_header(&a, text, (size_t)(end - text));
        text = end;
    }
    return a;
}

static void reads_what_it_knows(void **state)
{
    (void)state;
    struct http_answer a = read_all("HTTP/1.1 302 Found\r\nContent-Length: 5\r\nX-Linked-Size: 99\r\n"
                                    "x-linked-etag: \"abc\"\r\nETag: W/\"def\"\r\nX-Repo-Commit:c0ffee\r\nOther: 1\r\n"
                                    "Retry-After: 7\r\nX-Error-Code: GatedRepo\r\n\r\n");
    assert_int_equal(a.status, 302);
    assert_true(a.has_length && a.has_linked_size);
    assert_int_equal(a.length, 5);
    assert_int_equal(a.linked_size, 99);
    assert_string_equal(a.linked_etag, "abc");
    assert_string_equal(a.etag, "def");
    assert_string_equal(a.commit, "c0ffee");
    assert_string_equal(a.error_code, "GatedRepo");
    assert_int_equal(a.retry_after, 7);
    a = read_all("HTTP/1.1 100 Continue\r\nETag: x\r\n\r\nHTTP/2 206\r\nContent-Range: bytes 10-19/20\r\n\r\n");
    assert_int_equal(a.status, 206);
    assert_string_equal(a.etag, ""); /* of the answer before */
    assert_true(a.has_range);
    assert_int_equal(a.range_first, 10);
    assert_int_equal(a.range_total, 20);
}

static void leaves_nonsense_out(void **state)
{
    static const char *const lines[] = {
        "Content-Length: -1\n", "Content-Length: 1x\n", "Content-Length:\n", "Content-Length: 99999999999999999999\n",
        "X-Linked-Size: 0x5\n", "Content-Range: bytes 5-4/9\n", "Content-Range: bytes 5-9/9\n",
        "Content-Range: bytes 5-\n", "Content-Range: bytes */9\n", "Content-Range: bytes 5-6/*\n", "Content-Range: x\n",
        "Retry-After: Wed\n", "Retry-After: 99999999\n", ": 5\n", "\n", "Content-Length 5\n", "HTTP/1.1 x\n", "HTTP/1.1\n",
        "HTTP/1.1 1000\n",
    };
    const struct http_answer none = {0};
    char text[400];
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const struct http_answer a = read_all(lines[i]);
        if (a.status || a.has_length || a.has_linked_size || a.has_range || a.retry_after)
            fail_msg("\"%s\" was taken", lines[i]);
    }
    snprintf(text, sizeof text, "ETag: \"%0300d\"\n", 1);
    assert_string_equal(read_all(text).etag, none.etag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_what_it_knows), cmocka_unit_test(leaves_nonsense_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
