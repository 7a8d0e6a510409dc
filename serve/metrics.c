/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Counters by a table. */

#include "metrics.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *type, *help;
} names[WICK_METRICS] = {
	[WICK_METRIC_PROMPT_TOKENS] = { "wick_prompt_tokens_total", "counter", "Tokens of prompts that were evaluated." },
	[WICK_METRIC_CACHED_TOKENS] = { "wick_prompt_tokens_cached_total", "counter", "Tokens of prompts that were there already." },
	[WICK_METRIC_PREDICTED_TOKENS] = { "wick_tokens_predicted_total", "counter", "Tokens written." },
	[WICK_METRIC_PROMPT_SECONDS] = { "wick_prompt_seconds_total", "counter", "From a request's turn to its first token." },
	[WICK_METRIC_PREDICTED_SECONDS] = { "wick_tokens_predicted_seconds_total", "counter",
		"From the first token to the last, added up over requests." },
	[WICK_METRIC_REQUESTS] = { "wick_requests_total", "counter", "Requests that ended with an answer." },
	[WICK_METRIC_REFUSED] = { "wick_requests_refused_total", "counter", "Requests that were refused, with a status below 500 or 503." },
	[WICK_METRIC_FAILED] = { "wick_requests_failed_total", "counter", "Requests whose evaluation failed." },
	[WICK_METRIC_GONE] = { "wick_requests_gone_total", "counter", "Requests whose client left." },
	[WICK_METRIC_PARKED] = { "wick_parked_total", "counter", "Answers that gave up their positions to others, and were evaluated again." },
	[WICK_METRIC_LOST] = { "wick_sessions_lost_total", "counter", "Idle sessions that could not be written to the folder of --keep." },
	[WICK_METRIC_PASSES] = { "wick_passes_total", "counter", "Passes over the weights." },
	[WICK_METRIC_ROWS] = { "wick_rows_total", "counter", "Tokens evaluated in them." },
	[WICK_METRIC_FLASH_BYTES] = { "wick_flash_read_bytes_total", "counter", "Bytes read from flash." },
	[WICK_METRIC_FLASH_WAIT_SECONDS] = { "wick_flash_wait_seconds_total", "counter", "Time spent waiting for flash." },
	[WICK_METRIC_HITS] = { "wick_bundle_hits_total", "counter", "Bundles wanted that were in memory." },
	[WICK_METRIC_MISSES] = { "wick_bundle_misses_total", "counter", "Bundles read." },
	[WICK_METRIC_PROCESSING] = { "wick_requests_processing", "gauge", "Requests that are being answered." },
	[WICK_METRIC_DEFERRED] = { "wick_requests_deferred", "gauge", "Requests that wait for their turn." },
	[WICK_METRIC_MEMORY_BYTES] = { "wick_memory_peak_bytes", "gauge", "The most memory that the process had." },
	[WICK_METRIC_BUDGET_BYTES] = { "wick_memory_budget_bytes", "gauge", "What it may have." },
};

void wick_metrics_init(struct wick_metrics *metrics)
{
	memset(metrics->values, 0, sizeof(metrics->values));
	pthread_mutex_init(&metrics->lock, NULL);
}

void wick_metrics_add(struct wick_metrics *metrics, enum wick_metric metric, double amount)
{
	pthread_mutex_lock(&metrics->lock);
	metrics->values[metric] += amount;
	pthread_mutex_unlock(&metrics->lock);
}

void wick_metrics_set(struct wick_metrics *metrics, enum wick_metric metric, double value)
{
	pthread_mutex_lock(&metrics->lock);
	metrics->values[metric] = value;
	pthread_mutex_unlock(&metrics->lock);
}

char *wick_metrics_text(struct wick_metrics *metrics)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	pthread_mutex_lock(&metrics->lock);
	for (int i = 0; i < WICK_METRICS; i++)
		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", names[i].name, names[i].help, names[i].name, names[i].type,
			names[i].name, metrics->values[i]);
	pthread_mutex_unlock(&metrics->lock);
	fclose(out);
	return text;
}
