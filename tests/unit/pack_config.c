/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a config.json of the families of stock GGUF may say, and what is refused by name: half of a rope scaling, windows and
 * factors that no model can have, keys that would change what is computed. */

#include "packing.h"

#include "bits.h"

static struct folder folder; /* for outputs; empty between tests */
static char out[512];

/* The first `from` of config.json becomes `to`. */
struct edit {
	const char *fixture, *from, *to;
	const char *says; /* NULL: it is packed */
};

static void try_edit(const struct edit *edit)
{
	struct folder source = fixture_copy(edit->fixture);
	struct wick_diag diag = { 0 };
	int rc;

	folder_edit(&source, "config.json", edit->from, edit->to);
	rc = wick_pack(source.path, out, NULL, &diag);
	if (rc != (edit->says ? -EINVAL : 0) || (edit->says && !strstr(diag.text, edit->says)))
		fail_msg("%s, %s: %d, \"%s\", not \"%s\"", edit->fixture, edit->to, rc, diag.text, edit->says);
	unlink(out);
	folder_remove(&source);
}

static void halves_of_a_rope(void **state)
{
	static const struct edit edits[] = {
		{ "stock/phi3-long-f16/folder", "\"type\": \"longrope\",", "", "\"long_factor\" is not known for rope_type default" },
		{ "stock/phi3-long-f16/folder", "\"short_factor\"", "\"a_factor\"", "\"a_factor\" is not known for rope_type longrope" },
		{ "stock/phi3-long-f16/folder", "\"short_factor\": [", "\"short_factor\": null, \"x\": null, \"factor\": 8, \"y\": null, \"long_factor\": [",
			"\"short_factor\" is no list of 6 numbers" },
		{ "stock/phi3-long-f16/folder", "1.5,", "", "\"long_factor\" is no list of 6 numbers" },
		{ "stock/phi3-long-f16/folder", "1.5,", "0,", "\"long_factor\" has an entry that is no number above 0" },
		{ "stock/phi3-long-f16/folder", "\"longrope\"", "\"yarn\"", "rope_type \"yarn\" is not supported; default, longrope are" },
		{ "stock/phi3-long-f16/folder", "\"longrope\"", "\"su\"", NULL },
		{ "stock/phi3-long-f16/folder", "_embeddings\": 64", "_embeddings\": 1",
			"\"original_max_position_embeddings\" is 1, from which nothing can be stretched" },
		{ "stock/qwen2-f16/folder", "\"factor\": 4.0,", "", "\"factor\" is missing" },
		{ "stock/qwen2-f16/folder", "\"rope_type\": \"yarn\"", "\"rope_type\": \"default\"",
			"\"factor\" is not known for rope_type default" },
		{ "stock/qwen2-f16/folder", "\"rope_type\": \"yarn\"", "\"rope_type\": \"ntk\"", "rope_type \"ntk\" is not supported" },
		{ "stock/qwen2-f16/folder", "\"factor\": 4.0,", "\"factor\": 4.0, \"beta_fast\": 1,", "\"beta_fast\" is not above \"beta_slow\"" },
		{ "stock/qwen2-f16/folder", "\"factor\": 4.0,", "\"factor\": 4.0, \"beta_slow\": 0,", "\"beta_slow\" is not a number above 0" },
		{ "stock/qwen2-f16/folder", "\"factor\": 4.0,", "\"factor\": 4.0, \"mscale\": 1,",
			"\"mscale_all_dim\" is missing beside \"mscale\"" },
		{ "stock/qwen2-f16/folder", "\"factor\": 4.0,", "\"factor\": 4.0, \"mscale_all_dim\": 1,",
			"\"mscale\" is missing beside \"mscale_all_dim\"" },
		{ "stock/qwen2-f16/folder", "\"factor\": 4.0,", "\"factor\": 4.0, \"attention_factor\": 0,",
			"\"attention_factor\" is not a number above 0" },
		{ "stock/qwen2-f16/folder", "\"factor\": 4.0,", "\"factor\": 4.0, \"extrapolation_factor\": 1,",
			"\"extrapolation_factor\" is not known for rope_type yarn" },
		{ "stock/llama3-bf16/folder", "\"high_freq_factor\": 4.0,", "", "\"high_freq_factor\" is missing" },
		{ "stock/qwen2-f16/folder", "{", "{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.0},",
			"\"rope_scaling\" is not what \"rope_parameters\" is" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(edits); i++)
		try_edit(&edits[i]);
}

static void windows(void **state)
{
	static const struct edit edits[] = {
		{ "stock/gemma3-f16/inside", "\"sliding_window_pattern\": 6", "\"sliding_window_pattern\": 0",
			"\"sliding_window_pattern\" is not a positive whole number" },
		{ "stock/gemma3-f16/folder", "\"sliding_window\": 32", "\"sliding_window\": 0", "\"sliding_window\" is not a positive" },
		{ "stock/gemma3-f16/folder", "\"sliding_window\": 32", "\"sliding_window\": null", "\"sliding_window\" is null" },
		{ "stock/gemma3-f16/folder", "\"full_attention\"", "\"chunked_attention\"", "\"layer_types\" has other layers" },
		{ "stock/gemma3-f16/folder", "\"layer_types\": [", "\"layer_types\": [\"full_attention\",",
			"\"layer_types\" is no list with an entry for each layer" },
		{ "stock/gemma3-f16/folder", "\"use_bidirectional_attention\": false", "\"use_bidirectional_attention\": true",
			"\"use_bidirectional_attention\" is true" },
		{ "stock/llama3-bf16/folder", "{", "{\"use_sliding_window\": true,", "\"use_sliding_window\" is true" },
		{ "stock/mistral-window-f16/folder", "{", "{\"layer_types\": [\"sliding_attention\"],", "\"layer_types\" has other layers" },
		{ "stock/qwen2-window-f16/folder", "\"use_sliding_window\": true", "\"use_sliding_window\": false",
			"\"layer_types\" has other layers than full_attention" },
		{ "stock/qwen2-window-f16/folder", "\"sliding_window\": 32", "\"sliding_window\": 31", NULL },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(edits); i++)
		try_edit(&edits[i]);
}

static void factors(void **state)
{
	static const struct edit edits[] = {
		{ "stock/gemma2-f16/folder", "\"attn_logit_softcapping\": 2.0", "\"attn_logit_softcapping\": 0",
			"\"attn_logit_softcapping\" is not a number above 0" },
		{ "stock/gemma2-f16/folder", "\"attn_logit_softcapping\": 2.0", "\"attn_logit_softcapping\": null",
			"\"attn_logit_softcapping\" is null" },
		{ "stock/gemma2-f16/folder", "\"final_logit_softcapping\": 8.0", "\"final_logit_softcapping\": -1",
			"\"final_logit_softcapping\" is not a number above 0" },
		{ "stock/gemma2-f16/folder", "\"query_pre_attn_scalar\": 256", "\"query_pre_attn_scalar\": 0",
			"\"query_pre_attn_scalar\" is not a number above 0" },
		{ "stock/gemma3-f16/folder", "\"attn_logit_softcapping\": null", "\"attn_logit_softcapping\": \"50\"",
			"\"attn_logit_softcapping\" is not a number above 0" },
		{ "stock/granite-f16/folder", "\"logits_scaling\": 5.0", "\"logits_scaling\": 0", "\"logits_scaling\" is not a number" },
		{ "stock/granite-f16/folder", "\"hidden_act\": \"silu\"", "\"hidden_act\": \"relu\"",
			"hidden_act \"relu\" is not supported (silu is)" },
		{ "stock/gemma2-f16/folder", "\"gelu_pytorch_tanh\"", "\"gelu\"",
			"hidden_activation \"gelu\" is not supported (gelu_pytorch_tanh is)" },
		{ "stock/gemma2-f16/folder", "\"gelu_pytorch_tanh\"", "\"gelu_new\"", NULL },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(edits); i++)
		try_edit(&edits[i]);
}

/* MPT's attention, in an object of its own, and what else its authors' code knows. */
static void attention(void **state)
{
	static const struct edit edits[] = {
		{ "stock/mpt-f16/folder", "\"alibi\": true", "\"alibi\": false", "\"attn_config\": \"alibi\" is false" },
		{ "stock/mpt-f16/folder", "\"alibi_bias_max\": 8", "\"alibi_bias_max\": 0", "\"alibi_bias_max\" is not a number above 0" },
		{ "stock/mpt-f16/folder", "\"alibi_bias_max\": 8", "\"alibi_bias_max\": null", "\"alibi_bias_max\" is null" },
		{ "stock/mpt-f16/folder", "\"alibi_bias_max\": 8,", "", NULL },
		{ "stock/mpt-f16/folder", "\"prefix_lm\": false", "\"prefix_lm\": true", "\"prefix_lm\" is true" },
		{ "stock/mpt-f16/folder", "\"qk_ln\": false", "\"qk_ln\": true", "\"qk_ln\" is true" },
		{ "stock/mpt-f16/folder", "\"attn_uses_sequence_id\": false", "\"attn_uses_sequence_id\": true",
			"\"attn_uses_sequence_id\" is true" },
		{ "stock/mpt-f16/folder", "\"multihead_attention\"", "\"multiquery_attention\"",
			"attn_type \"multiquery_attention\" is not supported (multihead_attention is)" },
		{ "stock/mpt-f16/folder", "\"alibi\": true", "\"alibi\": true, \"rope\": true", "\"rope\" is not supported" },
		{ "stock/mpt-f16/folder", "\"alibi\": true", "\"alibi\": true, \"kv_n_heads\": 2", "\"kv_n_heads\" is not supported" },
		{ "stock/mpt-f16/folder", "\"alibi\": true", "\"alibi\": true, \"sliding_window_size\": 8",
			"\"attn_config\": \"sliding_window_size\" is not known, and could change what is computed" },
		{ "stock/mpt-f16/folder", "\"torch\"", "\"triton\"", NULL },
		{ "stock/mpt-f16/folder", "\"clip_qkv\": 1.0", "\"clip_qkv\": -1", "\"clip_qkv\" is not a number above 0" },
		{ "stock/mpt-f16/folder", "\"softmax_scale\": null", "\"softmax_scale\": 0", "\"softmax_scale\" is not a number above 0" },
		{ "stock/mpt-f16/folder", "\"no_bias\": true", "\"no_bias\": false", "\"no_bias\" is false" },
		{ "stock/mpt-f16/folder", "\"low_precision_layernorm\"", "\"low_precision_rmsnorm\"",
			"norm_type \"low_precision_rmsnorm\" is not supported" },
		{ "stock/mpt-f16/folder", "\"low_precision_layernorm\"", "\"layernorm\"", NULL },
		{ "stock/mpt-f16/folder", "\"logit_scale\": null", "\"logit_scale\": \"inv_sqrt_d_model\"", "\"logit_scale\" is not supported" },
		{ "stock/mpt-f16/folder", "\"expansion_ratio\": 4", "\"expansion_ratio\": 3", "config.json asks for [144, 48]" },
		{ "stock/mpt-f16/folder", "\"expansion_ratio\": 4", "\"expansion_ratio\": 4294967295", "feed_forward_length" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(edits); i++)
		try_edit(&edits[i]);
}

/* GPT-2, Phi-2 and Falcon: what their authors' code or transformers' computes otherwise where a key says so. */
static void ungated(void **state)
{
	static const struct edit edits[] = {
		{ "stock/gpt2-f16/folder", "\"scale_attn_weights\": true", "\"scale_attn_weights\": false", "\"scale_attn_weights\" is false" },
		{ "stock/gpt2-f16/folder", "\"scale_attn_weights\": true", "\"scale_attn_weights\": null", "\"scale_attn_weights\" is not true or false" },
		{ "stock/gpt2-f16/folder", "\"scale_attn_weights\": true,", "", NULL },
		{ "stock/gpt2-f16/folder", "\"scale_attn_by_inverse_layer_idx\": false", "\"scale_attn_by_inverse_layer_idx\": true",
			"\"scale_attn_by_inverse_layer_idx\" is true" },
		{ "stock/gpt2-f16/folder", "\"reorder_and_upcast_attn\": false", "\"reorder_and_upcast_attn\": true",
			"\"reorder_and_upcast_attn\" is true" },
		{ "stock/gpt2-f16/folder", "\"add_cross_attention\": false", "\"add_cross_attention\": true", "\"add_cross_attention\" is true" },
		{ "stock/gpt2-f16/folder", "\"gelu_new\"", "\"gelu\"", "activation_function \"gelu\" is not supported (gelu_new is)" },
		{ "stock/gpt2-f16/folder", "\"gelu_new\"", "\"relu\"", "activation_function \"relu\" is not supported (gelu_new is)" },
		{ "stock/gpt2-f16/folder", "\"gelu_new\"", "\"gelu_pytorch_tanh\"", NULL },
		{ "stock/gpt2-f16/folder", "\"activation_function\": \"gelu_new\",", "", NULL },
		{ "stock/gpt2-f16/folder", "\"n_inner\": 100", "\"n_inner\": null", "mlp.c_fc.bias has shape [100]; config.json asks for [192]" },
		{ "stock/gpt2-f16/folder", "\"n_positions\": 128", "\"n_positions\": 64", "wpe.weight has shape [128, 48]; config.json asks for [64, 48]" },
		{ "stock/gpt2-f16/folder", "\"n_embd\": 48,", "", "\"n_embd\" is missing" },
		{ "stock/phi2-f16/folder", "\"qk_layernorm\": false", "\"qk_layernorm\": true", "\"qk_layernorm\" is true" },
		{ "stock/phi2-f16/folder", "\"gelu_new\"", "\"gelu\"",
			"hidden_act \"gelu\" is not supported (gelu_new, relu, fatrelu and relu2 are)" },
		{ "stock/phi2-f16/folder", "\"hidden_act\": \"gelu_new\",", "", NULL },
		{ "stock/phi2-f16/folder", "\"partial_rotary_factor\": 0.4", "\"partial_rotary_factor\": 1.4", "\"partial_rotary_factor\" is not 1" },
		{ "stock/falcon-7b-f16/folder", "\"alibi\": false", "\"alibi\": true", "\"alibi\" is true" },
		{ "stock/falcon-7b-f16/folder", "\"bias\": false", "\"bias\": true", "\"bias\" is true" },
		{ "stock/falcon-7b-f16/folder", "\"parallel_attn\": true", "\"parallel_attn\": false", "\"parallel_attn\" is false" },
		{ "stock/falcon-7b-f16/folder", "\"activation\": \"gelu\"", "\"activation\": \"gelu_new\"",
			"activation \"gelu_new\" is not supported (gelu, relu, fatrelu and relu2 are)" },
		{ "stock/falcon-7b-f16/folder", "\"activation\": \"gelu\",", "", NULL },
		{ "stock/falcon-7b-f16/folder", "\"max_position_embeddings\": 2048,", "", NULL },
		{ "stock/falcon-7b-f16/folder", "\"multi_query\": true", "\"multi_query\": false",
			"query_key_value.weight has shape [146, 142]; config.json asks for [426, 142]" },
		{ "stock/falcon-40b-f16/folder", "\"num_ln_in_parallel_attn\": 2", "\"num_ln_in_parallel_attn\": 1",
			"\"num_ln_in_parallel_attn\" is not 2" },
		{ "stock/falcon-40b-f16/folder", "\"num_kv_heads\": 2", "\"num_kv_heads\": 3",
			"query_key_value.weight has shape [80, 48]; config.json asks for [96, 48]" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(edits); i++)
		try_edit(&edits[i]);
}

/* Of a checkpoint that has the language model inside, and of tensors that have several of the model's. */
static void tensors(void **state)
{
	static const struct edit edits[] = {
		{ "stock/gemma3-f16/inside", "\"text_config\"", "\"test_config\"", "\"text_config\" is missing" },
		{ "stock/gemma3-f16/inside", "{", "{\"quantization_config\": {\"quant_method\": \"awq\"},", "\"quantization_config\"" },
		{ "stock/gemma3-f16/inside", "\"tie_word_embeddings\": true,\n  \"transformers", "\"tie_word_embeddings\": false,\n  \"transformers",
			"\"tie_word_embeddings\" is false" },
		{ "stock/phi3-long-f16/folder", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 1",
			"qkv_proj.weight has shape [128, 64]; config.json asks for [96, 64]" },
		{ "stock/phi3-long-f16/folder", "\"intermediate_size\": 70", "\"intermediate_size\": 71",
			"gate_up_proj.weight has shape [140, 64]; config.json asks for [142, 64]" },
		{ "stock/starcoder2-f16/folder", "\"use_bias\": true", "\"use_bias\": false", "bias has no place in the starcoder2 model" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(edits); i++)
		try_edit(&edits[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(halves_of_a_rope), cmocka_unit_test(windows),
		cmocka_unit_test(factors), cmocka_unit_test(attention), cmocka_unit_test(ungated), cmocka_unit_test(tensors) };
	int rc;

	folder = folder_make();
	snprintf(out, sizeof(out), "%s/out.gguf", folder.path);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	folder_remove(&folder);
	return rc;
}
