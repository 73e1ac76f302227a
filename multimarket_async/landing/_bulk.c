/* Many files in one call; see files.py. The interpreter lock is released once for all of them.
 *
 * Only what goes as it should is done here. A file about which anything is unusual is answered with "not done"; Python
 * then does it, finds out what is the matter, and words it.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* A call: folders by descriptor, and the arguments that hold for all its files. */
typedef struct {
    int folder, target;
    uid_t user;
    gid_t group;
    PyObject *path;
    Py_ssize_t most_bytes;
    bool stopped;
} Call;

/* One file: the arguments from Python, and the result. name points into held. left: to Python. */
typedef struct {
    PyObject *held, *content;
    const char *name;
    char *bytes;
    Py_ssize_t size;
    long long written_ns;
    unsigned long long inode;
    bool left;
    struct stat status;
    enum { NO, YES, ANOTHER } done; /* as in files.py */
} File;

/* Nanoseconds fit into 64 bits until the year 2262; a sender dates a file as it likes. */
static bool countable(struct timespec moment)
{
    return moment.tv_sec > -9000000000LL && moment.tv_sec < 9000000000LL;
}

static long long nanoseconds(struct timespec moment)
{
    return moment.tv_sec * 1000000000LL + moment.tv_nsec;
}

/* --- From Python, with the interpreter lock; false: an exception is set ---------------------------------------- */

static bool named(File *file, PyObject *path)
{
    if (!PyUnicode_FSConverter(path, &file->held))
        return false;
    file->name = PyBytes_AsString(file->held);
    return file->name != NULL;
}

static bool is_tuple(PyObject *value)
{
    if (!PyTuple_Check(value))
        PyErr_SetString(PyExc_TypeError, "a list of tuples was expected");
    return PyTuple_Check(value);
}

static bool from_name(Call *Py_UNUSED(call), PyObject *name, File *file)
{
    return named(file, name);
}

/* From a WaitingFile (waiting.py). */
static bool from_waiting(Call *Py_UNUSED(call), PyObject *waiting, File *file)
{
    PyObject *where, *changed, *written;
    int beyond = 0;
    unsigned int mode;
    if (!is_tuple(waiting) || !PyArg_ParseTuple(waiting, "OnOO!KI", &where, &file->size, &changed, &PyLong_Type,
                                                &written, &file->inode, &mode))
        return false;
    file->written_ns = PyLong_AsLongLongAndOverflow(written, &beyond);
    file->left = beyond != 0;
    file->status.st_mode = mode;
    if (!named(file, where))
        return false;
    const char *slash = strrchr(file->name, '/');
    file->name = slash ? slash + 1 : file->name;
    return true;
}

static bool from_readable(Call *call, PyObject *waiting, File *file)
{
    if (!from_waiting(call, waiting, file))
        return false;
    file->left = !S_ISREG(file->status.st_mode) || file->size < 0 || file->size > call->most_bytes;
    if (file->left)
        return true;
    file->content = PyBytes_FromStringAndSize(NULL, file->size);
    file->bytes = file->content ? PyBytes_AsString(file->content) : NULL;
    return file->bytes != NULL;
}

/* From a name and a content, which the list keeps alive. */
static bool from_content(Call *Py_UNUSED(call), PyObject *pair, File *file)
{
    PyObject *name;
    return is_tuple(pair) && PyArg_ParseTuple(pair, "Oy#", &name, &file->bytes, &file->size) && named(file, name);
}

/* --- The work on one file, without the interpreter lock ---------------------------------------------------------- */

static bool look(int folder, File *file)
{
    return fstatat(folder, file->name, &file->status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* It is this file, unwritten since it was seen, that lies there: WaitingFile.is_at. */
static bool is_at(int folder, File *file)
{
    return look(folder, file) && file->status.st_ino == file->inode && file->status.st_size == file->size &&
           countable(file->status.st_mtim) && nanoseconds(file->status.st_mtim) == file->written_ns;
}

static void do_look(Call *call, File *file)
{
    bool seen = look(call->folder, file) && countable(file->status.st_ctim) && countable(file->status.st_mtim);
    file->done = seen ? YES : NO;
}

static bool moved(int from, int to, const File *file)
{
    return renameat2(from, file->name, to, file->name, RENAME_NOREPLACE) == 0;
}

/* Nobody but us can write to it, also through a descriptor that was opened before: waiting.is_ours_alone. */
static bool ours_alone(const Call *call, const struct stat *status)
{
    bool group = status->st_mode & S_IWGRP && status->st_gid != call->group;
    return status->st_uid == call->user && !group && !(status->st_mode & S_IWOTH);
}

/* It is this file, and was written to since it lies there: files._was_written_there. */
static bool was_written_there(int folder, File *file)
{
    return look(folder, file) && file->status.st_ino == file->inode &&
           file->status.st_mtim.tv_sec == file->status.st_ctim.tv_sec &&
           file->status.st_mtim.tv_nsec == file->status.st_ctim.tv_nsec;
}

/* If another file took its name between the look and the move, that file goes back, unless the name is taken again. */
static void do_move(Call *call, File *file)
{
    if (!is_at(call->folder, file) || !ours_alone(call, &file->status) || !moved(call->folder, call->target, file))
        return;
    if (is_at(call->target, file) || was_written_there(call->target, file))
        file->done = YES;
    else if (!moved(call->target, call->folder, file))
        file->done = ANOTHER;
}

/* O_NOATIME: to note the time of reading would be a write; only the owner of the file may leave that out. */
static int opened(int folder, const File *file)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int descriptor = openat(folder, file->name, flags | O_NOATIME);
    return descriptor < 0 && errno == EPERM ? openat(folder, file->name, flags) : descriptor;
}

/* One byte more than its size is asked for, and shows whether it has grown. */
static void do_read(Call *call, File *file)
{
    int descriptor = opened(call->folder, file);
    if (descriptor < 0)
        return;
    char more;
    struct iovec places[] = {{file->bytes, (size_t)file->size}, {&more, 1}};
    file->done = readv(descriptor, places, 2) == file->size ? YES : NO;
    close(descriptor);
}

static bool written(int descriptor, const File *file)
{
    for (Py_ssize_t done = 0, more; done < file->size; done += more)
        if ((more = write(descriptor, file->bytes + done, (size_t)(file->size - done))) <= 0)
            return false;
    return true;
}

/* Written without a name, then linked under its own: open(2), O_TMPFILE. */
static bool delivered(int folder, const File *file)
{
    int descriptor = openat(folder, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return false;
    char itself[40];
    snprintf(itself, sizeof itself, "/proc/self/fd/%d", descriptor);
    bool linked = written(descriptor, file) && linkat(AT_FDCWD, itself, folder, file->name, AT_SYMLINK_FOLLOW) == 0;
    close(descriptor);
    return linked;
}

/* In order: after the first that cannot be delivered, none is. */
static void do_deliver(Call *call, File *file)
{
    call->stopped = call->stopped || !delivered(call->folder, file);
    file->done = call->stopped ? NO : YES;
}

/* --- To Python, with the interpreter lock ------------------------------------------------------------------------ */

/* The fields of a WaitingFile. */
static PyObject *as_seen(Call *call, File *file)
{
    if (!file->done)
        return Py_NewRef(Py_None);
    const struct stat *status = &file->status;
    PyObject *name = PyUnicode_DecodeFSDefault(file->name);
    PyObject *where = name ? PyUnicode_FromFormat("%U/%U", call->path, name) : NULL;
    Py_XDECREF(name);
    return where ? Py_BuildValue("NLLLKI", where, (long long)status->st_size, nanoseconds(status->st_ctim),
                                 nanoseconds(status->st_mtim), (unsigned long long)status->st_ino, status->st_mode)
                 : NULL;
}

static PyObject *as_content(Call *Py_UNUSED(call), File *file)
{
    return Py_NewRef(file->done ? file->content : Py_None);
}

static PyObject *as_number(Call *Py_UNUSED(call), File *file)
{
    return PyLong_FromLong(file->done);
}

static void release(File *files, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_XDECREF(files[i].held);
        Py_XDECREF(files[i].content);
    }
    free(files);
}

static PyObject *of_all(Call *call, PyObject *items, bool from(Call *, PyObject *, File *), void work(Call *, File *),
                        PyObject *answer(Call *, File *))
{
    Py_ssize_t count = PyTuple_Size(items);
    File *files = calloc((size_t)count + 1, sizeof(File));
    if (!files)
        return PyErr_NoMemory();
    PyObject *answers = PyList_New(count);
    for (Py_ssize_t i = 0; answers && i < count; i++)
        if (!from(call, PyTuple_GetItem(items, i), &files[i]))
            Py_CLEAR(answers);
    if (answers) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < count; i++)
            if (!files[i].left)
                work(call, &files[i]);
        Py_END_ALLOW_THREADS
    }
    for (Py_ssize_t i = 0; answers && i < count; i++) {
        PyObject *item = answer(call, &files[i]);
        if (!item || PyList_SetItem(answers, i, item) < 0)
            Py_CLEAR(answers);
    }
    release(files, count);
    return answers;
}

/* A copy as a tuple: no other thread can change it meanwhile. */
static PyObject *each(Call *call, PyObject *list, bool from(Call *, PyObject *, File *), void work(Call *, File *),
                      PyObject *answer(Call *, File *))
{
    PyObject *items = PyList_AsTuple(list);
    PyObject *answers = items ? of_all(call, items, from, work, answer) : NULL;
    Py_XDECREF(items);
    return answers;
}

static PyObject *py_look(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Call call = {0};
    PyObject *names;
    if (!PyArg_ParseTuple(arguments, "iUO!", &call.folder, &call.path, &PyList_Type, &names))
        return NULL;
    return each(&call, names, from_name, do_look, as_seen);
}

static PyObject *py_read(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Call call = {0};
    PyObject *files;
    if (!PyArg_ParseTuple(arguments, "iO!n", &call.folder, &PyList_Type, &files, &call.most_bytes))
        return NULL;
    return each(&call, files, from_readable, do_read, as_content);
}

static PyObject *py_move(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Call call = {.user = geteuid(), .group = getegid()};
    PyObject *files;
    if (!PyArg_ParseTuple(arguments, "iiO!", &call.folder, &call.target, &PyList_Type, &files))
        return NULL;
    return each(&call, files, from_waiting, do_move, as_number);
}

static PyObject *py_deliver(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Call call = {0};
    PyObject *files;
    if (!PyArg_ParseTuple(arguments, "iO!", &call.folder, &PyList_Type, &files))
        return NULL;
    return each(&call, files, from_content, do_deliver, as_number);
}

static PyMethodDef methods[] = {
    {"look", py_look, METH_VARARGS, NULL},
    {"read", py_read, METH_VARARGS, NULL},
    {"move", py_move, METH_VARARGS, NULL},
    {"deliver", py_deliver, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_bulk", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__bulk(void)
{
    return PyModule_Create(&definition);
}
