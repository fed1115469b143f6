// Gathers what is known of one address, see who.h.
#include <string.h>

#include "base/check.h"
#include "cli/cli.h"
#include "cli/ledger_common.h"
#include "cli/who.h"
#include "entity/cluster.h"

const char *dp_who_amount(char out[DP_WHO_AMOUNT_MAX], dp_u256 amount, dp_asset asset)
{
	char number[DP_U256_DEC_MAX];
	if (asset.v == 0) {
		(void)snprintf(out, DP_WHO_AMOUNT_MAX, "nothing genuine");
		return out;
	}
	const dp_asset_info *info = dp_asset_info_of(asset);
	dp_u256_format(number, amount, info->decimals);
	(void)snprintf(out, DP_WHO_AMOUNT_MAX, "%s %s", number, info->symbol);
	return out;
}

const char *dp_who_percent(char out[DP_WHO_PERCENT_MAX], dp_u256 part, dp_u256 whole)
{
	uint64_t share = 0;
	DP_CHECK(!dp_u256_lt(whole, part));
	if (!dp_u256_is_zero(whole)) {
		// Below a whole: the quotient fits whatever the sums are.
		dp_u256 q = dp_u256_mul_div(dp_u256_of(10000), part, whole);
		share = q.w[0];
	}
	(void)snprintf(out, DP_WHO_PERCENT_MAX, "%llu.%02llu", (unsigned long long)(share / 100),
	               (unsigned long long)(share % 100));
	return out;
}

const char *dp_who_label(const dp_who *w, const dp_addr *addr)
{
	uint32_t count;
	DP_CHECK(w != NULL && addr != NULL);
	const dp_tag_record *tag = dp_tags_find(w->tags, addr, &count);
	for (uint32_t i = 0; i < count; i++)
		if (dp_tags_match(&tag[i], dp_network_of(w->chain)) == DP_MATCH_EXACT)
			return dp_tags_text(w->tags, tag[i].label);
	return "";
}

//- the address in the folder's other ledgers -----------------------------------------------------

struct others {
	const dp_chain *self;
	dp_finding *f;
};

static bool add_chain(void *context, const dp_chain *chain)
{
	struct others *o = context;
	bool is_other = chain != o->self && chain->kind == DP_CHAIN_ACCOUNT;
	if (is_other) o->f->other[o->f->other_count++].chain = chain;
	return o->f->other_count < DP_WHO_CHAINS_MAX;
}

static dp_code find_others(dp_who *w, dp_finding *f, dp_fault *fault)
{
	struct others o = {w->chain, f};
	DP_TRY(dp_ledger_chains(dp_cli_ledger_folder(w->folder), add_chain, &o, fault));
	for (uint32_t i = 0; i < f->other_count; i++) {
		dp_ledger *l;
		DP_TRY(dp_cli_ledger_open(&l, w->folder, f->other[i].chain, fault));
		dp_code code =
		    dp_account_activity(l, &f->other[i].activity, &f->addr, &w->options, fault);
		dp_ledger_close(l);
		if (code != DP_OK) return code;
	}
	return DP_OK;
}

//- account chains --------------------------------------------------------------------------------

static bool was_before(const dp_finding *f, const dp_addr *addr)
{
	if (dp_addr_eq(addr, &f->addr)) return true;
	for (uint32_t i = 0; i + 1 < f->step_count; i++)
		if (dp_addr_eq(addr, &f->step[i].from)) return true;
	return false;
}

// Up to the first funder whom a tag names: behind it stand strangers.
static dp_code find_funders(dp_who *w, dp_finding *f, dp_fault *fault)
{
	dp_addr at = f->addr;
	while (f->step_count < w->steps_max && !f->went_round) {
		dp_evidence e;
		dp_code code = dp_account_funder(w->ledger, &e, &f->had_before, &f->funder_cut, &at,
		                                 &w->options, fault);
		if (code == DP_NOT_FOUND) return DP_OK;
		DP_TRY(code);
		f->step[f->step_count++] = e;
		at = e.from;
		if (f->funder_cut) return DP_OK;
		if (at.kind == DP_ADDR_NONE || dp_who_label(w, &at)[0] != 0) return DP_OK;
		f->went_round = was_before(f, &at);
	}
	return DP_OK;
}

static dp_code add_imitation(void *context, const dp_imitation *imitation, dp_fault *fault)
{
	dp_finding *f = context;
	(void)fault;
	if (f->imitation_count < DP_WHO_SHOWN_MAX) f->imitation[f->imitation_count] = *imitation;
	f->imitation_count++;
	return DP_OK;
}

static dp_code find_account(dp_who *w, dp_finding *f, dp_fault *fault)
{
	DP_TRY(find_others(w, f, fault));
	if (f->activity.txs == 0) return DP_OK;
	DP_TRY(find_funders(w, f, fault));
	DP_TRY(dp_account_deposit(w->ledger, &f->is_deposit, &f->deposit, &f->addr, &w->options,
	                          fault));
	DP_TRY(dp_account_offramps(w->ledger, f->offramp, &f->offramp_count, &f->offramps_cut,
	                           &f->addr, &w->options, fault));
	return dp_account_imitations(w->ledger, &f->addr, &w->options, add_imitation, f, fault);
}

dp_code dp_who_find(dp_who *w, dp_finding *ret_finding, const dp_addr *addr, dp_fault *fault)
{
	DP_CHECK(w != NULL && ret_finding != NULL);
	memset(ret_finding, 0, sizeof *ret_finding);
	ret_finding->addr = *addr;
	DP_TRY(dp_account_activity(w->ledger, &ret_finding->activity, addr, &w->options, fault));
	if (w->chain->kind == DP_CHAIN_ACCOUNT) return find_account(w, ret_finding, fault);
	// An address stands for two holders, as explorers have it: the hash of a key, and the bare
	// key itself, which the first years paid. Of most addresses there is one or the other.
	if (ret_finding->activity.txs == 0 && addr->kind == DP_ADDR_P2PKH) {
		ret_finding->addr.kind = DP_ADDR_P2PK;
		DP_TRY(dp_account_activity(w->ledger, &ret_finding->activity, &ret_finding->addr,
		                           &w->options, fault));
	}
	return ret_finding->activity.txs == 0 ? DP_OK : dp_who_find_utxo(w, ret_finding, fault);
}
