/* A delegate that plays a Coral Edge TPU: libedgetpu.so.1 for tests, made without TensorFlow's headers.
 *
 * It claims the op edgetpu-custom-op, which it takes for one product of matrices: weights (rows of inputs, then the
 * bias) are float32 in the file $EDGETPU_WEIGHTS. $EDGETPU_DOES says how it behaves: works, absent, prepare, invoke,
 * hang, abort; the last three from the pictures after the first $EDGETPU_AFTER of a process on.
 *
 * The structs are those of tensorflow/lite/core/c/common.h as far as they are used; versions 2.14 to 2.20 agree.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, ERROR = 1, FLOAT32 = 1, UINT8 = 3, INT8 = 9, ALLOW_DYNAMIC_TENSORS = 1 };

typedef struct { int size; int data[]; } Ints;
typedef struct {
    int type;
    union { float *f; uint8_t *u; int8_t *i; } data;
    Ints *dims;
    struct { float scale; int32_t zero_point; } params;
    int allocation_type;
    size_t bytes;
    const void *allocation;
    const char *name;
    void *delegate;
    int buffer_handle;
    char data_is_stale, is_variable;
    struct { int type; void *params; } quantization;
    void *sparsity;
    const Ints *dims_signature;
} Tensor;
typedef struct { Ints *inputs, *outputs, *intermediates, *temporaries; void *user_data; } Node;
typedef struct Context Context;
typedef struct {
    void *(*init)(Context *, const char *, size_t);
    void (*free)(Context *, void *);
    int (*prepare)(Context *, Node *);
    int (*invoke)(Context *, Node *);
    const char *(*profiling_string)(const Context *, const Node *);
    int32_t builtin_code;
    const char *custom_name;
    int version;
    void *later[6];
} Registration;
typedef struct Delegate {
    void *data;
    int (*prepare)(Context *, struct Delegate *);
    void *copy_from, *copy_to, *free_handle;
    int64_t flags;
    void *later[4];
} Delegate;
struct Context {
    size_t tensors_size;
    int (*get_execution_plan)(Context *, Ints **);
    Tensor *tensors;
    void *impl;
    void *resize_tensor;
    void (*report_error)(Context *, const char *, ...);
    void *add_tensors;
    int (*get_node)(Context *, int, Node **, Registration **);
    int (*replace)(Context *, Registration, const Ints *, Delegate *);
};

static int pictures;

static int does(const char *what) {
    const char *said = getenv("EDGETPU_DOES");
    return said && strcmp(said, what) == 0;
}

static float get(const Tensor *t, long i) {
    if (t->type == FLOAT32) return t->data.f[i];
    return t->params.scale * ((t->type == UINT8 ? t->data.u[i] : t->data.i[i]) - t->params.zero_point);
}

static void put(Tensor *t, long i, float value) {
    if (t->type == FLOAT32) { t->data.f[i] = value; return; }
    float q = roundf(value / t->params.scale) + t->params.zero_point;
    float low = t->type == UINT8 ? 0 : -128;
    q = q < low ? low : q > low + 255 ? low + 255 : q;
    if (t->type == UINT8) t->data.u[i] = q; else t->data.i[i] = q;
}

static long count(const Tensor *t) {
    long n = 1;
    for (int i = 0; i < t->dims->size; i++) n *= t->dims->data[i];
    return n;
}

static int prepare(Context *context, Node *node) {
    (void)node;
    if (!does("prepare")) return OK;
    context->report_error(context, "the executable was compiled for another runtime version");
    return ERROR;
}

static int invoke(Context *context, Node *node) {
    const char *after = getenv("EDGETPU_AFTER");
    if (++pictures > (after ? atoi(after) : 0)) {
        if (does("abort")) abort();
        if (does("hang")) for (;;) sleep(1);
        if (does("invoke")) { context->report_error(context, "the USB transfer failed"); return ERROR; }
    }
    const Tensor *in = &context->tensors[node->inputs->data[0]];
    Tensor *out = &context->tensors[node->outputs->data[0]];
    long n = count(in), scores = count(out);
    FILE *file = fopen(getenv("EDGETPU_WEIGHTS"), "rb");
    float *row = malloc((n + 1) * sizeof(float));
    for (long j = 0; j < scores; j++) {
        if (fread(row, sizeof(float), n + 1, file) != (size_t)(n + 1)) abort();
        double sum = row[n];
        for (long i = 0; i < n; i++) sum += row[i] * get(in, i);
        put(out, j, sum);
    }
    free(row);
    fclose(file);
    return OK;
}

static int claim(Context *context, Delegate *delegate) {
    Registration ours = {.prepare = prepare, .invoke = invoke, .custom_name = "edgetpu-custom-op", .version = 1};
    Ints *plan, *claimed;
    if (context->get_execution_plan(context, &plan) != OK) return ERROR;
    claimed = calloc(plan->size + 1, sizeof(int));
    for (int i = 0; i < plan->size; i++) {
        Node *node;
        Registration *registration;
        if (context->get_node(context, plan->data[i], &node, &registration) != OK) return ERROR;
        if (registration->custom_name && !strcmp(registration->custom_name, ours.custom_name))
            claimed->data[claimed->size++] = plan->data[i];
    }
    int status = context->replace(context, ours, claimed, delegate);
    free(claimed);
    return status;
}

void *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t n,
                                    void (*report)(const char *)) {
    (void)keys; (void)values; (void)n; (void)report;
    if (does("absent")) return NULL;
    Delegate *delegate = calloc(1, sizeof *delegate);
    delegate->prepare = claim;
    delegate->flags = ALLOW_DYNAMIC_TENSORS;
    return delegate;
}

void tflite_plugin_destroy_delegate(void *delegate) { free(delegate); }
