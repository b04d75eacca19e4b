/* Whether it is worth to ask again, against sockets of this machine. Nothing is waited for: the first tick of a wait ends it. */
#include "hub/http.h"

#include "test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct asker {
    struct http *http;
    bool stops; /* at the next tick */
};

static bool tick(void *user)
{
    return !((struct asker *)user)->stops;
}

static void begin(struct asker *a, const char *endpoint)
{
    pllm_error err;
    *a = (struct asker){0};
    if (http_open(&a->http, endpoint, NULL, tick, a, &err) == PLLM_E_UNSUPPORTED)
        skip();
    assert_non_null(a->http);
}

/* Whether http_again would wait after try n. */
static bool waits(struct asker *a, int n, enum http_outcome outcome, const struct http_answer *answer)
{
    int n_tries = n - 1;
    a->stops = true;
    assert_false(http_again(a->http, &n_tries, false, outcome, answer));
    assert_int_equal(n_tries, n);
    return http_interrupted(a->http);
}

/* A port of this machine that belongs to us; nobody listens. */
static int take_port(char url[64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(s >= 0);
    assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&at, &n), 0);
    snprintf(url, 64, "http://127.0.0.1:%d/x", ntohs(at.sin_port));
    return s;
}

static enum http_outcome ask(struct asker *a, const char *url, struct http_answer *answer)
{
    const struct http_request r = {.url = url, .head = true};
    return http_perform(a->http, &r, answer);
}

static void nobody_listens(void **state)
{
    char url[64];
    struct http_answer answer;
    struct asker a;
    (void)state;
    const int s = take_port(url);
    for (int n = 1; n <= 2; n++) {
        begin(&a, url);
        assert_int_equal(ask(&a, url, &answer), HTTP_BROKEN);
        assert_non_null(strstr(http_why(a.http), "onnect"));
        assert_int_equal(waits(&a, n, HTTP_BROKEN, &answer), n > 1); /* a server that was there may come back */
        http_close(a.http);
    }
    close(s);
}

static void no_such_host(void **state)
{
    static const char url[] = "http://nobody.invalid/x";
    struct http_answer answer;
    struct asker a;
    (void)state;
    begin(&a, url);
    assert_int_equal(ask(&a, url, &answer), HTTP_BROKEN);
    assert_non_null(strstr(http_why(a.http), "nobody.invalid"));
    assert_false(waits(&a, 1, HTTP_BROKEN, &answer));
    http_close(a.http);
}

static void *answer_nothing(void *listening)
{
    char request[1024];
    const int s = accept(*(int *)listening, NULL, NULL);
    if (s >= 0 && read(s, request, sizeof request) >= 0)
        close(s);
    return NULL;
}

static void a_broken_answer_is_asked_for_again(void **state)
{
    char url[64];
    struct http_answer answer;
    struct asker a;
    pthread_t thread;
    (void)state;
    int s = take_port(url);
    begin(&a, url);
    assert_int_equal(listen(s, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_nothing, &s), 0);
    assert_int_equal(ask(&a, url, &answer), HTTP_BROKEN);
    pthread_join(thread, NULL);
    close(s);
    assert_true(waits(&a, 1, HTTP_BROKEN, &answer));
    http_close(a.http);
}

static void some_refusals_are_asked_again(void **state)
{
    static const struct { long status; bool again; } cases[] = {{200, false}, {404, false}, {408, true}, {429, true},
                                                                {500, true},  {503, true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct http_answer answer = {.status = cases[i].status};
        struct asker a;
        begin(&a, "http://nobody.invalid");
        assert_int_equal(waits(&a, 1, HTTP_ANSWERED, &answer), cases[i].again);
        http_close(a.http);
        begin(&a, "http://nobody.invalid");
        assert_false(waits(&a, 5, HTTP_ANSWERED, &answer)); /* often enough */
        http_close(a.http);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(no_such_host),
        cmocka_unit_test(a_broken_answer_is_asked_for_again),
        cmocka_unit_test(some_refusals_are_asked_again),
    };
    setenv("no_proxy", "*", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
