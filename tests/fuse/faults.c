/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One read of a whole run goes wrong for real, in the kernel: what sim-faults does with a simulated drive, over the bad
 * drive of drive.h. So it is io/uring.c, io/pread.c and io/mmap.c that are struck, directly, through the page cache and
 * without it; while the model is opened, loaded, in the prompt and while generating.
 *
 * Faults that pass must leave no trace: the same logits to the bit. Others do so where nobody needs the bytes, and else
 * end the run with a sentence that names the file and the place where the fault is; and when the drive is well again,
 * the same engine answers right again.
 *
 * Everything is drawn from a seed but what the kernel does. WICK_SEED=N runs that one alone, WICK_RUNS=N so many. Models of the
 * dense families are struck by rows of a table in which each meets each route and way, and each route each fault.
 */

#include "drive.h"

#include "fixture.h"
#include "pairs.h"
#include "predictors.h"
#include "sentence.h"
#include "../golden/synth.h"

#include "bits.h"
#include "model.h"
#include "sim.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define RUNS 84
#define PROMPT 40 /* a batch, and some */
#define TOKENS 44 /* the prompt, three after it, and one after a reset */
#define ROWS 5    /* of logits: the prompt's last, then one a token */
#define HUNG_S 200 /* for one run of milliseconds, or a second where something is tried again */
#define CODES 5
#define PATIENCE_MS 1000 /* of reads that are expected not to end; else a minute */

enum { EXACT, PREDICTED, KINDS };

static const struct way {
	const char *mode;
	unsigned kind;
	unsigned share; /* of the way from the least memory to the most, percent */
	uint32_t depth;
	uint64_t chunk_bytes;
} ways[] = {
	{ "naive", EXACT, 0, 8, 4096 },
	{ "dense", EXACT, 0, 2, 65536 },
	{ "dense", EXACT, 60, 32, 16384 },
	{ "hybrid", EXACT, 50, 8, 4096 },
	{ "sparse", PREDICTED, 0, 8, 4096 },
	{ "sparse", PREDICTED, 40, 32, 65536 },
};

/* How the bytes come. */
static const struct route {
	const char *name, *io;
	bool buffered, uncached;
} routes[] = {
	{ "uring, direct", "uring", false, false },
	{ "uring, page cache", "uring", true, false },
	{ "uring, uncached", "uring", true, true },
	{ "pread, direct", "pread", false, false },
	{ "pread, page cache", "pread", true, false },
	{ "pread, uncached", "pread", true, true },
	{ "mmap, page cache", "mmap", true, false },
};

#define PAGE_BYTES 4096
#define PREAD_INSTEAD 3 /* routes further */
#define MMAP 6 /* the route that has no patience */

/* What happens, and as what it may be reported; nothing there: it passes. The page cache takes a short read for the end
 * of the file. */
static const struct kind {
	const char *name;
	struct drive_orders orders;
	int codes[CODES], cached_codes[CODES];
} kinds[] = {
	{ "EIO once", { DRIVE_ERROR, .error = EIO, .times = 1 } },
	{ "ETIMEDOUT once", { DRIVE_ERROR, .error = ETIMEDOUT, .times = 1 } },
	{ "EAGAIN three times", { DRIVE_ERROR, .error = EAGAIN, .times = 3 } },
	{ "EINTR three times", { DRIVE_ERROR, .error = EINTR, .times = 3 } },
	{ "ENOMEM once", { DRIVE_ERROR, .error = ENOMEM, .times = 1 } },
	{ "short read", { DRIVE_SHORT }, .cached_codes = { -ENODATA, -EBADMSG } },
	{ "late", { DRIVE_LATE, .late_ms = 100 } },
	{ "bit flipped on the way", { DRIVE_FLIP } },
	{ "EIO for ever", { DRIVE_BAD, .error = EIO }, { -EIO }, { -EIO } },
	{ "EAGAIN for ever", { DRIVE_BAD, .error = EAGAIN }, { -EAGAIN, -ETIMEDOUT }, { -EAGAIN, -EIO } },
	{ "bit flipped on the drive", { DRIVE_ROTTEN }, { -EBADMSG }, { -EBADMSG } },
	{ "file cut", { DRIVE_CUT }, { -ENODATA }, { -ENODATA, -EBADMSG } },
	{ "drive gone", { DRIVE_DEAD, .error = ENODEV }, { -ENODEV }, { -ENODEV, -EIO } },
	{ "file system gone", { DRIVE_CRASH }, { -ENOTCONN, -ECONNABORTED }, { -ENOTCONN, -ECONNABORTED, -EIO } },
};

#define WAYS WICK_COUNT_OF(ways)
#define EXACT_WAYS 4 /* the first */
#define ROUTES WICK_COUNT_OF(routes)
#define KINDS_OF_FAULT WICK_COUNT_OF(kinds)

#define TABLE_SEED (1ull << 32) /* and what follows: rows of the table */
#define TABLE_ROWS_MAX 200

struct layout {
	char name[64];
	char real[PATH_MAX], seen[PATH_MAX]; /* the model below, and through the drive */
	char sidecar[PATH_MAX];              /* its predictors through it */
	struct stat info, sidecar_info;      /* of both; without predictors an inode of 0 */
	uint64_t header_bytes;
	uint32_t vocab;
	float *truth[KINDS];   /* (ROWS, vocab) */
	uint64_t budget[WAYS][ROUTES]; /* bytes; 0: not known yet */
	uint64_t reads[WAYS][ROUTES][2]; /* of a run without a fault, and those of predictors; likewise */
};

struct run {
	uint64_t seed;
	struct layout *layout;
	unsigned way, route, kind;
	struct drive_orders orders;
};

static char scratch[PATH_MAX], below[PATH_MAX], mounted[PATH_MAX];
static struct drive drive;
static struct layout layouts[SYNTH_MODELS + DENSE_FAMILIES]; /* of which those behind are met by table */
static unsigned table[TABLE_ROWS_MAX][PAIRS_COLUMNS], table_rows; /* family, route, way */
static struct run run;
static bool have_uring;
static unsigned struck[KINDS_OF_FAULT], reported[KINDS_OF_FAULT], sidecar_struck, sidecar_reported;

int __real_wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag);
int __wrap_wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag);

/* io_uring itself tries a read again that ended so, for ever: io_rw_should_reissue() in the kernel's io_uring/rw.c. */
static bool may_not_end(const struct drive_orders *orders)
{
	return orders->fault == DRIVE_SILENT || (orders->fault == DRIVE_BAD && orders->error == EAGAIN);
}

int __wrap_wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag)
{
	struct wick_io_options impatient = *options;

	impatient.patience_ms = may_not_end(&run.orders) ? PATIENCE_MS : 0;
	return __real_wick_io_create(io, &impatient, diag);
}

static const char *described(void)
{
	static char text[512];
	const struct way *way = &ways[run.way];

	snprintf(text, sizeof(text), "WICK_SEED=%llu (%s, %s, %u%% of memory, depth %u, chunks of %llu, %s; "
		"%s at read %llu%s%s %llu)",
		(unsigned long long)run.seed, run.layout->name, way->mode, way->share, way->depth,
		(unsigned long long)way->chunk_bytes, routes[run.route].name,
		run.orders.fault ? kinds[run.kind].name : "no fault", (unsigned long long)run.orders.read,
		run.orders.only ? " of predictors" : "",
		atomic_load(&drive.orders->struck) ? ", which struck at" : ", never struck",
		(unsigned long long)drive.orders->offset);
	return text;
}

#define CHECK(condition, ...)                             \
	do {                                              \
		if (!(condition)) {                       \
			print_error("%s\n", described()); \
			fail_msg(__VA_ARGS__);            \
		}                                         \
	} while (0)

/* The drive's process ends with this one, and so does every read that waits for it. */
static void on_alarm(int signal)
{
	const char *text = described();

	(void)signal;
	if (write(STDERR_FILENO, "hung: ", 6) < 0 || write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(2);
	_exit(1);
}

static void start_drive(void)
{
	const char *why = drive_start(&drive, below, mounted);

	if (why)
		fail_msg("%s", why);
}

static void set_options(struct wick_options *options, unsigned way, const struct route *route)
{
	wick_options_init(options);
	options->mode = ways[way].mode;
	options->queue_depth = ways[way].depth;
	options->chunk_bytes = ways[way].chunk_bytes;
	options->io = route->io;
	options->buffered = route->buffered;
	options->threads = 2;
	options->ctx = 64;
}

/* Found without a fault: the plan reads the model's directory. */
static void find_budget(struct layout *layout, unsigned way, unsigned route)
{
	uint64_t *budget = &layout->budget[way][route], least, whole;
	struct wick_options options;

	set_options(&options, way, &routes[route]);
	least = model_least_bytes(layout->seen, &options);
	whole = WICK_MAX(model_whole_bytes(layout->seen, &options), least);
	*budget = least + (whole - least) * ways[way].share / 100;
}

/* The tokens of the run; rows[] takes the logits. Returns how many rows there are, and the last code. */
static unsigned evaluate(struct wick *wick, float *rows, int *code, struct wick_diag *diag)
{
	static const uint32_t counts[ROWS] = { PROMPT, 1, 1, 1, 1 };
	uint32_t vocab = wick_report_of(wick)->vocab, ids[TOKENS], rows_done = 0;
	struct wick_session *session;

	CHECK(wick_session_create(&session, wick, NULL) == 0, "no session");
	for (uint32_t i = 0, at = 0; i < ROWS; at += counts[i++], rows_done++) {
		if (i == 0 || i == ROWS - 1)
			wick_session_reset(session);
		for (uint32_t k = 0; k < TOKENS; k++)
			ids[k] = 5 + k * 17 % 200;
		*code = wick_session_eval(session, ids + at, counts[i], NULL, NULL, diag);
		if (*code)
			break;
		memcpy(rows + (size_t)i * vocab, wick_session_logits(session), vocab * sizeof(float));
	}
	wick_session_destroy(session);
	return rows_done;
}

static void check_rows(const float *rows, unsigned count)
{
	const struct layout *layout = run.layout;
	const float *truth = layout->truth[ways[run.way].kind];

	for (unsigned i = 0; i < count; i++)
		CHECK(!memcmp(rows + (size_t)i * layout->vocab, truth + (size_t)i * layout->vocab,
			      layout->vocab * sizeof(float)), "other logits in row %u", i);
}

static bool is_among(int code, const int codes[CODES])
{
	for (unsigned i = 0; i < CODES; i++)
		if (codes[i] && codes[i] == code)
			return true;
	return false;
}

static bool passes(const int codes[CODES])
{
	return !codes[0];
}

static bool in_sidecar(void)
{
	return atomic_load(&drive.orders->struck) && drive.orders->file == run.layout->sidecar_info.st_ino;
}

/* Whether a sentence has to name the file of predictors: the one that was struck or, where both suffer, either. */
static bool is_of_sidecar(const char *text)
{
	const char *sidecar = run.layout->sidecar;

	if (run.orders.fault == DRIVE_DEAD || run.orders.fault == DRIVE_CRASH)
		return !strncmp(text, sidecar, strlen(sidecar));
	return in_sidecar();
}

/* Opening reads the directory plainly, through the page cache: an error names the file, and what passes is none. */
static void check_opening(const char *text)
{
	const char *path = is_of_sidecar(text) ? run.layout->sidecar : run.layout->seen;

	CHECK(!passes(kinds[run.kind].cached_codes), "\"%s\", though it passed", text);
	CHECK(!strncmp(text, path, strlen(path)), "\"%s\" does not name %s", text, path);
}

static void check_place(const char *text)
{
	const struct layout *layout = run.layout;
	enum drive_fault kind = run.orders.fault;
	bool predictors = is_of_sidecar(text);
	struct sentence_fault fault = { .path = predictors ? layout->sidecar : layout->seen, .model = layout->real,
		.predictors = predictors, .offset = drive.orders->offset,
		.chunk_bytes = WICK_MAX(ways[run.way].chunk_bytes, (uint64_t)4 << 20),
		.drive_bytes = routes[run.route].buffered ? PAGE_BYTES : 0 }; /* of which a part is none */
	const char *wrong;

	/* Other reads suffer, too. */
	if (kind == DRIVE_DEAD || kind == DRIVE_CRASH || kind == DRIVE_CUT || kind == DRIVE_SHORT)
		fault.offset = UINT64_MAX;
	wrong = sentence_wrong(text, &fault);
	CHECK(!wrong, "\"%s\": %s; the fault is in %s", text, wrong, fault.path);
}

static void check_failure(int code, const struct wick_diag *diag, bool opened)
{
	const struct kind *kind = &kinds[run.kind];
	const struct route *route = &routes[run.route];
	bool cached = route->buffered && !route->uncached;

	CHECK(atomic_load(&drive.orders->struck), "failed for nothing: %d, \"%s\"", code, diag->text);
	CHECK(!strchr(diag->text, '\n'), "not one sentence: \"%s\"", diag->text);
	reported[run.kind]++;
	sidecar_reported += in_sidecar();
	if (getenv("WICK_SEED"))
		print_message("  %d, \"%s\"\n", code, diag->text);
	if (!opened && !strstr(diag->text, "offset ")) {
		check_opening(diag->text);
		return;
	}
	CHECK(is_among(code, cached ? kind->cached_codes : kind->codes), "code %d, \"%s\"", code, diag->text);
	check_place(diag->text);
}

/* After an evaluation failed: with the drive well again the engine is, too. */
static void check_recovery(struct wick *wick, float *rows)
{
	const struct drive_orders well = { .uncached = run.orders.uncached };
	struct wick_diag diag = { 0 };
	int code;

	drive_order(&drive, &well);
	CHECK(evaluate(wick, rows, &code, &diag) == ROWS, "not well again: %d, \"%s\"", code, diag.text);
	check_rows(rows, ROWS);
}

/* Opens, evaluates, closes, and judges what came out. */
static void run_once(void)
{
	float *rows = calloc((size_t)ROWS * run.layout->vocab, sizeof(float));
	struct wick_diag diag = { 0 };
	struct wick_options options;
	unsigned count = 0;
	struct wick *wick;
	int code;

	assert_non_null(rows);
	set_options(&options, run.way, &routes[run.route]);
	options.memory.bytes = run.layout->budget[run.way][run.route];
	drive_order(&drive, &run.orders);
	alarm(HUNG_S);
	code = wick_open(&wick, run.layout->seen, &options, &diag);
	CHECK(code || strcmp(options.mode, "sparse") || ways[run.way].share || wick_plan_of(wick)->drawn_bytes,
		"nothing is drawn");
	if (!code) {
		CHECK(run.orders.fault || wick_report_of(wick)->direct == !options.buffered, "%s",
			wick_report_of(wick)->direct_why);
		count = evaluate(wick, rows, &code, &diag);
		check_rows(rows, count);
	}
	struck[run.kind] += run.orders.fault && atomic_load(&drive.orders->struck);
	sidecar_struck += run.orders.fault && in_sidecar();
	if (code)
		check_failure(code, &diag, wick != NULL);
	if (code && wick && run.orders.fault != DRIVE_CRASH)
		check_recovery(wick, rows);
	wick_close(wick);
	alarm(0);
	free(rows);
	if (run.orders.fault == DRIVE_CRASH) {
		drive_stop(&drive);
		start_drive();
	}
}

/* How many reads there are, of all or of the predictors alone, found by a run that must be right. */
static uint64_t reads_of(struct layout *layout, unsigned way, unsigned route, bool of_sidecar)
{
	const struct drive_orders well = { .uncached = routes[route].uncached,
		.only = of_sidecar ? layout->sidecar_info.st_ino : 0 };
	uint64_t *reads = &layout->reads[way][route][of_sidecar];

	if (!*reads) {
		drive_order(&drive, &well);
		find_budget(layout, way, route);
		run.orders = well;
		run_once();
		*reads = atomic_load(&drive.orders->reads);
		assert_in_range(*reads, of_sidecar || layout >= &layouts[SYNTH_MODELS] ? 2 : 20, 20000);
	}
	return *reads;
}

/* Every third run strikes predictors in a file of their own, whose reads are few. */
static void draw_run(uint64_t seed)
{
	bool of_sidecar = seed % 3 == 0;
	uint64_t draws = seed, reads;

	run = (struct run){ .seed = seed };
	do {
		run.layout = &layouts[wick_sim_draw(&draws, SYNTH_MODELS)];
		run.way = (unsigned)wick_sim_draw(&draws, WAYS);
	} while (of_sidecar && (!run.layout->sidecar_info.st_ino || ways[run.way].kind != PREDICTED));
	run.route = (unsigned)wick_sim_draw(&draws, ROUTES);
	run.kind = (unsigned)(seed % KINDS_OF_FAULT);
	if (!strcmp(routes[run.route].io, "uring") && !have_uring)
		run.route += PREAD_INSTEAD;
	reads = reads_of(run.layout, run.way, run.route, of_sidecar);
	run.orders = kinds[run.kind].orders;
	run.orders.uncached = routes[run.route].uncached;
	run.orders.only = of_sidecar ? run.layout->sidecar_info.st_ino : 0;
	run.orders.read = wick_sim_draw(&draws, reads);
}

/* For each route the families take the faults in another order. */
static void take_row(uint64_t seed)
{
	const unsigned *row = table[(seed - TABLE_SEED) % table_rows];
	uint64_t draws = seed, reads;

	run = (struct run){ .seed = seed, .layout = &layouts[SYNTH_MODELS + row[0]], .route = row[1], .way = row[2],
		.kind = (unsigned)((row[0] + 2 * row[1]) % KINDS_OF_FAULT) };
	if (!strcmp(routes[run.route].io, "uring") && !have_uring)
		run.route += PREAD_INSTEAD;
	reads = reads_of(run.layout, run.way, run.route, false);
	run.orders = kinds[run.kind].orders;
	run.orders.uncached = routes[run.route].uncached;
	run.orders.read = wick_sim_draw(&draws, reads);
}

static void each_dense_family(void **state)
{
	(void)state;
	if (getenv("WICK_SEED"))
		skip();
	memset(struck, 0, sizeof(struck));
	for (uint64_t i = 0; i < table_rows; i++) {
		take_row(TABLE_SEED + i);
		run_once();
	}
	for (unsigned i = 0; i < KINDS_OF_FAULT; i++)
		assert_in_range(struck[i], ROUTES / 2, table_rows);
}

static void right_or_named(void **state)
{
	const char *seed = getenv("WICK_SEED"), *count = getenv("WICK_RUNS");
	uint64_t runs = count ? strtoull(count, NULL, 0) : RUNS;

	(void)state;
	if (seed) {
		(strtoull(seed, NULL, 0) < TABLE_SEED ? draw_run : take_row)(strtoull(seed, NULL, 0));
		run_once();
		print_message("  %s\n", described());
		return;
	}
	for (uint64_t i = 1; i <= runs; i++) {
		draw_run(i);
		run_once();
	}
	for (unsigned i = 0; i < KINDS_OF_FAULT; i++)
		print_message("  %-24s struck %4u times, reported %4u times\n", kinds[i].name, struck[i], reported[i]);
	print_message("  %-24s struck %4u times, reported %4u times\n", "predictors' own file", sidecar_struck, sidecar_reported);
	for (unsigned i = 0; i < KINDS_OF_FAULT; i++) /* so that the test can fail */
		assert_true(runs < RUNS || struck[i] > runs / 40);
	assert_true(runs < RUNS || (sidecar_struck > runs / 4 && sidecar_reported > runs / 12));
}

/* A sentence that names the file and the place; the answers before it were right. */
static void check_unanswered(struct wick *wick, float *rows)
{
	struct sentence_fault fault = { .path = run.layout->seen, .model = run.layout->real, .offset = UINT64_MAX };
	struct wick_diag diag = { 0 };
	const char *wrong;
	unsigned count;
	int code;

	count = evaluate(wick, rows, &code, &diag);
	check_rows(rows, count);
	CHECK(code == -ETIMEDOUT, "code %d, \"%s\"", code, diag.text);
	wrong = sentence_wrong(diag.text, &fault);
	CHECK(!wrong, "\"%s\": %s", diag.text, wrong);
	CHECK(strstr(diag.text, "the drive does not answer"), "\"%s\" does not say why", diag.text);
}

/* The drive falls silent under an engine that reads all weights for every token, and stays so until it is closed. */
static void silent(unsigned route)
{
	const struct drive_orders silence = { .fault = DRIVE_SILENT, .uncached = routes[route].uncached };
	float *rows = calloc((size_t)ROWS * layouts[0].vocab, sizeof(float));
	struct wick_options options;
	struct wick_diag diag = { 0 };
	struct wick *wick;

	assert_non_null(rows);
	reads_of(&layouts[0], 0, route, false);
	run = (struct run){ .layout = &layouts[0], .route = route, .orders = silence };
	set_options(&options, 0, &routes[route]);
	options.memory.bytes = layouts[0].budget[0][route];
	drive_order(&drive, &(struct drive_orders){ .uncached = silence.uncached });
	alarm(HUNG_S);
	CHECK(wick_open(&wick, layouts[0].seen, &options, &diag) == 0, "\"%s\"", diag.text);
	drive_order(&drive, &silence);
	check_unanswered(wick, rows);
	check_unanswered(wick, rows); /* what the kernel kept is never taken for weights */
	wick_close(wick);
	alarm(0);
	drive_order(&drive, &(struct drive_orders){ .uncached = silence.uncached });
	free(rows);
}

static void no_answer_ends_in_time(void **state)
{
	(void)state;
	for (unsigned route = have_uring ? 0 : PREAD_INSTEAD; route < MMAP; route++)
		silent(route);
}

/* The answers with everything resident, and without the drive. */
static void find_truth(struct layout *layout, unsigned kind)
{
	static const unsigned plain_ways[KINDS] = { [EXACT] = 1, [PREDICTED] = 4 };
	const struct route plain = { .io = "pread" };
	struct wick_options options;
	struct wick *wick;
	int code;

	set_options(&options, plain_ways[kind], &plain);
	options.memory.bytes = WICK_MAX(model_whole_bytes(layout->real, &options), model_least_bytes(layout->real, &options));
	wick = model_open(layout->real, &options);
	layout->vocab = wick_report_of(wick)->vocab;
	layout->truth[kind] = calloc((size_t)ROWS * layout->vocab, sizeof(float));
	assert_non_null(layout->truth[kind]);
	assert_int_equal(evaluate(wick, layout->truth[kind], &code, NULL), ROWS);
	wick_close(wick);
}

static void name_layout(struct layout *layout, const char *name)
{
	char file[128];

	snprintf(layout->name, sizeof(layout->name), "%s", name);
	snprintf(file, sizeof(file), "%s.gguf", name);
	path_join(layout->real, below, file);
	path_join(layout->seen, mounted, file);
	snprintf(file, sizeof(file), "%s.pred.gguf", name);
	path_join(layout->sidecar, mounted, file);
}

/* Packed, so that it has checksums. */
static void make_family(struct layout *layout, const char *fixture)
{
	char name[128], stock[PATH_MAX];

	name_layout(layout, fixture);
	snprintf(name, sizeof(name), "stock/%s/model.gguf", fixture);
	fixture_folder(stock, name);
	model_pack(stock, layout->real, NULL);
	assert_int_equal(stat(layout->real, &layout->info), 0);
	find_truth(layout, EXACT);
}

static void make_table(void)
{
	static struct pairs pairs = { .counts = { DENSE_FAMILIES, ROUTES, EXACT_WAYS } };

	while (pairs_next(&pairs, table[table_rows]))
		assert_in_range(++table_rows, 1, TABLE_ROWS_MAX - 1);
}

static void make_layout(struct layout *layout, const struct synth_model *model)
{
	char folder[PATH_MAX], sidecar[PATH_MAX], file[128];

	name_layout(layout, model->name);
	snprintf(file, sizeof(file), "%s.pred.gguf", model->name);
	path_join(sidecar, below, file);
	synth_model_folder(folder, model, scratch);
	model_pack(folder, layout->real, model->type);
	if (model->trained)
		predictors_write(layout->real);
	assert_int_equal(stat(layout->real, &layout->info), 0);
	assert_int_equal(stat(sidecar, &layout->sidecar_info), model->trained ? 0 : -1);
	for (unsigned kind = 0; kind < KINDS; kind++)
		find_truth(layout, kind);
}

static int make_layouts(void **state)
{
	const char *why;

	(void)state;
	signal(SIGALRM, on_alarm);
	have_uring = uring_allowed();
	scratch_make(scratch);
	path_join(below, scratch, "below");
	path_join(mounted, scratch, "mounted");
	assert_int_equal(mkdir(below, 0700), 0);
	assert_int_equal(mkdir(mounted, 0700), 0);
	for (unsigned i = 0; i < SYNTH_MODELS; i++)
		make_layout(&layouts[i], &synth_models[i]);
	for (unsigned i = 0; i < DENSE_FAMILIES; i++)
		make_family(&layouts[SYNTH_MODELS + i], dense_families[i]);
	make_table();
	why = drive_start(&drive, below, mounted);
	if (!why)
		return 0;
	scratch_remove(scratch);
	printf("skipped: %s\n", why);
	exit(77);
}

static int remove_layouts(void **state)
{
	(void)state;
	drive_stop(&drive);
	for (unsigned i = 0; i < WICK_COUNT_OF(layouts); i++)
		for (unsigned kind = 0; kind < KINDS; kind++)
			free(layouts[i].truth[kind]);
	scratch_remove(scratch);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_or_named),
		cmocka_unit_test(no_answer_ends_in_time),
		cmocka_unit_test(each_dense_family),
	};
	int served = drive_main(argc, argv);

	return served < 0 ? cmocka_run_group_tests(tests, make_layouts, remove_layouts) : served;
}
