/* zlib's trees are not any optimal ones: which of several equally good trees it makes follows from
 * how it keeps its heap, from how it breaks ties (by depth) and from how it shortens codes that are
 * too long. All of that is here, so that a block's header need not be stored. */

#include "trees.h"

#include <string.h>

#include "tree_header.h"

#define HEAP_SIZE (2 * LITERAL_SYMBOLS + 1)

const uint8_t tree_length_order[TREE_LENGTH_SYMBOLS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                        11, 4,  12, 3, 13, 2, 14, 1, 15};
const uint8_t tree_repeat_extra_bits[3] = {2, 3, 7};
const uint8_t tree_repeat_base[3] = {3, 3, 11};

typedef struct {
    uint32_t count[HEAP_SIZE];
    uint16_t parent[HEAP_SIZE];
    uint8_t depth[HEAP_SIZE];
    uint8_t bits[HEAP_SIZE];
    /* heap[1 .. size] is the heap; heap[sorted .. HEAP_SIZE - 1] are the nodes that left it, in the
     * order of rising counts from the end. */
    uint16_t heap[HEAP_SIZE];
    int size;
    int sorted;
} tree_builder;

static int comes_first(const tree_builder *b, unsigned one, unsigned other)
{
    return b->count[one] < b->count[other] ||
           (b->count[one] == b->count[other] && b->depth[one] <= b->depth[other]);
}

static void sift_down(tree_builder *b, int hole)
{
    uint16_t node = b->heap[hole];
    for (int child = 2 * hole; child <= b->size; child *= 2) {
        if (child < b->size && comes_first(b, b->heap[child + 1], b->heap[child])) {
            child++;
        }
        if (comes_first(b, node, b->heap[child])) {
            break;
        }
        b->heap[hole] = b->heap[child];
        hole = child;
    }
    b->heap[hole] = node;
}

/* Returns the highest symbol that is used. */
static int fill_heap(tree_builder *b, const uint32_t *counts, int symbols)
{
    int highest = -1;
    b->size = 0;
    b->sorted = HEAP_SIZE;
    for (int i = 0; i < symbols; i++) {
        b->count[i] = counts[i];
        b->depth[i] = 0;
        if (counts[i] != 0) {
            b->heap[++b->size] = (uint16_t)i;
            highest = i;
        }
    }
    /* At least two codes: symbols 0 and 1 stand in for what is missing. */
    while (b->size < 2) {
        int symbol = highest < 2 ? ++highest : 0;
        b->heap[++b->size] = (uint16_t)symbol;
        b->count[symbol] = 1;
    }
    for (int i = b->size / 2; i >= 1; i--) {
        sift_down(b, i);
    }
    return highest;
}

static void join_nodes(tree_builder *b, int symbols)
{
    int node = symbols;
    do {
        uint16_t least = b->heap[1];
        b->heap[1] = b->heap[b->size--];
        sift_down(b, 1);
        uint16_t next = b->heap[1];
        b->heap[--b->sorted] = least;
        b->heap[--b->sorted] = next;
        b->count[node] = b->count[least] + b->count[next];
        b->depth[node] =
            (uint8_t)((b->depth[least] >= b->depth[next] ? b->depth[least] : b->depth[next]) + 1);
        b->parent[least] = b->parent[next] = (uint16_t)node;
        b->heap[1] = (uint16_t)node++;
        sift_down(b, 1);
    } while (b->size >= 2);
    b->heap[--b->sorted] = b->heap[1];
}

static void give_lengths(tree_builder *b, int highest, int bits_max)
{
    uint16_t of_length[CODE_BITS_MAX + 1] = {0};
    int overflow = 0;
    b->bits[b->heap[b->sorted]] = 0;
    for (int i = b->sorted + 1; i < HEAP_SIZE; i++) {
        int node = b->heap[i];
        int bits = b->bits[b->parent[node]] + 1;
        if (bits > bits_max) {
            bits = bits_max;
            overflow++;
        }
        b->bits[node] = (uint8_t)bits;
        if (node <= highest) {
            of_length[bits]++;
        }
    }
    if (overflow == 0) {
        return;
    }
    /* Moves one leaf down the tree for each two that are too deep, and deals the lengths out anew,
     * the longest to the rarest. */
    do {
        int bits = bits_max - 1;
        while (of_length[bits] == 0) {
            bits--;
        }
        of_length[bits]--;
        of_length[bits + 1] = (uint16_t)(of_length[bits + 1] + 2);
        of_length[bits_max]--;
        overflow -= 2;
    } while (overflow > 0);
    int next = HEAP_SIZE;
    for (int bits = bits_max; bits > 0; bits--) {
        for (int left = of_length[bits]; left > 0;) {
            int node = b->heap[--next];
            if (node <= highest) {
                b->bits[node] = (uint8_t)bits;
                left--;
            }
        }
    }
}

/* Fills in lengths[0 .. symbols - 1] and returns the highest symbol that has one. */
static int make_lengths(const uint32_t *counts, int symbols, int bits_max, uint8_t *lengths)
{
    tree_builder b;
    int highest = fill_heap(&b, counts, symbols);
    join_nodes(&b, symbols);
    give_lengths(&b, highest, bits_max);
    for (int i = 0; i < symbols; i++) {
        lengths[i] = b.count[i] != 0 ? b.bits[i] : 0;
    }
    return highest;
}

typedef struct {
    uint8_t symbol[LITERAL_SYMBOLS + DISTANCE_SYMBOLS];
    uint8_t extra[LITERAL_SYMBOLS + DISTANCE_SYMBOLS];
    unsigned count;
} length_run_list;

static void add_run(length_run_list *runs, unsigned symbol, unsigned extra)
{
    runs->symbol[runs->count] = (uint8_t)symbol;
    runs->extra[runs->count++] = (uint8_t)extra;
}

static void list_runs(length_run_list *runs, const uint8_t *lengths, int highest)
{
    int previous = -1;
    int next = lengths[0];
    int count = 0;
    int count_max = next == 0 ? 138 : 7;
    int count_min = next == 0 ? 3 : 4;
    for (int i = 0; i <= highest; i++) {
        int current = next;
        next = i < highest ? lengths[i + 1] : -1;
        if (++count < count_max && current == next) {
            continue;
        }
        if (count < count_min) {
            for (; count > 0; count--) {
                add_run(runs, (unsigned)current, 0);
            }
        } else if (current != 0) {
            if (current != previous) {
                add_run(runs, (unsigned)current, 0);
                count--;
            }
            add_run(runs, REPEAT_LENGTH, (unsigned)count - 3);
        } else if (count <= 10) {
            add_run(runs, REPEAT_ZERO, (unsigned)count - 3);
        } else {
            add_run(runs, REPEAT_ZERO_LONG, (unsigned)count - 11);
        }
        count = 0;
        previous = current;
        count_max = next == 0 ? 138 : current == next ? 6 : 7;
        count_min = next == 0 || current == next ? 3 : 4;
    }
}

void trees_put_header(trees *t, unsigned value, unsigned count)
{
    uint32_t at = t->header_bits;
    value <<= at & 7;
    for (unsigned i = 0; i < 3; i++) {
        t->header[at / 8 + i] |= (uint8_t)(value >> (8 * i));
    }
    t->header_bits += count;
}

static void write_header(trees *t, const length_run_list *runs, int literal_highest,
                         int distance_highest)
{
    uint32_t counts[TREE_LENGTH_SYMBOLS] = {0};
    uint8_t lengths[TREE_LENGTH_SYMBOLS];
    uint16_t codes[TREE_LENGTH_SYMBOLS];
    for (unsigned i = 0; i < runs->count; i++) {
        counts[runs->symbol[i]]++;
    }
    make_lengths(counts, TREE_LENGTH_SYMBOLS, TREE_LENGTH_BITS_MAX, lengths);
    trees_codes(lengths, TREE_LENGTH_SYMBOLS, codes);
    unsigned stored = TREE_LENGTH_SYMBOLS;
    while (stored > 4 && lengths[tree_length_order[stored - 1]] == 0) {
        stored--;
    }
    memset(t->header, 0, sizeof t->header);
    t->header_bits = 0;
    trees_put_header(t, (unsigned)(literal_highest + 1 - 257), 5);
    trees_put_header(t, (unsigned)(distance_highest + 1 - 1), 5);
    trees_put_header(t, stored - 4, 4);
    for (unsigned i = 0; i < stored; i++) {
        trees_put_header(t, lengths[tree_length_order[i]], 3);
    }
    for (unsigned i = 0; i < runs->count; i++) {
        unsigned symbol = runs->symbol[i];
        trees_put_header(t, codes[symbol], lengths[symbol]);
        if (symbol >= REPEAT_LENGTH) {
            trees_put_header(t, runs->extra[i], tree_repeat_extra_bits[symbol - REPEAT_LENGTH]);
        }
    }
}

void trees_from_counts(trees *made, const uint32_t literals[LITERAL_SYMBOLS],
                       const uint32_t distances[DISTANCE_SYMBOLS])
{
    memset(made->literal_bits, 0, sizeof made->literal_bits);
    memset(made->distance_bits, 0, sizeof made->distance_bits);
    int literal_highest =
        make_lengths(literals, LITERAL_SYMBOLS_USED, CODE_BITS_MAX, made->literal_bits);
    int distance_highest =
        make_lengths(distances, DISTANCE_SYMBOLS_USED, CODE_BITS_MAX, made->distance_bits);
    length_run_list runs;
    runs.count = 0;
    list_runs(&runs, made->literal_bits, literal_highest);
    list_runs(&runs, made->distance_bits, distance_highest);
    write_header(made, &runs, literal_highest, distance_highest);
}

void trees_fixed(trees *fixed)
{
    for (int i = 0; i < LITERAL_SYMBOLS; i++) {
        fixed->literal_bits[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    }
    memset(fixed->distance_bits, 5, sizeof fixed->distance_bits);
    fixed->header_bits = 0;
}

void trees_codes(const uint8_t *bits, unsigned symbols, uint16_t *codes)
{
    uint16_t next[CODE_BITS_MAX + 2] = {0};
    for (unsigned i = 0; i < symbols; i++) {
        next[bits[i] + 1]++;
    }
    next[1] = 0;
    for (unsigned length = 1; length <= CODE_BITS_MAX; length++) {
        /* next[length] holds the number of codes that are one bit shorter, then the first code. */
        next[length] = (uint16_t)(length == 1 ? 0 : (next[length - 1] + next[length]) << 1);
    }
    for (unsigned i = 0; i < symbols; i++) {
        if (bits[i] == 0) {
            codes[i] = 0;
            continue;
        }
        unsigned code = next[bits[i]]++;
        unsigned reversed = 0;
        for (unsigned j = 0; j < bits[i]; j++) {
            reversed |= ((code >> j) & 1) << (bits[i] - 1 - j);
        }
        codes[i] = (uint16_t)reversed;
    }
}
