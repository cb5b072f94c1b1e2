// Every function of trainer/native against plain sums in double, for processors on which PyTorch is not at hand.
// Ends with 0 when all agree; see tools/emulated.py.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <vector>

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

extern "C" {
void rms_norm_forward(const float*, const float*, float, float*, float*, int64_t, int64_t, int);
void rms_norm_backward(const float*, const float*, const float*, const float*, float*, int64_t, int64_t, int);
void swiglu_forward(const float*, const float*, float*, int64_t, int);
void swiglu_backward(const float*, const float*, const float*, float*, float*, int64_t, int);
void narrow(const float*, const float*, float, float*, int64_t, int64_t, int64_t, int);
void narrow_and_gather(const float*, const float*, float, float*, int64_t, const float*, int64_t, float*, int64_t,
                       int64_t, int64_t, int);
void attention_forward(const float*, int64_t, int64_t, const float*, int64_t, int64_t, const float*, int64_t, int64_t,
                       const int64_t*, int64_t, int64_t, int64_t, int64_t, int64_t, float, float*, float*, int);
void attention_backward(const float*, int64_t, int64_t, const float*, const float*, const float*, int64_t, int64_t,
                        const float*, int64_t, int64_t, const float*, int64_t, int64_t, const int64_t*, int64_t,
                        int64_t, int64_t, int64_t, int64_t, float, float*, float*, float*, int);
}

namespace {

constexpr int THREADS = 2;
constexpr double CLOSE = 1e-5;
bool all_agree = true;

Floats drawn(int64_t count, uint64_t seed) {
    Floats found(count);
    uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
    for (float& value : found) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        value = static_cast<float>(static_cast<int32_t>(state >> 32)) / 1e9f;
    }
    return found;
}

void compare(const char* name, const Floats& found, const Doubles& expected) {
    double apart = 0, size = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        apart += (found[i] - expected[i]) * (found[i] - expected[i]);
        size += expected[i] * expected[i];
    }
    const bool agrees = found.size() == expected.size() && std::sqrt(apart) < CLOSE * std::sqrt(size);
    std::printf("%-32s %s (%.1e)\n", name, agrees ? "agrees" : "DIFFERS", std::sqrt(apart / size));
    all_agree = all_agree && agrees;
}

// The derivative of `function` at `at`, by central differences of the sum of its outputs times `said`.
Doubles slope(const std::function<Doubles(const Doubles&)>& function, const Floats& at, const Floats& said) {
    Doubles point(at.begin(), at.end()), found(at.size());
    const double step = 1e-4;
    for (size_t i = 0; i < at.size(); ++i) {
        double sum = 0;
        for (int side = 1; side >= -1; side -= 2) {
            point[i] = at[i] + side * step;
            const Doubles out = function(point);
            for (size_t j = 0; j < out.size(); ++j) sum += side * said[j] * out[j];
        }
        point[i] = at[i];
        found[i] = sum / (2 * step);
    }
    return found;
}

Doubles wide(const Floats& values) { return Doubles(values.begin(), values.end()); }

void check_rms_norm(int64_t tokens, int64_t width) {
    const Floats x = drawn(tokens * width, 1), weight = drawn(width, 2), grad = drawn(tokens * width, 3);
    const auto plain = [&](const Doubles& x) {
        Doubles out(x.size());
        for (int64_t t = 0; t < tokens; ++t) {
            double squares = 0;
            for (int64_t i = 0; i < width; ++i) squares += x[t * width + i] * x[t * width + i];
            for (int64_t i = 0; i < width; ++i)
                out[t * width + i] = x[t * width + i] * weight[i] / std::sqrt(squares / width + 1e-6);
        }
        return out;
    };
    Floats out(x.size()), inverse(tokens), grad_x(x.size());
    rms_norm_forward(x.data(), weight.data(), 1e-6f, out.data(), inverse.data(), tokens, width, THREADS);
    rms_norm_backward(grad.data(), x.data(), weight.data(), inverse.data(), grad_x.data(), tokens, width, THREADS);
    compare("rms_norm", out, plain(wide(x)));
    compare("rms_norm, gradient", grad_x, slope(plain, x, grad));
}

void check_swiglu(int64_t count) {
    const Floats gate = drawn(count, 1), up = drawn(count, 2), grad = drawn(count, 3);
    const auto of = [&](const Doubles& gate, const Doubles& up) {
        Doubles out(count);
        for (int64_t i = 0; i < count; ++i) out[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
        return out;
    };
    Floats out(count), grad_gate(count), grad_up(count);
    swiglu_forward(gate.data(), up.data(), out.data(), count, THREADS);
    swiglu_backward(grad.data(), gate.data(), up.data(), grad_gate.data(), grad_up.data(), count, THREADS);
    compare("swiglu", out, of(wide(gate), wide(up)));
    compare("swiglu, gradient of gate", grad_gate, slope([&](auto& at) { return of(at, wide(up)); }, gate, grad));
    compare("swiglu, gradient of up", grad_up, slope([&](auto& at) { return of(wide(gate), at); }, up, grad));
}

void check_narrow(int64_t tokens, int64_t width, int64_t ranks) {
    const Floats x = drawn(tokens * width, 1), b = drawn(ranks * width, 2), low = drawn(tokens * ranks, 3);
    Doubles dots(tokens * ranks), gathered(ranks * width);
    for (int64_t t = 0; t < tokens; ++t)
        for (int64_t r = 0; r < ranks; ++r)
            for (int64_t i = 0; i < width; ++i) {
                dots[t * ranks + r] += 0.5 * x[t * width + i] * b[r * width + i];
                gathered[r * width + i] += double(low[t * ranks + r]) * x[t * width + i];
            }
    Floats found(tokens * ranks), said(tokens * ranks), grad_b(ranks * width);
    narrow(x.data(), b.data(), 0.5f, found.data(), tokens, width, ranks, THREADS);
    narrow_and_gather(x.data(), b.data(), 0.5f, said.data(), ranks, low.data(), ranks, grad_b.data(), tokens, width,
                      ranks, THREADS);
    compare("narrow", found, dots);
    compare("narrow_and_gather, said", said, dots);
    compare("narrow_and_gather, gathered", grad_b, gathered);
}

// Rows of `lengths` behind `before` tokens that all of them see.
void check_attention(const std::vector<int64_t>& lengths, int64_t before, int64_t heads, int64_t kv_heads,
                     int64_t width) {
    std::vector<int64_t> ends{0};
    for (int64_t length : lengths) ends.push_back(ends.back() + length);
    const int64_t tokens = ends.back(), rows = lengths.size(), seen = before + tokens, group = heads / kv_heads;
    const float scale = 0.2f;
    const Floats q = drawn(tokens * heads * width, 1), k = drawn(seen * kv_heads * width, 2),
                 v = drawn(seen * kv_heads * width, 3), grad = drawn(tokens * heads * width, 4);
    const auto of = [&](const Doubles& q, const Doubles& k, const Doubles& v) {
        Doubles out(q.size());
        for (int64_t row = 0; row < rows; ++row)
            for (int64_t t = ends[row]; t < ends[row + 1]; ++t)
                for (int64_t h = 0; h < heads; ++h) {
                    Doubles weights;
                    std::vector<int64_t> places;
                    double total = 0;
                    for (int64_t j = 0; j <= before + t - ends[row]; ++j) {
                        places.push_back(((j < before ? j : ends[row] + j) * kv_heads + h / group) * width);
                        double dot = 0;
                        for (int64_t i = 0; i < width; ++i) dot += q[(t * heads + h) * width + i] * k[places[j] + i];
                        weights.push_back(std::exp(scale * dot));
                        total += weights.back();
                    }
                    for (size_t j = 0; j < places.size(); ++j)
                        for (int64_t i = 0; i < width; ++i)
                            out[(t * heads + h) * width + i] += weights[j] / total * v[places[j] + i];
                }
        return out;
    };
    Floats out(q.size()), log_sums(tokens * heads), grad_q(q.size()), grad_k(k.size()), grad_v(v.size());
    attention_forward(q.data(), heads * width, width, k.data(), kv_heads * width, width, v.data(), kv_heads * width,
                      width, ends.data(), rows, before, heads, kv_heads, width, scale, out.data(), log_sums.data(),
                      THREADS);
    attention_backward(grad.data(), heads * width, width, out.data(), log_sums.data(), q.data(), heads * width, width,
                       k.data(), kv_heads * width, width, v.data(), kv_heads * width, width, ends.data(), rows, before,
                       heads, kv_heads, width, scale, grad_q.data(), grad_k.data(), grad_v.data(), THREADS);
    compare("attention", out, of(wide(q), wide(k), wide(v)));
    if (tokens > 16) return;  // differences take a pass for each number
    compare("attention, gradient of query", grad_q, slope([&](auto& at) { return of(at, wide(k), wide(v)); }, q, grad));
    compare("attention, gradient of key", grad_k, slope([&](auto& at) { return of(wide(q), at, wide(v)); }, k, grad));
    compare("attention, gradient of value", grad_v, slope([&](auto& at) { return of(wide(q), wide(k), at); }, v, grad));
}

}  // namespace

int main() {
    check_rms_norm(5, 64);
    check_swiglu(33);
    for (int64_t ranks : {1, 8, 13}) check_narrow(37, 96, ranks);
    check_attention({3, 1, 5}, 2, 2, 1, 32);
    check_attention({1, 150, 48, 49}, 7, 4, 2, 32);
    return all_agree ? 0 : 1;
}
