/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Requests in a row, threaded through request->next. */

#include "io.h"

struct wick_list {
	struct wick_io_request *head;
	struct wick_io_request *tail; /* of a list that is not empty */
};

static inline void wick_list_push_back(struct wick_list *list, struct wick_io_request *request)
{
	request->next = NULL;
	if (list->head)
		list->tail->next = request;
	else
		list->head = request;
	list->tail = request;
}

static inline void wick_list_push_front(struct wick_list *list, struct wick_io_request *request)
{
	request->next = list->head;
	if (!list->head)
		list->tail = request;
	list->head = request;
}

static inline struct wick_io_request *wick_list_pop(struct wick_list *list)
{
	struct wick_io_request *request = list->head;

	if (request)
		list->head = request->next;
	return request;
}

/* Puts a whole list, in its order, in front of another. */
static inline void wick_list_splice_front(struct wick_list *list, struct wick_list *before)
{
	if (!before->head)
		return;
	before->tail->next = list->head;
	if (!list->head)
		list->tail = before->tail;
	list->head = before->head;
}
