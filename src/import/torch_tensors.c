/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Finds the tensors in an object that torch.save pickled. A tensor is a call that was never made:
 *
 *   torch._utils._rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks[, metadata])
 *   storage: the persistent id ("storage", torch.HalfStorage, key, location, numbers)
 */

#include "torch.h"

#include "bits.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX 32
#define VISITS_MAX (2 * WICK_SOURCE_TENSORS_MAX) /* shared parts are visited once for every way that leads to them */
#define ITEMS_MAX WICK_PICKLE_BYTES_MAX          /* looked at: without shared parts there is no more than one a byte */
#define DIMS_MAX 64                              /* as torch has it */

typedef unsigned long long ull;

enum role { INERT, STORAGE, DTYPE, TENSOR, TENSOR_DTYPE, PARAMETER };

#define STORAGE_CLASS(name, type, bytes) { "torch", name "Storage", 0, STORAGE, type, bytes }
#define DTYPE_CLASS(name) { "torch", name, 0, DTYPE, WICK_TYPE_COUNT, 0 }

const struct wick_pickle_class wick_torch_classes[] = {
	{ "collections", "OrderedDict", .mapping = 1 },
	{ "torch._utils", "_rebuild_tensor_v2", 0, TENSOR, 0, 0 },
	{ "torch._utils", "_rebuild_tensor_v3", 0, TENSOR_DTYPE, 0, 0 },
	{ "torch._utils", "_rebuild_parameter", 0, PARAMETER, 0, 0 },
	{ "torch", "Size", 0, INERT, 0, 0 },
	{ "torch", "device", 0, INERT, 0, 0 },
	STORAGE_CLASS("Float", WICK_F32, 4),
	STORAGE_CLASS("Half", WICK_F16, 2),
	STORAGE_CLASS("BFloat16", WICK_BF16, 2),
	STORAGE_CLASS("Double", WICK_F32, 8),
	STORAGE_CLASS("Long", WICK_TYPE_COUNT, 8),
	STORAGE_CLASS("Int", WICK_TYPE_COUNT, 4),
	STORAGE_CLASS("Short", WICK_TYPE_COUNT, 2),
	STORAGE_CLASS("Char", WICK_TYPE_COUNT, 1),
	STORAGE_CLASS("Byte", WICK_TYPE_COUNT, 1),
	STORAGE_CLASS("Bool", WICK_TYPE_COUNT, 1),
	STORAGE_CLASS("ComplexFloat", WICK_TYPE_COUNT, 8),
	STORAGE_CLASS("ComplexDouble", WICK_TYPE_COUNT, 16),
	{ "torch.storage", "UntypedStorage", 0, STORAGE, WICK_TYPE_COUNT, 1 },
	DTYPE_CLASS("float32"), DTYPE_CLASS("float16"), DTYPE_CLASS("bfloat16"), DTYPE_CLASS("float64"),
	DTYPE_CLASS("int64"), DTYPE_CLASS("int32"), DTYPE_CLASS("int16"), DTYPE_CLASS("int8"),
	DTYPE_CLASS("uint8"), DTYPE_CLASS("bool"), DTYPE_CLASS("uint16"), DTYPE_CLASS("uint32"),
	DTYPE_CLASS("uint64"), DTYPE_CLASS("float8_e4m3fn"), DTYPE_CLASS("float8_e5m2"),
	DTYPE_CLASS("float8_e4m3fnuz"), DTYPE_CLASS("float8_e5m2fnuz"), DTYPE_CLASS("complex64"),
	DTYPE_CLASS("complex128"),
};
const size_t wick_torch_class_count = WICK_COUNT_OF(wick_torch_classes);

struct walk {
	const struct wick_torch_archive *archive;
	struct wick_source_list *list;
	const char *path;
	struct wick_diag *diag;
	unsigned visits, items;
	size_t length;                       /* of the name on the way to here */
	char name[WICK_SOURCE_NAME_MAX + 1]; /* terminated */
};

struct storage {
	const struct wick_pickle_class *class;
	struct wick_torch_entry entry;
};

static int refuse(const struct walk *walk, const char *what)
{
	return wick_diag_say(walk->diag, -EINVAL, "%s: tensor %s: %s", walk->path, walk->name, what);
}

static bool is_class(const struct wick_pickle_value *value, int role)
{
	return value->kind == WICK_PICKLE_CLASS && value->facts->role == role;
}

static bool is_count(const struct wick_pickle_value *value)
{
	return value->kind == WICK_PICKLE_INT && value->integer >= 0;
}

static bool is_text(const struct wick_pickle_value *value, const char *text)
{
	return value->kind == WICK_PICKLE_STRING && value->count == strlen(text) &&
		!memcmp(value->text, text, value->count);
}

/* The bytes of the storage in the zip are as many as its class and count of numbers say. */
static int check_storage(const struct walk *walk, const struct wick_pickle_value *key, uint64_t numbers,
	struct storage *storage)
{
	uint64_t bytes = wick_mul(numbers, storage->class->bytes);
	int length = WICK_MIN(key->count, 100);

	if (wick_torch_find_storage(walk->archive, key->text, key->count, &storage->entry))
		return wick_diag_say(walk->diag, -EINVAL, "%s: tensor %s: its storage data/%.*s is not in the file",
			walk->path, walk->name, length, key->text);
	if (storage->entry.bytes != bytes)
		return wick_diag_say(walk->diag, -EINVAL,
			"%s: tensor %s: its storage data/%.*s has %llu bytes, not the %llu of %llu numbers in a %s",
			walk->path, walk->name, length, key->text, (ull)storage->entry.bytes, (ull)bytes, (ull)numbers,
			storage->class->name);
	return 0;
}

static int read_storage(const struct walk *walk, const struct wick_pickle_value *value, struct storage *storage)
{
	const struct wick_pickle_value *id = value->kind == WICK_PICKLE_PERSISTENT ? value->items[0] : value;

	if (value->kind != WICK_PICKLE_PERSISTENT || id->kind != WICK_PICKLE_TUPLE || id->count != 5 ||
		!is_text(id->items[0], "storage") || !is_class(id->items[1], STORAGE) ||
		id->items[2]->kind != WICK_PICKLE_STRING || !is_count(id->items[4]))
		return refuse(walk, "its storage is not described as torch.save does it");
	storage->class = id->items[1]->facts;
	return check_storage(walk, id->items[2], id->items[4]->integer, storage);
}

static int read_shape(const struct walk *walk, const struct wick_pickle_value *sizes, struct wick_source_tensor *tensor,
	uint64_t *numbers)
{
	if (sizes->kind != WICK_PICKLE_TUPLE)
		return refuse(walk, "its size is not a tuple");
	if (sizes->count > DIMS_MAX)
		return refuse(walk, "its size has more than 64 dimensions");
	*numbers = 1;
	for (uint32_t i = 0; i < sizes->count; i++) {
		if (!is_count(sizes->items[i]))
			return refuse(walk, "its size is not a tuple of lengths");
		*numbers = wick_mul(*numbers, sizes->items[i]->integer);
		if (*numbers == UINT64_MAX)
			return refuse(walk, "its size has too many numbers to count");
		if (i < WICK_SOURCE_DIMS_MAX)
			tensor->shape[i] = sizes->items[i]->integer;
	}
	tensor->dims = sizes->count;
	return 0;
}

/* Row-major without gaps. The stride of a dimension of length 1 says nothing. */
static int check_strides(const struct walk *walk, const struct wick_pickle_value *sizes,
	const struct wick_pickle_value *strides, uint64_t numbers, bool *contiguous)
{
	uint64_t expected = 1;

	*contiguous = true;
	if (strides->kind != WICK_PICKLE_TUPLE || strides->count != sizes->count)
		return refuse(walk, "its stride does not go with its size");
	for (uint32_t i = sizes->count; i > 0; i--) {
		const struct wick_pickle_value *size = sizes->items[i - 1], *stride = strides->items[i - 1];

		if (!is_count(stride))
			return refuse(walk, "its stride is not a tuple of lengths");
		if (numbers > 0 && size->integer != 1 && (uint64_t)stride->integer != expected)
			*contiguous = false;
		expected = wick_mul(expected, size->integer);
	}
	return 0;
}

/* Where the numbers are: within the storage, if they lie there without gaps. */
static int place(const struct walk *walk, const struct storage *storage, uint64_t first, uint64_t numbers,
	uint64_t number_bytes, struct wick_source_tensor *tensor)
{
	uint64_t end = wick_mul(wick_add(first, numbers), number_bytes);

	if (end > storage->entry.bytes)
		return wick_diag_say(walk->diag, -EINVAL,
			"%s: tensor %s: its numbers %llu to %llu go beyond its storage of %llu bytes", walk->path,
			walk->name, (ull)first, (ull)wick_add(first, numbers), (ull)storage->entry.bytes);
	tensor->entry = storage->entry.index;
	tensor->offset = first * number_bytes;
	tensor->bytes = numbers * number_bytes;
	return 0;
}

/* NULL, or why the tensor cannot be used. Its size and stride were checked. */
static const char *find_unfit(const struct wick_pickle_value *call, const struct wick_pickle_class *numbers_class,
	bool contiguous, char text[80])
{
	const struct wick_pickle_value *last = call->items[call->count - 1];

	if (numbers_class->type == WICK_TYPE_COUNT) {
		snprintf(text, 80, "is of type %s", numbers_class->name);
		return text;
	}
	if (!contiguous)
		return "is not contiguous: it is a transposed or strided view";
	if (call->count == 7 && !(last->kind == WICK_PICKLE_DICT && last->count == 0))
		return "is a view that negates or conjugates its storage";
	if (call->items[2]->count > WICK_SOURCE_DIMS_MAX) {
		snprintf(text, 80, "has %u dimensions", call->items[2]->count);
		return text;
	}
	return NULL;
}

static int add_tensor(struct walk *walk, const struct wick_pickle_value *call)
{
	bool with_dtype = call->facts->role == TENSOR_DTYPE, contiguous = false;
	struct wick_source_tensor tensor = { .name = walk->name };
	const struct wick_pickle_class *numbers_class;
	struct storage storage = { 0 };
	uint64_t numbers = 0;
	char unfit[80];
	int ret;

	if (call->count < (with_dtype ? 7 : 6) || call->count > (with_dtype ? 8 : 7) || !is_count(call->items[1]) ||
		(with_dtype && !is_class(call->items[6], DTYPE)))
		return refuse(walk, "not described as torch.save does it");
	ret = read_storage(walk, call->items[0], &storage);
	if (!ret)
		ret = read_shape(walk, call->items[2], &tensor, &numbers);
	if (!ret)
		ret = check_strides(walk, call->items[2], call->items[3], numbers, &contiguous);
	if (ret)
		return ret;
	numbers_class = with_dtype ? call->items[6]->facts : storage.class;
	tensor.type = numbers_class->type;
	tensor.unfit = find_unfit(call, numbers_class, contiguous, unfit);
	tensor.doubles = !tensor.unfit && numbers_class->bytes == sizeof(double);
	if (tensor.unfit)
		tensor.type = WICK_TYPE_COUNT;
	else
		ret = place(walk, &storage, call->items[1]->integer, numbers, numbers_class->bytes, &tensor);
	if (tensor.doubles)
		tensor.bytes /= 2;
	return ret ? ret : wick_source_list_add(walk->list, &tensor, walk->path, walk->diag);
}

/* Appends ".key" to the name. 1: this key is no part of a name. */
static int extend_name(struct walk *walk, const char *key, size_t length)
{
	size_t dot = walk->length > 0;

	if (walk->length + dot + length > WICK_SOURCE_NAME_MAX)
		return wick_diag_say(walk->diag, -EINVAL, "%s: below %.100s: a name of more than %u bytes", walk->path,
			walk->name, WICK_SOURCE_NAME_MAX);
	if (length == 0 || memchr(key, 0, length))
		return 1;
	if (dot)
		walk->name[walk->length++] = '.';
	memcpy(walk->name + walk->length, key, length);
	walk->length += length;
	walk->name[walk->length] = 0;
	return 0;
}

/* The key of a dict as a part of a name. 1: a key of another kind, below which nothing can be named. */
static int extend_by_key(struct walk *walk, const struct wick_pickle_value *key)
{
	char digits[24];

	if (key->kind == WICK_PICKLE_STRING)
		return extend_name(walk, key->text, key->count);
	if (key->kind != WICK_PICKLE_INT)
		return 1;
	snprintf(digits, sizeof(digits), "%lld", (long long)key->integer);
	return extend_name(walk, digits, strlen(digits));
}

static int visit(struct walk *walk, const struct wick_pickle_value *value, unsigned depth);

/* Visits item i of a container, of which the key is item i - 1 (of a dict) or its number. */
static int visit_item(struct walk *walk, const struct wick_pickle_value *container, uint32_t i, unsigned depth)
{
	const struct wick_pickle_value number = { .kind = WICK_PICKLE_INT, .integer = i };
	size_t length = walk->length;
	int ret = extend_by_key(walk, container->kind == WICK_PICKLE_DICT ? container->items[i - 1] : &number);

	if (!ret)
		ret = visit(walk, container->items[i], depth + 1);
	walk->length = length;
	walk->name[length] = 0;
	return ret < 0 ? ret : 0;
}

static bool can_hold_tensors(const struct wick_pickle_value *value)
{
	return value->kind == WICK_PICKLE_TUPLE || value->kind == WICK_PICKLE_LIST || value->kind == WICK_PICKLE_DICT ||
		value->kind == WICK_PICKLE_CALL;
}

static int visit_items(struct walk *walk, const struct wick_pickle_value *container, unsigned depth)
{
	uint32_t step = container->kind == WICK_PICKLE_DICT ? 2 : 1;
	int ret = 0;

	if (container->count > ITEMS_MAX - walk->items)
		return wick_diag_say(walk->diag, -EINVAL, "%s: more than %u items in the containers of its pickle",
			walk->path, ITEMS_MAX);
	walk->items += container->count;
	for (uint32_t i = step - 1; !ret && i < container->count; i += step)
		if (can_hold_tensors(container->items[i]))
			ret = visit_item(walk, container, i, depth);
	return ret;
}

static int visit_call(struct walk *walk, const struct wick_pickle_value *call, unsigned depth)
{
	switch (call->facts->role) {
	case TENSOR:
	case TENSOR_DTYPE:
		return add_tensor(walk, call);
	case PARAMETER:
		if (!call->count)
			return refuse(walk, "a parameter without its tensor");
		return visit(walk, call->items[0], depth + 1);
	default:
		return 0;
	}
}

static int visit(struct walk *walk, const struct wick_pickle_value *value, unsigned depth)
{
	if (++walk->visits > VISITS_MAX)
		return wick_diag_say(walk->diag, -EINVAL, "%s: more than %u containers and tensors in its pickle",
			walk->path, VISITS_MAX);
	if (depth > DEPTH_MAX)
		return wick_diag_say(walk->diag, -EINVAL, "%s: nested deeper than %u at %.100s", walk->path, DEPTH_MAX,
			walk->name);
	switch (value->kind) {
	case WICK_PICKLE_TUPLE:
	case WICK_PICKLE_LIST:
	case WICK_PICKLE_DICT:
		return visit_items(walk, value, depth);
	case WICK_PICKLE_CALL:
		return visit_call(walk, value, depth);
	default:
		return 0;
	}
}

int wick_torch_list_tensors(const struct wick_pickle_value *root, const struct wick_torch_archive *archive,
	struct wick_source_list *list, const char *path, struct wick_diag *diag)
{
	struct walk walk = { .archive = archive, .list = list, .path = path, .diag = diag };

	return visit(&walk, root, 0);
}
