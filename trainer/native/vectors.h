// Vectors of the processor's own width, and the one product of small matrices that the kernels share.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX512F__)
constexpr int64_t W = 16;  // floats of one register
#else
constexpr int64_t W = 8;
#endif
typedef float Vec __attribute__((vector_size(W * sizeof(float)), aligned(alignof(float)), may_alias));

static inline Vec load(const float* from) { return *reinterpret_cast<const Vec*>(from); }
static inline void store(float* to, Vec value) { *reinterpret_cast<Vec*>(to) = value; }

static inline float sum_of(Vec value) {
    float parts[W];
    std::memcpy(parts, &value, sizeof parts);
    for (int64_t width = W / 2; width > 0; width /= 2)
        for (int64_t i = 0; i < width; ++i) parts[i] += parts[i + width];
    return parts[0];
}

// e^x within 2 units in the last place; a compiler makes vectors of it. Cephes' way: 2^n times a polynomial.
static inline float exponential(float x) {
    x = std::min(88.f, std::max(-87.f, x));
    const float n = std::floor(x * 1.44269504f + 0.5f);
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.f;
    const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return p * power;
}

// The share [begin, end) of `count` rows that is this thread's, in whole groups of `group`.
struct Share {
    int64_t begin, end;
    Share(int64_t count, int64_t group, int64_t thread, int64_t threads) {
        const int64_t groups = (count + group - 1) / group;
        begin = std::min(count, groups * thread / threads * group);
        end = std::min(count, groups * (thread + 1) / threads * group);
    }
};

// C [rows, 2 W] (+)= A [rows, depth] B [depth, 2 W]; A lies at a[row * a_row + k * a_depth].
template <int ROWS>
static inline void product_of_block(const float* a, int64_t a_row, int64_t a_depth, const float* b, int64_t b_row,
                                    float* c, int64_t c_row, int64_t depth, bool adds) {
    Vec sums[ROWS][2];
    for (int row = 0; row < ROWS; ++row)
        for (int half = 0; half < 2; ++half) sums[row][half] = adds ? load(c + row * c_row + half * W) : Vec{};
    for (int64_t k = 0; k < depth; ++k) {
        const Vec left = load(b + k * b_row), right = load(b + k * b_row + W);
        for (int row = 0; row < ROWS; ++row) {
            const float factor = a[row * a_row + k * a_depth];
            sums[row][0] += factor * left;
            sums[row][1] += factor * right;
        }
    }
    for (int row = 0; row < ROWS; ++row)
        for (int half = 0; half < 2; ++half) store(c + row * c_row + half * W, sums[row][half]);
}

// C [rows, columns] (+)= A [rows, depth] B [depth, columns], `columns` a multiple of 2 W.
static inline void product(const float* a, int64_t a_row, int64_t a_depth, const float* b, int64_t b_row, float* c,
                           int64_t c_row, int64_t rows, int64_t columns, int64_t depth, bool adds) {
    constexpr int MOST = W == 16 ? 12 : 6;
    for (int64_t column = 0; column < columns; column += 2 * W) {
        int64_t row = 0;
        const auto step = [&](auto count) {
            product_of_block<decltype(count)::value>(a + row * a_row, a_row, a_depth, b + column, b_row,
                                                     c + row * c_row + column, c_row, depth, adds);
            row += decltype(count)::value;
        };
        while (row + MOST <= rows) step(std::integral_constant<int, MOST>{});
        while (row + 4 <= rows) step(std::integral_constant<int, 4>{});
        if (row + 2 <= rows) step(std::integral_constant<int, 2>{});
        if (row + 1 <= rows) step(std::integral_constant<int, 1>{});
    }
}
