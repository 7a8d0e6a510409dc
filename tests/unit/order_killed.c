/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* An ordering is killed right before and right after each of its renames, over an older pair of model and trained
 * predictors or where there is none: what is there then runs, with trained predictors where there is a model. */

#include "packing.h"

#include "gguf.h"
#include "model.h"
#include "predictor_set.h"
#include "sidecar.h"
#include "trace_synth.h"

#include <sys/wait.h>

#define LAYERS 2 /* of plain-f32 */
#define N_FF 68
#define WIDTH 72
#define RANK 8
#define KILLED 9 /* exit status */

static struct folder folder;
static char model_path[512], trace_path[512];

static unsigned renames, kill_at; /* 0: never. An odd one is before a rename, an even one after it */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

int __wrap_rename(const char *from, const char *to)
{
	int rc;

	if (kill_at && ++renames == kill_at)
		_exit(KILLED);
	rc = __real_rename(from, to);
	if (kill_at && ++renames == kill_at)
		_exit(KILLED);
	return rc;
}

static int part_of(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	static float numbers[N_FF * WIDTH];

	(void)user, (void)layer, (void)ahead, (void)part;
	*data = numbers;
	return 0;
}

static void write_predictors(const char *model, const char *path)
{
	const uint32_t ranks[LAYERS] = { RANK, RANK }, ahead[LAYERS] = { 0 };
	struct wick_sidecar_shape shape = { .layers = LAYERS, .d_model = WIDTH, .n_ff = N_FF, .type = WICK_F32, .ranks = ranks,
		.ahead = ahead };
	struct wick_model *opened;
	struct wick_diag diag = { 0 };

	assert_int_equal(wick_model_open(&opened, model, NULL), 0);
	shape.model_crc = wick_model_identity(opened);
	wick_model_close(opened);
	if (wick_sidecar_write(path, &shape, part_of, NULL, &diag))
		fail_msg("%s", diag.text);
}

static void copy(const char *from, const char *name)
{
	struct blob blob = blob_load(from);

	folder_write(&folder, name, blob.bytes, blob.count);
	free(blob.bytes);
}

/* With trained predictors; which of the models it is. */
static uint32_t check_runs(const char *path, unsigned at)
{
	struct wick_predictor_set *set;
	struct wick_diag diag = { 0 };
	struct wick_model *model;
	uint32_t identity;

	if (wick_model_open(&model, path, &diag) || wick_predictor_set_open(&set, model, path, &diag))
		fail_msg("killed at %u: %s", at, diag.text);
	assert_int_equal(set->origin, WICK_PREDICTORS_TRAINED);
	identity = wick_model_identity(model);
	wick_predictor_set_close(set);
	wick_model_close(model);
	return identity;
}

/* Whether it was killed. */
static bool order_and_kill(const char *out, unsigned at)
{
	const struct wick_pack_options options = { .order = "coactivation", .trace = trace_path };
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		kill_at = at;
		_exit(wick_pack(model_path, out, &options, NULL) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED));
	return WEXITSTATUS(status) == KILLED;
}

static void a_pair_runs_whenever_it_ends(void **state)
{
	const char *out = *state; /* its name */
	char path[512];
	unsigned at = 0, olds = 0, news = 0;
	uint32_t old, new = 0;
	bool killed;

	snprintf(path, sizeof(path), "%s/%s.gguf", folder.path, out);
	old = check_runs(model_path, 0);
	do {
		char sidecar[64], kept[512];

		snprintf(sidecar, sizeof(sidecar), "%s.pred.gguf", out);
		snprintf(kept, sizeof(kept), "%s/kept.pred.gguf", folder.path);
		if (strcmp(out, "none")) {
			copy(folder_path(&folder, "kept.gguf"), strrchr(path, '/') + 1);
			copy(kept, sidecar);
		}
		killed = order_and_kill(path, ++at);
		if (access(path, F_OK) == 0) {
			new = check_runs(path, at);
			olds += new == old;
			news += new != old;
		}
		if (!killed)
			assert_int_equal(access(folder_path(&folder, sidecar), F_OK), 0);
		unlink(path);
		unlink(folder_path(&folder, sidecar));
	} while (killed);
	assert_true(news > 2 && new != old);
	assert_true(olds > 2 || !strcmp(out, "none"));
	copy(folder_path(&folder, "kept.gguf"), "model.gguf");
	copy(folder_path(&folder, "kept.pred.gguf"), "model.pred.gguf");
}

/* The other name is for what nobody wrote to the end: it does not come before the predictors that are in their place, nor
 * is it taken for another model. */
static void the_other_name_is_second(void **state)
{
	struct wick_model *model;
	struct wick_predictor_set *set;
	char *meanwhile;

	(void)state;
	assert_int_equal(wick_model_open(&model, model_path, NULL), 0);
	meanwhile = wick_predictor_set_path_meanwhile(model_path, wick_model_identity(model));
	write_predictors(model_path, meanwhile);
	assert_int_equal(wick_predictor_set_open(&set, model, model_path, NULL), 0);
	assert_string_equal(set->path, folder_path(&folder, "model.pred.gguf"));
	wick_predictor_set_close(set);
	folder_edit(&folder, "model.pred.gguf", "wick.predictors.model", "wick.predictors.madel");
	assert_int_equal(wick_predictor_set_open(&set, model, model_path, NULL), 0);
	assert_string_equal(set->path, meanwhile);
	wick_predictor_set_close(set);
	copy(model_path, "x.gguf"); /* in a file whose name is nobody's */
	assert_int_equal(wick_predictor_set_open(&set, model, folder_path(&folder, "x.gguf"), NULL), 0);
	assert_int_equal(set->origin, WICK_PREDICTORS_PACKED);
	wick_predictor_set_close(set);
	unlink(meanwhile);
	assert_int_equal(wick_predictor_set_open(&set, model, model_path, NULL), -EINVAL);
	free(meanwhile);
	wick_model_close(model);
}

static int set_up(void **state)
{
	const struct wick_trace_shape shape = { .layers = LAYERS, .n_ff = N_FF, .tokens = 64, .synthetic = true,
		.synthesis = { .zipf = 1, .active = 0.2, .seed = 1 } };

	(void)state;
	folder = folder_make();
	snprintf(model_path, sizeof(model_path), "%s/model.gguf", folder.path);
	snprintf(trace_path, sizeof(trace_path), "%s/trace", folder.path);
	pack_well(fixture_path("plain-f32"), model_path, NULL);
	write_predictors(model_path, folder_path(&folder, "model.pred.gguf"));
	copy(model_path, "kept.gguf");
	copy(folder_path(&folder, "model.pred.gguf"), "kept.pred.gguf");
	return wick_synth_write(trace_path, &shape, NULL, NULL, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	folder_remove(&folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(a_pair_runs_whenever_it_ends, "model"), /* over itself */
		cmocka_unit_test_prestate(a_pair_runs_whenever_it_ends, "other"),
		cmocka_unit_test_prestate(a_pair_runs_whenever_it_ends, "none"),
		cmocka_unit_test(the_other_name_is_second),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
