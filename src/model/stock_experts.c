/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts of stock GGUF files (see stock_experts.h). */

#include "stock_experts.h"

#include "bits.h"
#include "gguf.h"

#include <errno.h>

#define SHARED_MAX 64

static int check(const struct wick_stock_said *said, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	const char *path = wick_gguf_path(gguf);
	uint32_t most = WICK_MIN(said->experts, (uint32_t)WICK_CHOSEN_MAX);

	if (said->experts > WICK_EXPERTS_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: expert_count is %u; up to %u is possible", path, said->experts,
			WICK_EXPERTS_MAX);
	if (said->chosen < 1 || said->chosen > most)
		return wick_diag_say(diag, -EINVAL, "%s: expert_used_count is %u; 1 to %u of %u experts is possible", path,
			said->chosen, most, said->experts);
	if (said->shared > SHARED_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: expert_shared_count is %u; up to %u is possible", path, said->shared,
			SHARED_MAX);
	if (said->groups > 1)
		return wick_diag_say(diag, -EINVAL, "%s: experts in %u groups, of which %u are chosen first, are not supported", path,
			said->groups, said->groups_used);
	if (said->gating > WICK_ROUTER_COUNT)
		return wick_diag_say(diag, -EINVAL,
			"%s: expert_gating_func %u is not known; 1 is softmax, 2 sigmoid and 3 softmax of those chosen", path, said->gating);
	return 0;
}

/* As the key numbers them. */
static enum wick_router router_of(const struct wick_stock_said *said, const struct wick_stock_family *family)
{
	static const enum wick_router routers[] = { WICK_ROUTER_SOFTMAX, WICK_ROUTER_SIGMOID, WICK_ROUTER_SOFTMAX_CHOSEN };

	return said->gating ? routers[said->gating - 1] : family->router;
}

int wick_stock_experts(struct wick_ffn_facts *ffn, const struct wick_stock_said *said, const struct wick_stock_family *family,
	const struct wick_gguf *gguf, struct wick_diag *diag)
{
	int err = said->experts ? check(said, gguf, diag) : 0;

	if (!said->experts && family->always_experts)
		return wick_diag_say(diag, -EINVAL, "%s: %s.expert_count is 0 or missing; 1 to %u is possible", wick_gguf_path(gguf),
			family->name, WICK_EXPERTS_MAX);
	if (err || !said->experts)
		return err;
	ffn->n_ff = said->expert_n_ff ? said->expert_n_ff : ffn->n_ff;
	/* A scale of 0 is one that others write for none. */
	ffn->experts = (struct wick_expert_facts){ .count = said->experts, .chosen = said->chosen,
		.router = router_of(said, family),
		.norm_weights = said->norm_weights[1] ? said->norm_weights[0] : family->norm_weights,
		.scale = said->expert_scale > 0 ? (float)said->expert_scale : 1,
		.shared_n_ff = said->shared_n_ff ? said->shared_n_ff : said->shared * ffn->n_ff };
	ffn->experts.choice_bias = family->choice_bias;
	ffn->experts.biased = family->biased_experts;
	ffn->experts.early = family->early_router;
	ffn->experts.shared_gate = ffn->experts.shared_n_ff && family->shared_gate;
	return 0;
}
