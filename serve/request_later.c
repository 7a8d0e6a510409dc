/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Fields of what is not there yet. */

#include "request_field.h"

#include <string.h>

static int refuse_later(const struct wick_reading *reading, const struct wick_field *field)
{
	return wick_refuse(reading->refusal, 400, field->name, "'%s' is not there yet", field->name);
}

/* More than one answer, and the like: the number that stands for none of that is honoured. */
int wick_field_only_one(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	return json_is_number(value) && json_number_value(value) == 1 ? 0 : refuse_later(reading, field);
}

int wick_field_only_false(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	return json_is_false(value) ? 0 : refuse_later(reading, field);
}

int wick_field_only_empty(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	bool empty = (json_is_array(value) && !json_array_size(value)) || (json_is_object(value) && !json_object_size(value));

	return empty ? 0 : refuse_later(reading, field);
}

int wick_field_only_empty_text(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	return json_is_string(value) && !json_string_length(value) ? 0 : refuse_later(reading, field);
}

int wick_field_only_none(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	const char *word = json_string_value(value);

	return word && (!strcmp(word, "none") || !strcmp(word, "auto") || !*word) ? 0 : refuse_later(reading, field);
}

/* ["text"] */
int wick_field_only_texts(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	const json_t *kind;
	size_t i;

	json_array_foreach(value, i, kind)
		if (!json_is_string(kind) || strcmp(json_string_value(kind), "text"))
			return refuse_later(reading, field);
	return json_is_array(value) ? 0 : wick_field_refuse_type(reading, field, "a list of texts");
}

/* What would make the answer another one, whatever its value. */
int wick_field_never(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	(void)value;
	return refuse_later(reading, field);
}

int wick_field_only_text(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	const char *type = json_string_value(json_object_get(value, "type"));

	if (!type)
		return wick_field_refuse_type(reading, field, "an object with a type");
	return !strcmp(type, "text") ? 0 : wick_refuse(reading->refusal, 400, field->name,
						   "'%s' of type '%.40s' is not there yet", field->name, type);
}
