/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Files beside a checkpoint that change what transformers makes of it. */

#include "pack_job.h"

#include "bits.h"
#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of generation_config.json: what chooses tokens, and the ends that are no tokens. */
static const char *const choosing[] = { "do_sample", "temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff",
	"eta_cutoff", "repetition_penalty", "no_repeat_ngram_size", "bad_words_ids", "sequence_bias", "suppress_tokens",
	"begin_suppress_tokens", "forced_bos_token_id", "forced_eos_token_id", "exponential_decay_length_penalty",
	"min_length", "min_new_tokens", "max_length", "max_new_tokens", "max_time", "stop_strings", "num_beams",
	"penalty_alpha", "guidance_scale" };

/* 1: the folder has the file; 0, or -ENOMEM with its sentence. */
static int has_file(const char *folder, const char *name, struct wick_diag *diag)
{
	char *path;
	int is_there;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", folder);
	is_there = access(path, F_OK) == 0;
	free(path);
	return is_there;
}

int wick_pack_explain_tokenizer(const char *folder, const struct wick_notes *notes, struct wick_diag *diag)
{
	static const char *const others[] = { "vocab.json", "tokenizer.model" };
	int rc = has_file(folder, "tokenizer.json", diag);

	if (rc <= 0)
		return rc;
	for (size_t i = 0; rc >= 0 && i < WICK_COUNT_OF(others); i++) {
		rc = has_file(folder, others[i], diag);
		if (rc > 0)
			wick_notes_say(notes, "%s: the tokenizer is read from tokenizer.json, as transformers does, and not from %s",
				folder, others[i]);
	}
	return rc < 0 ? rc : 0;
}

int wick_pack_refuse_adapter(const char *folder, struct wick_diag *diag)
{
	int is_there = has_file(folder, "adapter_config.json", diag);

	return is_there <= 0 ? is_there : wick_diag_say(diag, -EINVAL, "%s/adapter_config.json: an adapter (LoRA) is added to the model's "
		"weights, which is not supported: merge it into them and save the whole model", folder);
}

/* "temperature, top_p" */
static void join_keys(char *text, size_t room, const json_t *generation)
{
	size_t at = 0;

	text[0] = 0;
	for (size_t i = 0; i < WICK_COUNT_OF(choosing); i++) {
		const json_t *value = json_object_get(generation, choosing[i]);

		if (value && !json_is_null(value))
			at += (size_t)snprintf(text + at, room - at, "%s%s", at ? ", " : "", choosing[i]);
	}
}

/* The tokens that end a text are its matter, whatever config.json says. */
static void explain_stops(
	const char *path, const json_t *generation, const struct wick_config *config, const struct wick_notes *notes)
{
	static const char key[] = "eos_token_id";
	const json_t *taken = json_object_get(generation, key), *other = json_object_get(config->root, key);

	if ((json_is_null(taken) ? NULL : taken) != (json_is_null(other) ? NULL : other) && !json_equal(taken, other))
		wick_notes_say(notes, "%s: its %s ends a text, as in transformers, and not that of config.json", path, key);
}

static void explain(
	const char *path, const json_t *generation, const struct wick_config *config, const struct wick_notes *notes)
{
	char keys[WICK_COUNT_OF(choosing) * 40];

	explain_stops(path, generation, config, notes);
	join_keys(keys, sizeof(keys), generation);
	if (keys[0])
		wick_notes_say(notes, "%s: %s: not kept, since options of wick run say how tokens are chosen", path, keys);
}

int wick_pack_explain_generation(const char *folder, const struct wick_config *config, const struct wick_notes *notes,
	struct wick_diag *diag)
{
	struct wick_diag why = { 0 };
	json_t *generation;
	char *path;
	int rc;

	if (asprintf(&path, "%s/generation_config.json", folder) < 0)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", folder);
	rc = wick_json_load(&generation, path, &wick_json_config, WICK_JSON_LAST_KEY_WINS, &why);
	if (rc == 0)
		explain(path, generation, config, notes);
	else if (rc != -ENOENT)
		wick_diag_say(diag, rc, "%s", why.text);
	json_decref(generation);
	free(path);
	return rc == -ENOENT ? 0 : rc;
}
