/* Records as BSON with their `ingestion` in one call; see RecordEncoder in documents.py, and https://bsonspec.org/spec.html
 *
 * Only plain documents are encoded here: a few KiB, `_id` first if there is one, no value nested deeply. None is the answer
 * to every other one; Python then encodes it, or finds out what is the matter with it, and words that.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 16384, MOST_LEVELS = 16, DIGEST_CHARS = 32, LENGTH = 4 };
enum { DOUBLE = 1, STRING = 2, DOCUMENT = 3, ARRAY = 4, BOOLEAN = 8, INSTANT = 9, NONE = 10, INT32 = 16, INT64 = 18 };

/* What was written so far. ok: all of it found room. */
typedef struct {
    char bytes[MOST_BYTES];
    Py_ssize_t size;
    bool ok;
} Out;

/* The elements of `ingestion` that records have alike: before the number, and behind it. */
typedef struct {
    const char *before, *behind;
    Py_ssize_t before_size, behind_size;
} Source;

static PyObject *sha256, *hexdigest, *datetime_type, *utc, *epoch, *epoch_in_utc, *int64_type, *nothing;
static PyObject *tzinfo, *days, *seconds, *microseconds;

/* --- Writing; nothing is written beyond the end ------------------------------------------------------------------ */

static void put(Out *out, const void *bytes, Py_ssize_t size)
{
    out->ok = out->ok && size <= MOST_BYTES - out->size;
    if (!out->ok)
        return;
    memcpy(out->bytes + out->size, bytes, (size_t)size);
    out->size += size;
}

/* The lowest bytes of a number, lowest first. */
static void put_number(Out *out, uint64_t number, Py_ssize_t bytes)
{
    char lowest_first[sizeof number];
    for (Py_ssize_t i = 0; i < bytes; i++, number >>= 8)
        lowest_first[i] = (char)number;
    put(out, lowest_first, bytes);
}

/* The length of what was written since, where room for it was left. */
static void set_length(Out *out, Py_ssize_t at)
{
    Py_ssize_t end = out->size;
    if (!out->ok)
        return;
    out->size = at;
    put_number(out, (uint64_t)(end - at), LENGTH);
    out->size = end;
}

/* Type and name, which must have no zero byte. */
static void put_name(Out *out, int type, const char *name)
{
    put_number(out, (uint64_t)type, 1);
    put(out, name, (Py_ssize_t)strlen(name) + 1);
}

static void put_text(Out *out, const char *text, Py_ssize_t size)
{
    put_number(out, (uint64_t)size + 1, LENGTH);
    put(out, text, size);
    put_number(out, 0, 1);
}

/* --- Values of exactly these types; false: this one is left, without an exception -------------------------------- */

static bool left(void)
{
    PyErr_Clear();
    return false;
}

/* long_one: of 64 bits whatever its value. */
static bool put_integer(Out *out, const char *name, PyObject *value, bool long_one)
{
    int beyond;
    long long number = PyLong_AsLongLongAndOverflow(value, &beyond);
    if (beyond)
        return false;
    bool small = !long_one && number >= INT32_MIN && number <= INT32_MAX;
    put_name(out, small ? INT32 : INT64, name);
    put_number(out, (uint64_t)number, small ? 4 : 8);
    return true;
}

static bool put_string(Out *out, const char *name, PyObject *value)
{
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(value, &size);
    if (!text)
        return left();
    put_name(out, STRING, name);
    put_text(out, text, size);
    return true;
}

static bool put_double(Out *out, const char *name, PyObject *value)
{
    double number = PyFloat_AsDouble(value);
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    put_name(out, DOUBLE, name);
    put_number(out, bits, sizeof bits);
    return true;
}

static long long number_in(PyObject *duration, PyObject *name)
{
    PyObject *value = PyObject_GetAttr(duration, name);
    long long number = value ? PyLong_AsLongLong(value) : -1;
    Py_XDECREF(value);
    return number;
}

/* Milliseconds since 1970 of an exact datetime, which is in UTC or says nothing; false, maybe with an exception. */
static bool milliseconds(PyObject *moment, long long *result)
{
    PyObject *zone = PyObject_GetAttr(moment, tzinfo);
    Py_XDECREF(zone); /* it is compared only */
    if (zone != utc && zone != Py_None)
        return false;
    PyObject *since = PyNumber_Subtract(moment, zone == utc ? epoch_in_utc : epoch);
    if (!since)
        return false;
    *result = (number_in(since, days) * 86400 + number_in(since, seconds)) * 1000 + number_in(since, microseconds) / 1000;
    Py_DECREF(since);
    return !PyErr_Occurred();
}

/* Many records have the same object, since columns of dates remember theirs, or are stored at one time: the last two are
 * kept, of which the newer one is the first. */
static bool put_instant(Out *out, const char *name, PyObject *value)
{
    static PyObject *last[2];
    static long long numbers[2];
    long long found = numbers[value == last[1]];
    if (value != last[0] && value != last[1]) {
        if (!milliseconds(value, &found))
            return left();
        Py_XDECREF(last[1]);
        last[1] = last[0];
        numbers[1] = numbers[0];
        last[0] = Py_NewRef(value);
        numbers[0] = found;
    }
    put_name(out, INSTANT, name);
    put_number(out, (uint64_t)found, 8);
    return true;
}

static bool put_dict(Out *out, PyObject *document, int levels);
static bool put_list(Out *out, PyObject *list, int levels);

static bool put_nested(Out *out, const char *name, PyObject *value, int levels)
{
    bool is_dict = PyDict_CheckExact(value);
    if (levels == 0 || (!is_dict && !PyList_CheckExact(value)))
        return false;
    put_name(out, is_dict ? DOCUMENT : ARRAY, name);
    return is_dict ? put_dict(out, value, levels - 1) : put_list(out, value, levels - 1);
}

static bool put_value(Out *out, const char *name, PyObject *value, int levels)
{
    if (PyUnicode_CheckExact(value))
        return put_string(out, name, value);
    if (PyLong_CheckExact(value) || (PyObject *)Py_TYPE(value) == int64_type)
        return put_integer(out, name, value, !PyLong_CheckExact(value));
    if (PyFloat_CheckExact(value))
        return put_double(out, name, value);
    if ((PyObject *)Py_TYPE(value) == datetime_type)
        return put_instant(out, name, value);
    if (value != Py_None && !PyBool_Check(value))
        return put_nested(out, name, value, levels);
    put_name(out, value == Py_None ? NONE : BOOLEAN, name);
    if (value != Py_None)
        put_number(out, value == Py_True, 1);
    return true;
}

/* Its name in UTF-8; NULL if it is left, without an exception. */
static const char *name_of(PyObject *key)
{
    Py_ssize_t size;
    const char *name = PyUnicode_CheckExact(key) ? PyUnicode_AsUTF8AndSize(key, &size) : NULL;
    if (!name)
        PyErr_Clear();
    return name && strlen(name) == (size_t)size ? name : NULL;
}

static bool put_dict(Out *out, PyObject *document, int levels)
{
    PyObject *key, *value;
    Py_ssize_t at = 0, start = out->size;
    put_number(out, 0, LENGTH);
    while (out->ok && PyDict_Next(document, &at, &key, &value)) {
        const char *name = name_of(key);
        if (!name || !put_value(out, name, value, levels))
            return false;
    }
    put_number(out, 0, 1);
    set_length(out, start);
    return out->ok;
}

static bool put_list(Out *out, PyObject *list, int levels)
{
    char name[24];
    Py_ssize_t start = out->size;
    put_number(out, 0, LENGTH);
    for (Py_ssize_t i = 0; out->ok && i < PyList_Size(list); i++) {
        snprintf(name, sizeof name, "%lld", (long long)i);
        if (!put_value(out, name, PyList_GetItem(list, i), levels))
            return false;
    }
    put_number(out, 0, 1);
    set_length(out, start);
    return out->ok;
}

/* --- The record -------------------------------------------------------------------------------------------------- */

/* Its first field is `_id`. */
static bool is_keyed(PyObject *document)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    bool found = PyDict_CheckExact(document) && PyDict_Next(document, &at, &key, &value) && PyUnicode_CheckExact(key);
    return found && PyUnicode_CompareWithASCIIString(key, "_id") == 0;
}

static void begin(Out *out)
{
    out->size = 0;
    out->ok = true;
}

/* SHA-256 of what was written so far, in hexadecimal, cut. */
static PyObject *digest_of(Out *out)
{
    PyObject *content = PyBytes_FromStringAndSize(out->bytes, out->size);
    PyObject *hash = content ? PyObject_CallFunctionObjArgs(sha256, content, NULL) : NULL;
    PyObject *digest = hash ? PyObject_CallMethodObjArgs(hash, hexdigest, NULL) : NULL;
    PyObject *cut = digest ? PyUnicode_Substring(digest, 0, DIGEST_CHARS) : NULL;
    Py_XDECREF(content);
    Py_XDECREF(hash);
    Py_XDECREF(digest);
    return cut;
}

/* version: NULL of a record that has none. */
static void put_ingestion(Out *out, const Source *source, int number, PyObject *version, PyObject *digest)
{
    out->size--; /* the zero byte at the end of the document */
    put_name(out, DOCUMENT, "ingestion");
    Py_ssize_t ingestion = out->size;
    put_number(out, 0, LENGTH);
    put(out, source->before, source->before_size);
    put_name(out, INT32, "record");
    put_number(out, (uint64_t)number, 4);
    put(out, source->behind, source->behind_size);
    if (version)
        out->ok = put_string(out, "version", version) && out->ok;
    out->ok = put_string(out, "digest", digest) && out->ok;
    put_number(out, 0, 1);
    set_length(out, ingestion);
    put_number(out, 0, 1);
    set_length(out, 0);
}

/* Its digest, a new one, and its BSON in `out`; NULL: it is left to Python, maybe with an exception. */
static PyObject *encoded(Out *out, PyObject *document, const Source *source, int number, PyObject *version)
{
    begin(out);
    PyObject *digest = is_keyed(document) && put_dict(out, document, MOST_LEVELS) ? digest_of(out) : NULL;
    if (digest)
        put_ingestion(out, source, number, version, digest);
    if (digest && !out->ok)
        Py_CLEAR(digest);
    return digest;
}

/* document(document): its BSON; None if it is left to Python, which puts `_id` first. */
static PyObject *py_document(PyObject *Py_UNUSED(module), PyObject *document)
{
    Out out;
    begin(&out);
    bool plain = PyDict_CheckExact(document) && (is_keyed(document) || !PyDict_GetItemString(document, "_id"));
    if (plain && put_dict(&out, document, MOST_LEVELS))
        return PyBytes_FromStringAndSize(out.bytes, out.size);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* record(document, before, number, behind): its digest and its BSON, with `ingestion` of the elements `before`, the
 * number, the elements `behind`, and the digest; None if it is left to Python. */
static PyObject *py_record(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *document;
    Source source;
    int number;
    Out out;
    if (!PyArg_ParseTuple(arguments, "Oy#iy#", &document, &source.before, &source.before_size, &number, &source.behind,
                          &source.behind_size))
        return NULL;
    PyObject *digest = encoded(&out, document, &source, number, NULL);
    if (digest)
        return Py_BuildValue("Ny#", digest, out.bytes, out.size);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* --- Records by the chunk ---------------------------------------------------------------------------------------- */

/* What all records of a call have in common; see RecordEncoder.take. place, encoded: types of tuples. version: of the
 * file; None: records have none. */
typedef struct {
    Source source;
    PyObject *receipt, *partition, *version, *raw_document, *dated, *latest, *documents, *places;
    PyTypeObject *place, *encoded;
} Chunk;

/* A tuple of this type. PyTuple_SetItem takes over what it is given, also if it fails. */
static PyObject *tuple_of(PyTypeObject *type, PyObject **items, Py_ssize_t count)
{
    PyObject *tuple = PyType_GenericAlloc(type, count);
    for (Py_ssize_t i = 0; i < count; i++)
        if (!tuple || !items[i] || PyTuple_SetItem(tuple, i, items[i]) < 0)
            Py_CLEAR(tuple);
    return tuple;
}

/* It is no document of a later time: Table.check_date (feeds.py). */
static bool is_timely(const Chunk *chunk, PyObject *document)
{
    PyObject *at = PyDict_GetItemWithError(document, chunk->dated);
    if (!at || (PyObject *)Py_TYPE(at) != datetime_type)
        return !PyErr_Occurred();
    int timely = PyObject_RichCompareBool(at, chunk->latest, Py_LE);
    if (timely < 0)
        PyErr_Clear();
    return timely > 0;
}

/* The document with its source, as Encoded (documents.py). */
static PyObject *as_encoded(const Chunk *chunk, PyObject *document, PyObject *number, PyObject *version,
                            PyObject *digest, const Out *out)
{
    PyObject *name, *key;
    Py_ssize_t first = 0;
    PyObject *content = PyBytes_FromStringAndSize(out->bytes, out->size);
    PyObject *raw = content ? PyObject_CallFunctionObjArgs(chunk->raw_document, content, NULL) : NULL;
    PyDict_Next(document, &first, &name, &key);
    PyObject *items[] = {Py_NewRef(key), digest, raw, Py_NewRef(chunk->partition), Py_NewRef(version),
                         PyTuple_Pack(2, chunk->receipt, number)};
    Py_XDECREF(content);
    return tuple_of(chunk->encoded, items, 6);
}

/* The place of a document; it need not hold the document where it has its bytes. */
static PyObject *as_place(const Chunk *chunk, PyObject *located)
{
    int has_bytes = PyObject_IsTrue(PyTuple_GetItem(located, 2));
    if (has_bytes <= 0)
        return has_bytes < 0 ? NULL : Py_NewRef(located);
    PyObject *items[] = {Py_NewRef(nothing), Py_NewRef(PyTuple_GetItem(located, 1)),
                         Py_NewRef(PyTuple_GetItem(located, 2)), Py_NewRef(PyTuple_GetItem(located, 3))};
    return tuple_of(chunk->place, items, 4);
}

static bool appended(PyObject *list, PyObject *item)
{
    bool done = item && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return done;
}

/* Its bytes; 0: it is left to Python; -1: an exception is set. */
static Py_ssize_t take(const Chunk *chunk, PyObject *number, PyObject *located)
{
    Out out;
    bool placed = Py_TYPE(located) == chunk->place && PyTuple_Size(located) == 4;
    PyObject *document = placed ? PyTuple_GetItem(located, 0) : NULL;
    int beyond = 0;
    long long record = PyLong_AsLongLongAndOverflow(number, &beyond);
    if (!document || !PyDict_CheckExact(document) || record > INT32_MAX || beyond || !is_timely(chunk, document))
        return PyErr_Occurred() ? -1 : 0;
    bool versioned = chunk->version != Py_None;
    PyObject *version = versioned ? PyUnicode_FromFormat("%U-%08x", chunk->version, (int)record) : Py_NewRef(Py_None);
    PyObject *digest =
        version ? encoded(&out, document, &chunk->source, (int)record, versioned ? version : NULL) : NULL;
    bool done = digest && appended(chunk->documents, as_encoded(chunk, document, number, version, digest, &out)) &&
                appended(chunk->places, as_place(chunk, located));
    Py_XDECREF(version);
    return done ? out.size : PyErr_Occurred() ? -1 : 0;
}

/* take(before, behind, receipt, documents, places, partition, version, place, dated, latest, RawBSONDocument, Encoded,
 * numbered, records, bytes): see RecordEncoder.take. */
static PyObject *py_take(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Chunk chunk;
    PyObject *numbered, *pair = NULL;
    Py_ssize_t records, bytes, done = 0;
    if (!PyArg_ParseTuple(arguments, "y#y#OO!O!OOO!OOOO!Onn", &chunk.source.before, &chunk.source.before_size,
                          &chunk.source.behind, &chunk.source.behind_size, &chunk.receipt, &PyList_Type,
                          &chunk.documents, &PyList_Type, &chunk.places, &chunk.partition, &chunk.version, &PyType_Type,
                          &chunk.place, &chunk.dated, &chunk.latest, &chunk.raw_document, &PyType_Type, &chunk.encoded, &numbered,
                          &records, &bytes))
        return NULL;
    while (records-- > 0 && done < bytes && (pair = PyIter_Next(numbered))) {
        PyObject *number = PyTuple_GetItem(pair, 0), *located = number ? PyTuple_GetItem(pair, 1) : NULL;
        Py_ssize_t size = located ? take(&chunk, number, located) : -1;
        if (size == 0)
            return Py_BuildValue("nN", done, pair);
        Py_DECREF(pair);
        if (size < 0)
            return NULL;
        done += size;
    }
    if (PyErr_Occurred())
        return NULL;
    return Py_BuildValue(records >= 0 && done < bytes ? "nO" : "n()", done, Py_None);
}

static PyMethodDef methods[] = {
    {"document", py_document, METH_O, NULL},
    {"record", py_record, METH_VARARGS, NULL},
    {"take", py_take, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_record", NULL, -1, methods, NULL, NULL, NULL, NULL};

static PyObject *imported(const char *module, const char *name)
{
    PyObject *found = PyImport_ImportModule(module);
    PyObject *attribute = found ? PyObject_GetAttrString(found, name) : NULL;
    Py_XDECREF(found);
    return attribute;
}

static bool prepared(void)
{
    const char *names[] = {"hexdigest", "tzinfo", "days", "seconds", "microseconds"};
    PyObject **interned[] = {&hexdigest, &tzinfo, &days, &seconds, &microseconds};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!(*interned[i] = PyUnicode_InternFromString(names[i])))
            return false;
    if (!(sha256 = imported("hashlib", "sha256")) || !(datetime_type = imported("datetime", "datetime")) ||
        !(utc = imported("datetime", "UTC")) || !(int64_type = imported("bson.int64", "Int64")))
        return false;
    epoch = PyObject_CallFunction(datetime_type, "iii", 1970, 1, 1);
    epoch_in_utc = PyObject_CallMethod(datetime_type, "fromtimestamp", "iO", 0, utc);
    nothing = PyDict_New();
    return epoch && epoch_in_utc && nothing;
}

PyMODINIT_FUNC PyInit__record(void)
{
    return prepared() ? PyModule_Create(&definition) : NULL;
}
