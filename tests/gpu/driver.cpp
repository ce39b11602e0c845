// Runs every kernel once on small arrays, as a program of its own for the sanitizers. Prints one line a launch.
#include <cstdio>
#include <random>
#include <vector>

#include "../../ext/simt/kernels.cpp"

extern "C" const char* simt_fault();

template <class Launch, class... Arguments>
void run(const char* name, Launch launch, dim3 grid, dim3 block, size_t shared, Arguments... arguments) {
  void* pointers[] = {&arguments...};
  const unsigned g[] = {grid.x, grid.y, grid.z}, b[] = {block.x, block.y, block.z};
  const int fault = launch(pointers, g, b, shared);
  std::printf("%s %s\n", name, fault ? simt_fault() : "done");
  if (fault) std::exit(3);
}

int main() {
  const long long rows = 37, cols = 61, pixels = rows * cols;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> a(2 * pixels), b(2 * pixels), out(2 * pixels, -1);
  for (auto& x : a) x = normal(random);
  for (auto& x : b) x = normal(random);
  std::vector<double> a64(a.begin(), a.end()), b64(b.begin(), b.end()), out64(2 * pixels, -1);
  const dim3 across{unsigned((pixels + 255) / 256), 1, 1}, line{256, 1, 1};

  unsigned long long dates[] = {(unsigned long long)a.data(), (unsigned long long)b.data()};
  unsigned long long dates64[] = {(unsigned long long)a64.data(), (unsigned long long)b64.data()};
  long long pairs[] = {0, 1, 1, 0};
  std::vector<float> maps(2 * pixels, -1);
  std::vector<double> maps64(2 * pixels, -1);
  const dim3 tiles{unsigned((cols + 31) / 32), unsigned((rows + 7) / 8), 2}, tile{32, 8, 1};
  const size_t shared = size_t(8 + 4) * (32 + 19 + 32) * 16;
  run("coherence_tiled_f32", simt_launch_coherence_tiled_f32, tiles, tile, shared, dates, pairs, maps.data(), rows,
      cols, 5, 20, 1);
  run("coherence_tiled_f64", simt_launch_coherence_tiled_f64, tiles, tile, 2 * shared, dates64, pairs, maps64.data(),
      rows, cols, 5, 20, 1);
  run("coherence_direct_f32", simt_launch_coherence_direct_f32, tiles, tile, 0, dates, pairs, maps.data(), rows, cols,
      5, 20, 1);
  run("interferogram_f32", simt_launch_interferogram_f32, across, line, 0, a.data(), b.data(), out.data(), cols, 1, 1,
      rows, cols);
  run("multilook_complex_f64", simt_launch_multilook_complex_f64, across, line, 0, a64.data(), out64.data(), rows, cols,
      2, 3, rows / 2, cols / 3);

  std::vector<double> at_row(pixels), at_col(pixels);
  for (long long i = 0; i < pixels; ++i) at_row[i] = i % cols - 1.3, at_col[i] = i / cols * 1.7 - 0.9;
  run("warp_bilinear_complex_f32", simt_launch_warp_bilinear_complex_f32, across, line, 0, a.data(), at_row.data(),
      at_col.data(), out.data(), 1LL, rows, cols, pixels);
  run("warp_nearest_u64", simt_launch_warp_nearest_u64, across, line, 0, (unsigned long long*)a.data(), at_row.data(),
      at_col.data(), 0ULL, (unsigned long long*)out.data(), 1LL, rows, cols, 1, pixels);

  std::vector<double> tile_row(pixels), tile_col(pixels), found(2 * 23 * 29);
  std::vector<long long> owner(23 * 29, 0);
  for (long long i = 0; i < pixels; ++i) tile_row[i] = 30 - 0.8 * (i / cols), tile_col[i] = 33 - 0.6 * (i % cols);
  run("geolocate_claim_cells", simt_launch_geolocate_claim_cells, across, line, 0, tile_row.data(), tile_col.data(),
      owner.data(), rows, cols, 23LL, 29LL);
  run("geolocate_resolve_pixels", simt_launch_geolocate_resolve_pixels, dim3{3, 1, 1}, line, 0, tile_row.data(),
      tile_col.data(), owner.data(), found.data(), found.data() + 23 * 29, rows, cols, 29LL, 23LL * 29);

  std::vector<int> encodings{5}, channels{0};
  std::vector<double> scalings{-1, 1, 0, 1};
  std::vector<unsigned char> mask(2 * pixels);
  run("normalise_complex_f32", simt_launch_normalise_complex_f32, across, line, 0, a.data(), encodings.data(),
      channels.data(), scalings.data(), out.data(), mask.data(), 1, pixels);
}
