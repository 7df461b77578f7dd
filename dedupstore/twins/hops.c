/* Candidates by their place in a hash chain: how corrections name matches. */

#include "chain_search.h"

static int is_inserted(const predictor *p)
{
    return (p->rules.matcher == MATCHER_FAST || p->rules.matcher == MATCHER_LAZY) &&
           p->end - p->at >= HASHED_BYTES;
}

unsigned predictor_hop_distance(predictor *p, const text_window *text, unsigned length,
                                unsigned hop)
{
    if (!is_inserted(p)) {
        return 0;
    }
    const uint8_t *scan = text_at(text, p->at);
    uint32_t number = number_of(p, p->at);
    uint32_t limit = candidate_limit(p, number);
    uint32_t candidate = first_candidate(p, number);
    for (unsigned i = 0; i < HOPS_VISITED_MAX && candidate > (i == 0 ? p->era : limit); i++) {
        p->visited++;
        unsigned distance = number - candidate;
        if (shared_bytes(scan, scan - distance, length) == length && hop-- == 0) {
            return distance;
        }
        candidate = p->previous[candidate & p->window_mask];
    }
    return 0;
}

int predictor_find_hop(predictor *p, const text_window *text, unsigned length, unsigned distance)
{
    if (!is_inserted(p)) {
        return -1;
    }
    const uint8_t *scan = text_at(text, p->at);
    uint32_t number = number_of(p, p->at);
    uint32_t limit = candidate_limit(p, number);
    uint32_t candidate = first_candidate(p, number);
    int hop = 0;
    for (unsigned i = 0; i < HOPS_VISITED_MAX && candidate > (i == 0 ? p->era : limit); i++) {
        p->visited++;
        unsigned candidate_distance = number - candidate;
        if (candidate_distance >= distance) {
            return candidate_distance == distance ? hop : -1;
        }
        hop += shared_bytes(scan, scan - candidate_distance, length) == length;
        candidate = p->previous[candidate & p->window_mask];
    }
    return -1;
}
