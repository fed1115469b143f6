// Where a Bitcoin node publishes what happens to it (ZeroMQ), as it tells itself. A private part of
// source/bitcoin_rpc.c.
//
// Bitcoin Core states the addresses that it was told to publish at (getzmqnotifications). Such an
// address may be one to listen at and none to connect to: for a wildcard the node's own host is
// taken, and one of the loopback is of use only when the node is asked over the loopback, too.
#ifndef DP_SOURCE_BITCOIN_ZMQ_H
#define DP_SOURCE_BITCOIN_ZMQ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "codec/json.h"
#include "source/bitcoin_node.h"

enum { DP_BITCOIN_ZMQ_MAX = 300 }; // a name of 253 bytes, and "zmq:tcp://", ":65535"

// The address that tells of the most that is of use: "zmq:tcp://127.0.0.1:28332"; "" when it says
// none, or answers an error (btcd has no such call). Fails only when memory is out or the user
// wants to stop. `url` is the node's.
DP_MUST dp_code dp_bitcoin_zmq_ask(const dp_bitcoin_node *n, char ret_url[DP_BITCOIN_ZMQ_MAX],
                                   const char *url, dp_fault *fault);
// The same from the answer; `host` is the node's.
void dp_bitcoin_zmq_choose(char ret_url[DP_BITCOIN_ZMQ_MAX], const dp_json *answer,
                           const char *host, size_t host_size);

#endif
