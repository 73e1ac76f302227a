/* The values of a row of a CSV file in one call; see csv_files.py.
 *
 * Only a line that is a plain row is read here: as many fields as expected, each without quotes or all of it in quotes.
 * None is the answer to every other one, also if a value is bad; Python then reads it, and words what is the matter.
 * So is a value that is not plain digits or a plain text read by its own function in Python.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <string.h>

enum { MOST_FIELDS = 512, MOST_BYTES = 1 << 17, MOST_DIGITS = 18 };
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
    return !PyErr_Occurred() && cell->decimals >= 0;
}

/* A new dict of the values by their names; NULL: an exception is set, or a cell is beyond the row. */
static PyObject *values_of(PyObject *cells, const Field *fields, Py_ssize_t count)
{
    PyObject *values = PyDict_New();
    for (Py_ssize_t i = 0; values && i < PyTuple_Size(cells); i++) {
        Cell cell;
        bool found = cell_of(PyTuple_GetItem(cells, i), &cell) && cell.place >= 0 && cell.place < count;
        PyObject *value = found ? value_of(&cell, &fields[cell.place]) : NULL;
        if (!value || PyDict_SetItem(values, cell.name, value) < 0)
            Py_CLEAR(values);
        Py_XDECREF(value);
    }
    return values;
}

/* values(delimiter, fields, cells, line): of a plain row of so many fields; None if it is left to Python. */
static PyObject *py_values(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    int delimiter;
    Py_ssize_t expected, size;
    PyObject *cells;
    const char *line;
    Field fields[MOST_FIELDS];
    if (!PyArg_ParseTuple(arguments, "CnO!s#", &delimiter, &expected, &PyTuple_Type, &cells, &line, &size))
        return NULL;
    Py_ssize_t count = split(line, size, (char)delimiter, fields);
    PyObject *values = count == expected && count > 0 ? values_of(cells, fields, count) : NULL;
    if (values)
        return values;
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception))
        return NULL; /* the program is being ended */
    PyErr_Clear();
    return Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"values", py_values, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_rows", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__rows(void)
{
    return PyModule_Create(&definition);
}
