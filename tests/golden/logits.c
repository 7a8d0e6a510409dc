/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* golden-logits MODEL STEP MEMORY% [KV-TYPE]: reads ids from standard input, as wick tokenize --ids writes them, evaluates them STEP at a
 * time, 0 for all at once, and writes the logits behind each to standard output: float32, a row of vocab a token. For
 * divergence.py, which compares them with another program's, and for the case kv-type. */

#include <wick/wick.h>

#include <stdio.h>
#include <stdlib.h>

#define IDS_MAX 8192

static void put(void *user, uint32_t position, const float *logits)
{
	const struct wick *wick = user;

	(void)position;
	fwrite(logits, sizeof(*logits), wick_report_of(wick)->vocab, stdout);
}

static int evaluate(struct wick *wick, struct wick_session *session, const uint32_t *ids, uint32_t count, uint32_t step, struct wick_diag *diag)
{
	int err = 0;

	for (uint32_t at = 0; !err && at < count; at += step) {
		uint32_t some = count - at < step ? count - at : step;

		err = wick_session_eval(session, ids + at, some, put, wick, diag);
	}
	return err;
}

int main(int argc, char **argv)
{
	uint32_t ids[IDS_MAX], count = 0, step;
	struct wick_options options;
	struct wick_diag diag = { 0 };
	struct wick_session *session = NULL;
	struct wick *wick = NULL;
	int err;

	if (argc != 4 && argc != 5)
		return 2;
	while (count < IDS_MAX && scanf("%u", &ids[count]) == 1)
		count++;
	step = (uint32_t)strtoul(argv[2], NULL, 10);
	wick_options_init(&options);
	options.mode = "dense";
	options.all_logits = true;
	options.kv_type = argv[4]; /* NULL behind the last */
	options.memory.percent = strtod(argv[3], NULL);
	err = wick_open(&wick, argv[1], &options, &diag);
	if (!err)
		err = wick_session_create(&session, wick, &diag);
	if (!err)
		err = evaluate(wick, session, ids, count, step ? step : count, &diag);
	if (err)
		fprintf(stderr, "%s\n", diag.text);
	wick_close(wick);
	return err || fflush(stdout) ? 1 : 0;
}
