/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The same model in the forms that checkpoints come in: each is packed, computes what transformers 5.24 computes of that
 * folder, and says what of it was chosen or left out. Transformers computes the fixture's own logits of all of them but
 * those in which the head is the embedding's negative: there it computes the negative of the logits. */

#include "first_session.h"
#include "fixture.h"
#include "parts.h"

#include "bits.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EMBED "model.decoder.embed_tokens.weight"
#define FC1 "model.decoder.layers.1.fc1.weight"
#define HEAD "lm_head.weight"
#define SAFE "model.safetensors"
#define PROMPT 33 /* tokens of the run that is compared */

static void write_text(const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX];

	path_join(path, folder, name);
	file_write(path, text, strlen(text));
}

/* An index that puts every tensor of model.safetensors into other.safetensors, where all numbers are others. */
static void single_beside_index(const char *folder)
{
	struct parts parts;
	json_t *map = json_object(), *facts, *index;
	char path[PATH_MAX];
	const char *name;

	parts_take(&parts, folder, SAFE);
	path_join(parts.path, folder, "other.safetensors");
	for (uint64_t i = 0; i + 4 <= parts.data_bytes; i += 4)
		parts.data[i + 3] ^= 0x80;
	json_object_foreach(parts.header, name, facts)
		if (strcmp(name, "__metadata__"))
			json_object_set_new(map, name, json_string("other.safetensors"));
	parts_put(&parts);
	index = json_pack("{s:{},s:o}", "metadata", "weight_map", map);
	path_join(path, folder, "model.safetensors.index.json");
	assert_int_equal(json_dump_file(index, path, 0), 0);
	json_decref(index);
}

static void safetensors_beside_bin(const char *folder)
{
	write_text(folder, "pytorch_model.bin", "nothing that could be read");
	write_text(folder, "pytorch_model.bin.index.json", "nor this");
}

static void lm_head_only(const char *folder)
{
	struct parts parts;

	parts_take(&parts, folder, SAFE);
	parts_rename(&parts, EMBED, HEAD);
	parts_put(&parts);
}

static void set_alias(struct parts *parts, const char *alias, const char *of)
{
	json_object_set_new(parts->header, "__metadata__", json_pack("{s:s,s:s}", "format", "pt", alias, of));
}

/* As safetensors' save_model() writes a tied model, which keeps the name that comes first. */
static void embedding_is_an_alias(const char *folder)
{
	struct parts parts;

	parts_take(&parts, folder, SAFE);
	parts_rename(&parts, EMBED, HEAD);
	set_alias(&parts, EMBED, HEAD);
	parts_put(&parts);
}

static void head_is_an_alias(const char *folder)
{
	struct parts parts;

	parts_take(&parts, folder, SAFE);
	set_alias(&parts, HEAD, EMBED);
	parts_put(&parts);
}

static void add_head(const char *folder, const char *name, float factor)
{
	struct parts parts;

	parts_take(&parts, folder, SAFE);
	parts_add_scaled(&parts, name, EMBED, factor);
	parts_put(&parts);
}

static void head_is_the_embedding_again(const char *folder)
{
	add_head(folder, HEAD, 1);
}

static void head_differs_though_tied(const char *folder)
{
	add_head(folder, HEAD, -1);
}

static void head_below_the_base_model(const char *folder)
{
	add_head(folder, "model.lm_head.weight", -1);
}

static void tensors_of_no_use(const char *folder)
{
	static const char bias[4], ids[16];
	struct parts parts;

	parts_take(&parts, folder, SAFE);
	parts_add(&parts, "model.decoder.layers.0.self_attn.masked_bias", "F32", "[]", bias, sizeof(bias));
	parts_add(&parts, "model.decoder.layers.1.self_attn.masked_bias", "F32", "[]", bias, sizeof(bias));
	parts_add(&parts, "score.ids", "I64", "[2]", ids, sizeof(ids));
	parts_put(&parts);
}

static void every_number_a_double(const char *folder)
{
	struct parts parts, doubled = { .data = malloc(1), .header = json_object() };
	json_t *facts;
	const char *name;

	parts_take(&parts, folder, SAFE);
	strcpy(doubled.path, parts.path);
	json_object_foreach(parts.header, name, facts) {
		char *shape = json_dumps(json_object_get(facts, "shape"), JSON_COMPACT);
		const uint8_t *from;
		double *numbers;
		uint64_t bytes;

		if (!shape)
			continue; /* of the metadata */
		from = parts_bytes(&parts, name, &bytes);
		numbers = malloc(2 * bytes);
		for (uint64_t i = 0; i < bytes / 4; i++) {
			float number;

			memcpy(&number, from + 4 * i, 4);
			numbers[i] = number;
		}
		parts_add(&doubled, name, "F64", shape, numbers, 2 * bytes);
		free(numbers);
		free(shape);
	}
	json_decref(parts.header);
	free(parts.data);
	parts_put(&doubled);
}

/* Renames every tensor: the i-th gets prefixes[i % count] in front, "-" standing for "without model.". */
static void prefix_names(const char *folder, const char *const *prefixes, unsigned count)
{
	struct parts parts;
	json_t *header = json_object(), *facts;
	const char *name;
	unsigned i = 0;

	parts_take(&parts, folder, SAFE);
	json_object_foreach(parts.header, name, facts) {
		const char *prefix = prefixes[i++ % count];
		char renamed[256];

		if (!strcmp(name, "__metadata__"))
			continue;
		if (!strcmp(prefix, "-"))
			strcpy(renamed, name + strlen("model."));
		else
			snprintf(renamed, sizeof(renamed), "%s%s", prefix, name);
		json_object_set(header, renamed, facts);
	}
	json_decref(parts.header);
	parts.header = header;
	parts_put(&parts);
}

static void wrapped_in_a_module(const char *folder)
{
	prefix_names(folder, (const char *const[]){ "module." }, 1);
}

static void wrapped_in_a_state_dict(const char *folder)
{
	prefix_names(folder, (const char *const[]){ "state_dict.", "state_dict.module.", "state_dict._orig_mod." }, 3);
}

static void prefixes_of_all_kinds(const char *folder)
{
	prefix_names(folder, (const char *const[]){ "", "-", "model." }, 3);
}

static void edit_map(const char *folder, const char *tensor, const char *file)
{
	char path[PATH_MAX];
	json_t *json, *map;

	path_join(path, folder, "model.safetensors.index.json");
	json = json_load_file(path, 0, NULL);
	map = json_object_get(json, "weight_map");
	assert_non_null(map);
	assert_int_equal(file ? json_object_set_new(map, tensor, json_string(file)) : json_object_del(map, tensor), 0);
	assert_int_equal(json_dump_file(json, path, JSON_COMPACT), 0);
	json_decref(json);
}

static void index_forgets_a_tensor(const char *folder)
{
	edit_map(folder, FC1, NULL);
}

static void index_names_the_wrong_shard(const char *folder)
{
	edit_map(folder, FC1, "model-00001-of-00003.safetensors");
}

/* In the first shard, where the index puts it, with other numbers; transformers takes the last one's. */
static void tensor_in_two_shards(const char *folder)
{
	static const uint8_t numbers[100 * 96 * 2];
	struct parts parts;

	parts_take(&parts, folder, "model-00001-of-00003.safetensors");
	parts_add(&parts, FC1, "F16", "[100,96]", numbers, sizeof(numbers));
	parts_put(&parts);
	edit_map(folder, FC1, "model-00001-of-00003.safetensors");
}

static void keys_of_no_effect(const char *folder)
{
	char path[PATH_MAX];
	json_t *json;

	path_join(path, folder, "config.json");
	json = json_load_file(path, 0, NULL);
	json_object_set_new(json, "hidden_act", json_string("silu"));
	json_object_set_new(json, "quantization_config", json_null());
	assert_int_equal(json_dump_file(json, path, 0), 0);
	json_decref(json);
	write_text(folder, "generation_config.json", "{\"eos_token_id\":[2,3],\"top_p\":0.9,\"temperature\":0.6,\"top_k\":null}");
}

static void tokenizer_in_two_forms(const char *folder)
{
	write_text(folder, "vocab.json", "{}");
	write_text(folder, "merges.txt", "");
}

static const struct form {
	void (*make)(const char *folder); /* of a copy of the fixture */
	const char *name, *fixture;
	float sign;          /* of the logits */
	const char *says[3]; /* words of the notes, one after the other; NULL: there is no other */
} forms[] = {
#define FORM(function, fixture, sign, ...) { function, #function, fixture, sign, { __VA_ARGS__ } }
	FORM(single_beside_index, "plain-f32", 1, "from model.safetensors, as transformers does, and not from "
		"model.safetensors.index.json"),
	FORM(safetensors_beside_bin, "plain-f32", 1, "not from pytorch_model.bin", "not from pytorch_model.bin.index.json"),
	FORM(lm_head_only, "plain-f32", 1, "tensor lm_head.weight is the embedding, too"),
	FORM(embedding_is_an_alias, "plain-f32", 1, NULL),
	FORM(head_is_an_alias, "plain-f32", 1, NULL),
	FORM(head_is_the_embedding_again, "plain-f32", 1, NULL),
	FORM(head_differs_though_tied, "plain-f32", -1, "tensor lm_head.weight is not the embedding"),
	FORM(head_below_the_base_model, "plain-f32", -1, "tensor model.lm_head.weight is not the embedding"),
	FORM(tensors_of_no_use, "plain-f32", 1,
		"model.decoder.layers.N.self_attn.masked_bias (2 of them) is no part of an opt model", "score.ids (1 of"),
	FORM(keys_of_no_effect, "plain-f32", 1, "config.json: key \"hidden_act\" is unknown and has no effect",
		"generation_config.json: its eos_token_id ends a text, as in transformers, and not that of config.json",
		"generation_config.json: temperature, top_p: not kept"),
	FORM(every_number_a_double, "plain-f32", 1, NULL),
	FORM(wrapped_in_a_module, "plain-f32", 1, "tensors are taken out of \"module\""),
	FORM(wrapped_in_a_state_dict, "plain-f32", 1, "tensors are taken out of \"state_dict"),
	FORM(prefixes_of_all_kinds, "plain-f32", 1, NULL),
	FORM(tokenizer_in_two_forms, "odd-head-bf16", 1,
		"the tokenizer is read from tokenizer.json, as transformers does, and not from vocab.json"),
	FORM(index_forgets_a_tensor, "sharded-f16", 1, NULL),
	FORM(index_names_the_wrong_shard, "sharded-f16", 1, NULL),
	FORM(tensor_in_two_shards, "sharded-f16", 1, "tensor model.decoder.layers.1.fc1.weight is there, too, and is taken"),
};

/* What was noted, compared with what a form says. */
struct notes {
	const struct form *form;
	unsigned count;
	char last[1024];
};

static void compare_note(void *user, const char *sentence)
{
	struct notes *notes = user;

	snprintf(notes->last, sizeof(notes->last), "%s", sentence);
	if (notes->count < 3 && notes->form->says[notes->count] && strstr(sentence, notes->form->says[notes->count]))
		notes->count++;
	else
		notes->count = 99;
}

static void pack(const struct form *form, const char *source, const char *out)
{
	struct notes notes = { .form = form };
	const struct wick_pack_options options = { .type = "f32", .note = compare_note, .note_user = &notes };
	struct wick_diag diag;
	unsigned wanted = 0;

	while (wanted < 3 && form->says[wanted])
		wanted++;
	if (wick_pack(source, out, &options, &diag))
		fail_msg("%s", diag.text);
	if (notes.count != wanted)
		fail_msg("of %u notes the last is \"%s\"", wanted, notes.last);
}

struct comparison {
	const struct golden_run *run;
	uint32_t vocab, row;
	float sign, worst; /* difference, as a share of the largest logit */
};

static void compare(void *user, uint32_t position, const float *logits)
{
	struct comparison *c = user;
	const float *want;

	if (c->row == c->run->row_count || c->run->rows[c->row] != position)
		return;
	want = c->run->logits + (size_t)c->row++ * c->vocab;
	for (uint32_t i = 0; i < c->vocab; i++) {
		float difference = fabsf(c->sign * logits[i] - want[i]) / c->run->logit_max;

		c->worst = difference <= c->worst ? c->worst : isnan(difference) ? INFINITY : difference;
	}
}

static void check_logits(const char *model, const struct form *form)
{
	struct wick_options options;
	struct wick_diag diag;
	struct golden golden;
	struct comparison c = { .sign = form->sign };
	struct wick *wick;

	golden_load(&golden, form->fixture);
	c.run = golden_run(&golden, PROMPT);
	c.vocab = golden.vocab;
	wick_options_init(&options);
	options.all_logits = true;
	options.mode = "dense";
	wick = model_open(model, &options);
	if (wick_session_eval(session_of(wick), c.run->prompt, PROMPT, compare, &c, &diag))
		fail_msg("%s", diag.text);
	assert_true(c.row >= 5);
	if (!(c.worst <= GOLDEN_TOLERANCE))
		fail_msg("logits differ by %.2e of the largest", c.worst);
	wick_close(wick);
	golden_free(&golden);
}

static void computes_what_transformers_computes(void **state)
{
	const struct form *form = *state;
	char scratch[PATH_MAX], folder[PATH_MAX], out[PATH_MAX];

	scratch_make(scratch);
	fixture_folder(folder, form->fixture);
	folder_copy(folder, scratch);
	form->make(scratch);
	path_join(out, scratch, "out.gguf");
	pack(form, scratch, out);
	check_logits(out, form);
	scratch_remove(scratch);
}

int main(void)
{
	struct CMUnitTest tests[WICK_COUNT_OF(forms)];

	for (unsigned i = 0; i < WICK_COUNT_OF(forms); i++)
		tests[i] = (struct CMUnitTest){ forms[i].name, computes_what_transformers_computes, NULL, NULL,
			(void *)&forms[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
