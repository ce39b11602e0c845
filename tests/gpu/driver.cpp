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
  const dim3 across{unsigned((pixels + 255) / 256), 1, 1}, line256{256, 1, 1}, patches{1, 2, 1};

  using Address = unsigned long long;
  std::vector<short> a16(2 * pixels, 7), b16(2 * pixels, -3);
  a16[11] = -32768;
  std::vector<double> turn(pixels, 0.3), taps(64, 1.0);
  std::vector<float> maps(14 * pixels, -1);
  std::vector<double> maps64(14 * pixels, -1);
  long long pairs[] = {0, 1, 1, 0};
  const Address dates[] = {Address(a.data()), Address(b.data())}, dates64[] = {Address(a64.data()), Address(b64.data())};
  const Address dates16[] = {Address(a16.data()), Address(b16.data())}, turns[] = {Address(turn.data()), Address(turn.data())};
  const auto planes = [&](auto& all, bool full) {
    std::vector<Address> found(6, 0);
    for (int k = 0; k < (full ? 6 : 1); ++k) found[k] = Address(all.data() + 2 * pixels * (k < 2 ? k : k + 1));
    return found;
  };
  // rows, cols, out, window, step, ring, strip, weighted, clip, centred, columns per mark of a hole, pairs
  const auto settings = [&](long long step, long long ring, long long weighted) {
    return std::vector<long long>{rows, cols, rows / step, cols / step, 5, 20, step, step, ring, 64, weighted, 1, 1, 128, 2};
  };
  std::vector<unsigned char> holes(64);
  const auto coherence = [&](const char* name, auto launch, dim3 grid, unsigned threads, size_t shared,
                             const std::vector<long long>& how, const Address* from, const std::vector<Address>& to,
                             bool turned) {
    run(name, launch, grid, dim3{threads, 1, 1}, shared, how.data(), from, pairs, turned ? turns : dates, to.data(),
        taps.data(), taps.data(), 0.5, int(turned), holes.data(), 0);
  };
  const dim3 halves{2, 1, 1}, each{2 * unsigned((pixels + 255) / 256), 1, 1};
  const size_t line = 128 * 16;
  coherence("coherence_plain_f32", simt_launch_coherence_plain_f32, halves, 128, 9 * line, settings(1, 1, 0), dates,
            planes(maps, false), false);
  coherence("coherence_plain_f32 without a ring", simt_launch_coherence_plain_f32, halves, 128, 4 * line,
            settings(1, 0, 0), dates, planes(maps, false), false);
  coherence("coherence_full_f64", simt_launch_coherence_full_f64, halves, 128, 16 * line, settings(1, 0, 1), dates64,
            planes(maps64, true), true);
  coherence("coherence_full_i16", simt_launch_coherence_full_i16, halves, 128, 18 * line, settings(2, 1, 0), dates16,
            planes(maps, true), true);
  coherence("coherence_direct_f32", simt_launch_coherence_direct_f32, each, 256, 0, settings(1, 0, 0), dates,
            planes(maps, true), true);
  const auto strips = [&](const char* name, auto launch, dim3 grid, unsigned threads, size_t shared, const Address* from,
                          auto... extra) {
    const std::vector<long long> how = settings(1, 0, 0);
    run(name, launch, grid, dim3{threads, 1, 1}, shared, how.data(), from, pairs, dates, planes(maps, false).data(),
        taps.data(), taps.data(), 0.5, 0, holes.data(), 1, extra...);
  };
  std::vector<float> inverse(2 * rows * 256);
  const int group[] = {2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1};
  strips("coherence_strip_f32", simt_launch_coherence_strip_f32, dim3{2, 1, 1}, 64, 0, dates, 0);
  strips("coherence_strip_i16", simt_launch_coherence_strip_i16, dim3{2, 1, 1}, 32, 0, dates16, 1);
  strips("coherence_powers_f32", simt_launch_coherence_powers_f32, dim3{2, 1, 1}, 64, 0, dates, inverse.data());
  strips("coherence_group_f32", simt_launch_coherence_group_f32, dim3{1, 1, 1}, 384, 30464, dates, (const int*)group,
         (const float*)inverse.data());
  std::vector<float> down(pixels), along(pixels), plain(3 * pixels);
  run("fringe_f32", simt_launch_fringe_f32, dim3{1, 1, 1}, line256, 0, a.data(), b.data(), rows, cols, 5, 8, 0, 0.5, 1, down.data(),
      along.data(), planes(maps, true).data());
  const int lag_of_pair[] = {0, 1, 2, 0};
  const double days[] = {12, 24, 36};
  std::vector<double> table(33 * 3, 0.5), scratch(12 * 300);
  run("decay_f32", simt_launch_decay_f32, dim3{2, 1, 1}, line256, 0, a.data(), lag_of_pair, days, table.data(), 4LL, 500LL,
      3, 33, 2.0, 1.2, 0.1, 100LL, 300LL, 12, scratch.data(), 1, plain.data());
  run("decay_f32 in shared memory", simt_launch_decay_f32, dim3{10, 1, 1}, dim3{32, 1, 1}, 32 * (12 * 8 + 7 * 4), a.data(),
      lag_of_pair, days, table.data(), 4LL, 500LL, 3, 33, 2.0, 1.2, 0.1, 100LL, 300LL, 12, scratch.data(), 0, plain.data());
  std::vector<unsigned long long> neighbours(2 * pixels);
  run("homogeneous_ks_f32", simt_launch_homogeneous_ks_f32, across, line256, 0, a.data(), 2, 1, rows, cols, 9, 11, 2,
      neighbours.data());
  run("homogeneous_glrt_f64", simt_launch_homogeneous_glrt_f64, across, line256, 0, a64.data(), 0.3, rows, cols, 9, 11,
      2, neighbours.data());
  run("homogeneous_coherence_f32", simt_launch_homogeneous_coherence_f32, across, line256, 0, a.data(), b.data(),
      neighbours.data(), rows, cols, 9, 11, 2, 0.5, 4, 1, planes(maps, true).data());
  run("interferogram_f32", simt_launch_interferogram_f32, across, line256, 0, a.data(), b.data(), a64.data(), 1, out.data(), cols, 1, 1,
      0.5, rows, cols);
  run("multilook_complex_f64", simt_launch_multilook_complex_f64, across, line256, 0, a64.data(), out64.data(), rows, cols,
      2, 3, 0.5, rows / 2, cols / 3);

  std::vector<double> at_row(pixels), at_col(pixels);
  for (long long i = 0; i < pixels; ++i) at_row[i] = i % cols - 1.3, at_col[i] = i / cols * 1.7 - 0.9;
  run("warp_bilinear_complex_f32", simt_launch_warp_bilinear_complex_f32, patches, line256, 0, at_row.data(),
      at_col.data(), 0, 0.0, 0.0, rows, cols, a.data(), out.data(), 1LL, rows, cols);
  run("warp_kernel_complex_f32", simt_launch_warp_kernel_complex_f32, patches, dim3{128, 1, 1}, 0, at_row.data(), at_col.data(), 0,
      0.0, 0.0, rows, cols, a.data(), out.data(), 1LL, rows, cols, 3, 1.5, 2.0);
  run("warp_nearest_u64", simt_launch_warp_nearest_u64, patches, line256, 0, at_row.data(), at_col.data(), 2, 1.0, -2.0,
      rows, cols, (unsigned long long*)a.data(), 0ULL, (unsigned long long*)out.data(), 1LL, rows, cols, 1);

  std::vector<double> lines(1025 * 8, 0.125);
  std::vector<float> line8(1025 * 8, 0.125f);
  run("resample_8_f32", simt_launch_resample_8_f32, patches, dim3{128, 1, 1}, 0, a.data(), lines.data(), line8.data(), at_row.data(), 1,
      out.data(), rows, cols, at_row.data(), at_col.data(), 0, 0.0, 0.0, rows, cols);
  run("resample_turn_f32", simt_launch_resample_turn_f32, across, line256, 0, a.data(), at_row.data(), -1.0, out.data(),
      pixels);

  std::vector<double> burst(m3::MODEL_SIZE, 0.0);
  burst[m3::MODEL_INVERSE] = burst[m3::MODEL_CARRIER_INVERSE] = 0.01, burst[m3::MODEL_RANGE] = 2.3;
  std::vector<long long> ends(2 * rows, 50);
  std::vector<float> posts(19 * 9, 100.0f), line12(1025 * 12, 0.1f);
  std::vector<double> wide(1025 * 12, 0.1);
  unsigned long long full = 0;
  for (long long r = 0; r < rows; ++r) ends[2 * r] = r % 5;
  run("coregister_still_f32", simt_launch_coregister_still_f32, dim3{1, 1, 1}, dim3{128, 1, 1}, 0, a.data(), ends.data(), 1,
      burst.data(), 3LL, rows - 3, cols, out.data(), cols);
  run("coregister_still_i16", simt_launch_coregister_still_i16, dim3{1, 1, 1}, dim3{128, 1, 1}, 0, a16.data(), ends.data(),
      0, burst.data(), 0LL, rows, cols, out.data(), cols);
  std::vector<float> onto(2 * rows * cols);
  run("coregister_8", simt_launch_coregister_8, dim3{unsigned(rows), 1, 1}, dim3{128, 1, 1}, 0, out.data(), 0LL, rows, cols,
      burst.data(), posts.data(), 19LL, 9LL, 2, 8, lines.data(), lines.data(), line8.data(), line8.data(), 0LL, cols, 1.0,
      onto.data(), (short*)nullptr, 0, 1.0f, &full);
  run("coregister_12", simt_launch_coregister_12, dim3{unsigned(rows), 1, 1}, dim3{128, 1, 1}, 0, out.data(), 0LL, rows,
      cols, burst.data(), posts.data(), 19LL, 9LL, 2, 8, lines.data(), wide.data(), line8.data(), line12.data(), 0LL, cols,
      1.0, (float*)nullptr, a16.data(), 1, 2.0f, &full);

  std::vector<double> corner_row(6 * 8), corner_col(6 * 8);
  std::vector<unsigned char> labels(pixels), modes(5 * 7);
  for (int k = 0; k < 6 * 8; ++k) corner_row[k] = k / 8 * 7.3 - 2 + k % 8 * 0.4, corner_col[k] = k % 8 * 5.1 - 1 - k / 8;
  for (long long i = 0; i < pixels; ++i) labels[i] = (unsigned char)(i * 37 % 41);
  run("area_complex_f32", simt_launch_area_complex_f32, across, dim3{64, 1, 1}, 0, a.data(), corner_row.data(),
      corner_col.data(), out.data(), 1LL, rows, cols, 5LL, 7LL, 0);
  run("area_mode_u8", simt_launch_area_mode_u8, across, dim3{64, 1, 1}, 0, labels.data(), corner_row.data(),
      corner_col.data(), modes.data(), 1LL, rows, cols, 5LL, 7LL, (unsigned char)0);

  std::vector<double> tile_row(pixels), tile_col(pixels), found(2 * 23 * 29);
  std::vector<long long> owner(23 * 29, 0);
  for (long long i = 0; i < pixels; ++i) tile_row[i] = 30 - 0.8 * (i / cols), tile_col[i] = 33 - 0.6 * (i % cols);
  run("geolocate_claim_cells", simt_launch_geolocate_claim_cells, across, line256, 0, tile_row.data(), tile_col.data(),
      owner.data(), rows, cols, 23LL, 29LL);
  run("geolocate_resolve_pixels", simt_launch_geolocate_resolve_pixels, dim3{3, 1, 1}, line256, 0, tile_row.data(),
      tile_col.data(), owner.data(), found.data(), found.data() + 23 * 29, rows, cols, 29LL, 23LL * 29);

  std::vector<double> model(64, 0.0), points(3 * pixels), heights(pixels, 100.0), angle(pixels), other(pixels);
  const double radar[] = {0, 0.01, 8e5, 3, 1, 0.02, 0, 10};
  for (int k = 0; k < 8; ++k) model[k] = radar[k];
  model[16] = 7e6, model[33] = 7.5e4;
  for (long long i = 0; i < pixels; ++i) points[3 * i] = 6.3e6, points[3 * i + 1] = 50.0 * i, points[3 * i + 2] = -3e5;
  run("geometry_points", simt_launch_geometry_points, across, dim3{128, 1, 1}, 0, model.data(), points.data(), 0.0,
      at_row.data(), at_col.data(), pixels);
  run("geometry_ground", simt_launch_geometry_ground, across, dim3{128, 1, 1}, 0, model.data(), at_row.data(),
      at_col.data(), heights.data(), rows, cols, -180.0, 80.0, 360.0 / cols, -160.0 / rows, 100.0, 100.0, points.data(),
      angle.data(), other.data(), points.data() + pixels, pixels);
  std::vector<double> terms_down(8 * rows * 2, 1e5), terms_along(8 * 2 * cols, 1.0);
  run("geometry_tile", simt_launch_geometry_tile, across, dim3{128, 1, 1}, 0, model.data(), terms_down.data(),
      terms_along.data(), 2,
      rows, cols, heights.data(), at_row.data(), at_col.data(), pixels);
  run("geometry_incidence", simt_launch_geometry_incidence, across, dim3{128, 1, 1}, 0, model.data(), terms_down.data(),
      terms_along.data(), 2, rows, cols, heights.data(), at_row.data(), angle.data(), pixels);
  run("geometry_sights", simt_launch_geometry_sights, across, dim3{128, 1, 1}, 0, terms_down.data(), terms_along.data(), 2,
      rows, cols, heights.data(), at_col.data(), other.data(), pixels);
  std::vector<unsigned char> shade(pixels);
  const long long blocks = ((rows - 2) / 8 + 1) * ((cols - 2) / 8 + 1);
  std::vector<double> bounds(2 * 5 * blocks);
  for (long long i = 0; i < pixels; ++i) at_col[i] = 3.0 * (i % cols), other[i] = -0.5 + 0.01 * (i % cols);
  for (int level = 0; level < 2; ++level)
    run("geometry_bounds", simt_launch_geometry_bounds, across, dim3{128, 1, 1}, 0, at_col.data(), other.data(), rows, cols,
        level, 0.3, 0.9, bounds.data(), level == 0 ? blocks : ((rows - 2) / 16 + 1) * ((cols - 2) / 16 + 1));
  run("geometry_shade", simt_launch_geometry_shade, across, dim3{128, 1, 1}, 0, at_col.data(), other.data(), bounds.data(),
      rows, cols, 2, 0.3, 0.9, 7, 0LL, 0LL, cols, shade.data(), pixels);

  /* A weighted phasor and the decibels of bytes. */
  const std::vector<unsigned long long> addresses{(unsigned long long)a.data(), (unsigned long long)out.data(),
                                                  (unsigned long long)labels.data()};
  const std::vector<int> types{5, 0, 2}, places{9, 0, 0, 1, 1, 2, 2, -1};
  const std::vector<double> recipes{-1, 1,  0, 1, NAN, NAN, NAN, 0.1, 0, 0, 0, -9, 30, 0, 1, 0.5, 1, 3, 0, 1, 2, 3};
  std::vector<float> values(3 * pixels);
  std::vector<unsigned char> mask(3 * pixels);
  std::vector<unsigned long long> counted(2 * 4096);
  std::vector<double> moments(2 * 3 * 7);
  for (long long i = 0; i < 2 * pixels; ++i) mask[i] = i % 5 != 0;
  run("histogram_channels", simt_launch_histogram_channels, dim3{3, 2, 1}, line256, 0, at_row.data(), mask.data(),
      counted.data(), moments.data(), pixels);
  run("normalise_f32", simt_launch_normalise_f32, dim3{across.x, 2, 1}, line256, 0, addresses.data(), types.data(),
      places.data(), recipes.data(), values.data(), mask.data(), pixels, cols);
  run("quantise_f32", simt_launch_quantise_f32, across, line256, 0, values.data(), mask.data(), pixels, 254, 255);
}
