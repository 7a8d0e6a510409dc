/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Predictors in a file of their own, without training: random, so that what they choose is only what they say. */

/* Writes MODEL.pred.gguf for a packed model whose width is a multiple of 32: about a fifth of the neurons are chosen;
 * what looks ahead is the next layer's predictor with another threshold, so it is right more often than not. */
void predictors_write(const char *model_path);
