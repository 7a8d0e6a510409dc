/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick trace synth */

#include "progress.h"
#include "trace_synth.h"
#include "text.h"
#include "trace_commands.h"
#include "trace_format.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *out_path, *like_path;
static uint32_t layers, ffn, tokens;
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

static int check(struct wick_diag *diag)
{
	struct wick_trace_synthesis asked = synthesis();

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

static int run(struct wick_diag *diag)
{
	struct wick_trace_shape shape;
	struct progress progress;
	struct stat written;
	int rc = take_shape(&shape, diag);

	if (rc)
		return rc;
	interrupt_catch();
	progress_begin(&progress, "making up");
	rc = wick_synth_write(out_path, &shape, progress_show, &progress, diag);
	progress_end(&progress);
	if (rc == -ECANCELED)
		return wick_diag_say(diag, rc, "stopped; %s was not written", out_path);
	if (!rc && !stat(out_path, &written))
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
		 "in it belong together.",
	.examples = "wick trace synth -o paper.trace --like opt-6.7b.gguf\n"
		    "wick run opt-6.7b.gguf --trace paper.trace -p a",
	.options = options,
	.init = init,
	.check = check,
	.run = run,
};
