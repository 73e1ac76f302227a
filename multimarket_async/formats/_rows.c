/* The records of successive rows of a CSV file in one call; see csv_files.py.
 *
 * Only a line that is a plain row is read here: as many fields as expected, each without quotes or all of it in quotes.
 * Every other one is answered, also if a value is bad or no record can be made of it; Python then reads it, and words
 * what is the matter. So is a value that is not plain digits or a plain text read by its own function in Python.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <string.h>

enum { MOST_FIELDS = 512, MOST_BYTES = 1 << 17, MOST_DIGITS = 18, BYTES_AT_A_TIME = 1 << 15 };
enum { ANY, INTEGER, MONEY, TEXT }; /* as in csv_files.py */

typedef struct {
    const char *start;
    Py_ssize_t size;
} Field;

/* What a field of a cell of csv_files.py is read into. */
typedef struct {
    PyObject *name, *read;
    Py_ssize_t place;
    int kind, decimals;
} Cell;

/* What all rows of a call have in common. make: a record of the values; None: they are it. place: Located (feeds.py). */
typedef struct {
    char delimiter;
    Py_ssize_t fields, count;
    Cell *cells;
    PyObject *make, *head;
    PyTypeObject *place;
} Form;

/* --- From a line to its fields; the answer is 0 if it is no plain row -------------------------------------------- */

static Py_ssize_t without_end(const char *line, Py_ssize_t size)
{
    if (size > 0 && line[size - 1] == '\n')
        size--;
    if (size > 0 && line[size - 1] == '\r')
        size--;
    return size;
}

/* The end of the field that starts here, and the field; NULL if it is not plain. */
static const char *field_end(const char *at, const char *end, char delimiter, Field *field)
{
    while (at < end && *at == ' ')
        at++;
    bool quoted = at < end && *at == '"';
    at += quoted;
    const char *stop = memchr(at, quoted ? '"' : delimiter, (size_t)(end - at));
    if (!stop && quoted)
        return NULL;
    field->start = at;
    field->size = (stop ? stop : end) - at;
    at += field->size + quoted;
    bool plain = (at == end || *at == delimiter) && (quoted || !memchr(field->start, '"', (size_t)field->size));
    return plain ? at : NULL;
}

static Py_ssize_t split(const char *line, Py_ssize_t size, char delimiter, Field *fields)
{
    size = without_end(line, size);
    if (size == 0 || size >= MOST_BYTES || memchr(line, '\0', (size_t)size) || memchr(line, '\n', (size_t)size) ||
        memchr(line, '\r', (size_t)size))
        return 0;
    const char *end = line + size;
    Py_ssize_t count = 0;
    for (const char *at = line; count < MOST_FIELDS; at++) {
        at = field_end(at, end, delimiter, &fields[count]);
        if (!at)
            return 0;
        count++;
        if (at == end)
            return count;
    }
    return 0;
}

/* --- From a field to its value; NULL: an exception is set --------------------------------------------------------- */

/* Its digits as a number, without a mark before the last `decimals` of them; -1 if it is anything else. */
static long long number_of(const Field *field, int decimals)
{
    Py_ssize_t mark = decimals ? field->size - decimals - 1 : field->size;
    long long number = 0;
    if (field->size == 0 || field->size > MOST_DIGITS || mark < 1 || (decimals && field->start[mark] != '.'))
        return -1;
    for (Py_ssize_t i = 0; i < field->size; i++) {
        if (i == mark)
            continue;
        if (field->start[i] < '0' || field->start[i] > '9')
            return -1;
        number = number * 10 + (field->start[i] - '0');
    }
    return number;
}

static bool is_visible(char byte)
{
    return byte > ' ' && byte < 127;
}

/* Nothing is to be stripped from it. */
static bool is_bare(const Field *field)
{
    return field->size > 0 && is_visible(field->start[0]) && is_visible(field->start[field->size - 1]);
}

static PyObject *value_of(const Cell *cell, const Field *field)
{
    long long number = cell->kind == INTEGER || cell->kind == MONEY ? number_of(field, cell->decimals) : -1;
    if (number >= 0)
        return PyLong_FromLongLong(number);
    PyObject *text = PyUnicode_FromStringAndSize(field->start, field->size);
    if (!text || (cell->kind == TEXT && is_bare(field)))
        return text;
    PyObject *value = PyObject_CallFunctionObjArgs(cell->read, text, NULL);
    Py_DECREF(text);
    return value;
}

/* Its cell; false: an exception is set. PyArg_ParseTuple would take as long as all the rest. */
static bool cell_of(PyObject *tuple, Cell *cell)
{
    cell->name = PyTuple_GetItem(tuple, 0);
    cell->read = PyTuple_GetItem(tuple, 1);
    PyObject *numbers[] = {PyTuple_GetItem(tuple, 2), PyTuple_GetItem(tuple, 3), PyTuple_GetItem(tuple, 4)};
    if (!numbers[2])
        return false;
    cell->place = PyLong_AsSsize_t(numbers[0]);
    cell->kind = (int)PyLong_AsLong(numbers[1]);
    cell->decimals = (int)PyLong_AsLong(numbers[2]);
    return !PyErr_Occurred();
}

/* A new dict of the values by their names; NULL: an exception is set. */
static PyObject *values_of(const Form *form, const Field *fields)
{
    PyObject *values = PyDict_New();
    for (Py_ssize_t i = 0; values && i < form->count; i++) {
        const Cell *cell = &form->cells[i];
        PyObject *value = value_of(cell, &fields[cell->place]);
        if (!value || PyDict_SetItem(values, cell->name, value) < 0)
            Py_CLEAR(values);
        Py_XDECREF(value);
    }
    return values;
}

/* --- From a line to its record; NULL: it is left to Python, maybe with an exception ------------------------------ */

static PyObject *record_of(const Form *form, PyObject *line, Py_ssize_t *size)
{
    Field fields[MOST_FIELDS];
    const char *text = PyUnicode_AsUTF8AndSize(line, size);
    if (!text || split(text, *size, form->delimiter, fields) != form->fields)
        return NULL;
    PyObject *values = values_of(form, fields);
    if (!values || form->make == Py_None)
        return values;
    PyObject *record = PyObject_CallFunctionObjArgs(form->make, values, NULL);
    Py_DECREF(values);
    return record;
}

/* The record with its place. PyTuple_SetItem takes over what it is given, also if it fails. */
static PyObject *placed(const Form *form, PyObject *record, Py_ssize_t number, PyObject *line)
{
    PyObject *place = PyType_GenericAlloc(form->place, 4);
    PyObject *items[] = {record, PyLong_FromSsize_t(number), Py_NewRef(line), Py_NewRef(form->head)};
    for (Py_ssize_t i = 0; i < 4; i++)
        if (!place || !items[i] || PyTuple_SetItem(place, i, items[i]) < 0)
            Py_CLEAR(place);
    return place;
}

static bool appended(const Form *form, PyObject *made, PyObject *line, Py_ssize_t number, Py_ssize_t *size)
{
    PyObject *record = record_of(form, line, size);
    PyObject *place = record ? placed(form, record, number, line) : NULL;
    bool done = place && PyList_Append(made, place) == 0;
    Py_XDECREF(place);
    return done;
}

/* The line that is left; NULL: the program is being ended. */
static PyObject *left(PyObject *line)
{
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception))
        Py_CLEAR(line);
    else
        PyErr_Clear();
    return line;
}

static PyObject *append_records(const Form *form, PyObject *made, PyObject *lines, Py_ssize_t number)
{
    PyObject *line = NULL;
    for (Py_ssize_t bytes = 0, size; bytes < BYTES_AT_A_TIME && (line = PyIter_Next(lines)); bytes += size) {
        if (!appended(form, made, line, number++, &size))
            return left(line);
        Py_DECREF(line);
    }
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static bool cells_of(PyObject *cells, Form *form)
{
    form->count = PyTuple_Size(cells);
    form->cells = PyMem_Calloc((size_t)form->count + 1, sizeof(Cell));
    if (!form->cells)
        PyErr_NoMemory();
    bool found = form->cells != NULL;
    for (Py_ssize_t i = 0; found && i < form->count; i++) {
        Cell *cell = &form->cells[i];
        found = cell_of(PyTuple_GetItem(cells, i), cell);
        if (found && (cell->place < 0 || cell->place >= form->fields || cell->decimals < 0)) {
            PyErr_SetString(PyExc_ValueError, "a cell is beyond the row");
            found = false;
        }
    }
    return found;
}

/* records(delimiter, fields, cells, make, place, head, made, lines, number): those of plain rows of so many fields are
 * appended to `made`, with their places; the line that is none; None behind the last line, or after some of them.
 * number: of the first line. */
static PyObject *py_records(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    int delimiter;
    Form form = {0};
    PyObject *cells, *made, *lines;
    Py_ssize_t number;
    if (!PyArg_ParseTuple(arguments, "CnO!OO!OO!On", &delimiter, &form.fields, &PyTuple_Type, &cells, &form.make,
                          &PyType_Type, &form.place, &form.head, &PyList_Type, &made, &lines, &number))
        return NULL;
    form.delimiter = (char)delimiter;
    PyObject *answer = cells_of(cells, &form) ? append_records(&form, made, lines, number) : NULL;
    PyMem_Free(form.cells);
    return answer;
}

static PyMethodDef methods[] = {
    {"records", py_records, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_rows", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__rows(void)
{
    return PyModule_Create(&definition);
}
