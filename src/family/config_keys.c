/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The keys of config.json that no family reads: known to change nothing, known to change everything, or unknown. */

#include "config.h"

#include "bits.h"

#include <errno.h>
#include <string.h>

/* Book-keeping, training, and how texts are written, which generation_config.json says now. Special tokens are the
 * tokenizer's matter. */
static const char *const idle[] = { "model_type", "architectures", "transformers_version", "_name_or_path", "dtype",
	"torch_dtype", "use_cache", "dropout", "attention_dropout", "activation_dropout", "layerdrop", "init_std",
	"initializer_range", "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id",
	"tokenizer_class", "prefix", "output_attentions", "output_hidden_states", "return_dict", "torchscript", "id2label",
	"label2id", "problem_type", "finetuning_task", "task_specific_params", "gradient_checkpointing", "is_decoder",
	"is_encoder_decoder", "_attn_implementation_autoset", "max_length", "min_length", "do_sample", "early_stopping",
	"num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p",
	"repetition_penalty", "length_penalty", "no_repeat_ngram_size", "num_return_sequences", "output_scores",
	"return_dict_in_generate", NULL };

/* Keys that tell of a change to the tensors, or of another place for them. */
static const struct {
	const char *key, *why;
} refused[] = {
	{ "quantization_config", "the weights are quantised in a way that is not supported" },
	{ "transformers_weights", "names another file of weights; to pack it, rename it to model.safetensors" },
};

static bool is_among(const char *key, const char *const *keys)
{
	while (*keys && strcmp(*keys, key))
		keys++;
	return *keys;
}

bool wick_config_is_idle(const char *key)
{
	return is_among(key, idle);
}

static int check_refused(const struct wick_config *config, const char *const *used, struct wick_diag *diag)
{
	for (size_t i = 0; i < WICK_COUNT_OF(refused); i++) {
		const json_t *value = json_object_get(config->root, refused[i].key);

		if (value && !json_is_null(value) && !is_among(refused[i].key, used))
			return wick_diag_say(diag, -EINVAL, "%s: \"%s\": %s", config->path, refused[i].key, refused[i].why);
	}
	return 0;
}

int wick_config_check_keys(const struct wick_config *config, const char *const *used, const struct wick_notes *notes,
	struct wick_diag *diag)
{
	int rc = check_refused(config, used, diag);
	const char *key;
	json_t *value;

	if (rc)
		return rc;
	json_object_foreach(config->root, key, value)
		if (!json_is_null(value) && !is_among(key, used) && !is_among(key, idle))
			wick_notes_say(notes, "%s: key \"%s\" is unknown and has no effect, as in transformers", config->path,
				wick_diag_name(key));
	return 0;
}
