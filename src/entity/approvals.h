// Approvals of tokens, from a table: a ledger keeps what moved, and an approval moves nothing.
//
// CSV with a head line that names at least owner, spender and tx; block (a height) and contract
// (the token's) if there are such columns. Others (the amount) are passed over: approving anything
// at all is what links the two. Of a contract that is no listed token an approval is left out:
// whoever wrote it may let it say what he likes, even in a transaction that the owner signed.
// docs/how-to/who.md says how to make one out of the logs that ethereum-etl exports: topic
// 0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925 of ERC-20's Approval(address
// owner, address spender, uint256 value).
#ifndef DP_ENTITY_APPROVALS_H
#define DP_ENTITY_APPROVALS_H

#include "entity/account.h"

enum { DP_APPROVALS_MAX = 1 << 26 };

typedef struct dp_approvals {
	dp_approval *item;
	uint64_t count, cap;
} dp_approvals;
// Appends what a file (compressed or not, "-" is stdin) has. Faults name its line.
DP_MUST dp_code dp_approvals_read(dp_approvals *io_approvals, const char *path,
                                  const dp_chain *chain, dp_fault *fault);
// The same of bytes in memory, for tests and the fuzzer.
DP_MUST dp_code dp_approvals_parse(dp_approvals *io_approvals, const char *text, size_t n,
                                   const dp_chain *chain, dp_fault *fault);
void dp_approvals_done(dp_approvals *a);

#endif
