/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A conversation that is kept: its messages with the model that they are for, and a sum that finds damage. What the session has
 * computed of them is in a file beside it, which need not be there, nor be of the same moment: the tokens in it tell how much
 * of it is of use. */

#include "chat_file.h"

#include "chat.h"
#include "draft.h"
#include "fnv.h"
#include "text.h"
#include "write_all.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX (64u << 20)
#define VERSION 1

/* The sum as it is written; false: no memory. */
static bool say_sum(char into[17], const json_t *messages)
{
	char *text = json_dumps(messages, JSON_COMPACT | JSON_SORT_KEYS);

	if (text)
		snprintf(into, 17, "%016" PRIx64, wick_fnv(WICK_FNV_BEGIN, text, strlen(text)));
	free(text);
	return text;
}

/* What tells one model from another. */
static json_t *describe_model(const struct chat *chat)
{
	const struct wick_report *report = wick_report_of(chat->wick);

	return json_pack("{s:s, s:i, s:i, s:i}", "arch", report->arch, "layers", (int)report->layers, "d_model",
		(int)report->d_model, "vocab", (int)report->vocab);
}

static char *file_text(const struct chat *chat)
{
	char sum[17];
	json_t *file = NULL;
	char *text;

	if (say_sum(sum, chat->messages))
		file = json_pack("{s:i, s:o, s:s, s:O}", "wick_chat", VERSION, "model", describe_model(chat), "sum", sum,
			"messages", chat->messages);
	text = json_dumps(file, JSON_INDENT(2));
	json_decref(file);
	return text;
}

/* Its owner's alone. */
static int write_file(const char *path, const char *text)
{
	struct wick_draft draft;
	int rc = wick_draft_open(&draft, path, 0600);

	return rc ? rc : wick_draft_close(&draft, path, wick_write_all(draft.fd, text, strlen(text)));
}

static char *kept_path(const char *path)
{
	char *kept = NULL;

	return asprintf(&kept, "%s.kv", path) < 0 ? NULL : kept;
}

/* A conversation of a few words has nothing to keep: then what was kept before goes. The text is what matters, and is there: what
 * goes wrong here costs time later, and is said. */
static void keep_beside(const struct chat *chat, const char *path)
{
	char *kept = kept_path(path);
	struct wick_diag diag = { "" };
	int rc = kept ? wick_session_keep(chat->session, chat->ids, kept, &diag) : wick_diag_say(&diag, -ENOMEM, "no memory");

	if (rc == -ENODATA) {
		diag.text[0] = 0;
		rc = unlink(kept) && errno != ENOENT ? wick_diag_say(&diag, -errno, "%s: %s", kept, strerror(errno)) : 0;
	}
	if (rc)
		fprintf(stderr, "%s; %s has the text, of which all tokens will be evaluated anew\n", SHOWN(diag.text), SHOWN(path));
	free(kept);
}

int chat_save(const struct chat *chat, const char *path, struct wick_diag *diag)
{
	char *text = file_text(chat);
	int rc = text ? write_file(path, text) : -ENOMEM;

	free(text);
	if (rc)
		return wick_diag_say(diag, rc, "%s: %s", path, strerror(-rc));
	if (!chat->kept) /* else nothing was said since it was loaded */
		keep_beside(chat, path);
	return 0;
}

static bool is_message(const json_t *message)
{
	return json_is_string(json_object_get(message, "role")) && json_is_string(json_object_get(message, "content"));
}

static int check(const json_t *file, const json_t *model, const char *path, struct wick_diag *diag)
{
	const json_t *messages = json_object_get(file, "messages"), *message;
	const char *sum = json_string_value(json_object_get(file, "sum"));
	char real[17];
	size_t i;

	if (json_integer_value(json_object_get(file, "wick_chat")) != VERSION || !json_is_array(messages) || !sum)
		return wick_diag_say(diag, -EBADMSG, "%s: is no conversation of wick's", path);
	if (!say_sum(real, messages))
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to read it", path);
	if (strcmp(sum, real))
		return wick_diag_say(diag, -EBADMSG, "%s: is damaged: its sum is %s, not %.40s", path, real, sum);
	json_array_foreach(messages, i, message)
		if (!is_message(message))
			return wick_diag_say(diag, -EBADMSG, "%s: messages[%zu] is none", path, i);
	if (!json_equal(model, json_object_get(file, "model")))
		return wick_diag_say(diag, -EBADMSG, "%s: is a conversation with another model", path);
	return 0;
}

json_t *chat_file_messages(
	const char *text, size_t bytes, const json_t *model, const char *path, int *rc, struct wick_diag *diag)
{
	json_error_t error;
	json_t *file = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error), *messages = NULL;

	*rc = file ? check(file, model, path, diag) :
		     wick_diag_say(diag, -EBADMSG, "%s: is no conversation of wick's: %s", path, error.text);
	if (!*rc)
		messages = json_incref(json_object_get(file, "messages"));
	json_decref(file);
	return messages;
}

static int read_file(FILE *in, char **text, size_t *bytes, const char *path, struct wick_diag *diag)
{
	*text = malloc(FILE_BYTES_MAX);
	if (!*text)
		return -ENOMEM;
	*bytes = fread(*text, 1, FILE_BYTES_MAX, in);
	if (ferror(in))
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	return *bytes < FILE_BYTES_MAX ? 0 : wick_diag_say(diag, -EBADMSG, "%s: is too large for a conversation", path);
}

int chat_load(struct chat *chat, const char *path, struct wick_diag *diag)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t bytes = 0;
	json_t *model = describe_model(chat), *messages = NULL;
	int rc = in ? read_file(in, &text, &bytes, path, diag) : wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));

	if (in)
		fclose(in);
	if (!rc)
		messages = chat_file_messages(text, bytes, model, path, &rc, diag);
	if (!rc) {
		json_decref(chat->messages);
		chat->messages = messages;
		chat->dropped = 0;
		free(chat->kept);
		chat->kept = kept_path(path);
	}
	json_decref(model);
	free(text);
	return rc;
}
