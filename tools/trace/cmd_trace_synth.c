/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick trace synth */

#include "bits.h"
#include "progress.h"
#include "routing.h"
#include "trace_synth.h"
#include "text.h"
#include "trace_commands.h"
#include "trace_format.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *out_path, *like_path, *routing;
static uint32_t layers, ffn, tokens, experts, chosen;
static uint64_t seed;
static float zipf, active;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Options:" },
	{ OPT_OUTPUT, 'o', .value = "FILE", .into.text = &out_path,
		.help = "the trace; appears complete, or not at all" },
	{ OPT_COUNT, 'n', .name = "tokens", .value = "N", .into.count = &tokens, .min = 1, .max = UINT32_MAX,
		.help = "how long it is (512)" },
	{ OPT_COUNT, .name = "layers", .value = "N", .into.count = &layers, .min = 1, .max = WICK_TRACE_LAYERS_MAX,
		.help = "of the model it stands for (32, as OPT-6.7B)" },
	{ OPT_COUNT, .name = "ffn", .value = "N", .into.count = &ffn, .min = 1, .max = WICK_TRACE_N_FF_MAX,
		.help = "neurons of each layer (16384)" },
	{ OPT_INPUT, .name = "like", .value = "MODEL", .into.text = &like_path,
		.help = "layers and neurons as a packed model has them" },
	{ OPT_NUMBER, .name = "active", .value = "SHARE", .into.number = &active,
		.help = "of the neurons at a token, on average (0.10)" },
	{ OPT_NUMBER, .name = "zipf", .value = "X", .into.number = &zipf,
		.help = "exponent: how much likelier some neurons are than others (1.44)" },
	{ OPT_TEXT, .name = "routing", .value = "PRESET", .into.text = &routing,
		.help = "of experts instead, as routers of a model choose them: qwen3-30b, olmoe, gpt-oss-120b, gpt-oss-20b, "
			"gemma-4-26b, kimi-linear, mixtral-8x7b, smallthinker-21b, or uniform" },
	{ OPT_COUNT, .name = "experts", .value = "N", .into.count = &experts, .min = 1, .max = WICK_NO_EXPERT - 1u,
		.help = "of each layer (the preset's)" },
	{ OPT_COUNT, .name = "chosen", .value = "N", .into.count = &chosen, .min = 1, .max = 64,
		.help = "of them, for a token (the preset's)" },
	{ OPT_SEED, .name = "seed", .value = "S", .into.seed = &seed, .help = "another trace for another one (1)" },
	{ OPT_END },
};

static void init(void)
{
	tokens = 512;
	seed = 1;
	zipf = 1.44f;
	active = 0.10f;
}

/* 0.1f is 0.10000000149: what was typed is meant. */
static double as_typed(float value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.7g", (double)value);
	return strtod(text, NULL);
}

static struct wick_trace_synthesis synthesis(void)
{
	return (struct wick_trace_synthesis){ .zipf = as_typed(zipf), .active = as_typed(active), .seed = seed };
}

static int check_routing(struct wick_diag *diag)
{
	if (!routing && (experts || chosen))
		return wick_diag_say(diag, -EINVAL, "--%s is for --routing", experts ? "experts" : "chosen");
	if (!routing)
		return 0;
	if (!wick_routing_preset(routing))
		return wick_diag_say(diag, -EINVAL, "--routing '%.40s': there is no such preset", routing);
	if (ffn)
		return wick_diag_say(diag, -EINVAL, "--ffn is for neurons: without --routing");
	if (like_path && (experts || chosen))
		return wick_diag_say(diag, -EINVAL, "--like gives layers and experts: without --%s", experts ? "experts" : "chosen");
	return 0;
}

static int check(struct wick_diag *diag)
{
	struct wick_trace_synthesis asked = synthesis();
	int rc = check_routing(diag);

	if (rc)
		return rc;
	if (!out_path)
		return wick_diag_say(diag, -EINVAL, "-o FILE is missing");
	if (like_path && (layers || ffn))
		return wick_diag_say(diag, -EINVAL, "--like gives layers and neurons: without --%s", layers ? "layers" : "ffn");
	return wick_synth_check(&asked, diag);
}

static int take_shape(struct wick_trace_shape *shape, struct wick_diag *diag)
{
	struct trace_model model = { .layers = layers ? layers : 32, .n_ff = ffn ? ffn : 16384 };
	int rc = like_path ? trace_model_read(like_path, &model, diag) : 0;

	*shape = (struct wick_trace_shape){
		.layers = model.layers, .n_ff = model.n_ff, .tokens = tokens, .synthesis = synthesis()
	};
	return rc;
}

/* As a preset's model has them, or the options, or another model. */
static int take_routing(struct wick_trace_shape *shape, uint32_t *dense_layers, struct wick_diag *diag)
{
	const struct wick_routing_preset *preset = wick_routing_preset(routing);
	struct trace_model model = { .layers = layers ? layers : preset->layers, .experts = experts ? experts : preset->experts,
		.chosen = chosen ? chosen : preset->chosen };
	int rc = like_path ? trace_model_read(like_path, &model, diag) : 0;

	if (!rc && !model.experts)
		rc = wick_diag_say(diag, -EINVAL, "%s: has no experts", like_path);
	if (!rc && model.chosen > model.experts)
		rc = wick_diag_say(diag, -EINVAL, "%u of %u experts cannot be chosen", model.chosen, model.experts);
	*dense_layers = model.dense_layers;
	*shape = (struct wick_trace_shape){ .layers = model.layers, .n_ff = model.experts, .chosen = model.chosen, .tokens = tokens,
		.preset = wick_routing_number(preset), .synthesis.seed = seed };
	return rc;
}

static int write_trace(struct wick_trace_shape *shape, struct progress *progress, struct wick_diag *diag)
{
	uint32_t dense_layers = 0;
	int rc = routing ? take_routing(shape, &dense_layers, diag) : take_shape(shape, diag);

	if (rc)
		return rc;
	interrupt_catch();
	progress_begin(progress, "making up");
	rc = routing ? wick_routing_write(out_path, shape, dense_layers, progress_show, progress, diag) :
		wick_synth_write(out_path, shape, progress_show, progress, diag);
	progress_end(progress);
	return rc;
}

static int run(struct wick_diag *diag)
{
	struct wick_trace_shape shape;
	struct progress progress;
	struct stat written;
	int rc = write_trace(&shape, &progress, diag);

	if (rc == -ECANCELED)
		return wick_diag_say(diag, rc, "stopped; %s was not written", out_path);
	if (!rc && routing && !stat(out_path, &written))
		fprintf(stderr, "%s: synthetic, %u tokens of %u layers with %u of %u experts, %s\nfitted to %s\n", SHOWN(out_path),
			tokens, shape.layers, shape.chosen, shape.n_ff, BYTES(written.st_size), wick_routing_preset(routing)->fit);
	else if (!rc && !stat(out_path, &written))
		fprintf(stderr, "%s: synthetic, %u tokens of %u layers of %u neurons, %s\n", SHOWN(out_path), tokens,
			shape.layers, shape.n_ff, BYTES(written.st_size));
	return rc;
}

const struct command cmd_trace_synth = {
	.name = "trace synth",
	.purpose = "make a synthetic activation trace",
	.synopsis = "-o FILE [options]",
	.about = "Makes up an activation trace: neuron i of a layer fires with the chance\n"
		 "min(0.98, c/i^X), c such that the mean is SHARE, in an order drawn for each\n"
		 "layer. The defaults give the figures of the paper for OPT-6.7B. A guess at what\n"
		 "the next layer will need is in it, too, as good as a predictor's: recall 0.85\n"
		 "at precision 0.70. Such a trace says synthetic wherever it is shown; no neurons\n"
		 "in it belong together.\n"
		 "\n"
		 "With --routing it is a trace of which experts routers choose: liked in general,\n"
		 "by topic and by phrase, as much as PRESET's model was seen to, with a guess at\n"
		 "each layer that is as good as the next router on this layer's input.",
	.examples = "wick trace synth -o paper.trace --like opt-6.7b.gguf\n"
		    "wick run opt-6.7b.gguf --trace paper.trace -p a\n"
		    "wick trace synth -o routing.trace --routing olmoe --like olmoe.gguf",
	.options = options,
	.init = init,
	.check = check,
	.run = run,
};
