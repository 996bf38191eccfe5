#include "bench/load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attr.h"
#include "bench/http.h"

enum { CONNECTIONS_MAX = 32, STALL_MS = 30000 };

struct lane {
    struct http http;
    int64_t sent_us; /* 0: idle */
};

struct run {
    struct load *load;
    struct lane lanes[CONNECTIONS_MAX];
    size_t lanes_n;
    uint64_t ended_before;
    size_t sent, created;
};

static size_t ended(const struct run *run)
{
    return (size_t)(run->load->pawl->turns_ended - run->ended_before);
}

static void send_some(struct run *run)
{
    const struct load *load = run->load;
    char body[256];

    (void)snprintf(body, sizeof(body),
                   "{\"agent\":\"%s\",\"input\":\"Where are the orders of customer 1234?\"}",
                   load->agent);
    for (size_t i = 0; i < run->lanes_n; i++) {
        struct lane *lane = &run->lanes[i];

        if (run->sent == load->sessions || run->sent - ended(run) >= load->at_once)
            return;
        if (lane->sent_us != 0)
            continue;
        lane->sent_us = bench_now_us();
        http_send(&lane->http, "POST", "/v1/sessions", body);
        run->sent++;
    }
}

static void receive(struct run *run, struct lane *lane)
{
    int status = http_receive(&lane->http);

    if (status == 0)
        return;
    errno = 0;
    if (status != 201)
        bench_die("a session was refused: %s", http_answer_body(&lane->http));
    if (run->load->ids && !http_json_text(http_answer_body(&lane->http), "id",
                                          run->load->ids[run->created], LOAD_ID_MAX))
        bench_die("a session has no id: %s", http_answer_body(&lane->http));
    run->load->posts_us[run->created++] = (double)(bench_now_us() - lane->sent_us);
    lane->sent_us = 0;
}

static void wait_for_news(struct run *run)
{
    struct pollfd fds[CONNECTIONS_MAX + 1];

    for (size_t i = 0; i < run->lanes_n; i++)
        fds[i] = (struct pollfd){ .fd = run->lanes[i].http.fd,
                                  .events = run->lanes[i].sent_us ? POLLIN : 0 };
    fds[run->lanes_n] = (struct pollfd){ .fd = run->load->pawl->log, .events = POLLIN };
    int n = poll(fds, run->lanes_n + 1, STALL_MS);

    if (n < 0 && errno == EINTR)
        return;
    errno = 0;
    if (n == 0)
        bench_die("%s: nothing has ended for %d s, %zu of %zu sessions have", run->load->agent,
                  STALL_MS / 1000, ended(run), run->load->sessions);
    for (size_t i = 0; i < run->lanes_n; i++) {
        if (fds[i].revents)
            receive(run, &run->lanes[i]);
    }
    if (fds[run->lanes_n].revents)
        pawl_read_log(run->load->pawl);
    if (run->load->pawl->turns_failed > 0)
        bench_die("%s: a turn has failed: %s", run->load->agent, run->load->pawl->line);
}

static int is_over(const struct run *run)
{
    if (run->load->is_start_only)
        return run->created == run->load->sessions;
    return run->created == run->load->sessions && ended(run) >= run->load->sessions;
}

void load_run(struct load *load)
{
    struct run *run = xcalloc(1, sizeof(*run));

    pawl_read_log(load->pawl);
    if (load->at_once == 0)
        load->at_once = load->sessions;
    load->posts_us = xcalloc(load->sessions, sizeof(*load->posts_us));
    *run = (struct run){ .load = load, .ended_before = load->pawl->turns_ended };
    run->lanes_n = load->at_once < CONNECTIONS_MAX ? load->at_once : (size_t)CONNECTIONS_MAX;
    for (size_t i = 0; i < run->lanes_n; i++)
        http_connect(&run->lanes[i].http, load->pawl->port);

    double cpu_ms = process_cpu_ms(load->pawl);
    int64_t began_us = bench_now_us();

    while (!is_over(run)) {
        send_some(run);
        wait_for_news(run);
    }
    load->took_s = (double)(bench_now_us() - began_us) / 1e6;
    load->cpu_ms = process_cpu_ms(load->pawl) - cpu_ms;
    for (size_t i = 0; i < run->lanes_n; i++)
        http_close(&run->lanes[i].http);
    free(run);
}

void load_release(struct load *load)
{
    free(load->posts_us);
    load->posts_us = NULL;
}
