/* Python's door to gear.c: argument checks, the GIL, and the choice of instruction set. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

#include "gear.h"

/* Cuts found before the GIL is taken to append them: some 16 MiB of work at the usual target. */
#define CUTS_PER_ROUND 256

static int have_avx2(void)
{
#if GEAR_HAVE_AVX2
    return __builtin_cpu_supports("avx2");
#else
    return 0;
#endif
}

static gear_scan *choose_scan(const char *implementation)
{
    if (strcmp(implementation, "scalar") == 0) {
        return gear_scan_scalar;
    }
#if GEAR_HAVE_AVX2
    if (strcmp(implementation, "avx2") == 0 && have_avx2()) {
        return gear_scan_avx2;
    }
#endif
    PyErr_Format(PyExc_ValueError, "no such implementation on this machine: %s", implementation);
    return NULL;
}

static int load_rules(gear_rules *rules, const Py_buffer *table, const Py_ssize_t sizes[5])
{
    Py_ssize_t min = sizes[0], target = sizes[1], late = sizes[2];
    Py_ssize_t max = sizes[3], line_bound = sizes[4];
    if (min < GEAR_WINDOW_BYTES || target < min || late < target || line_bound < 0 || max < line_bound ||
        max - line_bound < target) {
        PyErr_SetString(PyExc_ValueError, "chunk sizes are out of order");
        return -1;
    }
    rules->min_bytes = (size_t)min;
    rules->target_bytes = (size_t)target;
    rules->late_bytes = (size_t)late;
    rules->max_bytes = (size_t)max;
    rules->line_bound_bytes = (size_t)line_bound;
    if ((rules->mask_hard & 0xFFFF) != GEAR_LOW_MASK ||
        (rules->mask_easy & 0xFFFF) != GEAR_LOW_MASK) {
        PyErr_SetString(PyExc_ValueError, "masks do not test bits 6 to 15");
        return -1;
    }
    if (table->len != GEAR_TABLE_BYTES || gear_load_table(rules, table->buf) != 0) {
        PyErr_SetString(PyExc_ValueError, "not a gear table");
        return -1;
    }
    return 0;
}

static int append_cuts(PyObject *list, const size_t *cuts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PyObject *cut = PyLong_FromSize_t(cuts[i]);
        if (cut == NULL) {
            return -1;
        }
        int failed = PyList_Append(list, cut);
        Py_DECREF(cut);
        if (failed) {
            return -1;
        }
    }
    return 0;
}

static PyObject *list_cuts(const gear_rules *rules, gear_scan *scan, const uint8_t *data,
                           size_t start, size_t end, int final)
{
    PyObject *list = PyList_New(0);
    if (list == NULL) {
        return NULL;
    }
    size_t cuts[CUTS_PER_ROUND];
    size_t count;
    do {
        Py_BEGIN_ALLOW_THREADS
        count = gear_find_cuts(rules, scan, data, start, end, final, cuts, CUTS_PER_ROUND);
        Py_END_ALLOW_THREADS
        if (append_cuts(list, cuts, count) != 0) {
            Py_DECREF(list);
            return NULL;
        }
        if (count != 0) {
            start = cuts[count - 1];
        }
    } while (count == CUTS_PER_ROUND);
    return list;
}

PyDoc_STRVAR(find_cuts_doc,
             "find_cuts(data, start, end, final, table, min_bytes, target_bytes, late_bytes,\n"
             "          max_bytes, line_bound_bytes, mask_hard, mask_easy, implementation, /)\n"
             "--\n\n"
             "Find the chunks of data[start:end] as python_kernel.find_cuts does.");

static PyObject *find_cuts(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer data, table;
    Py_ssize_t start, end, sizes[5];
    int final;
    unsigned long long mask_hard, mask_easy;
    const char *implementation;
    if (!PyArg_ParseTuple(args, "y*nnpy*nnnnnKKs:find_cuts", &data, &start, &end, &final, &table,
                          &sizes[0], &sizes[1], &sizes[2], &sizes[3], &sizes[4], &mask_hard,
                          &mask_easy, &implementation)) {
        return NULL;
    }
    PyObject *result = NULL;
    gear_rules rules;
    rules.mask_hard = mask_hard;
    rules.mask_easy = mask_easy;
    gear_scan *scan = choose_scan(implementation);
    if (scan == NULL || load_rules(&rules, &table, sizes) != 0) {
        goto done;
    }
    if (start < 0 || end < start || data.len < end) {
        PyErr_Format(PyExc_ValueError, "range is outside the data: %zd to %zd of %zd", start, end,
                     data.len);
        goto done;
    }
    result = list_cuts(&rules, scan, data.buf, (size_t)start, (size_t)end, final);
done:
    PyBuffer_Release(&table);
    PyBuffer_Release(&data);
    return result;
}

PyDoc_STRVAR(implementations_doc, "implementations()\n--\n\n"
                                  "Name the implementations of this machine, fastest first.");

static PyObject *implementations(PyObject *module, PyObject *args)
{
    (void)module;
    (void)args;
    return have_avx2() ? Py_BuildValue("(ss)", "avx2", "scalar") : Py_BuildValue("(s)", "scalar");
}

static PyMethodDef kernel_methods[] = {
    {"find_cuts", find_cuts, METH_VARARGS, find_cuts_doc},
    {"implementations", implementations, METH_NOARGS, implementations_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot kernel_slots[] = {{0, NULL}};

static struct PyModuleDef kernel_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "dedupstore.chunking._kernel",
    .m_doc = "Native chunking kernel.",
    .m_size = 0,
    .m_methods = kernel_methods,
    .m_slots = kernel_slots,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModuleDef_Init(&kernel_module);
}
