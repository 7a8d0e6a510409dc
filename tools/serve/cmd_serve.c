/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick serve MODEL */

#include "commands.h"
#include "engine_options.h"
#include "figures.h"
#include "progress.h"
#include "server.h"
#include "text.h"
#include "utf8.h"

#include <errno.h>

static const char *model_path, *key_path;
static struct wick_server_options server_options;
static uint32_t port;
static bool verbose;

#define CTX_USUAL 4096
#define SESSIONS 4
#define QUEUE 16
#define KEEP_BYTES (8ull << 30)
#define KEY_BYTES_MAX 4096
#define NAME_BYTES_MAX 255
#define NAME_BYTES (WICK_UTF8_REPAIRED_MAX(NAME_BYTES_MAX) + 1)

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Network:" },
	{ OPT_TEXT, .name = "host", .value = "NAME", .into.text = &server_options.host,
		.help = "address to listen on; any but this machine's own needs a key (127.0.0.1)" },
	{ OPT_COUNT, .name = "port", .value = "N", .into.count = &port, .max = 65535, .help = "0: any that is free (8080)" },
	{ OPT_INPUT, .name = "api-key-file", .value = "FILE", .into.text = &key_path,
		.help = "clients must show the key that is the first line of this file" },
	{ OPT_TEXT, .name = "cors", .value = "ORIGIN", .into.text = &server_options.origin,
		.help = "let pages of this origin ask, such as http://localhost:3000; * is any (none)" },
	{ OPT_TEXT, .name = "host-name", .value = "NAME", .into.text = &server_options.name,
		.help = "a name of this machine by which clients without a key may ask, beside localhost" },

	{ OPT_HEADING, .help = "Conversations:" },
	{ OPT_COUNT, .name = "sessions", .value = "N", .into.count = &engine_options.sessions, .min = 1,
		.max = WICK_SESSIONS_MAX, .help = "that are answered at once (4)" },
	{ OPT_COUNT, .name = "queue", .value = "N", .into.count = &server_options.queue_max, .min = 1, .max = 10000,
		.help = "requests that may wait for one of them (16)" },
	{ OPT_COUNT, .name = "ctx", .value = "N", .into.count = &engine_options.ctx, .min = 1, .max = UINT32_MAX,
		.help = "tokens of context of each (4096, or the model's own if less)" },
	{ OPT_COUNT, .name = "kv-positions", .value = "N", .into.count = &engine_options.kv_positions, .min = 1,
		.max = UINT32_MAX, .help = "tokens of context that all have together (as many as all may have, or as a quarter of the memory holds)" },
	{ OPT_TEXT, .name = "keep", .value = "FOLDER", .into.text = &server_options.keep.folder,
		.help = "keep idle conversations there when their place is needed, and at the end; a folder for this server alone (none)" },
	{ OPT_SIZE, .name = "keep-size", .value = "SIZE", .into.size = &server_options.keep.bytes_max, .min = 1,
		.help = "of all files in it, at most; those unused for longest are removed (8G)" },
	{ OPT_TEXT, .name = "template", .value = "FILE", .into.text = &server_options.template,
		.help = "how chats are put to the model, in place of the model's own way: a Jinja file, or chatml, llama3 and others" },
	{ OPT_TEXT, .name = "alias", .value = "NAME", .into.text = &server_options.model,
		.help = "what clients call the model (the file's name, without .gguf)" },
	{ OPT_FLAG, 'v', .name = "verbose", .into.flag = &verbose,
		.help = "say more of the methods in use, and of their cost" },
	{ OPT_END },
};

/* Later ones are counted, for GET /metrics. */
static void say_lost(const char *why)
{
	fprintf(stderr, "wick: an idle session could not be kept: %s; more of these are counted in wick_sessions_lost_total\n", SHOWN(why));
}

static void init(void)
{
	engine_options_init();
	engine_options.sessions = SESSIONS;
	engine_options.kv_positions = WICK_KV_PLANNED;
	server_options = (struct wick_server_options){ .host = "127.0.0.1", .queue_max = QUEUE,
		.keep = { .bytes_max = KEEP_BYTES, .lost = say_lost }, .is_to_end = interrupted };
	port = 8080;
}

static int check(struct wick_diag *diag)
{
	if (server_options.model && !*server_options.model)
		return wick_diag_say(diag, -EINVAL, "--alias is an empty word");
	return engine_options_check(diag);
}

/* "/models/opt-1.3b.gguf" -> "opt-1.3b" */
static size_t name_model(const char **name)
{
	const char *end;

	*name = strrchr(model_path, '/') ? strrchr(model_path, '/') + 1 : model_path;
	end = strstr(*name, ".gguf");
	return end && !end[5] ? (size_t)(end - *name) : strlen(*name);
}

/* A name that is not UTF-8 cannot be said in JSON: it is repaired here, once, and clients are told what came of it. */
static void set_name(char into[NAME_BYTES])
{
	const char *name = server_options.model;
	size_t bytes = name ? strlen(name) : name_model(&name);

	bytes = bytes < NAME_BYTES_MAX ? bytes : NAME_BYTES_MAX;
	into[wick_utf8_repair(into, name, bytes)] = 0;
	server_options.model = into;
}

static int read_key(char into[KEY_BYTES_MAX], struct wick_diag *diag)
{
	FILE *in = fopen(key_path, "re");
	bool read = in && fgets(into, KEY_BYTES_MAX, in);
	int rc = in && !ferror(in) ? 0 : -errno;

	if (in)
		fclose(in);
	if (rc)
		return wick_diag_say(diag, rc, "%s: %s", key_path, strerror(-rc));
	if (read)
		into[strcspn(into, "\r\n")] = 0;
	if (!read || !*into)
		return wick_diag_say(diag, -EINVAL, "%s: has no key in its first line", key_path);
	return 0;
}

/* A wick_progress_fn: Ctrl-C ends no answer that was begun. */
static int go_on(void *user, uint64_t done, uint64_t total)
{
	(void)user;
	(void)done;
	(void)total;
	return 0;
}

static int serve(struct wick_server *server, struct wick_diag *diag)
{
	struct wick *wick;
	int rc = engine_open(&wick, model_path, &engine_options, diag);

	if (rc) {
		wick_server_stop(server);
		return rc;
	}
	print_start(wick_report_of(wick), wick_plan_of(wick), verbose, stderr);
	fprintf(stderr, "serving %s at http://%s/v1, %u conversations at once\n", SHOWN(server_options.model),
		wick_server_address(server), wick_plan_of(wick)->sessions);
	rc = wick_server_run(server, wick, diag);
	wick_server_stop(server);
	wick_close(wick);
	return rc;
}

static int run(struct wick_diag *diag)
{
	static char key[KEY_BYTES_MAX], name[NAME_BYTES];
	struct wick_server *server;
	int rc = key_path ? read_key(key, diag) : 0;

	if (rc)
		return rc;
	set_name(name);
	server_options.key = key_path ? key : NULL;
	server_options.port = (uint16_t)port;
	engine_options.ctx_usual = CTX_USUAL;
	engine_options.beside_bytes = WICK_SERVER_BESIDE_BYTES + (server_options.keep.folder ? WICK_SHELF_IDS_BYTES : 0);
	engine_options.eval_progress = go_on;
	interrupt_catch();
	rc = wick_server_start(&server, &server_options, diag);
	return rc ? rc : serve(server, diag);
}

const struct command cmd_serve = {
	.name = "serve",
	.purpose = SERVE_PURPOSE,
	.synopsis = "MODEL [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Serves a model to editors, agents and scripts, by OpenAI's API over HTTP:\n"
		 "several conversations at once, which share each pass over the weights. SIGTERM\n"
		 "or Ctrl-C lets answers that were begun come to their end; a second one does not.",
	.examples = "wick serve model.gguf\n"
		    "wick serve model.gguf --memory 4G --sessions 8 --port 8000\n"
		    "wick serve model.gguf --host 0.0.0.0 --api-key-file key.txt",
	.options = options,
	.shared = engine_opts,
	.init = init,
	.check = check,
	.run = run,
};
