/* Python's door to the prover and the rebuilder: arguments, the GIL, and one thread at a time. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "crc32.h"
#include "prover.h"
#include "rebuilder.h"

/* Set while a thread is at work without the GIL; read and written with it. */
static int begin_work(int *is_busy)
{
    if (*is_busy) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is at work with this object");
        return -1;
    }
    *is_busy = 1;
    return 0;
}

static void *object_memory(PyTypeObject *type)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return allocate(type, 0);
}

static void free_object(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* Prover --------------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    prover *prover;
    int is_busy;
} ProverObject;

static PyObject *Prover_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Prover", names)) {
        return NULL;
    }
    ProverObject *self = object_memory(type);
    if (self == NULL) {
        return NULL;
    }
    self->is_busy = 0;
    self->prover = malloc(sizeof *self->prover);
    if (self->prover == NULL || prover_create(self->prover) != 0) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void Prover_dealloc(PyObject *object)
{
    ProverObject *self = (ProverObject *)object;
    if (self->prover != NULL) {
        prover_free(self->prover);
        free(self->prover);
    }
    free_object(object);
}

/* The end of each piece of work: what a refused file took is given back at once. */
static PyObject *end_prover_work(ProverObject *self, int failed)
{
    self->is_busy = 0;
    if (failed) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(prover_feed_doc, "feed(data, /)\n--\n\nTake the next bytes of the file.");

static PyObject *Prover_feed(PyObject *object, PyObject *args)
{
    ProverObject *self = (ProverObject *)object;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y*:feed", &data)) {
        return NULL;
    }
    if (begin_work(&self->is_busy) != 0) {
        PyBuffer_Release(&data);
        return NULL;
    }
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = prover_feed(self->prover, data.buf, (size_t)data.len);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&data);
    return end_prover_work(self, failed);
}

PyDoc_STRVAR(prover_finish_doc,
             "finish()\n--\n\n"
             "Return the recipe and the length of the text, or None if there is none.");

static PyObject *Prover_finish(PyObject *object, PyObject *args)
{
    (void)args;
    ProverObject *self = (ProverObject *)object;
    if (begin_work(&self->is_busy) != 0) {
        return NULL;
    }
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = prover_finish(self->prover);
    Py_END_ALLOW_THREADS
    PyObject *done = end_prover_work(self, failed);
    const prover *p = self->prover;
    if (done == NULL || p->refusal != NULL) {
        return done;
    }
    Py_DECREF(done);
    return Py_BuildValue("(y#K)", p->recipe.data, (Py_ssize_t)p->recipe.size,
                         (unsigned long long)p->text_bytes);
}

static PyObject *Prover_refused(PyObject *object, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((ProverObject *)object)->prover->refusal != NULL);
}

static PyObject *Prover_refusal(PyObject *object, void *closure)
{
    (void)closure;
    const char *refusal = ((ProverObject *)object)->prover->refusal;
    return PyUnicode_FromString(refusal != NULL ? refusal : "");
}

static PyMethodDef Prover_methods[] = {
    {"feed", Prover_feed, METH_VARARGS, prover_feed_doc},
    {"finish", Prover_finish, METH_NOARGS, prover_finish_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef Prover_fields[] = {
    {"refused", Prover_refused, NULL, "Whether it is certain that there will be no recipe.", NULL},
    {"refusal", Prover_refusal, NULL, "Why there is no recipe; empty while nothing is wrong.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot Prover_slots[] = {
    {Py_tp_doc, "Makes the recipe of one file and proves it by rebuilding."},
    {Py_tp_new, Prover_new},
    {Py_tp_dealloc, Prover_dealloc},
    {Py_tp_methods, Prover_methods},
    {Py_tp_getset, Prover_fields},
    {0, NULL},
};

static PyType_Spec Prover_spec = {
    .name = "dedupstore.twins._kernel.Prover",
    .basicsize = sizeof(ProverObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Prover_slots,
};

/* Rebuilder ------------------------------------------------------------------------------------ */

typedef struct {
    PyObject_HEAD
    rebuilder *rebuilder;
    int is_busy;
} RebuilderObject;

static PyObject *set_rebuild_error(const rebuilder *r, enum rebuild_status status)
{
    if (status == REBUILD_NO_MEMORY) {
        return PyErr_NoMemory();
    }
    PyErr_SetString(PyExc_ValueError, r->wrong);
    return NULL;
}

static PyObject *Rebuilder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", NULL};
    Py_buffer recipe;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*:Rebuilder", names, &recipe)) {
        return NULL;
    }
    RebuilderObject *self = object_memory(type);
    if (self == NULL) {
        PyBuffer_Release(&recipe);
        return NULL;
    }
    self->is_busy = 0;
    self->rebuilder = malloc(sizeof *self->rebuilder);
    if (self->rebuilder == NULL) {
        PyErr_NoMemory();
    } else {
        enum rebuild_status status;
        Py_BEGIN_ALLOW_THREADS
        status = rebuilder_create(self->rebuilder, recipe.buf, (size_t)recipe.len);
        Py_END_ALLOW_THREADS
        if (status != REBUILD_OK) {
            set_rebuild_error(self->rebuilder, status);
        }
    }
    PyBuffer_Release(&recipe);
    if (PyErr_Occurred()) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void Rebuilder_dealloc(PyObject *object)
{
    RebuilderObject *self = (RebuilderObject *)object;
    if (self->rebuilder != NULL) {
        rebuilder_free(self->rebuilder);
        free(self->rebuilder);
    }
    free_object(object);
}

/* The end of each piece of work: hands out what was built. */
static PyObject *end_rebuilder_work(RebuilderObject *self, enum rebuild_status status)
{
    rebuilder *r = self->rebuilder;
    self->is_busy = 0;
    if (status != REBUILD_OK) {
        return set_rebuild_error(r, status);
    }
    PyObject *built =
        PyBytes_FromStringAndSize((const char *)r->built.data, (Py_ssize_t)r->built.size);
    if (built != NULL) {
        r->built.size = 0;
    }
    return built;
}

PyDoc_STRVAR(rebuilder_feed_doc,
             "feed(plain, /)\n--\n\n"
             "Take the next bytes of the text; return some of the file that follow from them:\n"
             "all, when feed(b\"\") returns nothing more.");

static PyObject *Rebuilder_feed(PyObject *object, PyObject *args)
{
    RebuilderObject *self = (RebuilderObject *)object;
    Py_buffer plain;
    if (!PyArg_ParseTuple(args, "y*:feed", &plain)) {
        return NULL;
    }
    if (begin_work(&self->is_busy) != 0) {
        PyBuffer_Release(&plain);
        return NULL;
    }
    enum rebuild_status status;
    Py_BEGIN_ALLOW_THREADS
    status = rebuilder_feed(self->rebuilder, plain.buf, (size_t)plain.len);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&plain);
    return end_rebuilder_work(self, status);
}

PyDoc_STRVAR(rebuilder_finish_doc,
             "finish()\n--\n\n"
             "Return some of the last bytes of the file; all, when nothing more is returned.");

static PyObject *Rebuilder_finish(PyObject *object, PyObject *args)
{
    (void)args;
    RebuilderObject *self = (RebuilderObject *)object;
    if (begin_work(&self->is_busy) != 0) {
        return NULL;
    }
    enum rebuild_status status;
    Py_BEGIN_ALLOW_THREADS
    status = rebuilder_finish(self->rebuilder);
    Py_END_ALLOW_THREADS
    return end_rebuilder_work(self, status);
}

static PyMethodDef Rebuilder_methods[] = {
    {"feed", Rebuilder_feed, METH_VARARGS, rebuilder_feed_doc},
    {"finish", Rebuilder_finish, METH_NOARGS, rebuilder_finish_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot Rebuilder_slots[] = {
    {Py_tp_doc, "Follows one recipe; ValueError: it breaks a rule, or the text does not fit it."},
    {Py_tp_new, Rebuilder_new},
    {Py_tp_dealloc, Rebuilder_dealloc},
    {Py_tp_methods, Rebuilder_methods},
    {0, NULL},
};

static PyType_Spec Rebuilder_spec = {
    .name = "dedupstore.twins._kernel.Rebuilder",
    .basicsize = sizeof(RebuilderObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Rebuilder_slots,
};

/* Module --------------------------------------------------------------------------------------- */

static int add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

static int execute(PyObject *module)
{
    tokens_prepare();
    crc32_prepare();
    return add_type(module, &Prover_spec) != 0 || add_type(module, &Rebuilder_spec) != 0 ? -1 : 0;
}

static PyModuleDef_Slot kernel_slots[] = {
    {Py_mod_exec, execute},
    {0, NULL},
};

static struct PyModuleDef kernel_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "dedupstore.twins._kernel",
    .m_doc = "Native kernel of gzip twins.",
    .m_size = 0,
    .m_slots = kernel_slots,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModuleDef_Init(&kernel_module);
}
