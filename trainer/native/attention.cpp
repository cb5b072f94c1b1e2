// Causal attention of packed rows and its gradient, fp32: each row sees what stands before all rows, and itself.
//
// A block of queries against all keys that it sees, as FlashAttention-2 (arXiv:2307.08691) does it, but with a whole
// row of scores at once: on a processor these fit in the cache.
#include <omp.h>

#include <vector>

#include "vectors.h"

namespace {

constexpr int64_t QUERIES = 48;  // of a block; a multiple of the rows that `product` takes at once

// One row with one head of its keys, and the query heads that share it: what one thread does at a time.
struct Task {
    int64_t start, length, kv_head;
    Task(int64_t number, const int64_t* ends, int64_t kv_heads)
        : start(ends[number / kv_heads]), length(ends[number / kv_heads + 1] - start), kv_head(number % kv_heads) {}
};

// A tensor [tokens, heads, width] whose last dimension is contiguous.
template <typename T>
struct View {
    T* data;
    int64_t token, head;  // strides
    T* at(int64_t t, int64_t h) const { return data + t * token + h * head; }
};

int64_t padded(int64_t count) { return (count + 2 * W - 1) / (2 * W) * (2 * W); }

// One row's keys or values of one head: by token, and with the long side last.
struct Copied {
    std::vector<float> by_token, by_width;
    int64_t room = 0;
    void take(const View<const float>& from, const Task& task, int64_t before, int64_t width, bool needs_tokens,
              bool needs_widths) {
        const int64_t count = before + task.length;
        room = padded(count);
        if (needs_tokens) by_token.assign(room * width, 0.f);
        if (needs_widths) by_width.assign(room * width, 0.f);
        for (int64_t i = 0; i < count; ++i) {
            const float* row = from.at(i < before ? i : task.start + i, task.kv_head);
            if (needs_tokens) std::memcpy(&by_token[i * width], row, width * sizeof(float));
            if (needs_widths)
                for (int64_t k = 0; k < width; ++k) by_width[k * room + i] = row[k];
        }
    }
};

float largest(const float* row, int64_t count) {
    float found = -INFINITY;
#pragma omp simd reduction(max : found)
    for (int64_t i = 0; i < count; ++i) found = std::max(found, row[i]);
    return found;
}

// exp(scale * (row - shift)) in place; what lies behind `count` becomes 0.
float exponentials(float* row, int64_t count, int64_t room, float scale, float shift) {
    float sum = 0.f;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; ++i) {
        row[i] = exponential(scale * row[i] - shift);
        sum += row[i];
    }
    std::fill(row + count, row + room, 0.f);
    return sum;
}

}  // namespace

// out [tokens, heads, width]; log_sums [tokens, heads]: the logarithm of each softmax's denominator, for the gradient.
extern "C" void attention_forward(const float* query, int64_t q_token, int64_t q_head, const float* key, int64_t k_token,
                                  int64_t k_head, const float* value, int64_t v_token, int64_t v_head,
                                  const int64_t* ends, int64_t rows, int64_t before, int64_t heads, int64_t kv_heads,
                                  int64_t width, float scale, float* out, float* log_sums, int threads) {
    const View<const float> queries{query, q_token, q_head}, keys{key, k_token, k_head}, values{value, v_token, v_head};
    const int64_t group = heads / kv_heads;
#pragma omp parallel num_threads(threads)
    {
        static thread_local Copied k, v;
        static thread_local std::vector<float> scores;
#pragma omp for schedule(dynamic, 1)
        for (int64_t number = 0; number < rows * kv_heads; ++number) {
            const Task task(number, ends, kv_heads);
            const auto [start, length, kv_head] = task;
            k.take(keys, task, before, width, false, true);
            v.take(values, task, before, width, true, false);
            scores.resize(QUERIES * k.room);
            for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
                for (int64_t first = 0; first < length; first += QUERIES) {
                    const int64_t count = std::min(QUERIES, length - first);
                    const int64_t room = padded(before + first + count);
                    product(queries.at(start + first, head), q_token, 1, k.by_width.data(), k.room, scores.data(), room,
                            count, room, width, false);
                    float* to = out + ((start + first) * heads + head) * width;
                    for (int64_t i = 0; i < count; ++i) {
                        float* row = &scores[i * room];
                        const int64_t seen = before + first + i + 1;
                        const float shift = scale * largest(row, seen);
                        const float sum = exponentials(row, seen, room, scale, shift);
                        const float share = 1.f / sum;
                        for (int64_t j = 0; j < seen; ++j) row[j] *= share;
                        log_sums[(start + first + i) * heads + head] = std::log(sum) + shift;
                    }
                    product(scores.data(), room, 1, v.by_token.data(), width, to, heads * width, count, width,
                            std::min(room, before + first + count), false);
                }
        }
    }
}

// The gradients of query [tokens, heads, width] and of key and value [before + tokens, kv_heads, width], contiguous.
extern "C" void attention_backward(const float* grad, int64_t g_token, int64_t g_head, const float* out,
                                   const float* log_sums, const float* query, int64_t q_token, int64_t q_head,
                                   const float* key, int64_t k_token, int64_t k_head, const float* value,
                                   int64_t v_token, int64_t v_head, const int64_t* ends, int64_t rows, int64_t before,
                                   int64_t heads, int64_t kv_heads, int64_t width, float scale, float* grad_query,
                                   float* grad_key, float* grad_value, int threads) {
    const View<const float> grads{grad, g_token, g_head}, queries{query, q_token, q_head}, keys{key, k_token, k_head},
        values{value, v_token, v_head};
    const int64_t group = heads / kv_heads, of_before = before * width;
    // What each row says about the keys and values before it: added up in the order of the rows, whoever is first.
    std::vector<float> key_before(rows * kv_heads * of_before), value_before(rows * kv_heads * of_before);
#pragma omp parallel num_threads(threads)
    {
        static thread_local Copied k, v;
        static thread_local std::vector<float> shares, said, grad_k, grad_v;
#pragma omp for schedule(dynamic, 1)
        for (int64_t number = 0; number < rows * kv_heads; ++number) {
            const Task task(number, ends, kv_heads);
            const auto [start, length, kv_head] = task;
            k.take(keys, task, before, width, true, true);
            v.take(values, task, before, width, false, true);
            shares.resize(QUERIES * k.room);
            said.resize(QUERIES * k.room);
            grad_k.assign(k.room * width, 0.f);
            grad_v.assign(k.room * width, 0.f);
            for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
                for (int64_t first = 0; first < length; first += QUERIES) {
                    const int64_t count = std::min(QUERIES, length - first), seen_by_last = before + first + count;
                    const int64_t room = padded(seen_by_last);
                    const float* q = queries.at(start + first, head);
                    const float* g = grads.at(start + first, head);
                    product(q, q_token, 1, k.by_width.data(), k.room, shares.data(), room, count, room, width, false);
                    product(g, g_token, 1, v.by_width.data(), v.room, said.data(), room, count, room, width, false);
                    for (int64_t i = 0; i < count; ++i) {
                        const int64_t token = start + first + i, seen = before + first + i + 1;
                        exponentials(&shares[i * room], seen, room, scale, log_sums[token * heads + head]);
                        const float *o = out + (token * heads + head) * width, *of_token = grads.at(token, head);
                        float mean = 0.f;
#pragma omp simd reduction(+ : mean)
                        for (int64_t j = 0; j < width; ++j) mean += o[j] * of_token[j];
                        float *to = &said[i * room], *share = &shares[i * room];
#pragma omp simd
                        for (int64_t j = 0; j < room; ++j) to[j] = scale * share[j] * (to[j] - mean);
                    }
                    product(said.data(), room, 1, k.by_token.data(), width,
                            grad_query + ((start + first) * heads + head) * width, heads * width, count, width,
                            seen_by_last, false);
                    product(said.data(), 1, room, q, q_token, grad_k.data(), width, seen_by_last, width, count, true);
                    product(shares.data(), 1, room, g, g_token, grad_v.data(), width, seen_by_last, width, count, true);
                }
            std::copy_n(grad_k.data(), of_before, key_before.data() + number * of_before);
            std::copy_n(grad_v.data(), of_before, value_before.data() + number * of_before);
            for (int64_t i = 0; i < length; ++i) {
                const int64_t to = ((before + start + i) * kv_heads + kv_head) * width;
                std::copy_n(&grad_k[of_before + i * width], width, grad_key + to);
                std::copy_n(&grad_v[of_before + i * width], width, grad_value + to);
            }
        }
#pragma omp for schedule(static)
        for (int64_t i = 0; i < before * kv_heads; ++i) {
            const int64_t from = i % kv_heads * of_before + i / kv_heads * width;
            float *to_key = grad_key + i * width, *to_value = grad_value + i * width;
            std::fill_n(to_key, width, 0.f);
            std::fill_n(to_value, width, 0.f);
            for (int64_t row = 0; row < rows; ++row)
                for (int64_t j = 0; j < width; ++j) {
                    to_key[j] += key_before[row * kv_heads * of_before + from + j];
                    to_value[j] += value_before[row * kv_heads * of_before + from + j];
                }
        }
    }
}
