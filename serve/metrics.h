/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the server counts, for GET /metrics: the scheduler adds, any connection reads. */

#include <pthread.h>
#include <stdint.h>

enum wick_metric {
	WICK_METRIC_PROMPT_TOKENS,
	WICK_METRIC_CACHED_TOKENS,
	WICK_METRIC_PREDICTED_TOKENS,
	WICK_METRIC_PROMPT_SECONDS,
	WICK_METRIC_PREDICTED_SECONDS,
	WICK_METRIC_REQUESTS,
	WICK_METRIC_REFUSED,
	WICK_METRIC_FAILED,
	WICK_METRIC_GONE,
	WICK_METRIC_PARKED,
	WICK_METRIC_LOST,
	WICK_METRIC_PASSES,
	WICK_METRIC_ROWS,
	WICK_METRIC_FLASH_BYTES,
	WICK_METRIC_FLASH_WAIT_SECONDS,
	WICK_METRIC_HITS,
	WICK_METRIC_MISSES,
	WICK_METRIC_PROCESSING,
	WICK_METRIC_DEFERRED,
	WICK_METRIC_MEMORY_BYTES,
	WICK_METRIC_BUDGET_BYTES,
	WICK_METRICS,
};

struct wick_metrics {
	pthread_mutex_t lock;
	double values[WICK_METRICS];
};

void wick_metrics_init(struct wick_metrics *metrics);
void wick_metrics_add(struct wick_metrics *metrics, enum wick_metric metric, double amount);
void wick_metrics_set(struct wick_metrics *metrics, enum wick_metric metric, double value);

/* As Prometheus reads it; the caller frees it. NULL: no memory. */
char *wick_metrics_text(struct wick_metrics *metrics);
