// See mixer.h: what the events of all mixers have in common, and who is asked.
//
// Neither mixer logs who paid in: the depositor is who sent the transaction, read from the note of
// kind GAS that stands beside a transaction's other notes (chain/note.h) with what he paid for gas.
#include "link/mixer.h"

#include <string.h>

#include "base/check.h"

enum { GAS_NOTE_SIZE = 52 }; // 32 bytes of price, 20 of sender

void dp_mixer_event_start(dp_mixer_event *ret_event, const dp_block *b, uint32_t at)
{
	DP_CHECK(at < b->note_count);
	const dp_note *n = &b->note[at];
	DP_CHECK(n->tx < b->tx_count);
	dp_mixer_event e = {.chain = b->chain, .height = b->height, .time = b->time};
	// Not the note's place in this block, which may be a part of the whole one.
	e.tx_no = b->tx[n->tx].no;
	e.log = n->at;
	memcpy(e.pool, n->place, 20);
	memcpy(e.txid, b->tx[n->tx].id, 32);
	uint32_t first, count;
	dp_block_notes(b, &first, &count, n->tx);
	for (uint32_t i = first; i < first + count; i++) {
		const dp_note *gas = &b->note[i];
		if (gas->kind != DP_NOTE_GAS || gas->data_size != GAS_NOTE_SIZE) continue;
		// More than 18 coins for a unit of gas: not told, rather than told wrong.
		dp_u256 price = dp_u256_from_be(dp_note_data(b, gas), 32);
		e.has_gas = dp_u256_fits64(price);
		e.gas_price = e.has_gas ? price.w[0] : 0;
		memcpy(e.sender, dp_note_data(b, gas) + 32, 20);
	}
	*ret_event = e;
}

uint32_t dp_mixer_events_of_note(dp_mixer_event ret_event[DP_MIXER_EVENTS_MAX], const dp_block *b,
                                 uint32_t n)
{
	DP_CHECK(n < b->note_count);
	if (b->note[n].kind != DP_NOTE_LOG || b->note[n].topic_count == 0) return 0;
	if (b->chain->kind != DP_CHAIN_ACCOUNT) return 0;
	uint32_t count = dp_tornado_events(ret_event, b, n);
	if (count == 0) count = dp_railgun_events(ret_event, b, n);
	DP_CHECK(count <= DP_MIXER_EVENTS_MAX);
	return count;
}
