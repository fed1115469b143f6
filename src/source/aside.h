// A source in a thread of its own: who asks it is never held up by a node that says nothing.
//
//   caller                         worker
//   next() -- starts the question --> source->next(), which may wait for the node
//          <- DP_END, is_working
//   ... does something else; `wake_fd` is written to when there is an answer ...
//   next() <- the block, or DP_END for good, or the error
//
// The block stays the source's until the next call of `next`, as ever: the worker does nothing in
// between but what it is asked. Opening is done aside, too. Questions that need their answer at
// once (hash_at, seek, opening, waiting, ask_contract) are waited for, `patience_ms` at the
// longest: then they are DP_IO, and the source only closes. Closing gives up whatever is in the
// air, through the watch's `stopped`, and returns within a second.
//
// `next` and `pending` may be asked in turn: each gets the answer to its own question, which is
// kept until then. Only seek drops what `next` has found and nobody has taken.
//
// `wake_fd` is written to when the source is open (or cannot be opened), too: from then on a
// question waits for no more than its own answer (dp_aside_is_idle).
//
// `notice` is called in the worker's thread. After closing, nothing of the caller's is called. A
// worker that does not come back even so (the system may wait for a dead name server for longer)
// is left to itself and tidies up later: what `open` is given must be good for as long as it runs.
#ifndef DP_SOURCE_ASIDE_H
#define DP_SOURCE_ASIDE_H

#include "source/source.h"

typedef struct dp_aside_options {
	void *context;
	// In the worker's thread: opens the source. `watch` is what it must be opened with.
	dp_code (*open)(void *context, dp_source **ret_source, const dp_chain *chain,
	                const dp_source_begin *begin, const dp_source_watch *watch,
	                dp_fault *fault);
	const dp_chain *chain;
	dp_source_begin begin; // copied, the transactions too
	dp_source_watch watch; // of the caller; `stopped` is asked from both threads
	int wake_fd;           // an eventfd; 8 bytes of the number 1 are written to it. -1: none
	uint32_t patience_ms;  // 0 = 5,000
} dp_aside_options;

// Returns at once; whether the source can be opened is told by the first call of `next` or of a
// question.
DP_MUST dp_code dp_aside_open(dp_source **ret_source, const dp_aside_options *options,
                              dp_fault *fault);
// Is nothing in the air, neither the opening nor a question? Then the next one is asked at once.
// Only of a source that was opened so.
bool dp_aside_is_idle(dp_source *s);

#endif
