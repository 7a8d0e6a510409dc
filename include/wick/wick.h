/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* wick: language models that do not fit in RAM, their weights drawn from flash as they are needed.
 *
 * Rules of the library
 *   - It never prints and never exits. A call returns 0, or a negative errno with one sentence for people in `diag`
 *     (which may be NULL; it is cleared on entry).
 *   - Memory: `options.memory` is everything a run takes. wick_plan() tells every size before anything is loaded; all
 *     of it is allocated in wick_open(); evaluating and sampling allocate nothing.
 *   - Placement changes speed, never the answer: for one file and one instruction set, logits are bit-equal whatever
 *     the budget, mode (dense, hybrid, naive), I/O method, queue depth, chunk size and thread count. Sparse mode
 *     computes what its predictors choose; in it, too, logits are bit-equal over all these and policy, window and
 *     lookahead.
 *   - A session's answer is its own: its logits are bit-equal whatever other sessions are evaluated with it, however
 *     many rows at once, wherever its prompt is cut, and whether its first positions are its own or another's.
 *   - One engine, with its sessions, is used from one thread at a time, which need not always be the same. Engines are
 *     independent of each other.
 *
 *     struct wick_options options;
 *     struct wick_diag diag;
 *     struct wick_session *session;
 *     struct wick *wick;
 *
 *     wick_options_init(&options);
 *     options.memory.percent = 60;
 *     if (wick_open(&wick, "model.gguf", &options, &diag))
 *         return complain(diag.text);
 *     wick_session_create(&session, wick, &diag);
 *     wick_session_eval(session, prompt, prompt_count, NULL, NULL, &diag);
 *     token = wick_session_sample(session, &sampling);
 *     ...
 *     wick_close(wick);
 */

#include "diag.h"
#include "mark.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WICK_API __attribute__((visibility("default")))

/* A long work reports how far it is, in bytes unless the name of the callback says otherwise, from the thread that
 * called. Returning non-zero ends it with -ECANCELED. */
typedef int (*wick_progress_fn)(void *user, uint64_t bytes_done, uint64_t bytes_total);

#define WICK_CTX_DEFAULT 2048 /* tokens, where the model has as many */

/* The names that options take, for arrays of them. */
#define WICK_MODES "sparse", "dense", "hybrid", "naive"
#define WICK_POLICIES "lru", "window", "decay", "stale", "nextuse"
#define WICK_METHODS "uring", "pread", "mmap"
#define WICK_KV_TYPES "f16", "q8_0"

/* Limits of the options. */
#define WICK_QUEUE_DEPTH_MAX 4096
#define WICK_CHUNK_BYTES_STEP 4096 /* a chunk is a multiple of this */
#define WICK_CHUNK_BYTES_MAX (64u << 20)
#define WICK_THREADS_MAX 256
#define WICK_SESSIONS_MAX 256
#define WICK_KV_PLANNED UINT32_MAX /* positions: as many as all may have where all else fits, too; else what a quarter of the
                                      memory holds, and a whole context at the least */
#define WICK_KV_POSITIONS_STEP 64 /* positions are given to sessions, shared and kept in so many */
#define WICK_ALIGN_MIN 512 /* of a packed bundle; a power of two */
#define WICK_ALIGN_MAX 4096

/* The whole process in bytes, or a share of the model: percent of wick.source_bytes plus the fixed cost of the process.
 * Both 0: three quarters of the memory that is free (a cgroup's limit included), never more than the model needs. */
struct wick_memory {
	uint64_t bytes;
	double percent;
};

struct wick_instruments; /* instruments.h */

struct wick_options {
	size_t size;              /* set by wick_options_init() */
	struct wick_memory memory;
	uint64_t beside_bytes;    /* the part of that memory that the caller takes beside the engine */
	uint32_t ctx;             /* tokens; 0: the smaller of ctx_usual and the model's own, */
	uint32_t ctx_usual;       /* 0: WICK_CTX_DEFAULT; */
	uint32_t ctx_enough;      /* and no more than this, which the caller knows to be enough; 0: not known */
	uint32_t sessions;        /* conversations at once; 0: 1. Each may have ctx tokens, */
	uint32_t kv_positions;    /* and all together so many, in blocks of 64; 0: as many as all may have; WICK_KV_PLANNED */
	const char *kv_type;      /* of keys and values, of WICK_KV_TYPES: q8_0 takes half, and changes answers; NULL: f16 */
	const char *mode;         /* of WICK_MODES; NULL: sparse where possible, else dense */
	const char *policy;       /* which neurons or experts stay, of WICK_POLICIES; NULL: decay, and nextuse of experts */
	uint32_t window;          /* tokens whose neurons stay; 0: as many as there is room for */
	uint32_t lookahead;       /* 1: the next layer's probable neurons are read ahead; 2: experts, too; 0: neither */
	const char *trace;        /* replayed instead of what predictors or routers say: a file; NULL: none */
	const char *io;           /* of WICK_METHODS; NULL: the best that works, said in wick_report */
	bool buffered;            /* through the page cache, though direct reads would do */
	bool no_verify;           /* checksums of what is read are not compared: damage goes unnoticed. For measuring */
	uint32_t queue_depth;     /* reads in flight; 0: 256, and 32 where they are not direct */
	uint64_t chunk_bytes;     /* bytes of one read; 0: 1 MiB */
	uint32_t threads;         /* that compute; 0: one a CPU this process may use */
	uint32_t cpu_mask;        /* instruction sets allowed; ~0: all */
	const char *numa;         /* "local": each node its own rows and threads; "interleave"; a number; NULL: local */
	bool all_logits;          /* room for the logits of a whole batch, for wick_session_eval with `each` */
	bool measure;             /* a drive without a profile is measured for two seconds, if weights are read from
	                             it in a run; the profile is kept in XDG_CACHE_HOME/wick */
	wick_progress_fn progress; /* of loading; may be NULL */
	void *user;
	wick_progress_fn eval_progress; /* of each evaluation, after every layer, in tokens times layers; may be NULL */
	void *eval_user;
	const struct wick_instruments *instruments; /* for measuring; NULL: none */
	const char *routing;      /* experts, wick_plan() without a trace: how routers choose, a preset of wick trace synth; NULL: that of the
	                             model which is most alike */
	float gate_percent;       /* SwiGLU whose gates are apart, and experts: of the gates, the smallest so many per cent are taken for 0, by
	                             thresholds that wick_train() has found. Changes answers, and sparse mode reads less; of experts less is
	                             computed; 0: none, 99 at most */
};

/* Structs that a caller makes begin with their size, by which a library of another version knows what they have. Where a
 * call fills one, it is set here; sampling is the caller's own. */
WICK_API void wick_options_init_sized(struct wick_options *options, size_t size);

static inline void wick_options_init(struct wick_options *options)
{
	wick_options_init_sized(options, sizeof(*options));
}

/* How a budget is spent. Bytes, unless the name says otherwise. */
struct wick_plan {
	size_t size;
	uint64_t budget_bytes;
	uint64_t total_bytes;      /* all that follow; never more than the budget */
	uint64_t process_bytes;    /* code and libraries: the fixed cost of the process */
	uint64_t metadata_bytes;   /* directory, checksums, tokenizer; the caller's options.beside_bytes */
	uint64_t vector_bytes;     /* norms and biases, always resident */
	uint64_t kv_bytes;         /* keys and values of all sessions */
	uint64_t activation_bytes; /* of a batch, logits included */
	uint64_t staging_bytes;    /* where swept weights land */
	uint64_t resident_bytes;   /* weight matrices kept */
	uint64_t swept_bytes;      /* weight matrices read again for every token */
	uint64_t weight_bytes;     /* resident_bytes + swept_bytes + drawn_bytes */
	uint64_t predictor_bytes;  /* sparse: always resident; levels of gates that are cut are among them */
	uint64_t cache_bytes;      /* sparse: the bundle caches, with their maps and policies */
	uint64_t drawn_bytes;      /* sparse: bundles outside of memory at open, read when they are wanted */
	uint32_t cache_rows;       /* sparse: of a layer's bundle cache, on average */
	uint64_t cycle_bytes;      /* experts: that one token chooses, all layers together; 0: the model has none */
	uint32_t expert_slots;     /* experts: of their cache; 0: all are resident */
	uint32_t window;           /* sparse: tokens whose neurons stay; 0: as many as there is room for */
	uint64_t source_bytes;     /* the unpadded weights: what a percentage is of */
	uint64_t minimum_bytes;    /* the smallest budget that works with these options in this process; in another it */
	uint64_t varies_bytes;     /* may be so much more, or less: libraries never lie in the same places twice */
	uint64_t whole_bytes;      /* the budget at which nothing is swept */
	uint64_t free_bytes;       /* of memory, for a new process, when the plan was made; 0: not known */
	uint32_t ctx;              /* tokens of a session */
	uint32_t sessions;
	uint32_t kv_positions;     /* tokens of all sessions */
	uint32_t threads;
	uint32_t unit_count;       /* staging buffers */
	uint64_t unit_bytes;       /* size of one */

	/* The expected time of a token, by wick_plan() only; 0: nothing is known of the drive, and a run needs it. */
	double predicted_ms_per_token;
	double predicted_flash_ms;   /* of reading, some or all of which runs beside */
	double predicted_compute_ms; /* of computing */
	double predicted_bundles_active, predicted_bundles_read, predicted_flash_bytes; /* sparse: of a token */
	double predicted_experts_read; /* experts: of a token, */
	double predicted_hit_share;    /* and of those chosen the share that is there */
	double predicted_floor_ms;     /* experts: no order of work is faster: of each layer, what comes before its router, then the longer of
	                                  reading what is missing and of its experts' arithmetic at memory's rate; 0: not known */
	char profile[1024];          /* what the prediction rests on: the drive; */
	char firing[192];            /* sparse: which neurons; experts: which routing */
	bool random_weights;         /* a synthetic model: what it writes means nothing, and more of its neurons fire */
	uint64_t gate_bytes;         /* of the weights: gates that say which neurons fire; 0: predictors do, or nothing */
	uint64_t kv_window_bytes;    /* of the keys and values, those of layers that keep their window and a batch alone, */
	uint32_t kv_window_layers;   /* and how many layers these are */
	uint32_t cache_rows_least, cache_rows_most; /* sparse: of the smallest and the largest bundle cache; */
	bool cache_rows_by_firing;   /* they hold what fires most often, as trained predictors tell; else all are alike */
	double predicted_repacked_ms; /* sparse, with ReLU gates: of a token, if the gates that are apart were in the bundles, or the other
	                                 way round; 0: not known, or it does not fit the budget */
};

/* Fills the plan that wick_open would follow; loads nothing. -ENOSPC: the budget is too small, and the sentence names
 * the smallest one that works (plan->minimum_bytes, with plan->varies_bytes). */
WICK_API int wick_plan_sized(
	const char *path, const struct wick_options *options, struct wick_plan *plan, struct wick_diag *diag);

static inline int wick_plan(
	const char *path, const struct wick_options *options, struct wick_plan *plan, struct wick_diag *diag)
{
	plan->size = sizeof(*plan);
	return wick_plan_sized(path, options, plan, diag);
}

/* The methods really in use, and why better ones are not. Strings live as long as the engine. */
struct wick_report {
	size_t size;
	const char *model;     /* general.name, or the file's name */
	const char *arch;      /* "opt" */
	const char *type;      /* of the weights: "f16" */
	const char *mode;
	const char *kv_type;   /* of keys and values; anything but "f16" changes answers */
	const char *io;        /* "uring", "pread", "mmap" */
	const char *io_why;    /* why not uring; "" */
	bool direct;
	const char *direct_why; /* why not direct; "" */
	bool verified;         /* what is read is checked before it is used */
	const char *sums;      /* of a stock file: how many checksums were known, and from where; "" */
	const char *profile;   /* of the drive: how old, or why there is none */
	const char *kernels;   /* "avx2" */
	const char *pages;     /* what backs the memory */
	const char *limit;     /* of a cgroup, where it is below the budget; "" */
	const char *numa;      /* where memory and threads are */
	const char *policy;     /* sparse: which neurons stay; else "" */
	const char *predictors; /* sparse: of what kind, "trained", "packed", "imported" or "trace"; else "" */
	const char *predictors_path; /* the file that they are in */
	bool lookahead;        /* the next layer's probable neurons are read ahead */
	const char *lookahead_why; /* why not; "" */
	uint32_t cpus;         /* that this process may use */
	const char *threads_why; /* why fewer threads than CPUs, where that was not asked for; "" */
	uint32_t vocab, layers, d_model, n_ff, ctx_max;
	float gate_percent;      /* of the gates, that a threshold makes 0, as options.gate_percent; anything but 0 changes answers */
};

struct wick;

WICK_API int wick_open(
	struct wick **wick, const char *path, const struct wick_options *options, struct wick_diag *diag);
WICK_API void wick_close(struct wick *wick); /* NULL is fine */
WICK_API const struct wick_plan *wick_plan_of(const struct wick *wick);
WICK_API const struct wick_report *wick_report_of(const struct wick *wick);

/* Text <-> ids. wick_tokenize writes at most `capacity` ids and returns how many the text has, or a negative errno.
 * Special tokens that are spelled in a text, <|im_end|>, are text like any other, unless a flag says otherwise. With
 * marks they are special where the bytes are a chat template's own, and text where they are the caller's.
 * wick_token_text's bytes belong to the engine; a token may end inside a UTF-8 character, and special ones are shown as
 * nothing. wick_token_piece has them as they are spelled. wick_eos: -1 when the model has none.
 * wick_stops: whether a text ends with this token, of which a model may have several. */
enum wick_tokenize {
	WICK_TOKENIZE_BOS = 1,     /* the model's own beginning of text goes in front, if it has one */
	WICK_TOKENIZE_SPECIAL = 2, /* special tokens in the text are special */
	WICK_TOKENIZE_GOES_ON = 4, /* the text goes on from one before: no space is put in front of its first word */
};

WICK_API int64_t wick_tokenize(const struct wick *wick, const char *text, size_t text_bytes, unsigned flags,
	uint32_t *ids, size_t capacity);
WICK_API int64_t wick_tokenize_marked(const struct wick *wick, const char *text, size_t text_bytes,
	const struct wick_mark *marks, size_t mark_count, unsigned flags, uint32_t *ids, size_t capacity);
WICK_API const char *wick_token_piece(const struct wick *wick, uint32_t id, size_t *bytes);
WICK_API const char *wick_token_text(const struct wick *wick, uint32_t id, size_t *bytes);
WICK_API int64_t wick_eos(const struct wick *wick);
WICK_API bool wick_stops(const struct wick *wick, uint32_t id);

/* A conversation as the prompt that the model was trained on. */
struct wick_chat_prompt {
	char *text; /* (bytes), for wick_tokenize_marked: complete, with no beginning of text to go in front */
	size_t bytes;
	struct wick_mark *marks; /* (mark_count): which bytes are the template's own, and may be special tokens */
	size_t mark_count;
	char template[256]; /* which was taken: "tokenizer.chat_template of model.gguf" */
};

/* messages: a JSON array of objects, as OpenAI's API has them. template: the path of a Jinja template, or the name of a form that
 * is built in ("chatml", "llama3", ...); NULL: the model's own. The prompt ends where the answer begins.
 * -ENOENT: the model has no template. -EINVAL: the template or the messages, with the reason. The caller frees the prompt. */
WICK_API int wick_chat_prompt(const struct wick *wick, const char *template, const char *messages,
	struct wick_chat_prompt *prompt, struct wick_diag *diag);
WICK_API void wick_chat_prompt_free(struct wick_chat_prompt *prompt); /* a zeroed one is fine */

/* A session is a conversation: its tokens, the logits after the last of them, and its sampler. An engine has
 * options.sessions of them, whose memory is there from the beginning; they end with it.
 * -EBUSY: all are in use. */
struct wick_session;
WICK_API int wick_session_create(struct wick_session **session, struct wick *wick, struct wick_diag *diag);
WICK_API void wick_session_destroy(struct wick_session *session); /* another may have its place; NULL is fine */

/* Called for each evaluated position in order with its logits (vocab floats, valid during the call). It may not change
 * the session. */
typedef void (*wick_logits_fn)(void *user, uint32_t position, const float *logits);

/* Appends tokens to the session. Afterwards wick_session_logits() has the logits after the last of them. With `each`
 * (needs options.all_logits) every position's are handed over on the way.
 * -EINVAL: no tokens, or an id outside the vocabulary. -ENOSPC: the session's context is full, or the positions that
 * all sessions have together are used up. -EBUSY: called by a callback of an evaluation. -ECANCELED: by eval_progress.
 * -ERANGE: logits that are not finite, which are not handed over. The rest: the drive, with file, tensor and offset in
 * the sentence. After an error the session has the tokens that it had before; only its logits are gone, unless nothing
 * was evaluated. Where layers have a window, and more tokens than a batch were to be appended to others, it may have none:
 * wick_session_position() tells. */
WICK_API int wick_session_eval(struct wick_session *session, const uint32_t *ids, uint32_t count, wick_logits_fn each,
	void *user, struct wick_diag *diag);

/* A token of a session, one row of a batch. */
struct wick_row {
	struct wick_session *session;
	uint32_t id;
	uint32_t position; /* of the session: its next one, and for its second row of a batch the one after */
	bool want;         /* its logits, which the session keeps if the row is its last. Others need options.all_logits */
	float *logits;     /* (vocab), the caller's: wanted logits are copied there, too; may be NULL */
};

/* Appends tokens to several sessions: one pass over the weights for all rows, as far as the buffers hold them. A
 * session whose last row does not want its logits has none afterwards. Errors are those of wick_session_eval, and
 * -EINVAL for a row that is not the next of its session. After an error each session has the tokens that it had, but for
 * one of some rows alone (of the drive in bundles, experts and embeddings, or -ERANGE): the sessions of others have gone
 * on, as wick_session_position() tells. The error returned is the first. */
WICK_API int wick_eval_rows(struct wick *wick, const struct wick_row *rows, uint32_t count, struct wick_diag *diag);

/* (vocab), of the last position; NULL before any, after an error, and after going back. */
WICK_API const float *wick_session_logits(const struct wick_session *session);
WICK_API uint32_t wick_session_position(const struct wick_session *session); /* tokens that it has */
WICK_API void wick_session_reset(struct wick_session *session);              /* it has none any more */

#define WICK_NO_POSITION UINT32_MAX

/* Goes back to where the session had `position` tokens. Returns how many it has now, at most as many as asked for;
 * WICK_NO_POSITION, and nothing changed, in a callback of its evaluation. Layers with a window keep that, and a batch or so more:
 * farther back there is nothing to go on from but the beginning, and the session has no tokens any more.
 * wick_session_reach: how many it would have. */
WICK_API uint32_t wick_session_rewind(struct wick_session *session, uint32_t position);
WICK_API uint32_t wick_session_reach(const struct wick_session *session, uint32_t position);

/* A session without tokens has the first `positions` of another one's, without evaluating them again, or as many of them as
 * wick_session_reach() says of the other: wick_session_position() tells. Their memory is shared, in blocks of 64, until the two
 * differ. -EINVAL: the session has tokens, or the other not so many. */
WICK_API int wick_session_share(struct wick_session *session, const struct wick_session *from, uint32_t positions,
	struct wick_diag *diag);

/* Positions of the pool that no session has; and how many of them a session takes, in whole blocks, before it can have so many
 * tokens more. Evaluating rows of several sessions takes the sum, or less where they share a block: the last to leave it needs no copy. */
WICK_API uint32_t wick_free_positions(const struct wick *wick);
WICK_API uint32_t wick_session_need(const struct wick_session *session, uint32_t tokens);

/* What a session has computed, kept in a file that its owner alone can read, complete or not there at all: keys and values of
 * whole blocks of WICK_KV_POSITIONS_STEP positions, with checksums and their tokens. ids: of all tokens that the session has.
 * -ENODATA: they are less than a block, or a session that went back cannot go back to a whole one, and there is nothing to keep.
 * -EINVAL: a trace is replayed. Another thread than the engine's may call it, as long as nobody changes or evaluates this session
 * until it is over; others may be evaluated meanwhile. */
WICK_API int wick_session_keep(
	const struct wick_session *session, const uint32_t *ids, const char *path, struct wick_diag *diag);

/* A session without tokens has again what was kept, as far as its tokens are those of ids, and as wick_session_reach() says of the
 * session that was kept: wick_session_position() tells how far; wick_kept_reach(), without doing so, how far it would be.
 * The answers are the same, bit for bit, as after evaluating them; so a file is for one model, type of keys and values, set
 * of kernels, and in sparse mode predictors. -ENOENT: there is no such file. -EINVAL: the session has tokens. -ESTALE: the file
 * is for something else. -EBADMSG: it is damaged, or none of ours. -ENOSPC: the positions are not free. */
WICK_API int wick_session_resume(struct wick_session *session, const char *path, const uint32_t *ids, uint32_t count,
	struct wick_diag *diag);

WICK_API int64_t wick_kept_reach(
	const struct wick *wick, const char *path, const uint32_t *ids, uint32_t count, struct wick_diag *diag);

/* The tokens of a file that was kept: how many, of which at most `capacity` are written. Errors as above. */
WICK_API int64_t wick_kept_ids(
	const struct wick *wick, const char *path, uint32_t *ids, size_t capacity, struct wick_diag *diag);

struct wick_logit_bias {
	uint32_t id;
	float add; /* to its logit; -INFINITY: never */
};

/* How a token is chosen: biases and penalties, then temp, top_k, top_p, min_p, typical_p, as in Hugging Face's
 * transformers. All but top_p are off where they are 0. */
struct wick_sampling {
	size_t size;        /* sizeof(struct wick_sampling) */
	float temp;         /* 0: greedy, the lowest id among equals */
	float top_p;        /* 1: all */
	uint32_t top_k;     /* 0: all */
	float min_p;        /* share of the likeliest token's probability; 0: all */
	float typical_p;    /* 0 or 1: all */
	float repeat_penalty; /* of recent tokens; 0 or 1: none */
	float presence_penalty, frequency_penalty; /* 0: none */
	bool ignore_stops;  /* tokens that end a text are not chosen */
	const uint32_t *recent; /* (recent_count) the tokens that penalties are about; may be NULL */
	uint32_t recent_count;
	const struct wick_logit_bias *biases; /* (bias_count), of tokens in the vocabulary; may be NULL */
	uint32_t bias_count;
};

#define WICK_NO_TOKEN UINT32_MAX

/* There is one random number for each position of a session, a function of the seed and the position: the same seed
 * and settings give the same text, however it was computed. The seed of a new session is 0. */
WICK_API void wick_session_seed(struct wick_session *session, uint64_t seed);
/* Chooses a token after the last evaluated position, by its logits; WICK_NO_TOKEN where there are none, or where the
 * sampling has no size, or asks for something that this version of the library does not have. */
WICK_API uint32_t wick_session_sample(struct wick_session *session, const struct wick_sampling *sampling);

/* Text that appears token by token: UTF-8, whole characters only, and nothing of what may turn out to be a stop text. A byte
 * that belongs to no character, such as those of one that the end cuts, is shown as U+FFFD.
 *
 * wick_stream_create copies the stop texts, none of which is empty (-EINVAL). wick_stream_put takes the next token and
 * says what can be shown of all so far, in bytes that are the stream's own until its next call; it returns 0, 1 when
 * the text ends with that token (one that ends a text, or the last of a stop text; neither is shown), or -ENOMEM.
 * wick_stream_end: what was held back, when the text is over. wick_stream_stopped_by: the token or stop text that ended
 * it, as it is spelled; NULL: nothing has. special: other special tokens are shown, as they are spelled. */
struct wick_stream;
WICK_API int wick_stream_create(struct wick_stream **stream, const struct wick *wick, const char *const *stops,
	uint32_t stop_count, bool special);
WICK_API int wick_stream_put(struct wick_stream *stream, uint32_t id, const char **text, size_t *bytes);
WICK_API void wick_stream_end(struct wick_stream *stream, const char **text, size_t *bytes);
WICK_API const char *wick_stream_stopped_by(const struct wick_stream *stream);
WICK_API void wick_stream_destroy(struct wick_stream *stream); /* NULL is fine */

/* Sums since wick_open or the last wick_stats_reset. */
struct wick_stats {
	size_t size;
	uint64_t tokens;      /* evaluated */
	uint64_t passes;      /* sweeps over the model: one a token, or one a batch of the prompt */
	uint64_t eval_ns;     /* evaluating */
	uint64_t io_wait_ns;  /* of that, waiting for the drive */
	uint64_t flash_bytes; /* read */
	uint64_t reads;
	uint64_t retries;     /* after errors */
	uint64_t resumed;     /* short reads continued */
	uint64_t repaired;    /* blocks whose checksum matched only after reading again */
	uint64_t io_busy_ns;  /* of eval_ns and between, with at least one read outstanding */
	uint64_t compute_ns;  /* eval_ns without io_wait_ns */
	/* Sparse mode, of tokens evaluated one by one or in short batches, summed over layers: */
	uint64_t bundles_active;     /* chosen, and so computed; those of long batches included */
	uint64_t bundles_read;       /* drawn from flash */
	uint64_t bundles_prefetched; /* of them, ahead of the layer that would need them */
	uint64_t bundles_wasted;     /* of them, not wanted by the token they were drawn for */
	uint64_t prefetch_stops;     /* prefetches that the drive did not answer; there is none after one before a reset */
	uint64_t gap_switches; /* times that measured time overruled the drive's profile about reading through gaps; */
	bool gaps;             /* whether small gaps between two bundles are now read through where the profile says so; */
	double gaps_ratio;     /* what a layer's reads take with them over what they take without; 0: not known yet */
	uint64_t ahead_switches; /* the same about prefetching: what a layer takes with it over what it takes without */
	bool ahead;
	double ahead_ratio;
	uint64_t predict_ns;  /* choosing the active neurons and guessing the next layer's */
	uint64_t manage_ns;   /* bundle caches: maps and policies. Sending reads is not in it */
	uint64_t bundles_ns;  /* that the drive needs, by its profile, for all that were drawn; 0: no profile */
	/* Models of experts, of each layer and batch: */
	uint64_t experts_active;     /* that were computed */
	uint64_t experts_read;       /* from flash */
	uint64_t experts_prefetched; /* of them, before a router chose them */
	uint64_t experts_wasted;     /* of those, not chosen */
	uint64_t expert_gates;       /* numbers that went through an expert's ReLU, or were held against its layer's threshold, */
	uint64_t expert_zeros;       /* and those of them that came out as 0: nothing is computed behind them for one token */
	uint64_t expert_bytes;       /* of those that were read */
	uint64_t expert_wait_ns;     /* waiting for them */
	uint64_t dependent_floor_ns; /* what wick_plan.predicted_floor_ms is, by what was really missing; 0: instruments.memory_mb_per_s is */
	/* Floors, which no overlap can beat: */
	uint64_t flash_floor_ns; /* the same for what is swept and the bundles that were drawn and wanted */
	uint64_t memory_bytes;   /* of weights and predictors that arithmetic takes from memory; wick_memory_rate() */
	uint64_t load_ns;     /* in wick_open, kept by a reset */
	uint64_t load_bytes;
	uint64_t peak_bytes;  /* of the process: its high-water mark */
};

WICK_API void wick_stats_sized(const struct wick *wick, struct wick_stats *stats);

static inline void wick_stats(const struct wick *wick, struct wick_stats *stats)
{
	stats->size = sizeof(*stats);
	wick_stats_sized(wick, stats);
}

/* The same without peak_bytes, which the system has to be asked for: for those who look after every pass. */
static inline void wick_counters(const struct wick *wick, struct wick_stats *stats)
{
	stats->size = offsetof(struct wick_stats, peak_bytes);
	wick_stats_sized(wick, stats);
	stats->peak_bytes = 0;
}

/* Bundles and experts that were wanted, and those of them that were not in memory: read, and used. */
static inline uint64_t wick_stats_wanted(const struct wick_stats *stats)
{
	return stats->bundles_active + stats->experts_active;
}

static inline uint64_t wick_stats_missed(const struct wick_stats *stats)
{
	return stats->bundles_read - stats->bundles_wasted + stats->experts_read - stats->experts_wasted;
}

WICK_API void wick_stats_reset(struct wick *wick);

/* Packing: a Hugging Face folder as downloaded -> a packed model. The output appears complete and synced, or not at
 * all. */
struct wick_pack_options {
	const char *type;      /* "f32", "f16", "bf16", "q8_0", "q4_0", ...; NULL: f16, of a folder of gpt-oss mxfp4 */
	const char *attention_type; /* of attention, embeddings and head; NULL: type, beside a NULL type of gpt-oss bf16 */
	uint32_t align;        /* bundle stride is rounded up to this, bytes; 0: the blocks of the drive, or 512 */
	uint64_t memory_bytes; /* working memory; 0: 1 GiB */
	const char *order;     /* "natural"; "coactivation": neurons that fire together lie together; NULL: natural */
	const char *trace;     /* coactivation: which fire together */
	wick_progress_fn progress;
	void *user;
	void (*note)(void *note_user, const char *sentence); /* what of the source was chosen or left out; may be NULL */
	void *note_user;
	const char *layout; /* "packed"; "stock", of a synthetic model: as llama.cpp's files are; NULL: packed */
	const char *predictor; /* "copy": which neurons fire is said by a copy in few bits of what decides it; "gate": by the gates
				* themselves, which are apart from bundles; NULL: copy */
};

/* In order of co-activation the source is a packed model, of which the trace was recorded; what comes out is another
 * model, with trained predictors of its own if the source has some, that gives the same answers but for rounding. */
WICK_API int wick_pack(
	const char *source, const char *out, const struct wick_pack_options *options, struct wick_diag *diag);

/* Training: learns from text which neurons fire, and writes the predictors beside the model, "model.pred.gguf" for
 * "model.gguf", complete or not at all. -ECANCELED: what was finished is kept, and the same call goes on from there. */
typedef int (*wick_train_progress_fn)(void *user, uint32_t layer, uint32_t layers, const char *what, double done);

struct wick_train_options {
	const char *const *texts; /* paths of files in UTF-8 */
	uint32_t text_count;
	uint32_t tokens;       /* of text, at most; 0: 131072 */
	uint32_t steps;        /* for each predictor, at most; 0: 1200 */
	uint64_t memory_bytes; /* of the process; 0: three quarters of what is free. Limits the tokens */
	struct wick_memory size;       /* of the predictors: bytes, or percent of the model; both 0: 4% */
	struct wick_memory ahead_size; /* of those that look a layer ahead; both 0: 2% */
	bool no_ahead;
	uint64_t seed;
	uint32_t threads;      /* 0: one a CPU this process may use */
	wick_train_progress_fn progress; /* may be NULL */
	void *user;
};

/* *json: the figures on held-out text, with units in the keys; the caller frees it. */
WICK_API int wick_train(
	const char *model, const struct wick_train_options *options, char **json, struct wick_diag *diag);

/* The same file from predictors that others have trained: a folder of PowerInfer's model_0.pt, model_1.pt, ...
 * -ECANCELED: nothing is left of it. */
WICK_API int wick_import_predictors(const char *model, const char *folder, wick_progress_fn progress, void *user,
	char **json, struct wick_diag *diag);

struct wick_verified {
	uint64_t blocks;  /* read */
	uint64_t learned; /* of them, of a stock file: had no checksum before, and have one now */
};

/* Reads a model and the predictors beside it, if there are any, and compares every checksum; those that a stock file has not
 * got yet are learned, and kept. -EBADMSG, the block named. verified may be NULL. */
WICK_API int wick_verify(const char *path, wick_progress_fn progress, void *user, struct wick_verified *verified,
	struct wick_diag *diag);

/* Describes a model as JSON text (keys with units); the caller frees it. */
WICK_API int wick_info(const char *path, char **json, struct wick_diag *diag);

/* Memory, in bytes: free for a new process (the limits of its cgroups included; 0 when it cannot be read), the
 * smallest limit of its cgroups (UINT64_MAX without one), and the most that this process has had so far. */
WICK_API uint64_t wick_free_bytes(void);
WICK_API uint64_t wick_cgroup_limit_bytes(void);
WICK_API uint64_t wick_peak_bytes(void);

/* How fast all threads together (0: one a CPU) read memory, measured for a tenth of a second with 128 MiB, or a quarter
 * of what is free if that is less. */
WICK_API int wick_memory_rate(uint32_t threads, double *mb_per_s, struct wick_diag *diag);

WICK_API const char *wick_version(void);

#ifdef __cplusplus
}
#endif
