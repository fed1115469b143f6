// What readers of event logs share, see log.h.
//
// The lists of contracts are short (one to thirty rows) and are only walked for a log whose topic
// is the protocol's, so they are kept as text and decoded on the way: what stands in the source can
// be compared with a block explorer character by character.
#include "link/log.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/hex.h"

// Of every asset that exists less than 2^222 base units exist: Shiba Inu's 10^15 coins of 18
// decimals need 110 bits. More is a mistake or a trap, and would not leave room for what the books
// multiply amounts with.
enum { AMOUNT_BITS_MAX = 222 };

//- contracts and chains --------------------------------------------------------------------------

void dp_log_place_bytes(uint8_t ret_contract[20], const dp_log_place *place)
{
	DP_CHECK(place != NULL && strlen(place->address) == 42);
	DP_CHECK(dp_hex_decode(ret_contract, 20, place->address + 2));
}

const dp_log_place *dp_log_at(const dp_log_place *list, size_t count, const dp_chain *chain,
                              const uint8_t contract[20])
{
	DP_CHECK(list != NULL && chain != NULL);
	for (size_t i = 0; i < count; i++) {
		uint8_t own[20];
		if (strcmp(list[i].chain, chain->name) != 0) continue;
		dp_log_place_bytes(own, &list[i]);
		if (memcmp(own, contract, sizeof own) == 0) return &list[i];
	}
	return NULL;
}

const dp_log_place *dp_log_with(const dp_log_place *list, size_t count, const dp_chain *chain,
                                uint32_t role)
{
	DP_CHECK(list != NULL && chain != NULL);
	for (size_t i = 0; i < count; i++)
		if (list[i].role == role && strcmp(list[i].chain, chain->name) == 0)
			return &list[i];
	return NULL;
}

const dp_chain *dp_log_chain(const dp_log_number *list, size_t count, uint64_t number)
{
	DP_CHECK(list != NULL);
	for (size_t i = 0; i < count; i++)
		if (list[i].number == number)
			return dp_chain_find(list[i].chain, strlen(list[i].chain));
	return NULL;
}

bool dp_log_number_of(uint64_t *ret_number, const dp_log_number *list, size_t count,
                      const dp_chain *chain)
{
	DP_CHECK(ret_number != NULL && list != NULL && chain != NULL);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].chain, chain->name) != 0) continue;
		*ret_number = list[i].number;
		return true;
	}
	return false;
}

uint64_t dp_log_evm_number(const dp_chain *chain)
{
	static const char space[] = "eip155:";
	DP_CHECK(chain != NULL);
	if (strncmp(chain->caip2, space, sizeof space - 1) != 0) return 0;
	uint64_t number = 0;
	for (const char *p = chain->caip2 + sizeof space - 1; *p != '\0'; p++)
		number = number * 10 + (uint64_t)(*p - '0');
	return number;
}

//- logs ------------------------------------------------------------------------------------------

bool dp_log_is(const dp_block *b, uint32_t n, const uint8_t topic[32])
{
	DP_CHECK(n < b->note_count);
	const dp_note *note = &b->note[n];
	return note->kind == DP_NOTE_LOG && note->topic_count > 0 &&
	       memcmp(note->topic[0], topic, 32) == 0 && b->chain->kind == DP_CHAIN_ACCOUNT;
}

dp_abi dp_log_data(const dp_block *b, uint32_t n, uint32_t topics, size_t words)
{
	DP_CHECK(n < b->note_count && topics >= 1 && topics <= 4);
	const dp_note *note = &b->note[n];
	if (note->data_size != note->full_size) return (dp_abi){.failed = true};
	return dp_log_data_cut(b, n, topics, words);
}

dp_abi dp_log_data_cut(const dp_block *b, uint32_t n, uint32_t topics, size_t words)
{
	DP_CHECK(n < b->note_count && topics >= 1 && topics <= 4);
	const dp_note *note = &b->note[n];
	if (note->topic_count != topics || note->full_size < note->data_size)
		return (dp_abi){.failed = true};
	return dp_abi_cut(dp_note_data(b, note), note->data_size, note->full_size, words);
}

//- legs ------------------------------------------------------------------------------------------

dp_leg dp_log_leg(const dp_protocol *protocol, uint32_t n, dp_leg_side side)
{
	DP_CHECK(protocol != NULL);
	dp_leg leg;
	// Not `= {0}`: what lies between the fields is compared by nobody, but is stored by some.
	memset(&leg, 0, sizeof leg);
	leg.protocol = protocol;
	leg.side = (uint8_t)side;
	leg.store = DP_STORE_TRANSIT;
	leg.is_proven = true;
	leg.note = n;
	return leg;
}

uint32_t dp_log_refuse(dp_leg *ret_leg, const dp_protocol *protocol, uint32_t n, dp_leg_side side,
                       const char *why)
{
	DP_CHECK(why != NULL && why[0] != '\0');
	*ret_leg = dp_log_leg(protocol, n, side);
	ret_leg->is_proven = false;
	ret_leg->refused = why;
	return 1;
}

uint32_t dp_log_legs(dp_leg *io_leg, uint32_t count)
{
	DP_CHECK(count <= DP_LEGS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		dp_leg *leg = &io_leg[i];
		dp_u256 most = leg->has_least && dp_u256_lt(leg->amount, leg->least) ? leg->least
		                                                                     : leg->amount;
		if (leg->refused == NULL && most.w[3] >> (AMOUNT_BITS_MAX - 192) != 0)
			(void)dp_log_refuse(leg, leg->protocol, leg->note, leg->side,
			                    "an amount beyond what exists of anything");
	}
	return count;
}

dp_addr dp_log_addr(const uint8_t word[32])
{
	static const uint8_t nobody[20];
	uint8_t bytes[20];
	if (!dp_abi_word_address(bytes, word) || memcmp(bytes, nobody, sizeof nobody) == 0)
		return (dp_addr){0};
	return dp_link_addr(bytes);
}

void dp_log_to(dp_leg *io_leg, const uint8_t word[32])
{
	static const uint8_t nobody[32];
	DP_CHECK(io_leg != NULL);
	io_leg->to = dp_log_addr(word);
	if (io_leg->to.kind != DP_ADDR_NONE || memcmp(word, nobody, sizeof nobody) == 0) return;
	char hex[65];
	dp_hex_encode(hex, word, 32);
	_Static_assert(DP_LEG_TEXT_MAX >= sizeof "to " + 64, "32 bytes in hexadecimal");
	(void)snprintf(io_leg->text, sizeof io_leg->text, "to %s", hex);
}

void dp_log_bought(dp_leg *io_leg, const dp_chain *other, const uint8_t token[32], dp_u256 least)
{
	DP_CHECK(io_leg != NULL);
	io_leg->other = other;
	dp_addr contract = dp_log_addr(token);
	if (other == NULL || contract.kind == DP_ADDR_NONE) return;
	io_leg->other_asset = dp_link_asset(other, contract.bytes);
	if (io_leg->other_asset.v == 0) return;
	io_leg->has_least = true;
	io_leg->least = least;
	io_leg->least_decimals = (uint8_t)dp_asset_info_of(io_leg->other_asset)->decimals;
}

// WETH on Ethereum, WBNB on BSC: the wrapped form of the chain's own coin.
static bool is_wrapped_coin(dp_asset a, const dp_chain *chain)
{
	if (a.v == 0 || dp_asset_info_of(a)->class != DP_ASSET_WRAPPED) return false;
	const char *symbol = dp_asset_info_of(a)->symbol;
	return symbol[0] == 'W' && strcmp(symbol + 1, chain->native) == 0;
}

void dp_log_coins(dp_leg *io_leg, const dp_block *b, uint32_t n)
{
	DP_CHECK(n < b->note_count && b->note[n].tx < b->tx_count);
	if (!is_wrapped_coin(io_leg->asset, b->chain)) return;
	const dp_addr *to = io_leg->side == DP_LEG_OUT ? &io_leg->place[0] : &io_leg->to;
	if (to->kind == DP_ADDR_NONE) return;
	const dp_tx *tx = &b->tx[b->note[n].tx];
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		const dp_movement *mv = &b->mv[tx->mv_first + i];
		if (mv->kind != DP_MV_NATIVE && mv->kind != DP_MV_INTERNAL) continue;
		if ((mv->flags & DP_MVF_FAILED) != 0 || !dp_u256_eq(mv->amount, io_leg->amount))
			continue;
		if (!dp_addr_eq(&mv->to, to)) continue;
		io_leg->asset = dp_asset_native(b->chain);
		return;
	}
}
