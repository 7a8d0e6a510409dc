/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Progress of training (see train.h). */

#include "train.h"

#include "bits.h"

/* Of all that is to be done: a sweep step for each layer, and learning for each predictor, which takes longer. */
int wick_train_say(struct wick_train *train, uint32_t layer, const char *what, double part)
{
	uint32_t layers = train->model->shape.layers, targets = layers + (train->ahead && train->ahead[0].rank ? layers - 1 : 0);
	bool census = train->own && train->keep_fd < 0;

	if (!train->options->progress)
		return 0;
	return train->options->progress(train->options->user, census ? 0 : layer, layers, what,
		(train->target + part) / WICK_MAX(targets, 1u));
}
