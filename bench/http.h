/* http.h - just enough HTTP/1.1 to talk to a server on this machine over a kept connection. */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include <stddef.h>
#include <stdint.h>

enum { HTTP_ANSWER_MAX = 16 * 1024 };

struct http {
    int fd;
    char in[HTTP_ANSWER_MAX]; /* the answer so far, NUL-terminated */
    size_t in_len;
};

/* Each ends the program if the peer cannot be reached or says something that is not HTTP. */
void http_connect(struct http *http, unsigned port);
void http_send(struct http *http, const char *method, const char *path, const char *body);
/* Reads what is there. The status of the answer once it is whole, 0 before. */
int http_receive(struct http *http);
int http_ask(struct http *http, const char *method, const char *path, const char *body);
const char *http_answer_body(const struct http *http);
void http_close(struct http *http);

/* The number behind "name": in a JSON text, or -1. */
double http_json_number(const char *json, const char *name);
/* Copies the string behind "name": in a JSON text; without escapes. False if there is none. */
int http_json_text(const char *json, const char *name, char *ret_text, size_t size);

#endif
