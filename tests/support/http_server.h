// A small HTTP/1.1 server on loopback that misbehaves on demand, for tests of the client: what it
// answers is decided request by request by a function of the test. One thread a connection.
//
// It uses malloc and threads of its own, so that dp_mem_live and failing allocations concern the
// tested code only.
#ifndef T_HTTP_SERVER_H
#define T_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct t_http_request {
	const char *path;
	const char *head; // all header lines, terminated
	const char *body; // terminated
	size_t body_size;
	uint32_t number;     // of the request, from 0, over all connections
	uint32_t connection; // from 0
} t_http_request;

typedef struct t_http_reply {
	uint32_t status;     // 0 = 200
	const char *headers; // more lines, each with "\r\n"; or NULL
	char *body;          // freed by the server where `is_owned`
	size_t body_size;
	bool is_owned;
	bool is_raw;        // the body is all that is sent: no status, no headers
	bool is_chunked;    // instead of a Content-Length
	bool is_dropped;    // close at once
	bool closes;        // after the answer
	bool has_announced; // a Content-Length that lies
	uint64_t announced;
	bool has_cut;
	size_t cut_after;  // bytes of the body; then close
	uint32_t delay_ms; // before it
	uint32_t drip_ms;  // between single bytes
} t_http_reply;

// Called by one thread at a time.
typedef void t_http_handler(void *context, const t_http_request *request, t_http_reply *io_reply);

typedef struct t_http t_http;
t_http *t_http_start(t_http_handler *handler, void *context);
void t_http_stop(t_http *s); // waits for all threads
uint16_t t_http_port(const t_http *s);
uint32_t t_http_requests(t_http *s);
uint32_t t_http_connections(t_http *s);
// The most requests that were being answered at the same time.
uint32_t t_http_at_once(t_http *s);

#endif
