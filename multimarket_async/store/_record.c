/* Records as BSON with their `ingestion` in one call; see RecordEncoder in documents.py, and https://bsonspec.org/spec.html
 *
 * Only plain documents are encoded here: a few KiB, `_id` first, no value nested. None is the answer to every other one;
 * Python then encodes it, or finds out what is the matter with it, and words that.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { MOST_BYTES = 16384, DIGEST_CHARS = 32, LENGTH = 4 };
enum { DOUBLE = 1, STRING = 2, DOCUMENT = 3, BOOLEAN = 8, INSTANT = 9, NONE = 10, INT32 = 16, INT64 = 18 };

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

static PyObject *sha256, *hexdigest, *datetime_type, *utc, *nothing;

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

static bool put_integer(Out *out, const char *name, PyObject *value)
{
    int beyond;
    long long number = PyLong_AsLongLongAndOverflow(value, &beyond);
    if (beyond)
        return false;
    bool small = number >= INT32_MIN && number <= INT32_MAX;
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

static long field(PyObject *moment, const char *name)
{
    PyObject *value = PyObject_GetAttrString(moment, name);
    long number = value ? PyLong_AsLong(value) : -1;
    Py_XDECREF(value);
    return number;
}

/* Days since 1970 in the Gregorian calendar, in years that begin in March. */
static long long days(long year, long month, long day)
{
    year -= month <= 2;
    long since_march = (month + 9) % 12;
    return 365LL * year + year / 4 - year / 100 + year / 400 + (153 * since_march + 2) / 5 + day - 1 - 719468;
}

/* Milliseconds since 1970 of an exact datetime, which is in UTC or says nothing; false, maybe with an exception. */
static bool milliseconds(PyObject *moment, long long *result)
{
    PyObject *zone = PyObject_GetAttrString(moment, "tzinfo");
    Py_XDECREF(zone); /* it is compared only */
    if (zone != utc && zone != Py_None)
        return false;
    long long day = days(field(moment, "year"), field(moment, "month"), field(moment, "day"));
    long long minute = (day * 24 + field(moment, "hour")) * 60 + field(moment, "minute");
    *result = (minute * 60 + field(moment, "second")) * 1000 + field(moment, "microsecond") / 1000;
    return !PyErr_Occurred();
}

/* Many records have the same object, since columns of dates remember theirs: the last one is kept. */
static bool put_instant(Out *out, const char *name, PyObject *value)
{
    static PyObject *last;
    static long long last_milliseconds;
    long long found = last_milliseconds;
    if (value != last) {
        if (!milliseconds(value, &found))
            return left();
        Py_XDECREF(last);
        last = Py_NewRef(value);
        last_milliseconds = found;
    }
    put_name(out, INSTANT, name);
    put_number(out, (uint64_t)found, 8);
    return true;
}

static bool put_value(Out *out, const char *name, PyObject *value)
{
    if (PyUnicode_CheckExact(value))
        return put_string(out, name, value);
    if (PyLong_CheckExact(value))
        return put_integer(out, name, value);
    if (PyFloat_CheckExact(value))
        return put_double(out, name, value);
    if ((PyObject *)Py_TYPE(value) == datetime_type)
        return put_instant(out, name, value);
    if (value != Py_None && !PyBool_Check(value))
        return false;
    put_name(out, value == Py_None ? NONE : BOOLEAN, name);
    if (value != Py_None)
        put_number(out, value == Py_True, 1);
    return true;
}

/* --- The record -------------------------------------------------------------------------------------------------- */

static bool put_document(Out *out, PyObject *document)
{
    PyObject *key, *value;
    Py_ssize_t at = 0, size;
    put_number(out, 0, LENGTH);
    for (bool first = true; PyDict_Next(document, &at, &key, &value); first = false) {
        const char *name = PyUnicode_CheckExact(key) ? PyUnicode_AsUTF8AndSize(key, &size) : NULL;
        if (!name)
            return left();
        if (strlen(name) != (size_t)size || (first && strcmp(name, "_id") != 0) || !put_value(out, name, value))
            return false;
    }
    put_number(out, 0, 1);
    set_length(out, 0);
    return out->ok && out->size > LENGTH + 1;
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

static bool put_digest(Out *out, PyObject *digest)
{
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(digest, &size);
    if (!text)
        return false;
    put_name(out, STRING, "digest");
    put_text(out, text, size);
    return true;
}

static void put_ingestion(Out *out, const Source *source, int number, PyObject *digest)
{
    out->size--; /* the zero byte at the end of the document */
    put_name(out, DOCUMENT, "ingestion");
    Py_ssize_t ingestion = out->size;
    put_number(out, 0, LENGTH);
    put(out, source->before, source->before_size);
    put_name(out, INT32, "record");
    put_number(out, (uint64_t)number, 4);
    put(out, source->behind, source->behind_size);
    out->ok = put_digest(out, digest) && out->ok;
    put_number(out, 0, 1);
    set_length(out, ingestion);
    put_number(out, 0, 1);
    set_length(out, 0);
}

/* Its digest, a new one, and its BSON in `out`; NULL: it is left to Python, maybe with an exception. */
static PyObject *encoded(Out *out, PyObject *document, const Source *source, int number)
{
    out->size = 0;
    out->ok = true;
    PyObject *digest = PyDict_CheckExact(document) && put_document(out, document) ? digest_of(out) : NULL;
    if (digest)
        put_ingestion(out, source, number, digest);
    if (digest && !out->ok)
        Py_CLEAR(digest);
    return digest;
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
    PyObject *digest = encoded(&out, document, &source, number);
    if (digest)
        return Py_BuildValue("Ny#", digest, out.bytes, out.size);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* --- Records by the chunk ---------------------------------------------------------------------------------------- */

/* What all records of a call have in common; see RecordEncoder.take. place, encoded: types of tuples. */
typedef struct {
    Source source;
    PyObject *receipt, *partition, *raw_document, *dated, *latest, *documents, *places;
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
static PyObject *as_encoded(const Chunk *chunk, PyObject *document, PyObject *number, PyObject *digest, const Out *out)
{
    PyObject *name, *key;
    Py_ssize_t first = 0;
    PyObject *content = PyBytes_FromStringAndSize(out->bytes, out->size);
    PyObject *raw = content ? PyObject_CallFunctionObjArgs(chunk->raw_document, content, NULL) : NULL;
    PyDict_Next(document, &first, &name, &key);
    PyObject *items[] = {Py_NewRef(key), digest, raw, Py_NewRef(chunk->partition), Py_NewRef(Py_None),
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
    PyObject *digest = encoded(&out, document, &chunk->source, (int)record);
    if (!digest)
        return PyErr_Occurred() ? -1 : 0;
    bool done = appended(chunk->documents, as_encoded(chunk, document, number, digest, &out)) &&
                appended(chunk->places, as_place(chunk, located));
    return done ? out.size : -1;
}

/* take(before, behind, receipt, documents, places, partition, place, dated, latest, RawBSONDocument, Encoded, numbered,
 * records, bytes): see RecordEncoder.take. */
static PyObject *py_take(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Chunk chunk;
    PyObject *numbered, *pair = NULL;
    Py_ssize_t records, bytes, done = 0;
    if (!PyArg_ParseTuple(arguments, "y#y#OO!O!OO!OOOO!Onn", &chunk.source.before, &chunk.source.before_size,
                          &chunk.source.behind, &chunk.source.behind_size, &chunk.receipt, &PyList_Type,
                          &chunk.documents, &PyList_Type, &chunk.places, &chunk.partition, &PyType_Type, &chunk.place,
                          &chunk.dated, &chunk.latest, &chunk.raw_document, &PyType_Type, &chunk.encoded, &numbered,
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

PyMODINIT_FUNC PyInit__record(void)
{
    sha256 = imported("hashlib", "sha256");
    datetime_type = sha256 ? imported("datetime", "datetime") : NULL;
    utc = datetime_type ? imported("datetime", "UTC") : NULL;
    hexdigest = utc ? PyUnicode_InternFromString("hexdigest") : NULL;
    nothing = hexdigest ? PyDict_New() : NULL;
    return nothing ? PyModule_Create(&definition) : NULL;
}
