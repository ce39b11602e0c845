// Runs the CPU kernels on small arrays in many shapes, as a program of its own for the sanitizers. Prints a digest of all
// results, which may not depend on the number of threads.
#include <cstdio>
#include <random>
#include <vector>

#include "area.h"
#include "coherence_cpu.h"
#include "coregister_cpu.h"
#include "decay_cpu.h"
#include "fringe_cpu.h"
#include "geolocate.h"
#include "histogram_cpu.h"
#include "homogeneous_cpu.h"
#include "interferogram.h"
#include "multilook.h"
#include "normalise_cpu.h"
#include "quantise_cpu.h"
#include "resample_cpu.h"

static unsigned long long digest = 1469598103934665603ULL;

template <typename T>
void fold(const std::vector<T>& values) {
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(values.data());
  for (size_t k = 0; k < values.size() * sizeof(T); ++k) digest = (digest ^ bytes[k]) * 1099511628211ULL;
}

template <typename T>
std::vector<T> image(long long pixels, unsigned seed, double holes) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<T> z(2 * pixels);
  for (auto& part : z) part = T(normal(random));
  for (long long k = 0; k < pixels; ++k)
    if (uniform(random) < holes) z[2 * k] = T(NAN);
  return z;
}

template <typename T>
void coherence(long long rows, long long cols, int window_rows, int window_cols, int step, double holes) {
  const long long pixels = rows * cols;
  std::vector<std::vector<T>> dates;
  std::vector<m3::Image> images;
  for (unsigned d = 0; d < 4; ++d) dates.push_back(image<T>(pixels, d, d == 2 ? holes : 0));
  for (auto& date : dates) images.push_back({date.data(), false});
  const long long pairs[] = {0, 1, 1, 2, 3, 0, 0, 3, 2, 3};
  m3::CoherenceShape shape{rows, cols, window_rows, window_cols, step, step, nullptr, nullptr, 0.0, false, true};
  const long long plane = shape.out_rows() * shape.out_cols();
  std::vector<T> magnitude(5 * plane), value(10 * plane), looks(5 * plane), power_a(5 * plane), power_b(5 * plane),
      angle(5 * plane);
  m3::CoherenceMaps<T> only{magnitude.data(), nullptr, nullptr, nullptr, nullptr, nullptr};
  for (long long count : {1, 5}) m3::coherence_pairs<T>(images.data(), 4, pairs, count, nullptr, shape, only);
  fold(magnitude);
  shape.centred = true;
  for (long long count : {1, 5}) m3::coherence_pairs<T>(images.data(), 4, pairs, count, nullptr, shape, only);
  fold(magnitude);
  std::vector<double> phase(pixels, 123.4), row_weights(window_rows, 0.5), col_weights(window_cols, 2.0);
  phase[3] = NAN;
  const std::vector<const double*> phases(5, phase.data());
  shape.min_valid = 0.6;
  m3::CoherenceMaps<T> all{magnitude.data(), value.data(), looks.data(), power_a.data(), power_b.data(),
                          angle.data()};
  m3::coherence_pairs<T>(images.data(), 4, pairs, 5, phases.data(), shape, all);
  shape.row_weights = row_weights.data();
  shape.col_weights = col_weights.data();
  m3::coherence_pairs<T>(images.data(), 4, pairs, 5, nullptr, shape, all);
  for (auto* map : {&magnitude, &value, &looks, &power_a, &power_b, &angle}) fold(*map);
}

void coherence_of_int16() {
  std::vector<int16_t> a(2 * 31 * 47, 100), b(2 * 31 * 47, -7);
  a[50] = INT16_MIN;
  const m3::Image images[] = {{a.data(), true}, {b.data(), true}};
  const long long pairs[] = {0, 1, 1, 0, 0, 0};
  const m3::CoherenceShape shape{31, 47, 3, 8, 1, 1, nullptr, nullptr, 0.5, true, true};
  std::vector<float> magnitude(3 * 31 * 47);
  m3::coherence_pairs<float>(images, 2, pairs, 3, nullptr, shape, {magnitude.data(), nullptr, nullptr, nullptr, nullptr, nullptr});
  fold(magnitude);
}

template <typename T>
void fringe(long long rows, long long cols, int window_rows, int window_cols) {
  const auto a = image<T>(rows * cols, 1, 0.1), b = image<T>(rows * cols, 2, 0.0);
  std::vector<T> down(rows * cols), along(rows * cols), out(7 * rows * cols);
  T* const map = out.data();
  const long long n = rows * cols;
  const m3::CoherenceMaps<T> one{map, nullptr, nullptr, nullptr, nullptr, nullptr};
  const m3::CoherenceMaps<T> all{map, map + n, map + 3 * n, map + 4 * n, map + 5 * n, map + 6 * n};
  for (bool given : {false, true}) {
    for (const auto& maps : {one, all})
      m3::fringe_coherence<T>(a.data(), b.data(), {rows, cols, window_rows, window_cols, given, 0.5, true},
                              down.data(), along.data(), maps);
    fold(out);
  }
}

void pixels() {
  const long long rows = 13, cols = 17, count = rows * cols;
  const int lag_of_pair[] = {0, 1, 2, 0, 1, 3};
  const double days[] = {12, 24, 36, 48};
  std::vector<double> table(33 * 4), fits(3 * count);
  for (int g = 0; g < 33; ++g)
    for (int k = 0; k < 4; ++k) table[4 * g + k] = 1 - exp(-days[k] / (2.0 * pow(1.2, g)));
  const auto noise = image<double>(3 * count, 5, 0.2);
  m3::fit_decay(noise.data(), lag_of_pair, days, table.data(), {6, count, 4, 33, 2.0, 1.2, 0.1}, fits.data());
  fold(fits);
  const m3::HomogeneousShape shape{rows, cols, 9, 11, 2};
  std::vector<unsigned long long> mask(2 * count);
  const auto amplitude = image<double>(3 * count, 6, 0.0);
  const auto a = image<float>(count, 7, 0.1), b = image<float>(count, 8, 0.0);
  std::vector<float> out(2 * count);
  m3::homogeneous_ks(amplitude.data(), 5, 2, shape, mask.data());
  fold(mask);
  for (long long k = 0; k < count; ++k)
    m3::homogeneous_coherence_at<float>(a.data(), b.data(), mask.data(), shape, {0.5, 2, true}, k / cols, k % cols,
                                 {out.data(), nullptr, out.data() + count, nullptr, nullptr, nullptr});
  fold(out);
  for (long long k = 0; k < (rows / 2) * (cols / 3); ++k)
    m3::multilook_at<float, 2>(a.data(), out.data(), cols, 2, 3, 0.5, k / (cols / 3), k % (cols / 3), cols / 3);
  fold(out);
}

template <typename T>
void warp(long long rows, long long cols) {
  const auto source = image<T>(2 * rows * cols, 9, 0.05);
  std::vector<double> at_row, at_col, down(2 * 19 * 2), along(2 * 2 * 130);
  for (long long k = 0; k < 19 * 130; ++k) {
    at_row.push_back(k / 130 * 0.7 - 1.2 + 0.003 * (k % 130));
    at_col.push_back(k % 130 * 0.31 - 0.7);
  }
  for (size_t k = 0; k < down.size(); ++k) down[k] = k % 2 ? 1.0 : 0.6 * (double)(k / 2 % 19);
  for (int k = 0; k < 130; ++k) along[k] = 1.0, along[130 + k] = 3.0, along[260 + k] = 0.0, along[390 + k] = 0.29 * k;
  const m3::WarpPlaces as_they_are = {at_row.data(), at_col.data(), 0, 19, 130, 0.0, 0.0};
  const m3::WarpPlaces in_terms = {down.data(), along.data(), 2, 19, 130, 1.0, -1.0};
  for (const auto& places : {as_they_are, in_terms}) {
    for (int kernel = 0; kernel < 4; ++kernel) {
      std::vector<T> out(4 * 19 * 130);
      m3::warp_any(source.data(), out.data(), 2, rows, cols, 2, places, kernel, 1.0, 1.0);
      fold(out);
      m3::warp_any(source.data(), out.data(), 2, rows, cols, 1, places, kernel, 1.5, 1.0);
      fold(out);
    }
    std::vector<unsigned> words(2 * 19 * 130), from(2 * rows * cols, 7u);
    m3::warp_nearest_rows(from.data(), words.data(), 2, rows, cols, 1, places, 9u);
    fold(words);
  }
}

template <typename T>
void resample() {
  const long long rows = 27, cols = 150;
  const auto source = image<T>(2 * rows * cols, 11, 0.02);
  std::vector<double> table(1025 * 8), down(rows * cols), along(rows * cols);
  for (int line = 0; line <= 1024; ++line)
    for (int k = 0; k < 8; ++k) table[8 * line + k] = k == 3 ? 1.0 - line / 1024.0 : (k == 4 ? line / 1024.0 : 0.0);
  for (long long k = 0; k < rows * cols; ++k) down[k] = 0.3 * (k % 7), along[k] = -0.2 * (k % 11);
  const m3::WarpPlaces places = {down.data(), along.data(), -1, rows, cols, 0.0, 0.0};
  std::vector<T> out(2 * rows * cols);
  m3::resample_any(source.data(), table.data(), 8, down.data(), out.data(), rows, cols, places);
  fold(out);
  m3::resample_any(source.data(), table.data(), 4, nullptr, out.data(), rows, cols, places);
  fold(out);
  m3::resample_turn(source.data(), along.data(), -1.0, out.data(), rows, cols);
  fold(out);
}

void coregister(int taps) {
  const long long lines = 150, cols = 150, out_cols = 131;
  const auto source = image<float>(2 * lines * cols, 12, 0.02);
  std::vector<double> model(m3::MODEL_SIZE, 0.0), down(1025 * 8), right(1025 * taps);
  for (int line = 0; line <= 1024; ++line) {
    down[8 * line + 3] = right[taps * line + taps / 2 - 1] = 1.0 - line / 1024.0;
    down[8 * line + 4] = right[taps * line + taps / 2] = line / 1024.0;
  }
  for (int k = 0; k < 3; ++k) model[m3::MODEL_INVERSE + k] = 0.01;
  model[m3::MODEL_CARRIER_INVERSE] = model[m3::MODEL_CARRIER_INVERSE + 1] = 0.01;
  model[m3::MODEL_AZIMUTH] = 0.4, model[m3::MODEL_RANGE] = 2.3, model[m3::MODEL_RANGE + 1] = 0.2;
  model[m3::MODEL_CARRIER + 2 * m3::CARRIER_TERMS] = 90.0, model[m3::MODEL_PHASE + 2] = 3.0;
  std::vector<long long> valid(2 * lines, 4);
  for (long long r = 0; r < lines; ++r) valid[2 * r + 1] = r % 9 == 0 ? -1 : cols - 1 - r % 7;
  const long long first = 70, window = 80, chunks = (cols + 63) / 64;
  std::vector<float> still(2 * window * cols), posts(71 * 18, 100.0f), values(2 * 60 * out_cols);
  std::vector<unsigned char> found(window * chunks);
  std::vector<short> stored(values.size());
  m3::coregister_still(m3::BurstLines<float>{source.data(), valid.data(), lines, cols}, model.data(), first, window,
                       still.data(), found.data());
  fold(found);
  posts[40 * 18 + 5] = NAN;
  m3::CoregisterJob job = {still.data(), found.data(), first, window, cols, model.data(), {posts.data(), 71, 18, 2, 8},
                           80, 60, out_cols, 1.0, values.data(), nullptr, 4.0f};
  m3::coregister_any(job, down.data(), right.data(), taps);
  fold(values);
  job.values = nullptr, job.stored = stored.data();
  m3::coregister_any(job, down.data(), right.data(), taps);
  fold(stored);
}

void areas() {
  const long long rows = 31, cols = 29;
  const auto source = image<float>(rows * cols, 10, 0.1);
  std::vector<double> corner_row(6 * 8), corner_col(6 * 8);
  for (int k = 0; k < 6 * 8; ++k) corner_row[k] = k / 8 * 7.3 - 2 + k % 8 * 0.4, corner_col[k] = k % 8 * 5.1 - 1 - k / 8;
  std::vector<float> out(2 * 35);
  for (int k = 0; k < 35; ++k)
    m3::area_value<float, 2>(source.data(), corner_row.data(), corner_col.data(), out.data(), 1, rows, cols, 5, 7, 0, k);
  fold(out);
  std::vector<unsigned char> labels(rows * cols), modes(35);
  for (size_t k = 0; k < labels.size(); ++k) labels[k] = (unsigned char)(k * 37 % 41);
  for (int k = 0; k < 35; ++k)
    m3::area_mode<unsigned char>(labels.data(), corner_row.data(), corner_col.data(), modes.data(), 1, rows, cols, 5, 7, 0, k);
  fold(modes);
}

/* Every encoding over every way to store a plane; `pixels` of the large one do not fit the caches. */
void normalised(long long rows, long long cols) {
  const long long pixels = rows * cols;
  const auto phasors = image<float>(pixels, 12, 0.01);
  const auto numbers = image<double>(pixels, 13, 0.02);
  std::vector<unsigned char> bytes(pixels);
  for (long long k = 0; k < pixels; ++k) bytes[k] = (unsigned char)(k * 37 % 251);
  const m3::StoredPlane planes[] = {
      {phasors.data(), m3::COMPLEX64}, {phasors.data() + pixels, m3::FLOAT32}, {numbers.data(), m3::FLOAT64},
      {bytes.data(), m3::UINT8}};
  std::vector<m3::NormalisedPlaces> places;
  std::vector<m3::NormalisedBand> bands;
  const m3::NormalisedBand band = {-2, 3, 0.1, 0.7, NAN, NAN, NAN, 0.1, 0, 0, 0}, stored = {-2, 3, 0.1, 0.7, 0.5, 1, 3,
                                                                                           0,  1, 2, 3};
  int channel = 0;
  for (int encoding = 0; encoding < 10; ++encoding) {
    const bool two = encoding >= m3::RATIO, from_complex = encoding == m3::PHASOR || encoding == m3::WEIGHTED_PHASOR;
    for (int plane = 1; plane < (from_complex ? 2 : 4); ++plane) {
      places.push_back({encoding, channel, from_complex ? 0 : plane, two ? 1 : -1});
      bands.push_back(plane == 3 ? stored : band);
      channel += 1 + m3::is_pair_of_channels(encoding);
    }
  }
  std::vector<float> values(channel * pixels);
  std::vector<unsigned char> mask(channel * pixels);
  m3::normalise_chip(planes, places.data(), bands.data(), (int)places.size(), pixels, cols, values.data(), mask.data());
  std::vector<long long> counts(channel * m3::HISTOGRAM_BINS);
  std::vector<m3::Moments> moments(channel);
  m3::histogram_channels(values.data(), mask.data(), channel, pixels, counts.data(), moments.data());
  fold(values);
  fold(mask);
  fold(counts);
  fold(moments);
  std::vector<unsigned char> levels(values.size());
  m3::quantise_all(values.data(), levels.data(), (long long)values.size(), 254, 255);
  fold(levels);
}

int main() {
  normalised(3, 7);
  normalised(23, 1111);
  normalised(301, 1001);
  const int windows[][2] = {{1, 1}, {2, 7}, {5, 20}, {21, 40}, {16, 16}, {9, 63}};
  for (const auto& window : windows) {
    for (int step : {1, 3}) {
      coherence<float>(43, 67, window[0], window[1], step, 0.05);
      coherence<double>(22, 40, window[0], window[1], step, 0.0);
    }
    fringe<float>(14, 37, window[0], window[1]);
  }
  // More than one tile each way, and results that are written past the caches.
  coherence<float>(140, 1111, 5, 20, 1, 0.001);
  coherence<float>(1300, 1301, 3, 4, 1, 0.0);
  fringe<double>(9, 530, 3, 5);
  coherence_of_int16();
  pixels();
  warp<float>(27, 41);
  warp<double>(27, 41);
  warp<float>(3, 5);  // too small for the taps
  resample<float>();
  resample<double>();
  coregister(8);
  coregister(12);
  areas();
  std::printf("%016llx\n", digest);
}
