/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick pack SRC -o OUT.gguf */

#include "bits.h"
#include "clock.h"
#include "commands.h"
#include "progress.h"
#include "text.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

static const char *source, *out_path;
static uint32_t align;
static uint64_t budget_bytes;
static struct wick_pack_options pack_options;

static const char *const types[] = { "f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k",
	"q6_k", "iq4_nl", "iq4_xs", "mxfp4", NULL };
static const char *const mixes[] = { "f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k",
	"q6_k", "iq4_nl", "iq4_xs", "mxfp4", "q4_k_m", "q5_k_m", NULL };
static const char *const layouts[] = { "packed", "stock", NULL };

static const char *const predictors[] = { "copy", "gate", "auto", NULL };
static const char *const orders[] = { "natural", "coactivation", NULL };

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Options:" },
	{ OPT_OUTPUT, 'o', .value = "OUT.gguf", .is_model = true, .into.text = &out_path,
		.help = "the packed model; appears complete, or not at all" },
	{ OPT_CHOICE, .name = "type", .value = "TYPE", .choices = mixes, .into.text = &pack_options.type,
		.help = "how weights are stored (f16; of gpt-oss in MXFP4 as they are): f32, f16, bf16, or one of GGUF's for models whose widths are multiples "
			"of 32: q8_0, q5_0, q5_1, q4_0, q4_1, iq4_nl, mxfp4; or of 256: q6_k, q5_k, q4_k, q3_k, q2_k, iq4_xs; in stock "
			"layout, where each tensor has a type by llama.cpp's rules, also q4_k_m (there the default) and q5_k_m" },
	{ OPT_CHOICE, .name = "attention-type", .value = "TYPE", .choices = types, .into.text = &pack_options.attention_type,
		.help = "how attention, embeddings and head are stored, where that is another "
			"type than the neurons' (--type)" },
	{ OPT_COUNT, .name = "align", .value = "N", .into.count = &align,
		.min = WICK_ALIGN_MIN, .max = WICK_ALIGN_MAX,
		.help = "bytes that a neuron's place in the file is a multiple of, a "
			"power of two: what the drive wants of a direct read (what OUT's drive says; 512 where it says nothing)" },
	{ OPT_CHOICE, .name = "order", .choices = orders, .into.text = &pack_options.order,
		.help = "of the neurons in a layer: the checkpoint's, or those together that "
			"fire together, for a SRC that is a packed model, by a trace of it "
			"(natural); predictors in SRC's .pred.gguf go along into OUT's" },
	{ OPT_CHOICE, .name = "layout", .choices = layouts, .into.text = &pack_options.layout,
		.help = "stock: of a synthetic model, as llama.cpp's files are; packed: all else (packed)" },
	{ OPT_CHOICE, .name = "predictor", .choices = predictors, .into.text = &pack_options.predictor,
		.help = "what says which neurons fire. copy: a copy, in two bits a number, of what decides it. gate: the gates "
			"themselves: they are kept apart from the neurons and in memory, take a third of "
			"the FFN there, and miss nothing; of what fires two parts are read, not three. Gates of ReLU say so by themselves; "
			"those of SiLU never do, and are cut by --gate-threshold. auto: as gate or, where wick plan finds a token of that sooner "
			"with --budget, as copy (copy, where gates are ReLU)" },
	{ OPT_SIZE, .name = "budget", .value = "SIZE", .into.size = &budget_bytes, .min = 1,
		.help = "memory of the runs that --predictor auto chooses for, a size such as 4G (what wick run takes by itself)" },
	{ OPT_INPUT, .name = "trace", .value = "FILE", .into.text = &pack_options.trace,
		.help = "which neurons fire together, from wick trace record" },
	{ OPT_SIZE, .name = "memory", .value = "SIZE", .into.size = &pack_options.memory_bytes, .min = 1,
		.help = "working memory, a size such as 512M or 2GB (1G)" },
	{ OPT_END },
};

static bool is_auto(void)
{
	return pack_options.predictor && !strcmp(pack_options.predictor, "auto");
}

static int check(struct wick_diag *diag)
{
	if (!out_path)
		return wick_diag_say(diag, -EINVAL, "-o OUT.gguf is missing");
	if (pack_options.order && !strcmp(pack_options.order, "coactivation") && !pack_options.trace)
		return wick_diag_say(diag, -EINVAL, "--order coactivation needs --trace FILE");
	if (budget_bytes && !is_auto())
		return wick_diag_say(diag, -EINVAL, "--budget is for --predictor auto");
	if (align && !wick_is_pow2(align))
		return wick_diag_say(diag, -EINVAL, "--align takes a power of two, not '%u'", align);
	return 0;
}

static void show_note(void *user, const char *sentence)
{
	(void)user;
	fprintf(stderr, "%s\n", sentence);
}

/* The file that has its gates apart is there: whether a token of the other would be sooner. */
static int plan_the_other(bool *sooner, struct wick_diag *diag)
{
	struct wick_options of_run;
	struct wick_plan plan;
	int rc;

	wick_options_init(&of_run);
	of_run.memory.bytes = budget_bytes;
	rc = wick_plan(out_path, &of_run, &plan, diag);
	if (rc)
		return rc;
	*sooner = plan.predicted_repacked_ms > 0 && plan.predicted_repacked_ms < plan.predicted_ms_per_token;
	if (plan.predicted_ms_per_token <= 0)
		fprintf(stderr, "Gates are apart: how long reading takes is not known (%s).\n", SHOWN(plan.profile));
	else if (plan.predicted_repacked_ms > 0)
		fprintf(stderr, "With %s a token takes about %.1f ms with the gates apart, %.1f ms with them in the bundles.\n",
			BYTES(plan.budget_bytes), plan.predicted_ms_per_token, plan.predicted_repacked_ms);
	return 0;
}

static int pack(struct wick_diag *diag)
{
	bool sooner;
	int rc;

	if (!is_auto())
		return wick_pack(source, out_path, &pack_options, diag);
	pack_options.predictor = "gate";
	rc = wick_pack(source, out_path, &pack_options, diag);
	if (!rc)
		rc = plan_the_other(&sooner, diag);
	if (rc || !sooner)
		return rc;
	pack_options.predictor = "copy";
	return wick_pack(source, out_path, &pack_options, diag);
}

static int run(struct wick_diag *diag)
{
	struct progress progress;
	struct stat packed;
	int rc;

	interrupt_catch();
	progress_begin(&progress, "packing");
	pack_options.align = align;
	pack_options.progress = progress_show;
	pack_options.user = &progress;
	pack_options.note = show_note;
	rc = pack(diag);
	progress_end(&progress);
	if (!rc && !stat(out_path, &packed))
		fprintf(stderr, "%s: %s, packed in %.1f s\n", SHOWN(out_path), BYTES(packed.st_size),
			(double)(wick_now_ns() - progress.begun_ns) / 1e9);
	return rc;
}

const struct command cmd_pack = {
	.name = "pack",
	.purpose = "turn a downloaded checkpoint into a model that wick runs",
	.synopsis = "SRC -o OUT.gguf [options]",
	.operand = "SRC",
	.operand_into = &source,
	.about = "Packs the checkpoint in the folder SRC, as it was downloaded from Hugging Face\n"
		 "(config.json, safetensors or pytorch_model.bin, and its tokenizer), into one\n"
		 "GGUF file with checksums. Models of the families OPT, Llama, Mistral, Bamboo,\n"
		 "Qwen2, Qwen3, Gemma 2 and 3, Phi-3, MPT, StarCoder2, Granite, Falcon, Phi-2,\n"
		 "Persimmon, Mixtral, OLMoE, Qwen2-MoE, Qwen3-MoE, Granite-MoE, GLM-4.5, gpt-oss\n"
		 "and SmallThinker are known; where most of what an FFN computes is zero (OPT, and\n"
		 "activations relu, fatrelu and relu2) each neuron's weights lie together. Which\n"
		 "of several files it took, and what it left out, it says: the choice is that of\n"
		 "transformers.\n"
		 "\n"
		 "SRC may also be a stock GGUF file, of one part or several. wick runs it as it\n"
		 "lies; packed, it is one file, aligned and checked, with the same numbers.\n"
		 "\n"
		 "SRC may also be synthetic:SHAPE: a file of that shape with random weights,\n"
		 "always the same, for measuring. The shapes, and what they take as f16:\n"
		 "\n"
		 "  opt-tiny  0.6 MB    opt-1.3b  2.7 GB    opt-13b   27 GB\n"
		 "  opt-125m  0.3 GB    opt-2.7b  5.5 GB    opt-30b   62 GB\n"
		 "  opt-350m  0.7 GB    opt-6.7b   14 GB    opt-66b  137 GB\n"
		 "  phi-2     5.7 GB    llama-2-7b 14 GB    falcon-7b    15 GB\n"
		 "  llama-tiny, llama-small, falcon-tiny ...  persimmon-8b 20 GB\n"
		 "\n"
		 "Such a model writes nonsense and says synthetic wherever its name is shown.\n"
		 "About half of its neurons fire: for the paper's share, make a trace (wick trace\n"
		 "synth --like OUT.gguf) and run it with --trace.\n"
		 "\n"
		 "With --layout stock these are files as llama.cpp has them, here as q4_k_m:\n"
		 "\n"
		 "  qwen3-30b-a3b 18.6 GB    llama-3.1-8b 4.9 GB    gemma-3-12b 7.3 GB\n"
		 "  mixtral-8x7b  28.4 GB    qwen3-8b     5.0 GB    phi-4       9.0 GB\n"
		 "  olmoe          4.2 GB    mistral-7b   4.4 GB    falcon-7b   5.0 GB\n"
		 "  smallthinker-21b 13.1 GB, gpt-oss-20b 12.1 GB as mxfp4\n"
		 "\n"
		 "Behind a name, layers=N, experts=N and vocab=N after commas make it smaller:\n"
		 "synthetic:olmoe,layers=4.\n"
		 "\n"
		 "Or, with --order coactivation, SRC is a packed model, and OUT.gguf the same\n"
		 "model with the neurons of each layer in another order: fewer and longer reads.\n"
		 "It answers as before, but for rounding. Trained predictors go along; traces of\n"
		 "SRC do not fit it.",
	.examples = "wick pack opt-1.3b -o opt-1.3b.gguf\n"
		    "wick pack synthetic:opt-125m -o random.gguf --type q8_0",
	.options = options,
	.check = check,
	.run = run,
};
