/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One read of a whole run goes wrong: while loading, in the prompt, while generating, or one that was made ahead.
 *
 * The engine is opened on the drive of io/sim.h, which strikes the k-th read with one fault of each kind. Faults that pass
 * must leave no trace: the same logits to the bit. Those that stay must do so too where nobody needs the bytes, and else
 * end the run with a sentence that names the file, the tensor, the bundle or rows and the offset where the fault is; and
 * when the drive is well again, the same engine answers right again. How much is read after the fault, and for how long,
 * is bounded.
 *
 * Everything is drawn from a seed, the clock too is the drive's, and one thread computes, so that a seed repeats what it
 * did. A failure prints its seed; WICK_SEED=N runs that one alone, WICK_RUNS=N so many. Stock files of the dense families are
 * struck by rows of a table in which each meets each fault, way and block, and each of these each other one.
 */

#include "../golden/expert_models.h"
#include "../golden/first_session.h"
#include "../golden/pairs.h"
#include "fixture.h"
#include "predictors.h"
#include "sentence.h"
#include "../golden/synth.h" /* there is another in src/trace */

#include "bits.h"
#include "engine.h"
#include "io.h"
#include "sim.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define RUNS 1260 /* each layout, way and fault about once and a half */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define USUAL 300 /* too few to count what was struck, which the run without a sanitizer does */
#else
#define USUAL RUNS
#endif
#define LAYOUTS (SYNTH_MODELS + 2) /* and experts, packed and in a stock file whose checksums have been learned */
#define ALL_LAYOUTS (LAYOUTS + DENSE_FAMILIES) /* of which those behind are met by table */
#define TABLE_SEED (1ull << 32) /* and what follows: rows of it */
#define TABLE_ROWS_MAX 400
#define PROMPT 40 /* a batch: its layers are swept, and multiplied by GEMM */
#define TOKENS 44 /* the prompt, three after it, and one after a reset */
#define ROWS 5    /* of logits: the prompt's last, then one a token */
#define SECTOR SENTENCE_SECTOR
#define BLOCKS 3

/* What the drive reads: any bytes, sectors, blocks. */
static const uint32_t blocks[BLOCKS] = { 1, SECTOR, 4096 };

#define HUNG_S 100            /* real seconds, for one run of milliseconds */
/* Of the drive's own time, whatever happens: the process may be stopped for 300 s, retries take about a second, and silence
 * 61, once for a guess and once where an answer needs it. */
#define DRIVE_NS 500000000000

enum { EXACT, PREDICTED, TRACED, KINDS };

struct way {
	const char *mode;
	unsigned kind;
	unsigned share; /* of the way from the least memory to the most, percent */
	uint32_t depth;
	uint64_t chunk_bytes;
	uint32_t lookahead;
};

/* Of neurons and of experts. */
#define WAYS_OF_BOTH \
	{ "naive", EXACT, 0, 8, 4096 }, { "naive", EXACT, 0, 2, 65536 }, { "dense", EXACT, 0, 1, 4096 }, \
	{ "dense", EXACT, 60, 8, 16384 }, { "dense", EXACT, 100, 32, 4096 }, { "hybrid", EXACT, 50, 8, 4096 }

static const struct way neuron_ways[] = {
	WAYS_OF_BOTH,
	{ "sparse", PREDICTED, 0, 8, 4096 },
	{ "sparse", PREDICTED, 40, 2, 65536 },
	{ "sparse", TRACED, 0, 8, 4096 },
	{ "sparse", TRACED, 30, 32, 16384 },
};

static const struct way expert_ways[] = {
	WAYS_OF_BOTH,
	{ "dense", EXACT, 10, 8, 65536 },
	{ "dense", EXACT, 80, 2, 65536 },
	{ "dense", EXACT, 20, 8, 4096, .lookahead = 2 },
	{ "dense", EXACT, 50, 32, 16384, .lookahead = 2 },
};

#define WAYS WICK_COUNT_OF(neuron_ways)
#define PLAIN_WAYS 6 /* the first: WAYS_OF_BOTH */
_Static_assert(WICK_COUNT_OF(expert_ways) == WAYS, "experts have as many");

/* What a fault that must be survived, or may be reported, is reported as. */
static const struct {
	const char *name;
	bool passes;
	int codes[3];
} faults[WICK_SIM_FAULTS] = {
	[WICK_SIM_NO_FAULT] = { "none", true, { 0 } },
	[WICK_SIM_SHORT] = { "short read", true, { 0 } },
	[WICK_SIM_EIO] = { "EIO once", true, { 0 } },
	[WICK_SIM_EAGAIN] = { "EAGAIN once", true, { 0 } },
	[WICK_SIM_LATE] = { "late", true, { 0 } },
	[WICK_SIM_FLIP] = { "bit flipped on the way", true, { 0 } },
	[WICK_SIM_TORN] = { "torn sector", true, { 0 } },
	[WICK_SIM_STOPPED] = { "process stopped", true, { 0 } },
	[WICK_SIM_EIO_FOREVER] = { "EIO for ever", false, { -EIO } },
	[WICK_SIM_EAGAIN_FOREVER] = { "EAGAIN for ever", false, { -EAGAIN } },
	[WICK_SIM_FLIP_FOREVER] = { "bit flipped on the drive", false, { -EBADMSG } },
	[WICK_SIM_GONE] = { "drive gone", false, { -ENODEV } },
	[WICK_SIM_HUNG] = { "no answer", false, { -ETIMEDOUT } },
	[WICK_SIM_LOST] = { "no answer, and kept", false, { -ETIMEDOUT } },
};

/* When a read was made. */
enum { LOAD, PREFILL, DECODE, AHEAD, PHASES };

static const char *const phases[PHASES] = { "loading", "in the prompt", "generating", "read ahead" };

/* Of a run without a fault; those of predictors in a file of their own are one after the other. */
struct reads {
	uint64_t all, sidecar_first, sidecar;
};

struct layout {
	char name[32], model[PATH_MAX], sidecar[PATH_MAX], trace[PATH_MAX];
	const struct way *ways; /* (WAYS) */
	uint32_t vocab;
	float *truth[KINDS];   /* (ROWS, vocab) */
	uint64_t budget[WAYS]; /* bytes */
	struct reads reads[BLOCKS][WAYS];
};

/* One run, all of it drawn from the seed. */
struct run {
	uint64_t seed;
	struct layout *layout;
	const struct way *way;
	unsigned block; /* of blocks[] */
	struct wick_sim_options drive;
};

static char scratch[PATH_MAX];
static struct layout layouts[ALL_LAYOUTS];
static unsigned table[TABLE_ROWS_MAX][PAIRS_COLUMNS], table_rows; /* family, fault, way, block */
static struct run run;
static struct wick_sim *sim; /* the drive under the engine that is open; NULL: the real one */
static struct wick_io *sim_io;
static bool simulate;
static unsigned survived, reported[WICK_SIM_FAULTS], struck[WICK_SIM_FAULTS], struck_when[PHASES];
static bool struck_cell[ALL_LAYOUTS][WAYS][WICK_SIM_FAULTS];
static unsigned sidecar_struck, sidecar_reported;
static bool was_struck; /* the drive, before it was closed or healed */
static bool in_sidecar; /* in that file */
static uint64_t sidecar_serial; /* of it; 0: it is not read */
static unsigned phase;
static uint64_t strike_offset, reads;

int __real_wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag);
int __real_wick_io_destroy(struct wick_io *io);
int __real_wick_file_open_grained(
	struct wick_file *file, const char *path, bool direct, uint32_t grain, struct wick_diag *diag);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag);
int __wrap_wick_io_destroy(struct wick_io *io);
int __wrap_wick_file_open_grained(
	struct wick_file *file, const char *path, bool direct, uint32_t grain, struct wick_diag *diag);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

static void look_at_drive(void)
{
	if (was_struck)
		return;
	reads = wick_sim_reads(sim);
	was_struck = wick_sim_struck(sim, &strike_offset);
	in_sidecar = was_struck && wick_sim_struck_file(sim) == sidecar_serial;
	if (was_struck && run.drive.fault)
		struck_when[wick_sim_struck_ahead(sim) ? (unsigned)AHEAD : phase]++;
}

/* The engine asks without a diag which method there would be; that is no queue of its own. */
int __wrap_wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag)
{
	int rc;

	if (!simulate || !diag)
		return __real_wick_io_create(io, options, diag);
	rc = wick_sim_create(io, &sim, NULL, &run.drive, options);
	sim_io = *io;
	return rc;
}

int __wrap_wick_io_destroy(struct wick_io *io)
{
	if (io && io == sim_io) {
		look_at_drive();
		sim = NULL;
		sim_io = NULL;
	}
	return __real_wick_io_destroy(io);
}

/* The simulated drive cuts reads anywhere, which takes a file without direct reads; it may be as strict as one that has
 * them. */
int __wrap_wick_file_open_grained(
	struct wick_file *file, const char *path, bool direct, uint32_t grain, struct wick_diag *diag)
{
	int rc = __real_wick_file_open_grained(file, path, direct && !simulate, grain, diag);

	if (!rc && simulate && blocks[run.block] > 1 && blocks[run.block] <= grain) {
		file->direct = true;
		file->offset_align = file->memory_align = blocks[run.block];
	}
	if (!rc && simulate && !strcmp(path, run.layout->sidecar))
		sidecar_serial = file->serial;
	return rc;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	uint64_t ns;

	if (!sim)
		return __real_clock_gettime(clock, now);
	ns = wick_io_sim.now_ns(sim);
	*now = (struct timespec){ .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
	return 0;
}

static const char *described(void)
{
	static char text[512];
	const struct way *way = run.way;

	snprintf(text, sizeof(text), "WICK_SEED=%llu (%s, %s%s, %u%% of memory, depth %u, chunks of %llu, blocks of %u; %s at read %llu)",
		(unsigned long long)run.seed, run.layout->name, way->mode,
		way->kind == TRACED ? " with a trace" : way->lookahead ? " with lookahead" : "", way->share, way->depth, (unsigned long long)way->chunk_bytes,
		blocks[run.block], faults[run.drive.fault].name,
		(unsigned long long)run.drive.fault_read);
	return text;
}

#define CHECK(condition, ...)                                                        \
	do {                                                                         \
		if (!(condition)) {                                                  \
			print_error("%s\n", described());                            \
			fail_msg(__VA_ARGS__);                                       \
		}                                                                    \
	} while (0)

static void on_alarm(int signal)
{
	const char *text = described();

	(void)signal;
	if (write(STDERR_FILENO, "hung: ", 6) < 0 || write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(2);
	_exit(1);
}

/* Every fifth neuron or so, others at every token; a third of what is guessed is right. */
static void write_trace(const char *path, uint32_t layers, uint32_t n_ff)
{
	const struct wick_trace_shape shape = { .layers = layers, .n_ff = n_ff, .lookahead = true };
	struct wick_trace_writer *writer;
	struct wick_diag diag;
	uint32_t ids[512], likely[512];
	float probability[512];

	assert_in_range(n_ff, 1, 512);
	assert_int_equal(wick_trace_create(&writer, path, &shape, &diag), 0);
	for (uint32_t token = 0; token < TOKENS; token++)
		for (uint32_t layer = 0; layer < layers; layer++) {
			uint32_t count = 0, guessed = 0;

			for (uint32_t i = 0; i < n_ff; i++) {
				if ((i * 7 + token * 13 + layer) % 5 == 0)
					ids[count++] = i;
				if (layer && (i * 7 + token * 13 + layer) % 15 < 3) {
					probability[guessed] = 0.9f - 0.8f * (float)guessed / (float)n_ff;
					likely[guessed++] = i;
				}
			}
			assert_int_equal(wick_trace_add(writer, layer, ids, count, likely, probability, guessed, &diag), 0);
		}
	assert_int_equal(wick_trace_commit(writer, &diag), 0);
}

static void set_options(struct wick_options *options, const struct layout *layout, const struct way *way)
{
	wick_options_init(options);
	options->mode = way->mode;
	options->queue_depth = way->depth;
	options->chunk_bytes = way->chunk_bytes;
	options->trace = way->kind == TRACED ? layout->trace : NULL;
	if (way->lookahead)
		options->lookahead = way->lookahead;
	options->threads = 1; /* others would ask a drive that is gone for the time */
	options->ctx = 64;
	options->memory.bytes = layout->budget[way - layout->ways];
}

/* The tokens of the run; rows[] takes the logits. Returns how many rows there are, and the last code. */
static unsigned evaluate(struct wick *wick, float *rows, int *code, struct wick_diag *diag)
{
	static const uint32_t counts[ROWS] = { PROMPT, 1, 1, 1, 1 };
	uint32_t vocab = wick_report_of(wick)->vocab, ids[TOKENS];

	for (uint32_t i = 0, at = 0; i < ROWS; at += counts[i++]) {
		if (i == 0 || i == ROWS - 1)
			wick_session_reset(session_of(wick));
		for (uint32_t k = 0; k < TOKENS; k++)
			ids[k] = 5 + k * 17 % 200;
		phase = i ? DECODE : PREFILL;
		*code = wick_session_eval(session_of(wick), ids + at, counts[i], NULL, NULL, diag);
		if (sim)
			look_at_drive();
		if (*code)
			return i;
		memcpy(rows + (size_t)i * vocab, wick_session_logits(session_of(wick)), vocab * sizeof(float));
	}
	return ROWS;
}

static void check_rows(const float *rows, unsigned count)
{
	const struct layout *layout = run.layout;
	const float *truth = layout->truth[run.way->kind];

	for (unsigned i = 0; i < count; i++)
		CHECK(!memcmp(rows + (size_t)i * layout->vocab, truth + (size_t)i * layout->vocab,
			      layout->vocab * sizeof(float)), "other logits in row %u", i);
}

/* What it says is true. */
static void check_sentence(const struct wick_diag *diag)
{
	const char *model = run.layout->model, *sidecar = run.layout->sidecar, *wrong;
	bool gone = run.drive.fault == WICK_SIM_GONE || run.drive.fault == WICK_SIM_LOST; /* other reads suffer, too */
	bool predictors = gone ? !strncmp(diag->text, sidecar, strlen(sidecar)) : in_sidecar;
	struct sentence_fault fault = { .path = predictors ? sidecar : model, .model = model, .predictors = predictors,
		.offset = gone ? UINT64_MAX : strike_offset, .chunk_bytes = run.way->chunk_bytes,
		.drive_bytes = blocks[run.block] };

	wrong = sentence_wrong(diag->text, &fault);
	CHECK(!wrong, "\"%s\": %s; the fault is at %llu", diag->text, wrong, (unsigned long long)strike_offset);
}

static void check_failure(int code, const struct wick_diag *diag)
{
	const int *codes = faults[run.drive.fault].codes;

	CHECK(was_struck && !faults[run.drive.fault].passes, "failed for nothing: %d, \"%s\"", code, diag->text);
	CHECK(code == codes[0] || code == codes[1] || code == codes[2], "code %d, \"%s\"", code, diag->text);
	check_sentence(diag);
	reported[run.drive.fault]++;
	sidecar_reported += in_sidecar;
}

/* After an evaluation failed: with the drive well again the engine is, too, unless its queue is lost. */
static void check_recovery(struct wick *wick, float *rows)
{
	uint64_t begun_ns = wick_io_sim.now_ns(sim);
	struct wick_diag diag = { 0 };
	unsigned count;
	int code;

	CHECK(wick_io_outstanding(wick->io) <= run.way->depth * 64, "reads pile up");
	wick_sim_heal(sim);
	count = evaluate(wick, rows, &code, &diag);
	check_rows(rows, count);
	if (run.drive.fault != WICK_SIM_LOST) {
		CHECK(count == ROWS, "not well again: %d, \"%s\"", code, diag.text);
		return;
	}
	CHECK(code == -ETIMEDOUT, "a lost queue answered: %d, \"%s\"", code, diag.text);
	CHECK(wick_io_sim.now_ns(sim) - begun_ns < 1000000000, "it waits for a lost queue");
	check_sentence(&diag);
}

/* Opens, evaluates, closes, and judges what came out. Returns how many reads were started. */
static uint64_t run_once(void)
{
	float *rows = calloc((size_t)ROWS * run.layout->vocab, sizeof(float));
	uint64_t clean = run.layout->reads[run.block][run.way - run.layout->ways].all;
	struct wick_diag diag = { 0 };
	struct wick_options options;
	struct wick *wick;
	unsigned count = 0;
	int code;

	assert_non_null(rows);
	set_options(&options, run.layout, run.way);
	alarm(HUNG_S);
	simulate = true;
	was_struck = in_sidecar = false;
	sidecar_serial = 0;
	phase = LOAD;
	code = wick_open(&wick, run.layout->model, &options, &diag);
	if (!code) {
		CHECK(strcmp(options.mode, "sparse") || run.way->share || wick_plan_of(wick)->drawn_bytes, "nothing is drawn");
		look_at_drive();
		count = evaluate(wick, rows, &code, &diag);
		CHECK(!clean || reads <= 2 * clean + 200, "%llu reads instead of %llu", (unsigned long long)reads,
			(unsigned long long)clean);
		CHECK(wick_io_sim.now_ns(sim) < DRIVE_NS, "it took %llu ns", (unsigned long long)wick_io_sim.now_ns(sim));
		check_rows(rows, count);
	}
	struck[run.drive.fault] += was_struck;
	struck_cell[run.layout - layouts][run.way - run.layout->ways][run.drive.fault] |= was_struck;
	sidecar_struck += in_sidecar;
	survived += !code;
	if (code)
		check_failure(code, &diag);
	if (code && wick)
		check_recovery(wick, rows);
	wick_close(wick);
	simulate = false;
	alarm(0);
	free(rows);
	return reads;
}

/* Models, ways and faults take turns, so that each is met with each. Where predictors are in a file of their own, it is
 * their reads every other time: they are few. */
static void draw_run(uint64_t seed)
{
	const struct reads *made;
	uint64_t draws = seed;

	run = (struct run){ .seed = seed };
	run.layout = &layouts[seed % LAYOUTS];
	run.way = &run.layout->ways[seed / LAYOUTS % WAYS];
	run.drive.fault = (enum wick_sim_fault)(1 + seed / LAYOUTS / WAYS % (WICK_SIM_FAULTS - 1));
	run.block = (unsigned)wick_sim_draw(&draws, BLOCKS);
	made = &run.layout->reads[run.block][run.way - run.layout->ways];
	run.drive.fault_read = wick_sim_draw(&draws, made->all);
	if (made->sidecar && wick_sim_draw(&draws, 2))
		run.drive.fault_read = made->sidecar_first + wick_sim_draw(&draws, made->sidecar);
	run.drive.latency_ns_min = wick_sim_draw(&draws, 100000);
	run.drive.latency_ns_max = wick_sim_draw(&draws, 300000);
	run.drive.seed = draws;
}

/* A row of the table. */
static void take_row(uint64_t seed)
{
	const unsigned *row = table[(seed - TABLE_SEED) % table_rows];
	uint64_t draws = seed;

	run = (struct run){ .seed = seed, .layout = &layouts[LAYOUTS + row[0]], .block = row[3] };
	run.way = &run.layout->ways[row[2]];
	run.drive = (struct wick_sim_options){ .fault = (enum wick_sim_fault)row[1], .latency_ns_min = wick_sim_draw(&draws, 100000),
		.latency_ns_max = wick_sim_draw(&draws, 300000) };
	run.drive.fault_read = wick_sim_draw(&draws, run.layout->reads[run.block][row[2]].all);
	run.drive.seed = draws;
}

/* Cells of some layouts that were struck. */
static unsigned count_cells(unsigned first, unsigned end)
{
	unsigned count = 0;

	for (unsigned i = first * WAYS * WICK_SIM_FAULTS; i < end * WAYS * WICK_SIM_FAULTS; i++)
		count += (&struck_cell[0][0][0])[i];
	return count;
}

/* What was met in so many runs; where they are too few, the test could not fail. */
static void check_counts(uint64_t runs)
{
	unsigned cells = LAYOUTS * WAYS * (WICK_SIM_FAULTS - 1);

	print_message("  %llu runs, %u with every answer right; %u of %u ways of a model with a fault\n",
		(unsigned long long)runs, survived, count_cells(0, LAYOUTS), cells);
	for (unsigned i = 1; i < WICK_SIM_FAULTS; i++)
		print_message("  %-24s struck %5u times, reported %5u times\n", faults[i].name, struck[i], reported[i]);
	for (unsigned i = 0; i < PHASES; i++)
		print_message("  %-24s struck %5u times\n", phases[i], struck_when[i]);
	print_message("  %-24s struck %5u times, reported %5u times\n", "predictors' own file", sidecar_struck, sidecar_reported);
	for (unsigned i = 1; i < WICK_SIM_FAULTS; i++)
		assert_true(runs < RUNS || (struck[i] > runs / 30 && (reported[i] > struck[i] / 4) == !faults[i].passes));
	for (unsigned i = 0; i < PHASES; i++)
		assert_true(runs < RUNS || struck_when[i] > runs / 100);
	assert_true(runs < RUNS || (sidecar_struck > runs / 50 && sidecar_reported > runs / 100));
	assert_in_range(count_cells(0, LAYOUTS), runs < RUNS ? 0 : runs < 15 * RUNS ? cells * 9 / 10 : cells, cells);
}

static void right_or_named(void **state)
{
	const char *seed = getenv("WICK_SEED"), *count = getenv("WICK_RUNS");
	uint64_t runs = count ? strtoull(count, NULL, 0) : USUAL;

	(void)state;
	if (seed) {
		(strtoull(seed, NULL, 0) < TABLE_SEED ? draw_run : take_row)(strtoull(seed, NULL, 0));
		run_once();
		print_message("  %s\n", described());
		return;
	}
	survived = sidecar_struck = 0; /* of those with a fault */
	for (uint64_t i = 1; i <= runs; i++) {
		draw_run(i);
		run_once();
	}
	check_counts(runs);
}

static void each_dense_family(void **state)
{
	unsigned struck_rows;

	(void)state;
	if (getenv("WICK_SEED"))
		skip();
	survived = 0;
	for (uint64_t i = 0; i < table_rows; i++) {
		take_row(TABLE_SEED + i);
		run_once();
	}
	struck_rows = count_cells(LAYOUTS, ALL_LAYOUTS);
	print_message("  %u rows, %u of them struck, %u with every answer right\n", table_rows, struck_rows, survived);
	assert_in_range(struck_rows, table_rows - DENSE_FAMILIES, table_rows); /* some faults strike nothing, as NO_FAULT */
	assert_in_range(survived, table_rows / 3, table_rows - DENSE_FAMILIES * 3);
}

/* In a run without a fault each read is started once. */
static void count_read(void *user, const struct wick_io_request *request)
{
	struct reads *made = user;

	if (request->file->serial == sidecar_serial && !made->sidecar++)
		made->sidecar_first = made->all;
	made->all++;
}

/* Every combination without a fault: right, and which reads it makes. */
static void without_a_fault(void **state)
{
	struct reads made;

	(void)state;
	for (unsigned i = 0; i < ALL_LAYOUTS * BLOCKS * WAYS; i++) {
		run = (struct run){ .layout = &layouts[i / (BLOCKS * WAYS)], .block = i / WAYS % BLOCKS };
		if (run.layout >= &layouts[LAYOUTS] && i % WAYS >= PLAIN_WAYS)
			continue;
		run.way = &run.layout->ways[i % WAYS];
		run.drive.fault_read = UINT64_MAX;
		run.drive.started = count_read;
		run.drive.user = &made;
		made = (struct reads){ 0 };
		assert_in_range(run_once(), 30, 10000);
		assert_int_equal(made.all, reads);
		run.layout->reads[run.block][i % WAYS] = made;
	}
}

/* The answers with everything resident and the plainest I/O. */
static void find_truth(struct layout *layout, unsigned kind)
{
	static const unsigned plain_ways[KINDS] = { [EXACT] = 2, [PREDICTED] = 6, [TRACED] = 8 };
	struct wick_options options;
	struct wick *wick;
	int code;

	set_options(&options, layout, &layout->ways[plain_ways[kind]]);
	options.io = "pread";
	options.memory.bytes = WICK_MAX(model_whole_bytes(layout->model, &options), model_least_bytes(layout->model, &options));
	wick = model_open(layout->model, &options);
	layout->vocab = wick_report_of(wick)->vocab;
	layout->truth[kind] = calloc((size_t)ROWS * layout->vocab, sizeof(float));
	assert_non_null(layout->truth[kind]);
	assert_int_equal(evaluate(wick, layout->truth[kind], &code, NULL), ROWS);
	wick_close(wick);
}

static void find_budgets(struct layout *layout)
{
	for (unsigned way = 0; way < WAYS; way++) {
		struct wick_options options;
		uint64_t least, whole;

		set_options(&options, layout, &layout->ways[way]);
		least = model_least_bytes(layout->model, &options);
		whole = WICK_MAX(model_whole_bytes(layout->model, &options), least);
		layout->budget[way] = least + (whole - least) * layout->ways[way].share / 100;
	}
}

static void name_layout(struct layout *layout, const char *name, const struct way *ways)
{
	char file[128];

	layout->ways = ways;
	snprintf(layout->name, sizeof(layout->name), "%s", name);
	snprintf(file, sizeof(file), "%s.gguf", name);
	path_join(layout->model, scratch, file);
	snprintf(file, sizeof(file), "%s.pred.gguf", name);
	path_join(layout->sidecar, scratch, file);
	snprintf(file, sizeof(file), "%s.trace", name);
	path_join(layout->trace, scratch, file);
}

static const struct expert_family *family_of(enum expert_layout of)
{
	const struct expert_family *family = expert_families;

	while (family->layout != of)
		family++;
	return family;
}

/* A file that was changed just now has no checksums beside it. */
static void learn(const struct layout *layout)
{
	static const struct timespec long_ago[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

	assert_int_equal(utimensat(AT_FDCWD, layout->model, long_ago, 0), 0);
	assert_int_equal(wick_verify(layout->model, NULL, NULL, NULL, NULL), 0);
}

static void make_expert_layout(struct layout *layout, const char *name, enum expert_layout of)
{
	name_layout(layout, name, expert_ways);
	expert_model_write(layout->model, family_of(of), NULL);
	learn(layout);
	find_truth(layout, EXACT);
	find_budgets(layout);
}

/* As it lies, its checksums learned. */
static void make_family(struct layout *layout, const char *fixture)
{
	char path[PATH_MAX], name[128];
	uint64_t bytes;
	void *data;

	name_layout(layout, fixture, expert_ways);
	snprintf(name, sizeof(name), "stock/%s/model.gguf", fixture);
	fixture_folder(path, name);
	data = file_read(path, &bytes);
	file_write(layout->model, data, bytes);
	free(data);
	learn(layout);
	find_truth(layout, EXACT);
	find_budgets(layout);
}

static void make_table(void)
{
	static struct pairs pairs = { .counts = { DENSE_FAMILIES, WICK_SIM_FAULTS, PLAIN_WAYS, BLOCKS } };

	while (pairs_next(&pairs, table[table_rows]))
		assert_in_range(++table_rows, 1, TABLE_ROWS_MAX - 1);
}

static void make_layout(struct layout *layout, unsigned i)
{
	char folder[PATH_MAX];

	synth_model_folder(folder, &synth_models[i], scratch);
	name_layout(layout, synth_models[i].name, neuron_ways);
	model_pack(folder, layout->model, synth_models[i].type);
	if (synth_models[i].trained)
		predictors_write(layout->model);
	write_trace(layout->trace, synth_models[i].shape.layers, synth_models[i].shape.ffn);
	for (unsigned kind = 0; kind < KINDS; kind++)
		find_truth(layout, kind);
	find_budgets(layout);
}

static int make_layouts(void **state)
{
	(void)state;
	signal(SIGALRM, on_alarm);
	scratch_make(scratch);
	for (unsigned i = 0; i < SYNTH_MODELS; i++)
		make_layout(&layouts[i], i);
	make_expert_layout(&layouts[SYNTH_MODELS], "experts-packed", EXPERTS_PACKED);
	make_expert_layout(&layouts[SYNTH_MODELS + 1], "experts-stock", EXPERTS_STACKED);
	for (unsigned i = 0; i < DENSE_FAMILIES; i++)
		make_family(&layouts[LAYOUTS + i], dense_families[i]);
	make_table();
	return 0;
}

static int remove_layouts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ALL_LAYOUTS; i++)
		for (unsigned kind = 0; kind < KINDS; kind++)
			free(layouts[i].truth[kind]);
	scratch_remove(scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_fault),
		cmocka_unit_test(right_or_named),
		cmocka_unit_test(each_dense_family),
	};

	return cmocka_run_group_tests(tests, make_layouts, remove_layouts);
}
