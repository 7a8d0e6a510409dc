/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sizes by name, and the config, tensors and tokenizer of a folder of that size (see synthetic.h). */

#include "synthetic.h"

#include "bits.h"
#include "bytelevel.h"
#include "synthetic_source.h"
#include "tensors.h"
#include "pack_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BYTE_TOKENS 256

/* OPT, as published; "tiny" is there for tests. */
static const struct size {
	const char *name;
	int layers, d_model, d_embed, heads, n_ff, vocab, ctx;
	bool norm_first;
} sizes[] = {
	{ "opt-tiny", 2, 64, 64, 4, 256, 512, 256, true },
	{ "opt-125m", 12, 768, 768, 12, 3072, 50272, 2048, true },
	{ "opt-350m", 24, 1024, 512, 16, 4096, 50272, 2048, false },
	{ "opt-1.3b", 24, 2048, 2048, 32, 8192, 50272, 2048, true },
	{ "opt-2.7b", 32, 2560, 2560, 32, 10240, 50272, 2048, true },
	{ "opt-6.7b", 32, 4096, 4096, 32, 16384, 50272, 2048, true },
	{ "opt-13b", 40, 5120, 5120, 40, 20480, 50272, 2048, true },
	{ "opt-30b", 48, 7168, 7168, 56, 28672, 50272, 2048, true },
	{ "opt-66b", 64, 9216, 9216, 72, 36864, 50272, 2048, true },
};

/* The paper's other models, and small ones of their families, as config.json has them. Llama's is FATReLU's, as the paper
 * takes it; Falcon's and Phi's are relufied. */
static const struct other {
	const char *name, *config;
} others[] = {
	{ "llama-2-7b", "{'model_type':'llama','hidden_size':4096,'num_hidden_layers':32,'num_attention_heads':32,"
		"'intermediate_size':11008,'vocab_size':32000,'max_position_embeddings':4096,'hidden_act':'fatrelu'}" },
	{ "falcon-7b", "{'model_type':'falcon','hidden_size':4544,'num_hidden_layers':32,'num_attention_heads':71,"
		"'vocab_size':65024,'max_position_embeddings':2048,'activation':'relu'}" },
	{ "persimmon-8b", "{'model_type':'persimmon','hidden_size':4096,'num_hidden_layers':36,'num_attention_heads':64,"
		"'intermediate_size':16384,'vocab_size':262144,'max_position_embeddings':16384,'rope_theta':25000.0}" },
	{ "phi-2", "{'model_type':'phi','hidden_size':2560,'num_hidden_layers':32,'num_attention_heads':32,"
		"'intermediate_size':10240,'vocab_size':51200,'max_position_embeddings':2048,'hidden_act':'relu',"
		"'partial_rotary_factor':0.4}" },
	{ "llama-tiny", "{'model_type':'llama','hidden_size':64,'num_hidden_layers':2,'num_attention_heads':2,"
		"'intermediate_size':192,'vocab_size':288,'max_position_embeddings':512,'num_key_value_heads':1,'hidden_act':'relu'}" },
	{ "falcon-tiny", "{'model_type':'falcon','hidden_size':64,'num_hidden_layers':2,'num_attention_heads':2,"
		"'ffn_hidden_size':192,'vocab_size':288,'max_position_embeddings':512,'activation':'relu'}" },
	{ "persimmon-tiny", "{'model_type':'persimmon','hidden_size':64,'num_hidden_layers':2,'num_attention_heads':2,"
		"'intermediate_size':192,'vocab_size':288,'max_position_embeddings':512}" },
	{ "llama-small", "{'model_type':'llama','hidden_size':256,'num_hidden_layers':2,'num_attention_heads':4,"
		"'intermediate_size':512,'vocab_size':512,'max_position_embeddings':512,'num_key_value_heads':2,'hidden_act':'relu'}" },
	{ "falcon-small", "{'model_type':'falcon','hidden_size':256,'num_hidden_layers':2,'num_attention_heads':4,"
		"'ffn_hidden_size':512,'vocab_size':512,'max_position_embeddings':512,'activation':'relu'}" },
};

enum { BOS = 2, PAD = 1, EOS = 2, UNK = 3 };
static const char *const specials[] = { "<s>", "<pad>", "</s>", "<unk>" };

bool wick_synthetic_is(const char *source)
{
	return strncmp(source, WICK_SYNTHETIC, strlen(WICK_SYNTHETIC)) == 0;
}

static int refuse_size(const char *source, struct wick_diag *diag)
{
	char names[512];
	size_t at = 0;

	for (size_t i = 0; i < WICK_COUNT_OF(sizes); i++)
		at += snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "", sizes[i].name);
	for (size_t i = 0; i < WICK_COUNT_OF(others); i++)
		at += snprintf(names + at, sizeof(names) - at, ", %s", others[i].name);
	return wick_diag_say(diag, -EINVAL, "\"%.80s\": there is no such shape; after " WICK_SYNTHETIC " comes one of %s",
		source, names);
}

static const struct size *find_size(const char *source)
{
	for (size_t i = 0; i < WICK_COUNT_OF(sizes); i++)
		if (strcmp(sizes[i].name, source + strlen(WICK_SYNTHETIC)) == 0)
			return &sizes[i];
	return NULL;
}

bool wick_synthetic_has(const char *source)
{
	const char *name = source + strlen(WICK_SYNTHETIC);
	bool has = find_size(source);

	for (size_t i = 0; !has && i < WICK_COUNT_OF(others); i++)
		has = !strcmp(others[i].name, name);
	return has;
}

/* NULL: no such name, or no memory. */
static json_t *other_config(const char *name)
{
	for (size_t i = 0; i < WICK_COUNT_OF(others); i++) {
		char text[512];
		size_t length = strlen(others[i].config);

		if (strcmp(others[i].name, name))
			continue;
		for (size_t c = 0; c <= length; c++)
			text[c] = others[i].config[c] == '\'' ? '"' : others[i].config[c];
		return json_loads(text, 0, NULL);
	}
	return NULL;
}

int wick_synthetic_config(struct wick_config *config, const char *source, struct wick_diag *diag)
{
	const struct size *size = find_size(source);

	*config = (struct wick_config){ 0 };
	config->path = strdup(source);
	config->root = size ? NULL : other_config(source + strlen(WICK_SYNTHETIC));
	if (config->path && config->root)
		return 0;
	if (!size) {
		wick_config_free(config);
		return refuse_size(source, diag);
	}
	config->root = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b}", "model_type", "opt",
		"num_hidden_layers", size->layers, "hidden_size", size->d_model, "word_embed_proj_dim", size->d_embed,
		"num_attention_heads", size->heads, "ffn_dim", size->n_ff, "vocab_size", size->vocab,
		"max_position_embeddings", size->ctx, "do_layer_norm_before", (int)size->norm_first);
	if (config->path && config->root)
		return 0;
	wick_config_free(config);
	return wick_diag_say(diag, -ENOMEM, "%s: out of memory", source);
}

struct making {
	struct wick_source_list list;
	const char *source;
	struct wick_diag *diag;
};

/* Weights of norms lie around 1, all else around 0. With that, activations of every size above stay within f16. */
static int make_source(const struct wick_pack_wanted *wanted, void *user)
{
	struct making *making = user;
	struct wick_source_tensor tensor = { .name = wanted->name, .type = WICK_F32, .dims = wanted->dims,
		.bytes = sizeof(float), .entry = wick_tensor_is_norm(wanted->slot) };

	for (unsigned d = 0; d < wanted->dims; d++) {
		tensor.shape[d] = wanted->shape[d];
		tensor.bytes *= wanted->shape[d];
	}
	return wick_source_list_add(&making->list, &tensor, making->source, making->diag);
}

int wick_synthetic_open(struct wick_pack_job *job, const char *source)
{
	struct wick_diag *diag = job->diag;
	struct making making = { .source = source, .diag = diag };
	int rc = job->each_source ? job->each_source(job, make_source, &making) :
		wick_pack_each_source(job->arch, &job->shape, make_source, &making);

	if (rc == 0)
		rc = wick_checkpoint_make(&job->checkpoint, source, &wick_synthetic_format, &making.list, diag);
	wick_source_list_free(&making.list);
	return rc;
}

/* Characters of the byte alphabet are below U+0800. */
static char *spell_byte(uint8_t byte)
{
	uint32_t c = wick_bytelevel_spell(byte);
	char text[3] = { (char)c };

	if (c >= 0x80) {
		text[0] = (char)(0xc0 | c >> 6);
		text[1] = (char)(0x80 | (c & 0x3f));
	}
	return strdup(text);
}

static char *spell_unused(uint32_t id)
{
	char *text;

	return asprintf(&text, "[PAD%u]", id) < 0 ? NULL : text;
}

int wick_synthetic_tokenizer(struct wick_hf_tokenizer *tokenizer, uint32_t vocab, struct wick_diag *diag)
{
	const uint32_t first_byte = WICK_COUNT_OF(specials);
	bool complete;

	*tokenizer = (struct wick_hf_tokenizer){ .model = "gpt2", .pre = "gpt-2", .count = vocab, .bos = BOS,
		.eos = EOS, .pad = PAD, .unk = UNK, .add_bos = true };
	tokenizer->tokens = calloc(vocab, sizeof(*tokenizer->tokens));
	tokenizer->types = calloc(vocab, sizeof(*tokenizer->types));
	tokenizer->stops = malloc(sizeof(*tokenizer->stops));
	complete = tokenizer->tokens && tokenizer->types && tokenizer->stops;
	if (complete)
		tokenizer->stops[tokenizer->stop_count++] = EOS;
	for (uint32_t id = 0; complete && id < vocab; id++) {
		bool special = id < first_byte, byte = !special && id - first_byte < BYTE_TOKENS;

		tokenizer->types[id] = special ? WICK_TOKEN_CONTROL : byte ? WICK_TOKEN_NORMAL : WICK_TOKEN_UNUSED;
		tokenizer->tokens[id] = special ? strdup(specials[id]) :
				byte ? spell_byte((uint8_t)(id - first_byte)) : spell_unused(id);
		complete = tokenizer->tokens[id];
	}
	if (complete)
		return 0;
	wick_hf_tokenizer_free(tokenizer);
	return wick_diag_say(diag, -ENOMEM, "no memory for the tokenizer");
}
