/* Fields of documents of MongoDB as JSON, a document a line; see json_lines.py, and https://bsonspec.org/spec.html
 *
 * The bytes come from a server, and are trusted no more than a file: each length is compared with what is left before
 * anything is read. The interpreter lock is released meanwhile, so nothing here is an object of Python.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NESTED = 200, MOST_FIELDS = 256, LENGTH = 4, SHORT = 64 };
enum {
    DOUBLE = 1, STRING = 2, DOCUMENT = 3, ARRAY = 4, BINARY = 5, UNDEFINED = 6, OBJECT_ID = 7, BOOLEAN = 8, INSTANT = 9,
    NONE = 10, REGEX = 11, POINTER = 12, CODE = 13, SYMBOL = 14, SCOPED_CODE = 15, INT32 = 16, TIMESTAMP = 17,
    INT64 = 18, DECIMAL128 = 19, HIGHEST = 127, LOWEST = 255
};
static const int64_t DAY = 86400000, FIRST = -62135596800000, LAST = 253402300799999; /* milliseconds; years 1, 9999 */

/* What is left to read. ok: nothing was missing so far. */
typedef struct {
    const uint8_t *at, *end;
    bool ok;
} In;

/* A value that is wanted. name: as JSON, with a colon. path: names, each with a zero byte. seen: in this document. */
typedef struct {
    In name, path;
    bool is_instant, seen;
} Field;

/* What was written so far. ok: there was memory for all of it. */
typedef struct {
    char *bytes;
    size_t size, room;
    bool ok;
} Out;

/* --- Reading; nothing is read beyond the end --------------------------------------------------------------------- */

/* The next bytes; NULL where there are not so many. */
static const uint8_t *take(In *in, size_t size)
{
    const uint8_t *taken = in->at;
    in->ok = in->ok && size <= (size_t)(in->end - in->at);
    if (!in->ok)
        return NULL;
    in->at += size;
    return taken;
}

/* A number of so many bytes, lowest first; 0 where there are not so many. */
static uint64_t take_number(In *in, size_t bytes)
{
    const uint8_t *taken = take(in, bytes);
    uint64_t number = 0;
    for (size_t i = bytes; taken && i > 0; i--)
        number = number << 8 | taken[i - 1];
    return number;
}

/* A length that is not below the least. */
static size_t take_length(In *in, size_t least)
{
    int32_t length = (int32_t)take_number(in, LENGTH);
    in->ok = in->ok && length >= 0 && (size_t)length >= least;
    return in->ok ? (size_t)length : 0;
}

/* Text up to a zero byte, without it. */
static In take_name(In *in)
{
    const uint8_t *zero = in->ok ? memchr(in->at, 0, (size_t)(in->end - in->at)) : NULL;
    In name = {in->at, zero, zero != NULL};
    in->ok = name.ok;
    if (zero)
        in->at = zero + 1;
    return name;
}

/* Text after its length, which counts the zero byte at its end. */
static In take_text(In *in)
{
    size_t length = take_length(in, 1);
    const uint8_t *taken = take(in, length);
    in->ok = in->ok && taken[length - 1] == 0;
    In text = {taken, in->ok ? taken + length - 1 : NULL, in->ok};
    return text;
}

/* The elements of a document or array, without its length and the zero byte at its end. */
static In take_elements(In *in)
{
    size_t length = take_length(in, LENGTH + 1);
    const uint8_t *taken = take(in, in->ok ? length - LENGTH : 0);
    in->ok = in->ok && taken[length - LENGTH - 1] == 0;
    In elements = {taken, in->ok ? taken + length - LENGTH - 1 : NULL, in->ok};
    return elements;
}

/* --- Writing; the room grows ------------------------------------------------------------------------------------- */

static bool grow(Out *out, size_t size)
{
    size_t room = out->room;
    while (out->ok && size > room - out->size) {
        out->ok = room <= SIZE_MAX / 4;
        room *= 2;
    }
    char *bytes = out->ok ? realloc(out->bytes, room) : NULL;
    out->ok = bytes != NULL;
    if (bytes) {
        out->bytes = bytes;
        out->room = room;
    }
    return out->ok;
}

static inline void put(Out *out, const void *bytes, size_t size)
{
    if (!out->ok || !size || (size > out->room - out->size && !grow(out, size)))
        return;
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

static inline void put_char(Out *out, char byte)
{
    put(out, &byte, 1);
}

/* Digits of a number, lowest last, of so many at least; backwards from the end, to the first of them. */
static char *digits(char *end, uint64_t number, int least)
{
    for (; number || least > 0; number /= 10, least--)
        *--end = (char)('0' + number % 10);
    return end;
}

static void put_integer(Out *out, int64_t number)
{
    char text[SHORT], *end = text + sizeof text;
    char *first = digits(end, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 1);
    if (number < 0)
        *--first = '-';
    put(out, first, (size_t)(end - first));
}

/* The fewest of 15 to 17 digits that are exact; always with a point or an exponent, as Python writes it. */
static void put_double(Out *out, uint64_t bits)
{
    char text[SHORT];
    double number;
    memcpy(&number, &bits, sizeof number);
    if (number - number != 0) { /* infinite, or no number */
        put(out, "null", 4);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, number);
        if (strtod(text, NULL) == number)
            break;
    }
    size_t plain = strspn(text, "-0123456789"), size = strlen(text);
    if (plain < size && text[plain] != 'e')
        text[plain] = '.'; /* whatever the locale has */
    put(out, text, size);
    if (plain == size)
        put(out, ".0", 2);
}

/* Bytes of a valid UTF-8 sequence, or, negative, of the longest beginning of one. Python replaces the same ones. */
static ptrdiff_t sequence(const uint8_t *at, const uint8_t *end)
{
    uint8_t lead = *at;
    uint8_t least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    ptrdiff_t size = 1, whole = lead < 0xC2 || lead > 0xF4 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    for (; size < whole && size < end - at && at[size] >= least && at[size] <= most; size++) {
        least = 0x80;
        most = 0xBF;
    }
    return size == whole ? size : -size;
}

static void put_escaped(Out *out, uint8_t byte)
{
    const char *hexadecimal = "0123456789abcdef";
    char code[] = {'\\', 'u', '0', '0', hexadecimal[byte >> 4], hexadecimal[byte & 15]};
    char quoted[] = {'\\', (char)byte};
    if (byte < ' ')
        put(out, code, sizeof code);
    else
        put(out, quoted, sizeof quoted);
}

/* Text in quotes: what needs no escape is copied by runs. */
static void put_text(Out *out, In text)
{
    const uint8_t *run = text.at, *at = text.at;
    put_char(out, '"');
    while (at < text.end) {
        ptrdiff_t size = *at < 0x80 ? 1 : sequence(at, text.end);
        if (size > 0 && *at >= ' ' && *at != '"' && *at != '\\') {
            at += size;
            continue;
        }
        put(out, run, (size_t)(at - run));
        if (size < 0)
            put(out, "\xEF\xBF\xBD", 3);
        else
            put_escaped(out, *at);
        run = at += size < 0 ? -size : size;
    }
    put(out, run, (size_t)(at - run));
    put_char(out, '"');
}

/* Milliseconds since 1970 as date and time in UTC, in the Gregorian calendar; beyond the years 1 to 9999 the number. */
static void put_instant(Out *out, int64_t milliseconds)
{
    char text[] = "\"0000-00-00T00:00:00.000\"";
    if (milliseconds < FIRST || milliseconds > LAST) {
        put_integer(out, milliseconds);
        return;
    }
    uint64_t since = (uint64_t)(milliseconds - FIRST), in_day = since % (uint64_t)DAY;
    uint64_t day = since / (uint64_t)DAY + 306; /* since March 1 of the year 0; years begin in March here */
    uint64_t in_era = day % 146097, of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    uint64_t in_year = in_era - (365 * of_era + of_era / 4 - of_era / 100), month = (5 * in_year + 2) / 153;
    digits(text + 5, day / 146097 * 400 + of_era + (month >= 10), 4);
    digits(text + 8, month < 10 ? month + 3 : month - 9, 2);
    digits(text + 11, in_year - (153 * month + 2) / 5 + 1, 2);
    digits(text + 14, in_day / 3600000, 2);
    digits(text + 17, in_day / 60000 % 60, 2);
    digits(text + 20, in_day / 1000 % 60, 2);
    digits(text + 24, in_day % 1000, 3);
    put(out, text, sizeof text - 1);
}

static void put_object_id(Out *out, const uint8_t *bytes)
{
    const char *hexadecimal = "0123456789abcdef";
    char text[24];
    for (size_t i = 0; bytes && i < sizeof text; i++)
        text[i] = hexadecimal[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
    put_char(out, '"');
    put(out, text, bytes ? sizeof text : 0);
    put_char(out, '"');
}

/* --- Values: each is read, and written --------------------------------------------------------------------------- */

/* A value of a type that has no counterpart in JSON. */
static void skip(In *in, int type)
{
    if (type == BINARY)
        take(in, take_length(in, 0) + 1); /* and its subtype */
    else if (type == REGEX)
        take_name(in), take_name(in);
    else if (type == POINTER)
        take_text(in), take(in, 12);
    else if (type == CODE)
        take_text(in);
    else if (type == SCOPED_CODE)
        take_elements(in);
    else if (type == TIMESTAMP)
        take(in, 8);
    else if (type == DECIMAL128)
        take(in, 16);
    else if (type != UNDEFINED && type != NONE && type != HIGHEST && type != LOWEST)
        in->ok = false; /* there is no such type */
}

static void put_elements(Out *out, In *in, bool named, int depth);

static void put_value(Out *out, In *in, int type, int depth)
{
    In nested;
    switch (type) {
    case DOUBLE:
        put_double(out, take_number(in, 8));
        break;
    case STRING:
    case SYMBOL:
        put_text(out, take_text(in));
        break;
    case DOCUMENT:
    case ARRAY:
        nested = take_elements(in);
        if (nested.ok && depth < MOST_NESTED)
            put_elements(out, &nested, type == DOCUMENT, depth + 1);
        else
            put(out, "null", 4);
        in->ok = in->ok && nested.ok;
        break;
    case OBJECT_ID:
        put_object_id(out, take(in, 12));
        break;
    case BOOLEAN:
        take_number(in, 1) ? put(out, "true", 4) : put(out, "false", 5);
        break;
    case INSTANT:
        put_instant(out, (int64_t)take_number(in, 8));
        break;
    case INT32:
        put_integer(out, (int32_t)take_number(in, 4));
        break;
    case INT64:
        put_integer(out, (int64_t)take_number(in, 8));
        break;
    default:
        skip(in, type);
        put(out, "null", 4);
    }
}

/* All elements: of a document with their names, of an array without. */
static void put_elements(Out *out, In *in, bool named, int depth)
{
    put_char(out, named ? '{' : '[');
    for (bool first = true; in->ok && out->ok && in->at < in->end; first = false) {
        int type = (int)take_number(in, 1);
        In name = take_name(in);
        if (!first)
            put_char(out, ',');
        if (named) {
            put_text(out, name);
            put_char(out, ':');
        }
        put_value(out, in, type, depth);
    }
    put_char(out, named ? '}' : ']');
}

/* --- Paths, as an aggregation of MongoDB reads "$a.b": through an array it is that of each document in it --------- */

/* Goes past a value of any type. */
static void pass(In *in, int type)
{
    if (type == DOCUMENT || type == ARRAY)
        take_elements(in);
    else if (type == STRING || type == SYMBOL)
        take_text(in);
    else if (type == OBJECT_ID)
        take(in, 12);
    else if (type == DOUBLE || type == INSTANT || type == INT64)
        take(in, 8);
    else if (type == INT32)
        take(in, 4);
    else if (type == BOOLEAN)
        take(in, 1);
    else
        skip(in, type);
}

static bool is_same(In a, In b)
{
    return a.end - a.at == b.end - b.at && memcmp(a.at, b.at, (size_t)(a.end - a.at)) == 0;
}

static bool put_at(Out *out, In *whole, In value, int type, In path, bool is_instant);

/* What the path leads to in a document; false, and nothing is written, if it has no such field. */
static bool put_inside(Out *out, In *whole, In elements, In path, bool is_instant)
{
    In wanted = take_name(&path);
    while (elements.ok && elements.at < elements.end) {
        int type = (int)take_number(&elements, 1);
        In name = take_name(&elements), value = elements;
        pass(&elements, type);
        if (elements.ok && is_same(name, wanted))
            return put_at(out, whole, value, type, path, is_instant);
    }
    whole->ok = whole->ok && elements.ok;
    return false;
}

/* What the path leads to in each document of an array. */
static void put_in_each(Out *out, In *whole, In elements, In path, bool is_instant)
{
    bool first = true;
    put_char(out, '[');
    while (elements.ok && out->ok && elements.at < elements.end) {
        int type = (int)take_number(&elements, 1);
        take_name(&elements);
        In value = elements;
        pass(&elements, type);
        if (!elements.ok || type != DOCUMENT)
            continue;
        size_t before = out->size;
        if (!first)
            put_char(out, ',');
        if (put_inside(out, whole, take_elements(&value), path, is_instant))
            first = false;
        else
            out->size = before;
    }
    put_char(out, ']');
    whole->ok = whole->ok && elements.ok;
}

/* What the rest of a path leads to from this value. whole: is not ok any more where the bytes are not. */
static bool put_at(Out *out, In *whole, In value, int type, In path, bool is_instant)
{
    bool is_end = path.at == path.end;
    if (is_end && is_instant)
        type == INSTANT ? put(out, "true", 4) : put(out, "false", 5);
    else if (is_end)
        put_value(out, &value, type, 0);
    else if (type == ARRAY)
        put_in_each(out, whole, take_elements(&value), path, is_instant);
    else if (type == DOCUMENT)
        return put_inside(out, whole, take_elements(&value), path, is_instant);
    whole->ok = whole->ok && value.ok;
    return is_end || type == ARRAY;
}

/* A field from an element of the document, if its path begins there; false if nothing is written. */
static bool put_field(Out *out, In *whole, Field *field, In name, In value, int type, bool first)
{
    In path = field->path;
    if (field->seen || !is_same(name, take_name(&path)))
        return false;
    field->seen = true;
    size_t before = out->size;
    if (!first)
        put_char(out, ',');
    put(out, field->name.at, (size_t)(field->name.end - field->name.at));
    bool found = put_at(out, whole, value, type, path, field->is_instant);
    if (!found)
        out->size = before;
    return found;
}

static void put_document(Out *out, In *elements, Field *fields, size_t count)
{
    bool first = true;
    for (size_t i = 0; i < count; i++)
        fields[i].seen = false;
    put_char(out, '{');
    while (elements->ok && out->ok && elements->at < elements->end) {
        int type = (int)take_number(elements, 1);
        In name = take_name(elements), value = *elements;
        pass(elements, type);
        for (size_t i = 0; elements->ok && i < count; i++)
            first = !put_field(out, elements, &fields[i], name, value, type, first) && first;
    }
    put(out, "}\n", 2);
}

static void put_lines(Out *out, In *in, Field *fields, size_t count)
{
    while (in->ok && out->ok && in->at < in->end) {
        In document = take_elements(in);
        put_document(out, &document, fields, count);
        in->ok = document.ok;
    }
}

static In bytes_of(PyObject *object)
{
    char *bytes = NULL;
    Py_ssize_t size = 0;
    bool ok = object && PyBytes_AsStringAndSize(object, &bytes, &size) == 0;
    In in = {(const uint8_t *)bytes, (const uint8_t *)bytes + size, ok};
    return in;
}

/* From tuples of bytes, bytes and bool; false: an exception is set. */
static bool read_fields(PyObject *tuples, Field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PyObject *tuple = PyTuple_GetItem(tuples, (Py_ssize_t)i);
        fields[i].name = bytes_of(PyTuple_GetItem(tuple, 0));
        fields[i].path = bytes_of(PyTuple_GetItem(tuple, 1));
        fields[i].is_instant = PyTuple_GetItem(tuple, 2) == Py_True;
        if (PyErr_Occurred())
            return false;
    }
    return true;
}

/* lines(batch, fields): its documents, which lie one behind the other, as JSON. Raises ValueError. */
static PyObject *py_lines(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *batch, *tuples;
    Field fields[MOST_FIELDS];
    if (!PyArg_ParseTuple(arguments, "SO!", &batch, &PyTuple_Type, &tuples))
        return NULL;
    size_t count = (size_t)PyTuple_Size(tuples);
    if (count > MOST_FIELDS)
        return PyErr_Format(PyExc_ValueError, "more than %d fields", MOST_FIELDS);
    if (!read_fields(tuples, fields, count))
        return NULL;
    In in = bytes_of(batch);
    size_t room = (size_t)(in.end - in.at) / 2 + SHORT; /* of most batches */
    Out out = {malloc(room), 0, room, true};
    out.ok = out.bytes != NULL;
    Py_BEGIN_ALLOW_THREADS
    put_lines(&out, &in, fields, count);
    Py_END_ALLOW_THREADS
    PyObject *lines = NULL;
    if (!out.ok)
        PyErr_NoMemory();
    else if (!in.ok)
        PyErr_SetString(PyExc_ValueError, "not valid BSON");
    else
        lines = PyBytes_FromStringAndSize(out.bytes, (Py_ssize_t)out.size);
    free(out.bytes);
    return lines;
}

static PyMethodDef methods[] = {
    {"lines", py_lines, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_json", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__json(void)
{
    return PyModule_Create(&definition);
}
