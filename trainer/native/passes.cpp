// What lies between the products of the base's weights, each as one pass over fp32 activations [tokens, width].
#include <omp.h>

#include <vector>

#include "vectors.h"

// RMSNorm (arXiv:1910.07467); inverse [tokens] is kept for the gradient.
extern "C" void rms_norm_forward(const float* x, const float* weight, float epsilon, float* out, float* inverse,
                                 int64_t tokens, int64_t width, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < tokens; ++t) {
        const float* row = x + t * width;
        float* to = out + t * width;
        float squares = 0.f;
#pragma omp simd reduction(+ : squares)
        for (int64_t i = 0; i < width; ++i) squares += row[i] * row[i];
        const float factor = inverse[t] = 1.f / std::sqrt(squares / width + epsilon);
#pragma omp simd
        for (int64_t i = 0; i < width; ++i) to[i] = row[i] * factor * weight[i];
    }
}

extern "C" void rms_norm_backward(const float* grad, const float* x, const float* weight, const float* inverse,
                                  float* grad_x, int64_t tokens, int64_t width, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < tokens; ++t) {
        const float *row = x + t * width, *said = grad + t * width;
        float* to = grad_x + t * width;
        float sum = 0.f;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < width; ++i) sum += said[i] * weight[i] * row[i];
        const float factor = inverse[t], share = sum * factor * factor / width;
#pragma omp simd
        for (int64_t i = 0; i < width; ++i) to[i] = factor * (said[i] * weight[i] - row[i] * share);
    }
}

// silu(gate) * up (arXiv:2002.05202).
extern "C" void swiglu_forward(const float* gate, const float* up, float* out, int64_t count, int threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; ++i) out[i] = gate[i] / (1.f + exponential(-gate[i])) * up[i];
}

extern "C" void swiglu_backward(const float* grad, const float* gate, const float* up, float* grad_gate, float* grad_up,
                                int64_t count, int threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; ++i) {
        const float opened = 1.f / (1.f + exponential(-gate[i])), said = grad[i];
        grad_up[i] = said * gate[i] * opened;
        grad_gate[i] = said * up[i] * opened * (1.f + gate[i] * (1.f - opened));
    }
}

namespace {

// to[row * to_row + rank] = scale * x[row] . a[rank]
template <int ROWS, int RANKS>
void dots_of_block(const float* x, int64_t width, const float* a, float scale, float* to, int64_t to_row) {
    Vec sums[ROWS][RANKS] = {};
    for (int64_t i = 0; i < width; i += W) {
        Vec rows[ROWS];
        for (int row = 0; row < ROWS; ++row) rows[row] = load(x + row * width + i);
        for (int rank = 0; rank < RANKS; ++rank) {
            const Vec of_rank = load(a + rank * width + i);
            for (int row = 0; row < ROWS; ++row) sums[row][rank] += rows[row] * of_rank;
        }
    }
    for (int row = 0; row < ROWS; ++row)
        for (int rank = 0; rank < RANKS; ++rank) to[row * to_row + rank] = scale * sum_of(sums[row][rank]);
}

template <int ROWS>
void dots_of_rows(const float* x, int64_t width, const float* a, int64_t ranks, float scale, float* to,
                  int64_t to_row) {
    int64_t rank = 0;
    for (; rank + 4 <= ranks; rank += 4)
        dots_of_block<ROWS, 4>(x, width, a + rank * width, scale, to + rank, to_row);
    for (; rank < ranks; ++rank) dots_of_block<ROWS, 1>(x, width, a + rank * width, scale, to + rank, to_row);
}

void dots(const float* x, int64_t rows, int64_t width, const float* a, int64_t ranks, float scale, float* to,
          int64_t to_row) {
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4)
        dots_of_rows<4>(x + row * width, width, a, ranks, scale, to + row * to_row, to_row);
    for (; row < rows; ++row) dots_of_rows<1>(x + row * width, width, a, ranks, scale, to + row * to_row, to_row);
}

constexpr int64_t AT_ONCE = 32;  // tokens whose activations stay in the cache between two uses

}  // namespace

// low [tokens, ranks] = scale * x [tokens, width] A^T, A [ranks, width].
extern "C" void narrow(const float* x, const float* a, float scale, float* low, int64_t tokens, int64_t width,
                       int64_t ranks, int threads) {
#pragma omp parallel num_threads(threads)
    {
        const Share mine(tokens, 4, omp_get_thread_num(), omp_get_num_threads());
        dots(x + mine.begin * width, mine.end - mine.begin, width, a, ranks, scale, low + mine.begin * ranks, ranks);
    }
}

// What a wide side [tokens, width] says and hears of a narrow one, in one pass over it:
// said [tokens, ranks] = scale * wide B^T (left out where `said` is null), and grad_b [ranks, width] = low^T wide.
extern "C" void narrow_and_gather(const float* wide, const float* b, float scale, float* said, int64_t said_row,
                                  const float* low, int64_t low_row, float* grad_b, int64_t tokens, int64_t width,
                                  int64_t ranks, int threads) {
    static thread_local std::vector<float> room;
    room.assign(threads * ranks * width, 0.f);
    float* sums = room.data();
    int used = threads;
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num();
#pragma omp single
        used = omp_get_num_threads();
        const Share mine(tokens, 4, thread, used);
        float* to = sums + thread * ranks * width;
        for (int64_t t = mine.begin; t < mine.end; t += AT_ONCE) {
            const int64_t count = std::min(AT_ONCE, mine.end - t);
            if (said) dots(wide + t * width, count, width, b, ranks, scale, said + t * said_row, said_row);
            product(low + t * low_row, 1, low_row, wide + t * width, width, to, width, ranks, width, count, true);
        }
#pragma omp barrier
#pragma omp for simd schedule(static)
        for (int64_t i = 0; i < ranks * width; ++i) {
            float sum = 0.f;
            for (int from = 0; from < used; ++from) sum += sums[from * ranks * width + i];
            grad_b[i] = sum;
        }
    }
}
