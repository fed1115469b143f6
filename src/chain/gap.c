// See gap.h: what each gap means to whoever reads a result.
#include "chain/gap.h"

#include <stddef.h>

#include "base/check.h"

static const struct {
	uint64_t gap;
	const char *text;
} gaps[] = {
    {DP_GAP_TRACES, "no traces, of all or of some blocks: what contracts paid on in native "
                    "coin there is not seen, and a path may end at a contract that passed the "
                    "money on"},
    {DP_GAP_FEES, "fees of some transactions are not known: they stay in their senders' "
                  "balances"},
    {DP_GAP_REWARDS, "block rewards or withdrawals are not known: whoever received them "
                     "holds more than is shown"},
    {DP_GAP_TOKENS, "no token transfers, of all or of some blocks: only native coin is "
                    "followed there"},
    {DP_GAP_STATUS, "whether some transactions failed is not known: taken as done"},
    {DP_GAP_ORDER, "the order of transactions within a block is not known: taken as they "
                   "stand in the source"},
    {DP_GAP_PARTIAL, "the source holds only some of the chain's transactions (of certain "
                     "addresses, or not of all blocks): what others did meanwhile is not "
                     "seen"},
    {DP_GAP_UNPROVEN, "some or all of the source's blocks prove nothing of themselves: it is "
                      "taken at its word"},
    {DP_GAP_FEE_PAYEE, "who receives fees is not known: they are booked as fees, paid to "
                       "nobody"},
    {DP_GAP_PRIVATE, "part of the chain is private (MWEB): value enters and leaves it "
                     "unseen"},
    {DP_GAP_NOTES, "event logs and memos of all or of some blocks were not kept: what went "
                   "through bridges, mixers and swaps there is not continued"},
};

const char *dp_gap_text(uint64_t gap)
{
	DP_CHECK(gap != 0 && (gap & (gap - 1)) == 0);
	for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++)
		if (gaps[i].gap == gap) return gaps[i].text;
	return NULL;
}
